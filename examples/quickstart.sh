#!/usr/bin/env bash
# From a fresh clone on Debian 12 to records read by two consumer groups.
#
#   examples/quickstart.sh [FILE | -]        default: Debian's own package index, from apt-cache dumpavail
#
# As root it installs what is missing; else it says what to install. Builds in build/quickstart.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
input=${1:-}
usage="usage: examples/quickstart.sh [FILE | -]        default: Debian's own package index"
case $input in
  -h | --help) echo "$usage"; exit 0 ;;
esac
if [ $# -gt 1 ]; then
  echo "$usage" >&2
  exit 2
fi
if [ -n "$input" ] && [ "$input" != - ]; then
  if [ -d "$input" ] || [ ! -r "$input" ]; then
    echo "quickstart: '$input' is no readable file or pipe" >&2
    exit 2
  fi
fi

"$root/test/packages.sh" build

build="$root/build/quickstart"
mkdir -p "$build"
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
echo "building in $build (some minutes the first time) ..."
{
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMILLRACE_BUILD_TESTS=OFF -DMILLRACE_BUILD_BENCH=OFF \
    -DMILLRACE_BUILD_EXAMPLES=ON "${launcher[@]}" && cmake --build "$build" --target example_quickstart
} >"$build/build.log" 2>&1 || {
  tail -n 40 "$build/build.log" >&2
  echo "quickstart: the build failed; all of it is in $build/build.log" >&2
  exit 1
}
program="$build/examples/quickstart"

case $input in
  "")
    index="$build/packages.txt"
    apt-cache dumpavail >"$index"
    if [ ! -s "$index" ]; then
      apt-get update -qq || { echo "quickstart: Debian's index is empty and cannot be fetched; give a FILE" >&2; exit 1; }
      apt-cache dumpavail >"$index"
    fi
    [ -s "$index" ] || { echo "quickstart: Debian's index is empty; give a FILE" >&2; exit 1; }
    what="Debian's package index ($(wc -c <"$index") bytes)"
    "$program" - <"$index"
    ;;
  -)
    what="standard input"
    "$program" -
    ;;
  *)
    what="$input"
    "$program" "$input"
    ;;
esac

cat <<END

What happened: every line of $what became a record of a topic with 4 partitions, keyed by its first word,
while two consumer groups on threads of their own read it: one counted words, one measured the time from append
to delivery. Then the engine was closed and opened again, and both groups went on where they had been.
(The rate is that of the whole job: cutting lines, hashing words and counting them, on all threads at once. What the
engine takes alone, README.md's figures say; and at full speed the latency is the time spent in the queue.)
To read next: examples/quickstart/main.cc, then include/millrace/engine.h, and README.md for the map.
END

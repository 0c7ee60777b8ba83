#!/usr/bin/env bash
# From a fresh clone on Debian 12 to records read by two consumer groups, and the same lines through a broker and kcat.
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

"$root/test/packages.sh" quickstart

build="$root/build/quickstart"
mkdir -p "$build"
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
echo "building in $build (some minutes the first time) ..."
{
  cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMILLRACE_BUILD_TESTS=OFF -DMILLRACE_BUILD_BENCH=OFF \
    -DMILLRACE_BUILD_EXAMPLES=ON "${launcher[@]}" && cmake --build "$build" --target example_quickstart example_broker
} >"$build/build.log" 2>&1 || {
  tail -n 40 "$build/build.log" >&2
  echo "quickstart: the build failed; all of it is in $build/build.log" >&2
  exit 1
}
work=$(mktemp -d "$build/run.XXXXXX")
broker=
finish() {
  [ -z "$broker" ] || { kill -TERM "$broker" 2>/dev/null && wait "$broker"; } || true
  rm -rf "$work"
}
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
fail() {
  echo "quickstart: $*" >&2
  exit 1
}

lines="$work/lines"
case $input in
  "")
    apt-cache dumpavail >"$lines"
    if [ ! -s "$lines" ]; then
      apt-get update -qq || fail "Debian's index is empty and cannot be fetched; give a FILE"
      apt-cache dumpavail >"$lines"
    fi
    [ -s "$lines" ] || fail "Debian's index is empty; give a FILE"
    what="Debian's package index ($(wc -c <"$lines") bytes)"
    ;;
  -)
    cat >"$lines"
    what="standard input"
    ;;
  *)
    cat -- "$input" >"$lines"
    what="$input"
    ;;
esac
[ -s "$lines" ] || fail "$what is empty: there is nothing to publish"
"$build/examples/quickstart" - <"$lines"

# The same lines over a port. Each is numbered: kcat leaves out what is empty, so the number is the key, the line the value.
echo
mkfifo "$work/out"
"$build/examples/broker" --directory "$work/data" >"$work/out" 2>"$work/err" &
broker=$!
exec 3<"$work/out"
read -r bootstrap <&3 || fail "the broker did not start: $(cat "$work/err")"
echo "a broker listens on $bootstrap; kcat produces and consumes the same lines"
LC_ALL=C grep -an '' "$lines" >"$work/sent"
timeout 600 kcat -b "$bootstrap" -P -t lines -K: -z lz4 -X acks=all -l "$work/sent" || fail "kcat could not produce"
timeout 600 kcat -b "$bootstrap" -C -t lines -K: -e -q >"$work/received" || fail "kcat could not consume"
tally() { printf '%d lines, sha256 %.16s' "$(wc -l <"$1")" "$(sha256sum <"$1")"; }
sent=$(tally "$work/sent")
received=$(tally "$work/received")
echo "  produced: $sent"
echo "  consumed: $received"
[ "$sent" = "$received" ] || fail "what came out is not what went in"
kill -TERM "$broker"
wait "$broker" || fail "the broker did not end well: $(cat "$work/err")"
broker=
echo "both sides agree; the broker is closed"

cat <<END

What happened: every line of $what became a record of a topic with 4 partitions, keyed by its first word,
while two consumer groups on threads of their own read it: one counted words, one measured the time from append
to delivery. Then the engine was closed and opened again, and both groups went on where they had been.
(The rate is that of the whole job: cutting lines, hashing words and counting them, on all threads at once. What the
engine takes alone, README.md's figures say; and at full speed the latency is the time spent in the queue.)
Then a second engine was given a port, and kcat, a client of Kafka's, wrote the lines to it and read them back.
To read next: examples/quickstart/main.cc and examples/broker/main.cc, then include/millrace/engine.h, and README.md for the map.
END

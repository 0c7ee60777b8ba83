#!/usr/bin/env bash
# Builds and runs every benchmark, and writes one Google Benchmark JSON.
#
#   bench/run.sh OUT.json [FILTER]        FILTER: a regular expression over the names, default all
#
# Works in MILLRACE_BENCH_DIRECTORY (default: the build directory, a disk and not a tmpfs; 12 GB at the most).
# A quick try: MILLRACE_BENCH_REPETITIONS (default 5) and MILLRACE_BENCH_PARTITIONS (default 100000), as in
#
#   MILLRACE_BENCH_REPETITIONS=1 MILLRACE_BENCH_PARTITIONS=5000 bench/run.sh OUT.json
set -euo pipefail
out=${1:?usage: bench/run.sh OUT.json [FILTER]}
filter=${2:-.}
root=$(cd "$(dirname "$0")/.." && pwd)
build=${MILLRACE_BENCH_BUILD:-$root/build/bench}

cmake -S "$root" -B "$build" -G Ninja -DCMAKE_BUILD_TYPE=Release -DMILLRACE_BUILD_TESTS=OFF \
  -DMILLRACE_BUILD_EXAMPLES=OFF -DMILLRACE_BUILD_BENCH=ON >"$build.configure.log" 2>&1 || { cat "$build.configure.log"; exit 1; }
cmake --build "$build" --target millrace_benchmarks

parts=()
out=$(realpath -m "$out")
cd "$build/bench"
for program in ./*_bench; do
  part="$build/bench/$(basename "$program").json"
  "$program" --benchmark_filter="$filter" --benchmark_out="$part" --benchmark_out_format=json
  parts+=("$part")
done
python3 "$root/bench/merge.py" "$out" "${parts[@]}"

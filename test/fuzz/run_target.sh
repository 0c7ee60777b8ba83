#!/usr/bin/env bash
# One fuzz target within the limits that promise S1 sets: no crash, no leak, 5 s, 512 MB, no allocation above 64 MB.
#
#   test/fuzz/run_target.sh BUILD_DIRECTORY TARGET [libFuzzer's options]
#
# MILLRACE_FUZZ_RUNS inputs (default 1,000,000), at most MILLRACE_FUZZ_SECONDS (default 600). The corpus grows in
# BUILD_DIRECTORY/corpus/TARGET, what broke it lies in BUILD_DIRECTORY/found/TARGET. Prints a line; fails with the log's end.
set -euo pipefail
build=$(cd "$1" && pwd)
target=$2
shift 2
corpus=$build/corpus/$target found=$build/found/$target log=$build/log/$target.log
mkdir -p "$corpus" "$found" "$build/log"
export MILLRACE_FUZZ_TARGET=$target
# What was freed must not count as taken.
export ASAN_OPTIONS="${ASAN_OPTIONS:+$ASAN_OPTIONS:}quarantine_size_mb=32"
MILLRACE_FUZZ_SEEDS=$corpus "$build/test/fuzz/millrace_fuzz"
if ! "$build/test/fuzz/millrace_fuzz" -runs="${MILLRACE_FUZZ_RUNS:-1000000}" -max_total_time="${MILLRACE_FUZZ_SECONDS:-600}" \
  -timeout=5 -rss_limit_mb=512 -malloc_limit_mb=64 -print_final_stats=1 -artifact_prefix="$found/" "$@" "$corpus" >"$log" 2>&1; then
  printf 'fuzz %s: FAILED, inputs in %s\n' "$target" "$found"
  tail -n 60 "$log"
  exit 1
fi
printf 'fuzz %s: %s inputs\n' "$target" "$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")"

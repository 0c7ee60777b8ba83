#!/usr/bin/env bash
# What takes too long, or needs too much, for every change: run it before a release.
#
#   test/full.sh [clang|fuzz|coverage|tidy|bench]...        default: all of them
#
# clang: a clang-19 build of everything with -Werror -Wthread-safety, all tests. fuzz: each target for MILLRACE_FUZZ_RUNS inputs
# (default 1,000,000), at most MILLRACE_FUZZ_SECONDS (default 600). coverage:
# lines of lib/ by gcovr, at least 90 %. tidy: clang-tidy. bench: bench/run.sh, into build/bench.json. Builds in build/.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
jobs=$(nproc)
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }
configure() { # PRESET OR NAME, CMake options
  local name=$1
  shift
  mkdir -p build
  cmake -S . -B "build/$name" -G Ninja -DMILLRACE_BUILD_BENCH=OFF -DMILLRACE_BUILD_EXAMPLES=OFF "${launcher[@]}" "$@" \
    >"build/$name.configure.log" 2>&1 || { cat "build/$name.configure.log"; return 1; }
}

with_clang() {
  step "clang: build with -Wthread-safety"
  configure clang -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++-19 "-DCMAKE_CXX_FLAGS=-Wthread-safety" \
    -DMILLRACE_WERROR=ON -DMILLRACE_BUILD_EXAMPLES=ON -DMILLRACE_BUILD_BENCH=ON
  cmake --build build/clang -j "$jobs"
  step "clang: test"
  ctest --test-dir build/clang -j "$jobs" --output-on-failure -LE 'package|tidy'
}

fuzzing() {
  step "fuzz: build"
  configure fuzz -DCMAKE_BUILD_TYPE=RelWithDebInfo -DCMAKE_CXX_COMPILER=clang++-19 -DMILLRACE_FUZZ=ON \
    -DMILLRACE_SANITIZE=fuzzer-no-link,address,undefined
  cmake --build build/fuzz -j "$jobs" --target millrace_fuzz
  step "fuzz: run"
  MILLRACE_FUZZ_LIST=1 build/fuzz/test/fuzz/millrace_fuzz | cut -d ' ' -f 1 |
    xargs -P "$jobs" -n 1 test/fuzz/run_target.sh build/fuzz
}

coverage() {
  step "coverage: build"
  configure coverage -DCMAKE_BUILD_TYPE=Debug "-DCMAKE_CXX_FLAGS=--coverage -O1"
  cmake --build build/coverage -j "$jobs"
  step "coverage: test"
  find build/coverage -name '*.gcda' -delete
  MILLRACE_KILL_ROUNDS=20 ctest --test-dir build/coverage -j "$jobs" --output-on-failure -LE 'package|tidy'
  gcovr --root . --filter 'lib/' --object-directory build/coverage --fail-under-line 90 --sort-percentage --txt build/coverage.txt \
    --print-summary -j "$jobs" build/coverage/lib build/coverage/test
}

benchmarks() {
  step "bench"
  mkdir -p build
  bench/run.sh "$root/build/bench.json"
}

test/packages.sh full
[ $# -gt 0 ] || set -- clang fuzz coverage tidy bench
for part in "$@"; do
  case $part in
    clang) with_clang ;;
    fuzz) fuzzing ;;
    coverage) coverage ;;
    tidy) step "clang-tidy" && test/clang_tidy.sh ;;
    bench) benchmarks ;;
    *) echo "unknown part '$part'; see the head of $0" >&2; exit 2 ;;
  esac
done
step "full: fine"

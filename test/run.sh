#!/usr/bin/env bash
# Everything that must hold before a change goes in, from a fresh clone: installs what is missing, builds, tests.
#
#   test/run.sh        under 20 minutes on two cores
#
# 1. ThreadSanitizer over the tests that start threads, 2. ASan and UBSan over the others, and some of reliability at reduced figures,
# 3. the release build: all tests (reliability at full figures), the tidy tests, the examples, the installed package. The first
# failure ends it. Builds in build/tsan, build/asan and build/release; uses ccache if it is there. test/full.sh has what takes longer.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root"
jobs=$(nproc)
test/packages.sh test

launcher=()
command -v ccache >/dev/null && launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)

configure() { # NAME, CMake options
  local name=$1
  shift
  cmake -S . -B "build/$name" -G Ninja -DMILLRACE_BUILD_BENCH=OFF "${launcher[@]}" "$@" >"build/$name.configure.log" 2>&1 ||
    { cat "build/$name.configure.log"; return 1; }
}
step() { printf '\n== %s (%s s)\n' "$*" "$SECONDS"; }

mkdir -p build
# Made once and run once: little optimization, few debugging symbols, many files in one compilation.
quick=(-DCMAKE_BUILD_TYPE=None "-DCMAKE_CXX_FLAGS=-O1 -g1" -DMILLRACE_UNITY=ON -DMILLRACE_BUILD_EXAMPLES=OFF)

step "TSan: build"
configure tsan "${quick[@]}" -DMILLRACE_SANITIZE=thread
cmake --build build/tsan -j "$jobs" --target thread_tests
step "TSan: test"
ctest --test-dir build/tsan -j "$jobs" --output-on-failure -L threads

step "ASan and UBSan: build"
configure asan "${quick[@]}" -DMILLRACE_SANITIZE=address,undefined
cmake --build build/asan -j "$jobs"
step "ASan and UBSan: test"
ctest --test-dir build/asan -j "$jobs" --output-on-failure -LE 'package|tidy|reliability'
# Those whose figures can be reduced; the others, which look at every byte, run in the release build alone.
MILLRACE_KILL_ROUNDS=40 MILLRACE_PAGE_ORDER_IMAGES=400 MILLRACE_BIT_FLIP_STEP=211 MILLRACE_BIT_FLIP_ROOM_STEP=99991 \
  ctest --test-dir build/asan -j "$jobs" --output-on-failure -R '^(kill|page_order|bit_flip)_test/'

step "release: build"
configure release -DCMAKE_BUILD_TYPE=Release
cmake --build build/release -j "$jobs"
step "release: test"
ctest --test-dir build/release -j "$jobs" --output-on-failure

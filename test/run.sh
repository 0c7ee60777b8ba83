#!/usr/bin/env bash
# Everything that must hold before a change goes in, from a fresh clone: installs what is missing, builds, tests.
#
#   test/run.sh        about a quarter of an hour on two cores
#
# 1. ASan and UBSan over the lower rooms, 2. the release build with all tests, the tidy tests and the examples. The first failure ends
# it. Builds in build/asan and build/release; uses ccache if it is there. The package test is left to
# `ctest --test-dir build/release -L package`, the other rooms under sanitizers to the presets asan and tsan.
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
# The rooms whose tests run under sanitizers in every change.
rooms=(base_test env_test testing_test metrics_test record_test wire_test)
quick=(-DCMAKE_BUILD_TYPE=None "-DCMAKE_CXX_FLAGS=-O1 -g1" -DMILLRACE_BUILD_EXAMPLES=OFF)
step "ASan and UBSan: build"
configure asan "${quick[@]}" -DMILLRACE_SANITIZE=address,undefined
cmake --build build/asan -j "$jobs" --target "${rooms[@]}"
step "ASan and UBSan: test"
ctest --test-dir build/asan -j "$jobs" --output-on-failure -R "^($(IFS='|'; echo "${rooms[*]}"))/"

step "release: build"
configure release -DCMAKE_BUILD_TYPE=Release
cmake --build build/release -j "$jobs"
step "release: test"
ctest --test-dir build/release -j "$jobs" --output-on-failure -LE package

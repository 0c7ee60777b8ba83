#!/usr/bin/env bash
# clang-tidy 19 over lib/, by .clang-tidy. Exit status 77: it is not installed.
#
#   test/clang_tidy.sh [FILE...]        default: every .cc of lib/
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy-19 >/dev/null && command -v clang++-19 >/dev/null || exit 77
mkdir -p build
cmake -S . -B build/clang-tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DMILLRACE_BUILD_TESTS=OFF -DMILLRACE_BUILD_BENCH=OFF -DMILLRACE_BUILD_EXAMPLES=OFF >build/clang-tidy.configure.log 2>&1 ||
  { cat build/clang-tidy.configure.log; exit 1; }
if [ $# -gt 0 ]; then printf '%s\0' "$@"; else find lib -name '*.cc' -print0 | sort -z; fi |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy-19 --quiet -p build/clang-tidy 2>/dev/null
echo "clang-tidy: fine"

#!/usr/bin/env bash
# clang-tidy 19 by .clang-tidy, which holds clang's own warnings and its thread safety analysis, too. Exit status 77: it is not
# installed.
#
#   test/clang_tidy.sh [FILE...]        default: every .cc of lib/, examples/, bench/ and test/
set -euo pipefail
cd "$(dirname "$0")/.."
command -v clang-tidy-19 >/dev/null && command -v clang++-19 >/dev/null || exit 77
mkdir -p build
cmake -S . -B build/clang-tidy -G Ninja -DCMAKE_CXX_COMPILER=clang++-19 -DCMAKE_EXPORT_COMPILE_COMMANDS=ON \
  -DMILLRACE_FUZZ=ON >build/clang-tidy.configure.log 2>&1 ||
  { cat build/clang-tidy.configure.log; exit 1; }
if [ $# -eq 0 ]; then mapfile -t files < <(find lib examples bench test -name '*.cc' -not -path 'test/package/*' | sort); else files=("$@"); fi
printf '%s\0' "${files[@]}" |
  xargs -0 -P "$(nproc)" -n 4 clang-tidy-19 --quiet -p build/clang-tidy --extra-arg=-Wthread-safety 2>/dev/null
echo "clang-tidy: fine"

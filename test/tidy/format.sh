#!/usr/bin/env bash
# Every C++ file is as clang-format 19 writes it. Exit status 77: that version is not installed.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v clang-format-19 >/dev/null || exit 77
find include lib test bench examples \( -name '*.h' -o -name '*.cc' \) -print0 |
  xargs -0 clang-format-19 --dry-run -Werror

#!/usr/bin/env bash
# Installs what building and testing needs from Debian's packages, where it is missing. As root, or it says what to install.
#
#   test/packages.sh [build|quickstart|test|full]    build: compiler, CMake and libraries; quickstart: and kcat; test (default):
#                                                    what the tests use as well; full: what test/full.sh uses, too
set -euo pipefail

build=(g++ cmake ninja-build pkg-config ca-certificates libabsl-dev liblz4-dev libzstd-dev libsnappy-dev zlib1g-dev
  libasio-dev librdkafka-dev)
case $(dpkg --print-architecture) in amd64) build+=(libisal-dev) ;; esac
test=(catch2 kcat python3 python3-kafka python3-confluent-kafka strace xfsprogs e2fsprogs clang-format-19)
full=(clang-19 clang-tidy-19 libclang-rt-19-dev gcovr libbenchmark-dev librocksdb-dev libconcurrentqueue-dev)

wanted=("${build[@]}")
case ${1:-test} in
  build) ;;
  quickstart) wanted+=(kcat) ;;
  test) wanted+=("${test[@]}") ;;
  full) wanted+=("${test[@]}" "${full[@]}") ;;
  *) echo "usage: test/packages.sh [build|quickstart|test|full]" >&2 && exit 2 ;;
esac
missing=()
for package in "${wanted[@]}"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0
if [ "$(id -u)" != 0 ]; then
  echo "missing packages; as root: apt-get install ${missing[*]}" >&2
  exit 1
fi
echo "installing ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
apt-get update -qq
apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null

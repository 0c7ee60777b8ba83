#!/usr/bin/env bash
# Installs millrace static and shared, moves each installed tree, and builds and runs a consumer against it: by find_package, by
# pkg-config, and by add_subdirectory. Checks what the libraries show, and that nothing of the build leaks to the user.
#
#   package_test.sh SOURCE BUILD SCRATCH CXX      BUILD: a configured static build, its library built
set -euo pipefail
source=$1 build=$2 scratch=$3
export CXX=$4
here="$source/test/package"
generator=(-G Ninja)
command -v ninja >/dev/null || generator=()
launcher=()
! command -v ccache >/dev/null || launcher=(-DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
# Without a network, where the system lets us take it away.
offline=()
! unshare -n true 2>/dev/null || offline=(unshare -n)

fail() { echo "package test: $*" >&2; exit 1; }
quietly() { # LOG, command: shows what it wrote only if it fails
  local log=$1
  shift
  "$@" >"$log" 2>&1 || { cat "$log" >&2; fail "failed: $*"; }
}
expect_failure() { # what, command
  local what=$1
  shift
  ! "$@" >/dev/null 2>&1 || fail "$what succeeded"
}
run() { # PROGRAM
  [ "$("$1")" = "consumer works" ] || fail "$1 does not work"
}
# Of mangled names on standard input, those that are not of millrace::v0.
foreign() { grep -vE '^_Z(NK?[RO]?|GVN|T[VIST]N|T[hv][^N]*NK?)8millrace2v0' || true; }

mkdir -p "$scratch"
rm -rf "$scratch"/{first,moved} "$scratch"/use-*

# The shared library, as a part of the consumer's own build; what it installs is the installed shared library, too. Without
# optimization: it is compiled for this test alone, and shows more symbols, not fewer.
quietly "$scratch/shared.log" "${offline[@]}" cmake -S "$here/consumer" -B "$scratch/shared" "${generator[@]}" "${launcher[@]}" \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O0 -DBUILD_SHARED_LIBS=ON -DMILLRACE_INSTALL=ON "-DMILLRACE_SOURCE=$source"
quietly "$scratch/shared.log" cmake --build "$scratch/shared" --target consumer wire_consumer remote_consumer -j2
run "$scratch/shared/consumer"
run "$scratch/shared/wire_consumer"
remote=
[ ! -x "$scratch/shared/remote_consumer" ] || remote=yes
[ -z "$remote" ] || run "$scratch/shared/remote_consumer"
for option in BUILD_TESTS BUILD_BENCH BUILD_EXAMPLES WERROR; do
  grep -q "^MILLRACE_$option:BOOL=OFF$" "$scratch/shared/CMakeCache.txt" || fail "MILLRACE_$option is on in somebody's project"
done

use_installed() { # FLAVOUR, build directory
  local flavour=$1 from=$2
  local first="$scratch/first/$flavour" prefix="$scratch/moved/$flavour here"
  for component in runtime dev; do
    quietly "$scratch/install.log" cmake --install "$from" --prefix "$first" --component $component
  done
  ! grep -rIlF -e "$first" -e "$source" -e "$scratch" "$first" || fail "installed files name places of the build"
  mkdir -p "$scratch/moved"
  mv "$first" "$prefix"
  ! grep -rE --include='*.cmake' --include='*.pc' -e '^[^#]*[ ";]-(W|O|g|f|m|std)[a-z0-9=]' "$prefix" || fail "flags of the build leak"
  [ ! -e "$prefix/include/millrace/testing" ] || fail "headers without a library are installed"

  local use="$scratch/use-$flavour"
  quietly "$scratch/$flavour.log" "${offline[@]}" cmake -S "$here/consumer" -B "$use" "${generator[@]}" "-DCMAKE_PREFIX_PATH=$prefix"
  quietly "$scratch/$flavour.log" cmake --build "$use"
  run "$use/consumer"
  run "$use/wire_consumer"
  [ -z "$remote" ] || run "$use/remote_consumer"
  expect_failure "asking for a component that there is none of" cmake -S "$here/consumer" -B "$use-component" "${generator[@]}" \
    "-DCMAKE_PREFIX_PATH=$prefix" -DMILLRACE_COMPONENT=none
  for version in 0.0 0.2 1.0; do
    expect_failure "asking for version $version" cmake -S "$here/consumer" -B "$use-$version" "${generator[@]}" \
      "-DCMAKE_PREFIX_PATH=$prefix" -DMILLRACE_WANTED=$version
  done

  # With a path without spaces: what pkg-config prints is split by the shell.
  local plain="$scratch/moved/$flavour-again"
  mv "$prefix" "$plain"
  local library
  library=$(find "$plain" -name 'libmillrace.*' | head -1)
  local libraries
  libraries=$(dirname "$library")
  export PKG_CONFIG_PATH="$libraries/pkgconfig"
  local kind=()
  [ "$flavour" = shared ] || kind=(--static)
  local flags
  flags=$(pkg-config "${kind[@]}" --cflags --libs 'millrace >= 0.1')
  # shellcheck disable=SC2086
  quietly "$scratch/$flavour.log" "$CXX" -std=c++20 "$here/consumer/main.cc" $flags -o "$use/by_pkg_config"
  LD_LIBRARY_PATH="$libraries" run "$use/by_pkg_config"
  local wire_flags
  wire_flags=$(pkg-config "${kind[@]}" --cflags --libs 'millrace-broker >= 0.1')
  # shellcheck disable=SC2086
  quietly "$scratch/$flavour.log" "$CXX" -std=c++20 "$here/consumer/wire.cc" $wire_flags -o "$use/wire_by_pkg_config"
  LD_LIBRARY_PATH="$libraries" run "$use/wire_by_pkg_config"
  local names=(millrace millrace_broker)
  if [ -n "$remote" ]; then
    names+=(millrace_remote)
    local remote_flags
    remote_flags=$(pkg-config "${kind[@]}" --cflags --libs 'millrace-remote >= 0.1')
    # shellcheck disable=SC2086
    quietly "$scratch/$flavour.log" "$CXX" -std=c++20 "$here/consumer/remote.cc" $remote_flags -o "$use/remote_by_pkg_config"
    LD_LIBRARY_PATH="$libraries" run "$use/remote_by_pkg_config"
  fi

  if [ "$flavour" = shared ]; then
    local name
    for name in "${names[@]}"; do
      nm -D --defined-only "$libraries/lib$name.so" | awk '{print $NF}' >"$use/symbols"
      [ "$(grep -c . "$use/symbols")" -ge 50 ] || fail "lib$name.so shows next to nothing"
      [ -z "$(foreign <"$use/symbols")" ] || fail "lib$name.so shows foreign symbols: $(foreign <"$use/symbols" | head)"
      readelf -d "$libraries/lib$name.so" | grep "SONAME.*\\[lib$name\\.so\\.0\\.1\\]" >/dev/null || fail "SONAME is not lib$name.so.0.1"
    done
  else
    # A host's plugin that holds the static library shows nothing of it.
    # shellcheck disable=SC2086
    quietly "$scratch/$flavour.log" "$CXX" -std=c++20 -shared -fPIC -fvisibility=hidden "$here/consumer/main.cc" $flags \
      -o "$use/plugin.so"
    nm --defined-only "$use/plugin.so" | grep ' _ZN8millrace' >/dev/null || fail "the plugin holds no millrace"
    ! nm -D --defined-only "$use/plugin.so" | grep ' _ZNK\?8millrace' || fail "a plugin shows the static library's symbols"
  fi
}

# The filter itself, on names that it must let through and must catch.
[ -z "$(printf '_ZN8millrace2v05ErrorEv\n_ZTVN8millrace2v06EngineE\n' | foreign)" ] || fail "the filter catches our own"
[ "$(printf 'main\n_ZN8millrace1fEv\n_ZNSt6vectorIN8millrace1XEE1fEv\n_ZN4absl1fEv\n' | foreign | grep -c .)" = 4 ] || fail "the filter catches nothing"

use_installed static "$build"
use_installed shared "$scratch/shared"
rm -rf "$scratch"/{first,moved} "$scratch"/use-*
echo "package test: fine"

#!/bin/bash
# Uses the library the way its users do: installs it into an empty prefix, builds the examples against
# the installed package, and runs them.
#
#   check_install.sh SOURCE_DIR BUILD_DIR CXX CXXFLAGS
#
# An example is examples/NAME/main.cc. It exits with 0 when all it shows has worked.
# Those that must exist are listed in examples/CMakeLists.txt.
set -euo pipefail
source_dir=$1 build_dir=$2 cxx=$3 flags=${4:-}

work=$(mktemp -d "${TMPDIR:-/tmp}/midstream-install.XXXXXX")
trap 'rm -rf "$work"' EXIT

echo "== install"
cmake --install "$build_dir" --component library --prefix "$work/prefix" >"$work/install.log" ||
  { cat "$work/install.log"; exit 1; }
(cd "$work/prefix" && find . -type f | sort)
# The prefix is moved before it is used: nothing in the package may remember where it was installed.
mv "$work/prefix" "$work/moved"
prefix=$work/moved

echo "== find_package: build"
launcher=
if command -v ccache >/dev/null; then launcher=ccache; fi
cmake -S "$source_dir/examples" -B "$work/examples" -G Ninja \
  -DCMAKE_BUILD_TYPE=Debug -DCMAKE_CXX_FLAGS_DEBUG=-O1 -DCMAKE_CXX_COMPILER_LAUNCHER="$launcher" \
  -DCMAKE_CXX_COMPILER="$cxx" -DCMAKE_CXX_FLAGS="$flags" -DCMAKE_PREFIX_PATH="$prefix"
cmake --build "$work/examples"

echo "== find_package: run"
ran=0
while read -r name; do
  echo "-- $name"
  (cd "$work" && timeout 60 "$work/examples/$name" </dev/null)
  ran=$((ran + 1))
done <"$work/examples/examples.txt"
[ "$ran" -gt 0 ] || { echo "no example was run"; exit 1; }

echo "== pkg-config: build and run tee"
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name midstream.pc)")
# shellcheck disable=SC2046,SC2086  # several words each
"$cxx" -std=c++20 -O1 $flags "$source_dir/examples/tee/main.cc" -o "$work/tee" \
  $(pkg-config --cflags --libs midstream)
(cd "$work" && timeout 60 ./tee </dev/null)

# S1: the file of declared size leaves by sendfile while it grows; nothing else there does.
if strace -o /dev/null true 2>/dev/null; then
  echo "== a growing file with a declared size goes by sendfile: strace"
  (cd "$work" && timeout 60 strace -f -e trace=sendfile -o calls.txt examples/beast_server </dev/null)
  awk '/sendfile/ && $NF > 0 { calls += 1; bytes += $NF }
    END { print calls, "calls,", bytes, "bytes"; exit bytes != 2592 }' "$work/calls.txt"
fi

echo "== the lines of the README: build and run"
sed -n '/^```cpp$/,/^```$/p' "$source_dir/README.md" | grep -v '^```' >"$work/readme.txt"
grep '^#include' "$work/readme.txt" >"$work/readme_includes.inc"
grep -v '^#include' "$work/readme.txt" >"$work/readme_body.inc"
# shellcheck disable=SC2046,SC2086
"$cxx" -std=c++20 -O1 $flags "-I$work" "$source_dir/tests/install/readme.cc" -o "$work/readme" \
  $(pkg-config --cflags --libs midstream)
(cd "$work" && timeout 60 ./readme && cmp build.log <(echo "compiling ..."))
echo "== $ran examples passed"

#!/bin/bash
# Installs what building, testing and measuring needs, on Debian 12. Does nothing, at once, when
# everything is there.
#
#   scripts/install-deps.sh                 the packages below
#   scripts/install-deps.sh --bench-peers   and the servers that `make bench` compares with
set -euo pipefail
cd "$(dirname "$0")/.."

packages=(
  # build
  build-essential g++ clang libclang-rt-14-dev llvm make cmake ninja-build ccache pkg-config
  libboost1.81-dev libcli11-dev libfmt-dev libspdlog-dev libxxhash-dev
  libtomlplusplus-dev zlib1g-dev libbrotli-dev libzstd-dev
  media-types  # /etc/mime.types
  # tests
  libgtest-dev libgmock-dev libbenchmark-dev python3 python3-pytest
  curl ffmpeg strace netcat-openbsd util-linux procps git
  chromium chromium-driver python3-selenium  # the listing as a page
  python3-brotli python3-zstandard           # decoders
  libfuse3-dev fuse3                         # a slow file system
  # bench
  wrk
  # make format
  clang-format clang-tidy
)

missing=()
installed=" $(dpkg-query -W -f '${db:Status-Abbrev}${binary:Package} ' "${packages[@]}" 2>/dev/null || true)"
for package in "${packages[@]}"; do
  # A multiarch package is listed as name:architecture.
  case $installed in
  *" ii $package "* | *" ii $package:"*) ;;
  *) missing+=("$package") ;;
  esac
done

if [ "${#missing[@]}" -gt 0 ]; then
  echo "install-deps: missing: ${missing[*]}"
  run=()
  if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null || {
      echo "install-deps: run this as root, or install sudo: apt-get install ${missing[*]}" >&2
      exit 1
    }
    run=(sudo)
  fi
  run+=(env DEBIAN_FRONTEND=noninteractive)
  "${run[@]}" apt-get update -q
  "${run[@]}" apt-get install -y -q --no-install-recommends "${missing[@]}"
fi

case ${1:-} in
'') ;;
--bench-peers) exec scripts/install-bench-peers.sh ;;
*)
  echo "install-deps: unknown option: $1" >&2
  exit 2
  ;;
esac

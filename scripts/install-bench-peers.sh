#!/bin/bash
# Installs what `make bench` compares Midstream with, on Debian 12. Does nothing, at once, when everything is
# there. The servers are only programs for the benchmark: none of them is started, now or at boot.
#
#   scripts/install-bench-peers.sh
set -euo pipefail

declare -A package_of=([nginx]=nginx-light [h2o]=h2o [go]=golang-go [wrk]=wrk)
PATH=$PATH:/usr/sbin:/sbin

missing=()
for program in "${!package_of[@]}"; do
  command -v "$program" >/dev/null || missing+=("${package_of[$program]}")
done
[ "${#missing[@]}" -eq 0 ] && exit 0

echo "install-bench-peers: missing: ${missing[*]}"
as_root=()
if [ "$(id -u)" -ne 0 ]; then
  command -v sudo >/dev/null || {
    echo "install-bench-peers: run this as root, or install sudo: apt-get install ${missing[*]}" >&2
    exit 1
  }
  as_root=(sudo)
fi

# The way for an administrator to say "start no services" while packages are installed (invoke-rc.d(8)).
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
  trap '"${as_root[@]}" rm -f "$policy"' EXIT
  printf '#!/bin/sh\nexit 101\n' | "${as_root[@]}" tee "$policy" >/dev/null
  "${as_root[@]}" chmod 755 "$policy"
fi

"${as_root[@]}" apt-get update -q
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
  apt-get install -y -q --no-install-recommends "${missing[@]}"

# Only services that came with this run: a server that somebody already uses stays as it is.
if command -v systemctl >/dev/null; then
  for package in "${missing[@]}"; do
    case $package in
    nginx-light) "${as_root[@]}" systemctl disable -q nginx.service 2>/dev/null || true ;;
    h2o) "${as_root[@]}" systemctl disable -q h2o.service 2>/dev/null || true ;;
    esac
  done
fi

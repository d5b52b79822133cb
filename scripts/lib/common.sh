# shellcheck shell=bash
# Sourced by every script here. Sets top (the checkout), cache and build, and the few helpers all need.

top=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)
# A caller without HOME (a bare chroot) still gets a cache.
# read by the scripts that source this file
# shellcheck disable=SC2034
cache=${XDG_CACHE_HOME:-${HOME:-/root}/.cache}/kvmem
# shellcheck disable=SC2034
build=$top/build

say() { printf '%s\n' "$*" >&2; }
die() { say "${0##*/}: $*"; exit "${die_status:-1}"; }
have() { command -v "$1" >/dev/null 2>&1; }

# Kernel builds and tests share two cores with other work.
jobs() { nproc 2>/dev/null || echo 2; }

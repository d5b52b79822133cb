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

# need_proc "$0" "$@": a bare chroot may have no /proc, which QEMU's file sharing, bash's <() and the leak sanitizer need.
# Run the script again with one, in a mount name space of its own. Taken away at the end, because that name space may
# share its mounts with the outer one and, in a chroot, cannot be made private.
need_proc() {
	[ ! -e /proc/self/fd ] && [ "$(id -u)" = 0 ] && [ -z "${KVMEM_PROC:-}" ] || return 0
	export KVMEM_PROC=1
	# shellcheck disable=SC2016 # for the inner shell
	exec unshare --mount --propagation unchanged bash -c '
		mount -t proc proc /proc || exit 125
		setpriv --pdeathsig TERM "$@" &
		trap "kill -TERM $!; wait $!; umount /proc; exit 125" INT TERM HUP
		wait $!
		rc=$?
		umount /proc
		exit $rc' need_proc "$@"
}

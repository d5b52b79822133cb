#!/bin/bash
# The files made from the netlink specification are those that the generator makes from it.
set -euo pipefail
top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$top/scripts/ynl-regen" "$work"
bad=0
for file in uapi/linux/kvmem_netlink.h kmod/core/netlink_gen.h kmod/core/netlink_gen.c; do
	diff -u "$top/$file" "$work/$file" || bad=1
done
[ $bad = 0 ] || echo "run scripts/ynl-regen, and edit docs/netlink/specs/kvmem.yaml only" >&2
exit $bad

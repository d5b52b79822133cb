#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# The kernel's own netlink client drives every command of docs/netlink/specs/kvmem.yaml: results, errors, events.
# KVMEM_YNL names a tree with tools/net/ynl and Documentation/netlink; without it the lab's is used. Exit 4: skipped.
here=$(cd -- "$(dirname -- "$0")" && pwd)
top=$(cd -- "$here/../.." && pwd)
ynl=${KVMEM_YNL:-$("$top/scripts/kernel" path ynl 2>/dev/null)}

skip() {
	echo "KTAP version 1"
	echo "1..0 # SKIP $1"
	exit 4
}

[ -c /dev/kvmem ] || skip "kvmem is not loaded"
for cli in "$ynl"/tools/net/ynl/cli.py "$ynl"/tools/net/ynl/pyynl/cli.py none; do
	[ ! -e "$cli" ] || break
done
[ "$cli" != none ] || skip "no tools/net/ynl in '$ynl'"
python3 -c 'import yaml, jsonschema' 2>/dev/null || skip "python3 has no yaml or no jsonschema"
exec python3 "$here/ynl_cli.py" "$cli" "$ynl/Documentation/netlink" "$top/docs/netlink/specs/kvmem.yaml"

#!/bin/bash
# Every sysfs attribute in the source is documented, and nothing else is; so is every part of the netlink specification.
set -euo pipefail
top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$top"
bad=0

# Name and mode of each, one a line; those of a media with their folder
source_attributes() {
	grep -rhoE '^(static )?(DEVICE|MEDIA)_ATTR_(RW|RO|WO)\([a-z0-9_]+\);' kmod --include='*.c' |
		sed -E 's/^(static )?//; s/DEVICE_ATTR_(..)\((.*)\);/\2 \1/; s/MEDIA_ATTR_(..)\((.*)\);/media\/<name>\/\2 \1/' | sort
}
documented_attributes() {
	awk '/^What:/ { name = $2; sub("^/sys/class/misc/kvmem/", "", name)
		    sub("^/sys/bus/pci/drivers/kvmem_nvme/<address>/kvmem/", "", name) }
	     /^Description:/ { print name, substr($2, 2, 2) }' docs/ABI/sysfs-* | sort
}
differences=$(comm -3 <(source_attributes) <(documented_attributes))
if [ -n "$differences" ]; then
	printf 'in the source only, or in docs/ABI only (second column):\n%s\n' "$differences"
	bad=1
fi

# Each stanza is complete.
awk 'function check() { if (what != "" && (!d || !k || !c || !t)) { print what ": incomplete stanza"; bad = 1 } }
     /^What:/ { check(); what = $2; d = k = c = t = 0 }
     /^Date:/ { d = 1 } /^KernelVersion:/ { k = 1 } /^Contact:/ { c = 1 } /^Description:/ { t = 1 }
     END { check(); exit bad }' docs/ABI/sysfs-* || bad=1

python3 - docs/netlink/specs/kvmem.yaml docs/netlink.md <<'PY' || bad=1
import sys
import yaml

spec = yaml.safe_load(open(sys.argv[1]))
text = open(sys.argv[2]).read()
bad = []
for group in spec["attribute-sets"]:
    for attr in group["attributes"]:
        if not attr.get("doc", "").strip():
            bad.append(f"attribute {group['name']}/{attr['name']} has no doc")
for op in spec["operations"]["list"]:
    if f"`{op['name']}`" not in text:
        bad.append(f"command {op['name']} is not in {sys.argv[2]}")
    if "event" not in op and op.get("flags") != ["admin-perm"]:
        bad.append(f"command {op['name']} lacks admin-perm")
    if "dont-validate" in op:
        bad.append(f"command {op['name']} is not validated strictly")
for definition in spec["definitions"]:
    for entry in definition.get("entries", []):
        if not isinstance(entry, dict) or not entry.get("doc"):
            bad.append(f"{definition['name']}: {entry} has no doc")
print("\n".join(bad), end="\n" if bad else "")
sys.exit(bool(bad))
PY
exit $bad

#!/bin/bash
# scripts/kvmem.lua shows capsules as docs/wire.md has them.
set -euo pipefail
top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$top"
command -v tshark >/dev/null || { echo "tshark is missing: scripts/setup installs it" >&2; exit 1; }
make -s -C userspace "$top/build/userspace/bin/wire_capsules" >&2
exec python3 tests/rdma/dissector.py build/userspace/bin/wire_capsules scripts/kvmem.lua

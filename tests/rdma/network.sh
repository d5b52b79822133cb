#!/bin/bash
# Soft-RoCE on the machine's own address; hostile peers need it.
set -euo pipefail
cd "$(dirname -- "$0")/../.."
echo 1..1
if scripts/guest-net; then echo "ok 1 network"; else echo "not ok 1 network"; exit 1; fi

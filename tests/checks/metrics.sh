#!/bin/bash
# What kvmemd exports is what Prometheus takes, and the dashboard, the rules and docs/metrics.md speak of nothing else.
#
# The archive has no Grafana to load the dashboard into: instead its shape, its names and labels are checked here, and
# promtool parses its queries.
set -euo pipefail
top=$(cd -- "$(dirname -- "$0")/../.." && pwd)
cd "$top"
dir=userspace/dashboards
bad=0

command -v promtool >/dev/null || { echo "promtool is missing: install Debian's package prometheus (scripts/setup does)" >&2; exit 1; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# The test's own state, with everything in it that can be exported
make -s -C userspace "$top/build/userspace/test/test_metrics"
build/userspace/test/test_metrics --print >"$work/metrics"

# promtool exits with 0 after mere advice, too.
promtool check metrics <"$work/metrics" >"$work/advice" 2>&1 || bad=1
if [ -s "$work/advice" ]; then
	cat "$work/advice"
	bad=1
fi
promtool check rules $dir/kvmem.rules.yml || bad=1
promtool test rules $dir/kvmem.rules.test.yml || bad=1
python3 tests/checks/metrics_names.py "$work/metrics" $dir docs/metrics.md "$work/queries.yml" || bad=1
promtool check rules "$work/queries.yml" || bad=1
exit $bad

#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# A trace replayed through the module with kvmemd deciding, in its default configuration and without hints: hit rates
# against plain LRU, and what `kvmemctl advise` says of twice the tier against what a replay of that size then gets.
#
#   policy.sh [TRACE [SHARE...]]     shares in percent of the different blocks
#
# Without a trace, a generated one; KVMEM_TRACE names another. With the public conversation trace the hit rates must
# reach those that docs/policy.md promises; with any, LRU's less 0.5 points. Prints KTAP with the table in comments.
# shellcheck source=tests/selftests/kvmem_shell.sh
. "$(dirname -- "$0")/kvmem_shell.sh"
need_kvmem "$bin"/{kvmemd,kvmemctl,kvmem-replay,kvmem-tracegen}
trace=${1:-${KVMEM_TRACE:-}}
shift
shares=("$@")
[ ${#shares[@]} -gt 0 ] || shares=(2 4 8)

tmp=$(mktemp -d) ns=policy-$$
daemon=
# shellcheck disable=SC2317 # called by the trap
cleanup() {
	py_end
	[ -z "$daemon" ] || kill "$daemon" 2>/dev/null
	"$ctl" ns delete "$ns" 2>/dev/null
	rm -rf "$tmp"
}
trap cleanup EXIT
py_begin

if [ -z "$trace" ]; then
	trace=$tmp/trace
	requests=4000
	case $(uname -r) in *debug*) requests=1500 ;; esac # ten times as slow; the mechanism is what matters there
	"$bin/kvmem-tracegen" --seed 7 --requests $requests >"$trace"
fi
echo "KTAP version 1"
"$bin/kvmem-replay" --curve --json "$tmp/curve" "$trace" >/dev/null || exit 1

# The default configuration, but for where it listens.
echo "daemon: { metrics = \"\"; socket = \"$tmp/socket\"; };" >"$tmp/conf"
"$bin/kvmemd" -c "$tmp/conf" >"$tmp/log" 2>&1 &
daemon=$!

measure() { # measure SHARE: one replay from empty; its result and what advise says of it
	ask value "$tmp/curve" "max(d['distinct'] * $1 // 100, 1)" || return 1
	"$ctl" ns create "$ns" --quota-blocks "$answer" >/dev/null || return 1
	"$bin/kvmem-replay" --ns "$ns" --progress off --json "$tmp/replay.$1" "$trace" >"$tmp/out" 2>&1 ||
		{ sed 's/^/# /' "$tmp/out"; return 1; }
	# The daemon reads the last counts within a second.
	sleep 2
	"$ctl" --json advise "$ns" --socket "$tmp/socket" >"$tmp/advise.$1" 2>&1 ||
		{ sed 's/^/# /' "$tmp/advise.$1"; return 1; }
	"$ctl" ns delete "$ns" >/dev/null
}

failed=0
for share in "${shares[@]}"; do
	measure "$share" || failed=1
done
kill "$daemon"
wait "$daemon" || { echo "# kvmemd: status $?"; failed=1; }
daemon=
[ $failed = 0 ] || sed 's/^/# log: /' "$tmp/log"

python3 - "$tmp" "${shares[@]}" <<'PY' || failed=1
import json, sys

tmp, shares = sys.argv[1], [int(s) for s in sys.argv[2:]]
curve = json.load(open(tmp + "/curve"))
public = curve["references"] == 288500 and curve["distinct"] == 182790
promised = {1: 11.0, 5: 21.5, 10: 28.8, 20: 34.4} if public else {}
number, bad, measured, predicted, lru = 0, False, {}, {}, {}


def result(name, ok):
    global number, bad
    number += 1
    bad |= not ok
    print(f"{'ok' if ok else 'not ok'} {number} {name}")


print("# share   LRU  adaptive  advise for twice")
for share in shares:
    replay = json.load(open(f"{tmp}/replay.{share}"))
    advice = json.load(open(f"{tmp}/advise.{share}"))
    advice = advice["namespaces"][0] if isinstance(advice, dict) else advice[0]
    lru[share] = replay["lru_rate"]
    measured[share] = replay["hit_rate"]
    twice = advice["twice"]["policy"]
    predicted[share] = None if twice is None else 100 * twice
    print(f"# {share:4} % {lru[share]:6.2f} {measured[share]:8.2f}   {predicted[share]}")
for share in shares:
    want = promised.get(share, lru[share] - 0.5)
    result(f"at_{share}_percent_at_least_{want:.2f}", measured[share] >= want)
for share in shares:
    if 2 * share in measured:
        result(f"advice_at_{share}_percent", predicted[share] is not None and
               abs(predicted[share] - measured[2 * share]) <= 2)
result("better_than_lru_where_it_matters",
       any(measured[s] > lru[s] + 0.2 for s in shares))
print(f"1..{number}")
sys.exit(bad)
PY
exit $failed

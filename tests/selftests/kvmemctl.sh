#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kvmemctl against a loaded module: every command as text and as JSON, every exit status, the kernel's words in errors,
# events. KVMEM_BIN names another binary. Prints KTAP; leaves the module as it was.
# shellcheck source=tests/selftests/kvmem_shell.sh
. "$(dirname -- "$0")/kvmem_shell.sh"
put_get=$top/build/userspace/examples/put_get
need_kvmem "$ctl" "$put_get"

ns=ctl-$$ pool=ctlpool-$$
tmp=$(mktemp -d)
bytes=$(cat "$sys/arena_bytes") floor=$(cat "$sys/arena_floor_bytes")
children=()

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	py_end
	[ ${#children[@]} = 0 ] || kill "${children[@]}" 2>/dev/null
	exec 9>&-
	for n in "$ns" "$ns-a" "$ns-b"; do "$ctl" ns delete "$n" 2>/dev/null; done
	"$ctl" pool delete "$pool" 2>/dev/null
	"$ctl" resume >/dev/null 2>&1
	echo "$bytes" >"$sys/arena_bytes"
	echo "$floor" >"$sys/arena_floor_bytes"
	rm -rf "$tmp"
}
trap cleanup EXIT

# --- cases ---

# want STATUS ARGUMENT...: run kvmemctl; its output goes to $tmp/out and $tmp/err. Whoever runs this ends what hangs.
want() {
	local status=$1 rc=0
	shift
	"$ctl" "$@" >"$tmp/out" 2>"$tmp/err" || rc=$?
	[ $rc = "$status" ] || note "kvmemctl $*: exit status $rc, want $status: $(head -c 300 "$tmp/err")"
	# Nothing on standard error means that all went well, and the other way round.
	if [ $rc = 0 ] && [ -s "$tmp/err" ]; then note "kvmemctl $*: $(head -c 300 "$tmp/err")"; fi
	if [ $rc != 0 ] && [ ! -s "$tmp/err" ]; then note "kvmemctl $*: failed without a word"; fi
}

says() { has "$tmp/out" "$1" || note "no \"$1\" in: $(head -c 600 "$tmp/out")"; }
complains() { has "$tmp/err" "$1" || note "no \"$1\" in: $(head -c 300 "$tmp/err")"; }

# json EXPRESSION ARGUMENT...: run kvmemctl --json
json() {
	local expression=$1
	shift
	want 0 --json "$@"
	judge "$tmp/out" "$expression"
}

py_begin
ramp=$(seq -s, 1 32)
finger=$(printf '%064x' 4711)

echo "KTAP version 1"

# --- usage: exit status 2, before the kernel is asked anything ---

want 0 --help; says '^usage: kvmemctl'
want 0 --version; says '^kvmemctl [0-9]'
want 0 ns create --help; says '--quota-bytes'
for line in "" "nonsense" "ns" "ns nonsense" "--nonsense" "ns list x" "ns show" "ns create" "ns create 17" "ns set $ns" \
	"ns create x --mode 0777" "ns create x --quota-bytes 1Q" "ns create x --ttl 60d" "ns create x --fingerprint 12" \
	"ns create x --pin-percent 101" "ns create x --uid no-such-user" "ns create x --uid 0 --uid 0" "ns create x --json=1" \
	"ns show 0" "pool create x --share maybe" "arena set" "arena set --bytes 2M --floor 4M" "stats --count 3" \
	"stats --watch 0" "top --sort nonsense" "top --interval 0" "top --once --count 2" "advise --gib 0" \
	"advise --prefill-tokens-per-second x" "policy set $ns --order random" "policy set $ns --sample-one-in 3" "policy set $ns" \
	"policy set $ns --lru --lfu" "policy set $ns --class 1" \
	"policy set $ns --class 64 --values $ramp" "policy set $ns --values $ramp" "policy set $ns --class 1 --values 1,2" \
	"policy hist $ns --class 64" "quiesce --wait" "quiesce --wait x" "events --timeout -1"; do
	# shellcheck disable=SC2086 # words
	want 2 $line
done
want 2 ns create 'with space'; complains 'not visible ASCII'
want 2 ns create "$(printf '%064d' 0)x"; complains 'longer than 63'
result "usage errors"

# --- module ---

want 0 status --socket "$tmp/none"; says '^arena target '; says '^quiesced +no$'; says '^expire interval '; says '^kvmemd +is not running$'
json "d['abi_version'] >= 1 and d['version'] and d['quiesced'] is False and d['arena']['target_bytes'] == $bytes and \
d['settings']['expire_interval_ms'] >= 100 and d['watermark'] in ('room', 'full', 'pressure') and \
d['daemon'] == {'state': 'is not running', 'version': None}" status --socket "$tmp/none"
result "status"

want 0 arena set --bytes 64M; says '^target +64.0 MiB$'
want 0 arena set --floor 8M
json "d['target_bytes'] == 48 << 20 and d['floor_bytes'] == 4 << 20" arena set --bytes 48M --floor 4M
[ "$(cat "$sys/arena_bytes")" = $((48 << 20)) ] || note "arena_bytes is $(cat "$sys/arena_bytes")"
want 1 arena set --floor 1T; complains 'the arena cannot have this size'
want 1 arena set --bytes 1K; complains 'the arena cannot have this size'
want 0 arena set --bytes "$bytes" --floor "$floor"
result "arena set"

# --- pools ---

want 0 pool create "$pool" --quota-bytes 32M --quota-blocks 1000 --share yes; says "pool $pool has id [0-9]+"
want 1 pool create "$pool"; complains 'a pool of this name exists'
want 0 pool list; says '^ *ID +NAME'; says " $pool +32.0 MiB +1000 +yes "
json "[p for p in d if p['name'] == '$pool' and p['share'] is True and p['namespaces'] == 0]" pool list
want 0 pool show "$pool"; says '^quota +32.0 MiB$'
json "d['quota_bytes'] == 32 << 20 and d['quota_blocks'] == 1000" pool show "$pool"
want 0 pool set "$pool" --share no
json "d['share'] is False and d['quota_bytes'] == 64 << 20" pool set "$pool" --quota-bytes 64M
result "pools"

# --- namespaces ---

want 0 ns create "$ns" --uid 0 --gid root --mode 0660 --quota-bytes 8M --quota-blocks 100 --fingerprint "$finger" \
	--pool "$pool" --ttl 30s --pin-percent 20; says "namespace $ns has id [0-9]+"
want 1 ns create "$ns"; complains 'a namespace of this name exists'
json "d['name'] == '$ns-a' and d['id'] > 0" ns create "$ns-a"
want 0 ns list; says '^ *ID +NAME'; says " $ns +0 +0 +0660 +$pool +8.0 MiB "
json "len([n for n in d if n['name'] in ('$ns', '$ns-a')]) == 2" ns list
want 0 ns show "$ns"; says '^ttl +30s$'; says "^fingerprint +$finger\$"; says '^may be pinned +20%$'; says '^hit rate +-$'
json "d['uid'] == 0 and d['mode'] == '0660' and d['quota_bytes'] == 8 << 20 and d['quota_blocks'] == 100 and \
d['ttl_ms'] == 30000 and d['pool'] == '$pool' and d['pin_percent'] == 20 and d['fingerprint'] == '$finger' and \
d['stats']['hit_rate'] is None and d['stats']['evictions']['total'] == 0" ns show "$ns"
id=$("$ctl" ns list | awk -v n="$ns" '$2 == n { print $1 }')
json "d['name'] == '$ns'" ns show "$id"
json "d['fingerprint'] is None and d['pool'] is None and d['pool_id'] == 0" ns show "$ns-a"
want 0 ns set "$ns" --ttl 2h --quota-blocks 0
json "d['ttl_ms'] == 7200000 and d['quota_blocks'] == 0 and d['uid'] == 65534 and d['quota_bytes'] == 16 << 20" \
	ns set "$id" --quota-bytes 16M --uid nobody
want 0 ns set "$ns" --uid 0
want 1 pool delete "$pool"; complains 'the pool has members'
result "namespaces"

# --- no such object: exit status 5 ---

want 5 ns show no-such; complains 'no such namespace'
want 5 ns set no-such --ttl 1s; complains 'no such namespace'
want 5 ns delete 4294967295; complains 'no such namespace'
want 5 ns create x --pool no-such; complains '--pool: no such pool'
want 5 pool show no-such; complains 'no such pool'
want 5 pool set no-such --share yes
want 5 pool delete no-such
want 5 stats no-such
want 5 policy show no-such
want 5 policy set no-such --lru
want 5 policy hist no-such
want 5 policy hist no-such --class 1
result "no such object"

# --- not permitted, 4; no module, 3 ---

nobody() { timeout 60 setpriv --reuid 65534 --regid 65534 --clear-groups "$ctl" "$@" >"$tmp/out" 2>"$tmp/err"; }
for line in "status" "ns list" "ns create x" "stats" "quiesce" "events --timeout 1" "arena set --bytes 1G"; do
	# shellcheck disable=SC2086 # words
	nobody $line
	rc=$?
	[ $rc = 4 ] || note "$line as nobody: exit status $rc, want 4: $(head -c 300 "$tmp/err")"
	complains 'not permitted|Permission denied'
done
result "not permitted"

# The family is there in the first network namespace only.
for line in "status" "ns list" "events --timeout 1"; do
	# shellcheck disable=SC2086 # words
	timeout 60 unshare -n "$ctl" $line >"$tmp/out" 2>"$tmp/err"
	rc=$?
	[ $rc = 3 ] || note "$line without the family: exit status $rc, want 3: $(head -c 300 "$tmp/err")"
	complains 'module is not loaded'
done
result "no module"

"$ctl" ns list >/dev/full 2>"$tmp/err"
rc=$?
[ $rc = 1 ] || note "a full disk: exit status $rc, want 1"
complains 'cannot write'
"$ctl" --json ns list >/dev/full 2>"$tmp/err"
rc=$?
[ $rc = 1 ] || note "a full disk, JSON: exit status $rc, want 1"
result "output that cannot be written"

# --- counters ---

"$put_get" "$ns-a" >"$tmp/out" 2>&1 || note "put_get: $(head -c 300 "$tmp/out")"
want 0 stats; says '^NAMESPACE +HITS'; says "^$ns-a +[1-9]"; says '^NAMESPACE +BLOCKS'; says '^get +dram +[1-9]'; says 'P99.9$'
json "[n for n in d['namespaces'] if n['name'] == '$ns-a' and n['stats']['hits'] >= 1 and n['stats']['puts'] == 1 and \
n['stats']['hit_rate'] > 0] and d['interval_s'] is None and d['time'] > 1e9" stats
json "len(d['namespaces']) == 1 and d['namespaces'][0]['live_blocks'] == 1 and \
all(0 < l['p50_ns'] <= l['p90_ns'] <= l['p99_ns'] <= l['p999_ns'] and l['count'] > 0 for l in d['latency']) and \
{'get', 'put'} <= {l['op'] for l in d['latency']}" stats "$ns-a"
result "stats"

want 0 stats --watch 0.2 --count 3 --json
cp "$tmp/out" "$tmp/watch.lines"
judge "$tmp/watch.lines" "len(d) == 3 and d[0]['interval_s'] is None and d[1]['interval_s'] >= 0.2 and \
all(n['stats']['hits'] == 0 for n in d[2]['namespaces']) and d[2]['latency'] == []"
want 0 stats "$ns-a" --watch 0.1 --count 2
[ "$(grep -c '^--- ' "$tmp/out")" = 2 ] || note "not two reports"
timeout 60 "$ctl" stats --watch 0.1 >/dev/null 2>&1 &
watcher=$!
children+=("$watcher")
sleep 0.5
kill -TERM "$watcher"
wait "$watcher"
rc=$?
[ $rc -gt 128 ] || note "a watch that is killed: exit status $rc"
result "stats again and again"

want 0 top --once --interval 0.2 --sort used --socket "$tmp/none"; says '^kvmem [0-9].*kvmemd is not running$'; says '^NAMESPACE +POLICY'
says "^$ns-a +kernel "
grep -q $'\033' "$tmp/out" && note "control sequences in a pipe"
want 0 top --count 2 --interval 0.1 --json --socket "$tmp/none"
cp "$tmp/out" "$tmp/top.lines"
judge "$tmp/top.lines" "len(d) == 2 and all(r['interval_s'] >= 0.1 and r['module']['arena']['target_bytes'] > 0 and \
[n for n in r['namespaces'] if n['name'] == '$ns-a' and n['policy'] == 'kernel' and n['rates']['gets'] == 0] for r in d)"
TERM=dumb timeout 60 script -qec "$ctl top --count 1 --interval 0.1 --socket $tmp/none" /dev/null >"$tmp/out" 2>&1
grep -q $'\033' "$tmp/out" && note "control sequences on a dumb terminal"
says 'kvmemd is not running'
result "top"

# --- what only kvmemd knows: exit status 6 without it ---

want 6 advise --socket "$tmp/none"; complains 'kvmemd is not running'
want 6 advise "$ns" --json --socket "$tmp/none"
result "no daemon"

# --- policy ---

want 0 policy show "$ns-a"; says '^ *0 +0-63$'; says '^ *>= 65.5 us +31$'; says '^CLASS +HINT'
json "len(d['table']) == 64 and d['table'][9]['values'] == list(range(32, 0, -1)) and d['table'][9]['hint'] == 1 and \
d['table'][9]['hits_log2'] == 1 and len(d['age_ns']) == 32 and sum(h['blocks'] for h in d['hist']) == 1" policy show "$ns-a"
want 0 policy set "$ns-a" --lfu
json "all(r['values'] == [1 + r['class'] % 8] * 32 for r in d['table'])" policy show "$ns-a"
cp "$tmp/out" "$tmp/lfu.json"
json "d['table'][3]['values'] == list(range(1, 33)) and d['table'][2]['values'][0] == 3" \
	policy set "$ns-a" --class 3 --values "$ramp"
json "d['table'][63]['values'] == list(range(1, 33)) and d['table'][3]['values'][0] == 32" \
	policy set "$ns-a" --lru --class 63 --values "$ramp" --class 0 --values "$ramp"
want 0 policy show "$ns-a"; says '^ *0 +0,63$'; says '^ *1 +1-62$'
want 0 policy set "$ns-a" --file "$tmp/lfu.json"
"$ctl" --json policy show "$ns-a" >"$tmp/back.json"
judge "$tmp/back.json" "d['table'] == json.load(open('$tmp/lfu.json'))['table']"
want 0 policy set "$ns-a" --lru
json "d['table'][5]['values'][31] == 1 and d['order'] == 'use' and d['sample_one_in'] == 0 and d['hinted'] is False" policy show "$ns-a"
json "d['order'] == 'arrival' and d['sample_one_in'] == 64 and d['table'][5]['values'][31] == 1" \
	policy set "$ns-a" --order arrival --sample-one-in 64
want 0 policy show "$ns-a"; says '^order of blocks +arrival$'; says '^sampled: one key in +64$'
"$ctl" --json policy show "$ns-a" >"$tmp/fifo.json"
want 0 policy set "$ns-a" --lru --order use --sample-one-in 0
json "d['order'] == 'arrival' and d['sample_one_in'] == 0" policy set "$ns-a" --file "$tmp/fifo.json"
json "d['order'] == 'use'" policy set "$ns-a" --lru --order use
result "policy show and set"

echo '{"table": [{"class": 1, "values": [1, 2]}]}' >"$tmp/short.json"
want 1 policy set "$ns-a" --file "$tmp/short.json"; complains 'class 1: "values" is not 32 numbers'
echo '{"table": [' >"$tmp/broken.json"
want 1 policy set "$ns-a" --file "$tmp/broken.json"; complains 'line 2'
want 1 policy set "$ns-a" --file "$tmp/absent.json"; complains 'absent.json'
result "policy files that are wrong"

want 0 policy hist "$ns-a"; says '^CLASS +HINT +HITS'; says '^ *AGE +USES'
json "d['name'] == '$ns-a' and sum(h['blocks'] for h in d['hist']) == 1 and sum(sum(h['hits']) for h in d['hist']) >= 1 and \
all(len(h['evictions']) == 32 for h in d['hist'])" policy hist "$ns-a"
json "len(d['hist']) == 1 and d['hist'][0]['class'] == 5 and d['hist'][0]['hint'] == 0 and d['hist'][0]['blocks'] == 0" \
	policy hist "$ns-a" --class 5
want 0 policy hist "$ns"; says 'no class has counted anything'
json "d['name'] == '$ns' and d['hist'] == []" policy hist "$ns"
result "policy hist"

# --- quiesce ---

exec 9<>/dev/kvmem
want 1 quiesce --wait 0.3; complains '1 open file of /dev/kvmem left'; says '^quiesced, open files: 1$'
json "d['quiesced'] is True and d['open_files'] == 1" quiesce
exec 9>&-
json "d['open_files'] == 0" quiesce --wait 20
want 0 status; says '^quiesced +yes$'
want 0 resume; says '^in service, open files: 0$'
json "d['quiesced'] is False" resume
exec 9<>/dev/kvmem || note "no open after resume"
sleep 1 &	# holds the file for a second
children+=($!)
exec 9>&-
want 0 quiesce --wait 30; says '^quiesced, open files: 0$'
want 0 resume
result "quiesce and resume"

# --- events ---

want 1 events --count 1 --timeout 0.2; complains '0 of 1 events'
want 0 events --timeout 0.2
timeout 600 "$ctl" --json events >"$tmp/events.lines" 2>"$tmp/events.err" &
listener=$!
children+=("$listener")
timeout 600 "$ctl" events >"$tmp/events.text" 2>/dev/null &
children+=($!)
# Nothing tells when a listener listens: make events until both have seen one.
for _ in {1..100}; do
	"$ctl" ns set "$ns" --ttl 1s
	if [ -s "$tmp/events.lines" ] && [ -s "$tmp/events.text" ]; then break; fi
	sleep 0.1
done
want 0 ns create "$ns-b"
want 0 ns set "$ns-b" --ttl 1h
# A table is no event: policies set them many times a second.
want 0 policy set "$ns-b" --lru
want 0 quiesce
want 0 resume
# Two chunks for three namespaces: the third finds the arena full.
want 0 arena set --bytes 4M --floor 0
for n in "$ns" "$ns-a" "$ns-b"; do "$put_get" "$n" >/dev/null 2>&1; done
want 0 arena set --bytes "$bytes" --floor "$floor"
want 0 ns delete "$ns-b"
for _ in {1..100}; do
	if grep -q '"ns-deleted"' "$tmp/events.lines" && grep -q ' ns-deleted ' "$tmp/events.text"; then break; fi
	sleep 0.1
done
judge "$tmp/events.lines" "[e['event'] for e in d if e.get('name') == '$ns-b'] == ['ns-created', 'ns-changed', 'ns-deleted']"
judge "$tmp/events.lines" "all(e['time'] > 1e9 for e in d)"
judge "$tmp/events.lines" "[e['quiesced'] for e in d if e['event'] == 'quiesce'] == [True, False]"
judge "$tmp/events.lines" "[e for e in d if e['event'] == 'watermark' and e['watermark'] == 'full' and e['arena']['target_bytes'] == 4 << 20]"
cp "$tmp/events.text" "$tmp/out"
says "^20[0-9-]+T[0-9:.]+ ns-created id=[0-9]+ name=$ns-b\$"
says ' quiesce quiesced=yes open_files=0$'
says ' watermark watermark=full$'
kill -TERM "$listener"
wait "$listener"
rc=$?
[ $rc -gt 128 ] || note "a listener that is killed: exit status $rc: $(head -c 300 "$tmp/events.err")"
result "events"

# --- deleting ---

json "d == {'name': '$ns'}" ns delete "$ns"
want 0 ns delete "$ns-a"
want 5 ns delete "$ns-a"; complains 'no such namespace'
want 0 pool delete "$pool"
want 5 pool show "$pool"
json "not [n for n in d if n['name'].startswith('$ns')]" ns list
json "not [p for p in d if p['name'] == '$pool']" pool list
result "deleting"

end_of_cases

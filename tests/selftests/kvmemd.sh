#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kvmemd against a loaded module: what it makes and leaves alone, reload, take-over, policies, samples, metrics; and a
# replay that goes on while the daemon is killed over and over, hung, and away. Prints KTAP; leaves the module as it was.
# KVMEM_SOAK kills it 100 times, KVMEM_BRIEF 5 times, otherwise 10.
# shellcheck source=tests/selftests/kvmem_shell.sh
. "$(dirname -- "$0")/kvmem_shell.sh"
need_kvmem "$bin"/{kvmemd,kvmemctl,kvmem-replay,kvmem-tracegen}
kills=10
[ -z "${KVMEM_BRIEF:-}" ] || kills=5
[ -z "${KVMEM_SOAK:-}" ] || kills=100

ns=d-$$ port=19464
metrics=http://127.0.0.1:$port/metrics
tmp=$(mktemp -d)
bytes=$(cat "$sys/arena_bytes") floor=$(cat "$sys/arena_floor_bytes")
daemon=

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	py_end
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	for n in "$ns" "$ns-a" "$ns-b" "$ns-other"; do "$ctl" ns delete "$n" 2>/dev/null; done
	"$ctl" pool delete "$ns-pool" 2>/dev/null
	"$ctl" resume >/dev/null 2>&1
	echo "$bytes" >"$sys/arena_bytes"
	echo "$floor" >"$sys/arena_floor_bytes"
	rm -rf "$tmp"
}
trap cleanup EXIT
ip link set lo up 2>/dev/null

py_begin

# As the unit runs it: nobody, with CAP_NET_ADMIN alone.
caps=-all,+net_admin
start() {
	setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=$caps --inh-caps=$caps --ambient-caps=$caps \
		--no-new-privs "$tmp/kvmemd" -c "$tmp/conf" >>"$tmp/log" 2>&1 &
	daemon=$!
}

stop() { # stop SIGNAL: its exit status
	local rc=0
	kill "-$1" "$daemon"
	wait "$daemon" 2>/dev/null || rc=$?
	daemon=
	return $rc
}

# of NAMESPACE PYTHON-EXPRESSION: of what kvmemctl says about it
of() { field "$2" ns show "$1"; }
order() { field "d['order']" policy show "$1"; }

cat >"$tmp/conf" <<CONF
daemon: { metrics = "127.0.0.1:$port"; socket = "$tmp/kvmemd.sock"; poll_ms = 20; };
costs: { prefill_tokens_per_second = 5000.0; bytes_per_token = 4096.0; gpu_cost_per_hour = 2.0; };
arena: { size = "96M"; floor = "16M"; };
pools: ( { name = "$ns-pool"; quota_bytes = "64M"; share = true; } );
namespaces: (
	{ name = "$ns"; mode = "0666"; quota_blocks = 1500; },
	{ name = "$ns-a"; pool = "$ns-pool"; policy = "lru"; ttl = "1h"; },
	{ name = "$ns-b"; policy = "fifo"; }
);
CONF

cp "$bin/kvmemd" "$tmp/kvmemd"
chown -R 65534:65534 "$tmp"

echo "KTAP version 1"

# --- what it makes ---

"$bin/kvmemd" -c "$tmp/conf" --check || note "--check refuses a good file"
sed 's/quota_blocks = 1500/quota_blocks = -1/; s/"lru"/"best"/' "$tmp/conf" >"$tmp/conf.bad"
if "$bin/kvmemd" -c "$tmp/conf.bad" --check 2>"$tmp/err"; then note "--check takes a bad file"; fi
[ "$(grep -cE "conf.bad:[67]: " "$tmp/err")" -ge 2 ] || note "no lines 6 and 7 in: $(cat "$tmp/err")"
"$ctl" ns create "$ns-other" --quota-blocks 100 --ttl 5s >/dev/null
start
until_ok 10 "$ctl" ns show "$ns-b" || note "no namespaces after 10 s"
expect "arena" "$(cat "$sys/arena_bytes")" $((96 << 20))
expect "floor" "$(cat "$sys/arena_floor_bytes")" $((16 << 20))
expect "mode" "$(of "$ns" "d['mode']")" 0666
expect "quota" "$(of "$ns" "d['quota_blocks']")" 1500
expect "pool" "$(of "$ns-a" "d['pool']")" "$ns-pool"
expect "ttl" "$(of "$ns-a" "d['ttl_ms']")" 3600000
expect "another's ttl" "$(of "$ns-other" "d['ttl_ms']")" 5000
result "makes what the file describes" "$tmp/log"

# shellcheck disable=SC2317 # called by until_ok
is_arrival() { [ "$(order "$ns-b")" = arrival ]; }
until_ok 5 is_arrival || note "fifo is not in order of arrival: $(order "$ns-b")"
expect "order of lru" "$(order "$ns-a")" use
result "policies by name" "$tmp/log"

# --- reload ---

old=$(cat "$tmp/conf")
sed -i 's/quota_blocks = 1500/quota_blocks = 1600/; s/policy = "fifo"/policy = "lru"/' "$tmp/conf"
kill -HUP "$daemon"
# shellcheck disable=SC2317
has_1600() { [ "$(of "$ns" "d['quota_blocks']")" = 1600 ]; }
# shellcheck disable=SC2317
is_use() { [ "$(order "$ns-b")" = use ]; }
until_ok 5 has_1600 || note "the new quota is not there"
until_ok 5 is_use || note "the new policy is not there"
cp "$tmp/conf.bad" "$tmp/conf"
: >"$tmp/log"
kill -HUP "$daemon"
until_ok 5 grep -q 'conf:6:' "$tmp/log" || note "a bad file is not complained about"
sleep 0.2
expect "quota after a bad file" "$(of "$ns" "d['quota_blocks']")" 1600
kill -0 "$daemon" 2>/dev/null || note "a bad file ended it"
printf '%s\n' "$old" >"$tmp/conf"
kill -HUP "$daemon"
# shellcheck disable=SC2317
has_1500() { [ "$(of "$ns" "d['quota_blocks']")" = 1500 ]; }
until_ok 5 has_1500 || note "the old quota does not come back"
result "reload" "$tmp/log"

# --- a replay through everything that can happen to the daemon ---

requests=1500
case $(uname -r) in *debug*) requests=300 ;; esac # many times as slow
"$bin/kvmem-tracegen" --seed 5 --requests $requests >"$tmp/trace"
replay() { "$bin/kvmem-replay" --ns "$1" --progress off --json "$tmp/$1.json" "$tmp/trace" >"$tmp/$1.out" 2>&1; }
# One after the other until it is enough: every one must go through.
replays() {
	local rc=0 n=0
	until [ -e "$tmp/enough" ] && [ $n -gt 0 ]; do
		replay "$ns" || rc=1
		n=$((n + 1))
	done
	echo $n >"$tmp/replays"
	return $rc
}
# Is the table the same for all classes, as only one that nobody has learnt is?
plain_table() {
	"$ctl" --json policy show "$1" >"$tmp/table" &&
		ask holds "$tmp/table" "all(row['values'] == d['table'][0]['values'] for row in d['table'])"
}

replays &
replayer=$!
until_ok 20 ask total "$metrics" kvmem_build_info || note "no metrics: $answer"
sleep 3
puts=$(metric "kvmem_namespace_puts_total\{.*\"$ns\"")
case $puts in 0 | none*) note "no puts in the metrics: $puts" ;; esac
# What the one before took, under load: the best of a few, as emulated processors count what their host does besides
for ((i = 0; i < 5; i++)); do metric 'kvmem\w*scrape\w*seconds'; done | sort -g | head -n 1 >"$tmp/took"
judge "$tmp/took" "0 <= d < 0.05"
result "metrics during a replay" "$tmp/log"

slowest=0 total=0 plain=0 lost=0
for ((i = 0; i < kills; i++)); do
	stop KILL
	if plain_table "$ns"; then lost=$((lost + 1)); fi
	: >"$tmp/log"
	t=$(date +%s%N)
	start
	until_ok 20 grep -q "connected" "$tmp/log" || note "restart $i does not connect"
	t=$((($(date +%s%N) - t) / 1000000))
	[ $t -le $slowest ] || slowest=$t
	total=$((total + t))
	t=$(date +%s%N)
	"$tmp/kvmemd" --version >/dev/null
	plain=$((plain + ($(date +%s%N) - t) / 1000000))
	sleep 0.1
done
echo "# $kills kills, a restart took $((total / kills)) ms, at most $slowest ms; --version $((plain / kills)) ms"
[ $lost = 0 ] || note "$lost times the table was lost"
# Times are those of an emulated machine that shares its host: against starting the program at all.
[ $total -lt $((10 * plain + 500 * kills)) ] || note "restarts take more than ten times what starting the program does"
kill -STOP "$daemon"
sleep 1
puts=$(of "$ns" "d['stats']['puts']")
sleep 2
[ "$(of "$ns" "d['stats']['puts']")" -gt "$puts" ] || note "a hung daemon stops the data path"
kill -CONT "$daemon"
touch "$tmp/enough"
wait "$replayer" || note "the replay failed: $(tail -n 5 "$tmp/$ns.out")"
if ask value "$tmp/$ns.json" "d.get('hit_rate')"; then echo "# hit rate $answer"; else note "no result of the replay: $answer"; fi
stop TERM || note "exit status $? after SIGTERM"
expect "quota after the daemon" "$(of "$ns" "d['quota_blocks']")" 1500
result "killed, hung and stopped during a replay" "$tmp/log"

# --- somebody deletes what the file describes ---

start
until_ok 10 "$ctl" ns show "$ns" || note "no take-over"
for n in "$ns" "$ns-a" "$ns-b"; do "$ctl" ns delete "$n"; done
until_ok 10 "$ctl" ns show "$ns" || note "a deleted namespace does not come back"
expect "quota of the new one" "$(of "$ns" "d['quota_blocks']")" 1500
result "reconciles what was deleted" "$tmp/log"

stop TERM || note "exit status $? after SIGTERM"
[ ! -e "$tmp/kvmemd.sock" ] || note "its socket is left"
result "stops cleanly" "$tmp/log"

end_of_cases

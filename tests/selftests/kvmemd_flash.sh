#!/bin/bash
# SPDX-License-Identifier: GPL-2.0
# kvmemd and the flash tier: a media that comes late, its settings, one that is detached, what the metrics, status, top
# and advise say of it, and that GETs from flash are told apart. Prints KTAP; leaves the module as it was.
# shellcheck source=tests/selftests/kvmem_shell.sh
. "$(dirname -- "$0")/kvmem_shell.sh"
need_kvmem "$bin"/{kvmemd,kvmemctl,kvmem-replay,kvmem-tracegen}
nullb=/sys/kernel/config/nullb
if [ ! -d $nullb ]; then
	modprobe configfs 2>/dev/null
	modprobe null_blk nr_devices=0 || skip "no null_blk"
	[ -d $nullb ] || mount -t configfs config /sys/kernel/config || skip "no configfs"
fi

ns=df-$$ port=19465 media=kvmd$$
disk=$nullb/$media
metrics=http://127.0.0.1:$port/metrics
tmp=$(mktemp -d)
daemon=

# shellcheck disable=SC2317 # called by the trap
cleanup() {
	py_end
	[ -z "$daemon" ] || kill -KILL "$daemon" 2>/dev/null
	"$ctl" media detach "$media" 2>/dev/null
	"$ctl" ns delete "$ns" 2>/dev/null
	echo 0 >"$disk"/power
	rmdir "$disk"
	rm -rf "$tmp"
}
trap cleanup EXIT
ip link set lo up 2>/dev/null

py_begin

# shellcheck disable=SC2317 # called by until_ok
metric_is() { [ "$(metric "$1")" = "$2" ]; }
# shellcheck disable=SC2317
budget_is() { [ "$(field "d['write_budget_bytes_per_day']" media show "$media")" = "$1" ]; }

caps=-all,+net_admin
cat >"$tmp/conf" <<CONF
daemon: { metrics = "127.0.0.1:$port"; socket = "$tmp/kvmemd.sock"; };
namespaces: ( { name = "$ns"; mode = "0666"; quota_bytes = "4M"; flash = { mode = "through"; quota = "1G"; }; allow_bounce = true; } );
media: ( { name = "$media"; path = "/dev/$media"; write_budget = "2.0 dwpd"; } );
CONF
cp "$bin/kvmemd" "$tmp/kvmemd"
chown -R 65534:65534 "$tmp"
mkdir "$disk" || skip "no disk of null_blk"
echo 1 >"$disk/memory_backed"
echo 128 >"$disk/size"
echo 1 >"$disk/discard"

echo "KTAP version 1"

# --- a media that is not there yet ---

"$bin/kvmemd" -c "$tmp/conf" --check || note "--check refuses a good file"
sed 's/2.0 dwpd/2.0 dwp/' "$tmp/conf" >"$tmp/conf.bad"
if "$bin/kvmemd" -c "$tmp/conf.bad" --check 2>"$tmp/err"; then note "--check takes a bad budget"; fi
grep -q 'conf.bad:3: write_budget: want' "$tmp/err" || note "no line 3 in: $(cat "$tmp/err")"
setpriv --reuid 65534 --regid 65534 --clear-groups --bounding-set=$caps --inh-caps=$caps --ambient-caps=$caps \
	--no-new-privs "$tmp/kvmemd" -c "$tmp/conf" >>"$tmp/log" 2>&1 &
daemon=$!
until_ok 20 metric_is kvmem_daemon_media_missing 1 || note "the metrics do not say that it is missing"
expect "mode" "$(field "d['flash_mode']" ns show "$ns")" through
expect "quota" "$(field "d['flash_quota_bytes']" ns show "$ns")" $((1 << 30))
expect "allow_bounce" "$(field "d['allow_bounce']" ns show "$ns")" True
expect "require_verified" "$(field "d['require_verified']" ns show "$ns")" False
grep -q "media $media: /dev/$media cannot be attached" "$tmp/log" || note "the log does not say it"
result "a device that is not there stops nothing" "$tmp/log"

echo 1 >"$disk"/power
"$ctl" media format --segment-size 1M "/dev/$media" >/dev/null || note "format fails"
kill -HUP "$daemon"
until_ok 30 "$ctl" media show "$media" || note "it is not attached"
until_ok 10 budget_is $((2 * (128 << 20))) || note "budget: $("$ctl" media show "$media" | grep budget)"
until_ok 10 metric_is kvmem_daemon_media_missing 0 || note "it is still missing in the metrics"
expect "state" "$(metric 'kvmem_media_state.*"live"')" 1
expect "budget in the metrics" "$(metric kvmem_media_write_budget_bytes)" 2.68435e+08
"$ctl" media set $media --write-budget 0 >/dev/null
until_ok 10 budget_is $((2 * (128 << 20))) || note "a budget that somebody set stays"
result "it is attached when it comes, and set as configured" "$tmp/log"

# --- blocks on it ---

requests=400
case $(uname -r) in *debug*) requests=100 ;; esac # many times as slow
"$bin/kvmem-tracegen" --seed 7 --requests $requests >"$tmp/trace"
for run in 1 2; do
	"$bin/kvmem-replay" --ns $ns --block-size 16k --refused-ok --progress off "$tmp/trace" >"$tmp/replay$run" 2>&1 ||
		note "replay $run: $(tail -n 5 "$tmp/replay$run")"
done
sleep 1.5
written=$(metric 'kvmem_media_written_bytes_total.*"put"')
case $written in 0 | none*) note "nothing was written: $written" ;; esac
hits=$(metric 'kvmem_operation_duration_seconds_count\{operation="get",tier="flash"')
case $hits in 0 | none*) note "no GET from flash in the metrics: $hits" ;; esac
for name in "kvmem_namespace_flash_blocks.*\"$ns\"" kvmem_media_live_bytes 'kvmem_media_segments.*"open"'; do
	case $(metric "$name") in 0 | none*) note "$name: $(metric "$name")" ;; esac
done
metric kvmem_media_write_amplification_ratio >"$tmp/ratio"
judge "$tmp/ratio" "d < 1.5"
echo "# $hits GETs from flash, $written bytes written"
result "metrics of blocks on flash" "$tmp/log"

case $(field "[l['count'] for l in d['latency'] if l['op'] == 'get' and l['tier'] == 'flash']" stats) in
'[]') note "stats has no GET from flash" ;;
esac
expect "media of status" "$(field "d['media'][0]['name']" status --socket "$tmp/kvmemd.sock")" $media
[ "$(field "d['flash']['blocks']" status --socket "$tmp/kvmemd.sock")" -gt 0 ] || note "status has no blocks on flash"
"$ctl" status --socket "$tmp/kvmemd.sock" | grep -q "^$media  *live" || note "status does not show the media"
"$ctl" top --once --interval 0.2 --socket "$tmp/kvmemd.sock" >"$tmp/top"
grep -q "^$media  *live" "$tmp/top" || note "top does not show the media: $(cat "$tmp/top")"
expect "media of advise" "$(field "d['flash']['media'][0]['name']" advise "$ns" --interval 1 --socket "$tmp/kvmemd.sock")" $media
expect "flash of advise" "$(field "d['namespaces'][0]['flash']['capacity_bytes']" advise "$ns" --interval 1 \
	--socket "$tmp/kvmemd.sock")" $((128 << 20))
"$ctl" advise "$ns" --interval 1 --endurance 1T --socket "$tmp/kvmemd.sock" | grep -q "^media $media: live" ||
	note "advise does not print the media"
result "status, top and advise" "$tmp/log"

# --- somebody detaches it ---

blocks=$(field "d['flash_blocks']" ns show "$ns")
"$ctl" media detach "$media" || note "detach fails"
# shellcheck disable=SC2317
is_back() { [ "$(field "d['flash_blocks']" ns show "$ns")" = "$blocks" ]; }
until_ok 20 is_back || note "$(field "d['flash_blocks']" ns show "$ns") blocks come back, of $blocks"
until_ok 10 budget_is $((2 * (128 << 20))) || note "without its budget"
result "what was detached comes back with its blocks" "$tmp/log"

# --- and is taken out of the file ---

sed -i '/^media/d' "$tmp/conf"
kill -HUP "$daemon"
until_ok 5 grep -q "was read again" "$tmp/log" || note "no reload"
"$ctl" media show "$media" >/dev/null || note "it was detached"
"$ctl" media detach "$media" || note "detach fails"
sleep 3
if "$ctl" media show "$media" >/dev/null 2>&1; then note "it came back"; fi
kill -TERM "$daemon"
wait "$daemon" || note "exit status $? after SIGTERM"
daemon=
result "one that is not in the file is left alone" "$tmp/log"

end_of_cases

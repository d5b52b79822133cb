#!/bin/bash
# nvme-cli on a controller that is ours says what it says on the kernel's driver, and cannot do harm.
# In the machine of scripts/lane-own-nvme.
set -uo pipefail
ctl=${KVMEM_BIN:-build/userspace/bin/kvmemctl}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
number=0 failed=0
echo "KTAP version 1"

# ok NAME STATUS [FILE]: a result, and what went wrong
ok() {
	number=$((number + 1))
	if [ "$2" = 0 ]; then
		echo "ok $number $1"
	else
		failed=$((failed + 1))
		[ -z "${3:-}" ] || sed 's/^/# /' "$3"
		echo "not ok $number $1"
	fi
}

modprobe nvme
for _ in {1..100}; do grep -qs own0 /sys/class/nvme/*/serial && break; sleep 0.1; done
theirs=$(grep -ls '^own0' /sys/class/nvme/*/serial)
theirs=/dev/$(basename "$(dirname "$theirs")")
address=$(basename "$(readlink -f "/sys/class/nvme/${theirs##*/}/device")")

# What an idle drive counts goes on while we look.
ask() {
	nvme id-ctrl "$1" -o json >"$work/$2.id-ctrl" 2>&1
	nvme list-ns "$1" >"$work/$2.list-ns" 2>&1
	nvme error-log "$1" -e 4 >"$work/$2.error-log" 2>&1
	nvme smart-log "$1" 2>&1 | sed "s/${1##*/}/X/" |
		grep -vE '^(data_units|host_(read|write)|[Dd]ata [Uu]nits|controller_busy|power_on)' >"$work/$2.smart-log"
	sed -i "s/${1##*/}/X/g" "$work/$2".*
}

ask "$theirs" theirs
"$ctl" nvme take "$address" >"$work/take" 2>&1
ok take $? "$work/take"
ours=$(compgen -G '/dev/kvmem-nvme*' | head -n 1)
ask "$ours" ours
for what in id-ctrl list-ns error-log smart-log; do
	diff "$work/theirs.$what" "$work/ours.$what" >"$work/diff" 2>&1 && [ "$(wc -l <"$work/ours.$what")" -gt 1 ]
	ok "$what" $? "$work/diff"
done
nvme get-feature "$ours" -f 7 >"$work/feature" 2>&1
ok get-feature $? "$work/feature"

# refused NAME COMMAND...: fails, and for want of permission
refused() {
	local name=$1 rc
	shift
	"$@" >"$work/refused" 2>&1 </dev/null
	rc=$?
	[ $rc != 0 ] && grep -qi 'permission denied' "$work/refused"
	ok "$name-refused" $? "$work/refused"
}
refused format nvme format "$ours" -n 1 -l 0 --force
refused set-feature nvme set-feature "$ours" -f 4 -v 300
refused io nvme io-passthru "$ours" --opcode=8 --namespace-id=1
# More than there is room for
! nvme admin-passthru "$ours" --opcode=2 --cdw10=0x03ff0002 --data-len=512 -r >"$work/short" 2>&1 && grep -qi 'invalid argument' "$work/short"
ok short-buffer $? "$work/short"
"$ctl" nvme release "$address" >"$work/release" 2>&1
ok release $? "$work/release"
[ ! -e "$ours" ]
ok gone $?
echo "1..$number"
[ $failed = 0 ]

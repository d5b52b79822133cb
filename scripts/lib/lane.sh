# shellcheck shell=bash
# What the lanes of `make check` share. A lane prints its log, ends with status 0 or not, and says in
# $KVMEM_LANE_RESULT how many tests passed, failed and were skipped.
# shellcheck source=scripts/lib/klog.sh
. "$top/scripts/lib/klog.sh"

logs=$build/logs
mkdir -p "$logs"

# build_tests DIRECTORY: what several lanes need is built by one of them at a time
build_tests() {
	mkdir -p "$build"
	(flock 7 && make -s -C "$top/tests/$1" all 7>&-) 7>"$build/.tests-$1.lock" >&2
}

# lane_result PASSED FAILED SKIPPED: also the lane's end
lane_result() {
	echo "passed=$1 failed=$2 skipped=$3"
	if [ -n "${KVMEM_LANE_RESULT:-}" ]; then echo "$1 $2 $3" >"$KVMEM_LANE_RESULT"; fi
	if [ "$2" = 0 ] && [ "$1" -gt 0 ]; then exit 0; fi
	exit 1
}

# guest_lane KERNEL SECONDS MODULES "VM OPTIONS" GUEST-RUN ARGUMENT...
# Runs guest-run in a machine and believes it only when the exit status, the verdict it wrote, and the kernel's log as
# the console saw it agree.
guest_lane() {
	local kernel=$1 limit=$2 modules=$3 options out rc=0 verdict='' passed=0 failed=0 skipped=0 word
	read -ra options <<<"$4"
	shift 4
	out=$logs/${KVMEM_LANE:-guest-$kernel}.d
	rm -rf "$out"
	mkdir -p "$out"
	"$top/scripts/vm" --kernel "$kernel" --timeout "$limit" --out "$out" ${options[@]+"${options[@]}"} \
		--env "KVMEM_SOAK=${KVMEM_SOAK:-}" --env "KVMEM_BRIEF=${KVMEM_BRIEF:-}" -- "$top/scripts/guest-run" --modules "$modules" "$@" || rc=$?
	if [ -e "$out/verdict" ]; then verdict=$(cat "$out/verdict"); fi
	for word in $verdict; do
		case $word in passed=* | failed=* | skipped=*) declare "${word%%=*}=${word#*=}" ;; esac
	done
	if [ "$rc" != 0 ] || [[ $verdict != "PASS "* ]]; then
		echo "lane: exit status $rc, verdict: ${verdict:-none}"
		[ "$failed" != 0 ] || failed=1
	fi
	if grep -nE -A 20 -- "$klog_bad" "$out/console.log"; then
		echo "lane: trouble on the console"
		[ "$failed" != 0 ] || failed=1
	fi
	lane_result "$passed" "$failed" "$skipped"
}

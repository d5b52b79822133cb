#!/bin/sh
# SPDX-License-Identifier: GPL-2.0
# run.sh DIR TEST...: run each test program as a KTAP subtest.
dir=$1
shift
bad=0
n=0
echo "KTAP version 1"
echo "1..$#"
for t in "$@"; do
	n=$((n + 1))
	if out=$(cd "$dir" && timeout 120 "./$t" 2>&1); then
		result=ok
	else
		result="not ok"
		bad=1
	fi
	printf '%s\n' "$out" | sed 's/^/  /'
	echo "$result $n $t"
done
exit $bad

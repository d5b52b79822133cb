# SPDX-License-Identifier: GPL-2.0
# shellcheck shell=bash
# What the selftests in shell share; sourced first. Processes are what costs in an emulated machine (a tenth of a second
# each, Python a second and more), so whatever can be done in the shell is, and one interpreter answers all questions.
here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
top=$(cd -- "$here/../.." && pwd)
bin=$top/build/userspace/bin
# read by those who source this
# shellcheck disable=SC2034
ctl=${KVMEM_BIN:-$bin/kvmemctl} sys=/sys/class/misc/kvmem
number=0 bad=0 trouble=''
# Set by those who source this: a directory of their own, and where kvmemd has its metrics
tmp='' metrics=''

# --- results, as KTAP ---

skip() {
	echo "KTAP version 1"
	echo "1..0 # SKIP $1"
	exit 4
}

# need_kvmem PROGRAM...: or nothing can be tested
need_kvmem() {
	local program
	[ -c /dev/kvmem ] || skip "kvmem is not loaded"
	[ "$(id -u)" = 0 ] || skip "needs root"
	for program; do [ -x "$program" ] || skip "$program is not built: make userspace"; done
}

note() { trouble+="# $*"$'\n'; }

# result NAME [LOG]: a case ends; it failed when anything was noted, and then LOG may tell more
result() {
	number=$((number + 1))
	if [ -z "$trouble" ]; then
		echo "ok $number $1"
	else
		printf '%s' "$trouble"
		if [ -s "${2:-}" ]; then tail -n 20 "$2" | sed 's/^/# log: /'; fi
		echo "not ok $number $1"
		bad=1
	fi
	trouble=''
}

end_of_cases() {
	echo "1..$number"
	exit "$bad"
}

# --- waiting and comparing ---

# until_ok SECONDS COMMAND...: wait for it to work
until_ok() {
	local end=$((SECONDS + $1))
	shift
	until "$@" >/dev/null 2>&1; do
		[ "$SECONDS" -lt "$end" ] || return 1
		sleep 0.1
	done
}

# expect WHAT GOT WANT
expect() { [ "$2" = "$3" ] || note "$1: $2, want $3"; }

# has FILE PATTERN: a line matches
has() {
	local line lines
	mapfile -t lines <"$1"
	for line in ${lines[@]+"${lines[@]}"}; do [[ ! $line =~ $2 ]] || return 0; done
	return 1
}

# --- JSON and metrics ---

# A line in: VERB, tab, FILE or URL, tab, expression or pattern. A line out: "= VALUE" or "! REASON". Verbs: holds and
# value (of JSON), lines (holds, of JSON a line), total (of metrics).
py_begin() {
	coproc PY { exec python3 -u -c '
import json, re, sys

def fetch(url):
    import urllib.request
    return urllib.request.urlopen(url, timeout=10).read().decode()

def total(text, pattern):
    found = [float(line.split()[-1]) for line in text.splitlines() if re.match(pattern, line)]
    return f"{sum(found):g}" if found else "none"

def answer(verb, what, how):
    if verb == "total":
        return total(fetch(what), how)
    text = open(what).read()
    try:
        d = [json.loads(l) for l in text.splitlines()] if verb == "lines" else json.loads(text)
    except ValueError as e:
        raise ValueError(f"{e} in: {text[:200]!r}")
    value = eval(how, {"json": json, "d": d})
    if verb != "value" and not value:
        raise AssertionError(repr(d)[:400])
    return value

for line in sys.stdin:
    try:
        print("=", str(answer(*line.rstrip("\n").split("\t", 2))).replace("\n", " "))
    except Exception as e:
        print("!", repr(e)[:400].replace("\n", " "))
'; }
	# A coprocess is not for subshells, which $() makes, but what was made of its descriptors is.
	exec {py_to}>&"${PY[1]}" {py_from}<&"${PY[0]}"
	# shellcheck disable=SC2153 # made by coproc
	py_pid=$PY_PID
}

py_end() { [ -z "${py_pid:-}" ] || kill "$py_pid" 2>/dev/null; }

# ask VERB WHAT HOW: the value in $answer; not 0, and a reason there, when there is none
ask() {
	printf '%s\t%s\t%s\n' "$1" "$2" "$3" >&"$py_to"
	read -r -t 60 answer <&"$py_from" || answer='! no answer'
	case $answer in '= '*) answer=${answer:2} ;; *) answer=${answer:2}; return 1 ;; esac
}

# judge FILE EXPRESSION: FILE is JSON (.lines: one a line) and EXPRESSION holds for it, as d
judge() {
	local verb=holds
	case $1 in *.lines) verb=lines ;; esac
	ask "$verb" "$1" "$2" || note "$2: $answer"
}

# field EXPRESSION ARGUMENT...: of the JSON that kvmemctl prints
field() {
	local expression=$1
	shift
	"$ctl" --json "$@" >"$tmp/field" || return
	ask value "$tmp/field" "$expression" || echo -n 'none: '
	echo "$answer"
}

# metric PATTERN: the sum of what kvmemd's metrics, at $metrics, have in lines that begin with it
metric() {
	ask total "$metrics" "$1" || echo -n 'none: '
	echo "$answer"
}

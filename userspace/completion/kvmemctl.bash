# shellcheck shell=bash
# SPDX-License-Identifier: GPL-2.0
# Completion of kvmemctl(8): commands, options, and the names of namespaces and pools.

# Names are in the second column of a list; nothing when it fails.
_kvmemctl_names() {
	kvmemctl "$1" list 2>/dev/null | awk 'NR > 1 { print $2 }'
}

# The options of a command
_kvmemctl_options() {
	local ns='--uid --gid --mode --quota-bytes --quota-blocks --fingerprint --ttl --pin-percent --flash-mode --flash-quota'
	ns+=' --require-verified --allow-bounce --placement --copies --peer-share --peer-keep'
	case $1 in
	'ns create') echo "$ns --pool" ;;
	'ns set') echo "$ns" ;;
	'pool create' | 'pool set') echo --quota-bytes --quota-blocks --share ;;
	'arena set') echo --bytes --floor ;;
	'media attach') echo --name --uuid --wait ;;
	'media set') echo --write-budget ;;
	'policy set') echo --lru --lfu --file --class --values --order --sample-one-in ;;
	'policy hist') echo --class ;;
	stats*) echo --watch --count ;;
	status*) echo --socket ;;
	top*) echo --interval --count --once --sort --socket ;;
	advise*) echo --gib --interval --prefill-tokens-per-second --bytes-per-token --gpu-cost-per-hour --endurance --socket ;;
	'media format') echo --label --segment-size --uuid --force --no-discard ;;
	'media check') echo --data --force ;;
	'media dump') echo --segment --keys ;;
	'nvme take' | 'nvme release') echo --force ;;
	'peer add') echo --name --addresses ;;
	'peer drain' | 'peer undrain') echo --socket ;;
	'ring simulate') echo --nodes --domains --weighted ;;
	quiesce*) echo --wait ;;
	events*) echo --count --timeout ;;
	esac
}

# The values of an option; status 1 when the word is no option with a value
_kvmemctl_value() {
	case $1 in
	--uid) compgen -u -- "$2" ;;
	--gid) compgen -g -- "$2" ;;
	--pool) compgen -W "$(_kvmemctl_names pool)" -- "$2" ;;
	--share | --require-verified | --allow-bounce | --peer-share | --peer-keep) compgen -W 'yes no' -- "$2" ;;
	--placement) compgen -W 'local owner both' -- "$2" ;;
	--copies) compgen -W '1 2 3' -- "$2" ;;
	--flash-mode) compgen -W 'off through back' -- "$2" ;;
	--mode) compgen -W '0600 0640 0660 0666' -- "$2" ;;
	--order) compgen -W 'use arrival' -- "$2" ;;
	--sort) compgen -W 'gets hits puts evictions bytes used name' -- "$2" ;;
	--file | --socket) compgen -f -- "$2" ;;
	--addresses | --nodes | --domains | --label | --segment-size | --uuid | --segment | --name | --write-budget | --flash-quota) ;;
	--quota-* | --fingerprint | --ttl | --pin-percent | --bytes | --floor | --class | --values | --count | \
		--wait | --timeout | --sample-one-in | --interval | --gib | --prefill-* | --bytes-per-token | --gpu-cost-*) ;;
	*) return 1 ;;
	esac
}

_kvmemctl() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} words=() w command values
	COMPREPLY=()
	if values=$(_kvmemctl_value "$prev" "$cur"); then
		mapfile -t COMPREPLY < <(printf %s "${values:+$values$'\n'}")
		return
	fi
	for w in "${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
		[[ $w == -* ]] || words+=("$w")
	done
	command="${words[0]-} ${words[1]-}"
	if [[ $cur == -* ]]; then
		mapfile -t COMPREPLY < <(compgen -W "--json --help $(_kvmemctl_options "$command")" -- "$cur")
		return
	fi
	case ${#words[@]},$command in
	0,*) values='status arena ns pool media nvme peer ring stats top advise policy quiesce resume events' ;;
	1,'ns ' | 1,'pool ') values='create set delete list show' ;;
	1,'arena ') values='set' ;;
	1,'policy ') values='show set hist' ;;
	1,'media ') values='list show attach detach set segments directory forget-ns format check dump' ;;
	1,'peer ') values='list show add delete drain undrain' ;;
	1,'ring ') values='show owners simulate' ;;
	2,'peer show' | 2,'peer delete' | 2,'peer drain' | 2,'peer undrain') values=$(_kvmemctl_names peer) ;;
	1,'nvme ') values='list take release' ;;
	2,'nvme take' | 2,'nvme release') values=$(kvmemctl nvme list 2>/dev/null | awk 'NR > 1 { print $1 }') ;;
	2,'media attach' | 2,'media format' | 2,'media check' | 2,'media dump') mapfile -t COMPREPLY < <(compgen -f -- "$cur"); return ;;
	2,media*) values=$(_kvmemctl_names media) ;;
	2,'ns set' | 2,'ns delete' | 2,'ns show' | 2,policy*) values=$(_kvmemctl_names ns) ;;
	1,'stats ' | 1,'advise ') values=$(_kvmemctl_names ns) ;;
	2,'pool set' | 2,'pool delete' | 2,'pool show') values=$(_kvmemctl_names pool) ;;
	*) values='' ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$values" -- "$cur")
}

complete -o default -F _kvmemctl kvmemctl

# shellcheck shell=bash
# Fetching single Debian packages without touching the machine's own package lists or installing them.
# The mirror is whatever the machine's apt is configured for; no host name is written down here.

apt_keyring=/usr/share/keyrings/debian-archive-keyring.gpg

# URI of the Debian archive (not of security, not of third parties) in the machine's apt configuration.
# shellcheck disable=SC2016 # apt's own variables
debian_mirror() {
	local site release
	while read -r site release; do
		case $release in
		bookworm | trixie | sid | stable | testing | unstable) echo "$site" && return ;;
		esac
	done <<<"$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 2>/dev/null | sort -u)"
	die "no Debian archive in the apt configuration"
}

# Lines "SITE RELEASE COMPONENT" of the machine's Debian bookworm sources, security included.
# shellcheck disable=SC2016
debian_sources() {
	apt-get indextargets --format '$(SITE) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
		awk '$2 ~ /^bookworm(-updates|-security)?$/ && $3 == "main"' | sort -u
}

# apt_private NAME SUITE...: prepare lists of their own for these suites; "system" stands for the machine's.
# Sets apt_opts for the calls below.
apt_private() {
	local dir=$cache/apt/$1 suite mirror
	shift
	mirror=$(debian_mirror)
	mkdir -p "$dir/lists/partial" "$dir/archives/partial"
	for suite; do
		if [ "$suite" = system ]; then
			debian_sources
		else
			echo "$mirror $suite main"
		fi
	done | sed "s#^#deb [signed-by=$apt_keyring] #" >"$dir/sources.list"
	apt_opts=(-q -o Dir::Etc::sourcelist="$dir/sources.list" -o Dir::Etc::sourceparts=/dev/null
		-o Dir::State::Lists="$dir/lists" -o Dir::Cache::pkgcache= -o Dir::Cache::srcpkgcache=
		-o Acquire::Check-Valid-Until=false -o Acquire::Languages=none -o APT::Sandbox::User=root)
	apt-get "${apt_opts[@]}" update >"$dir/update.log" 2>&1 || { cat "$dir/update.log" >&2; die "apt update failed"; }
}

apt_version() {
	apt-cache "${apt_opts[@]}" policy "$1" | awk '$1 == "Candidate:" && $2 != "(none)" { print $2; f = 1 } END { exit !f }'
}

# apt_fetch DIR PACKAGE...: download into DIR
apt_fetch() {
	local dir=$1
	shift
	mkdir -p "$dir"
	(cd "$dir" && apt-get "${apt_opts[@]}" download "$@" >fetch.log 2>&1) || { cat "$dir/fetch.log" >&2; die "cannot download $*"; }
}

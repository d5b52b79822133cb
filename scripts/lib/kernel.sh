# shellcheck shell=bash
# The work behind scripts/kernel.

kernels=$cache/kernels
# Bump when this file changes what ends up in a cached directory.
kernel_recipe=1
source_package=linux-source-6.12

# --- names, keys, paths ---

is_built() { case $1 in uml | uml-debug | uml-cov | x86 | x86-debug) ;; *) return 1 ;; esac; }

fragments() {
	local c=$top/scripts/configs
	case $1 in
	uml) echo "$c/uml.config" ;;
	uml-debug) echo "$c/uml.config $c/debug.config" ;;
	uml-cov) echo "$c/uml.config $c/cov.config" ;;
	x86) echo "$c/x86.config" ;;
	x86-debug) echo "$c/x86.config $c/debug.config" ;;
	esac
}

# What is mended in the sources for a flavour
patches() {
	case $1 in uml*) echo "$top"/scripts/patches/uml-*.patch ;; esac
}

kernel_arch() { case $1 in uml*) echo um ;; *) echo x86_64 ;; esac; }

# The archive keeps one version at a time, so it cannot be pinned: the first one fetched stays in use on this
# machine until `rm` of the sources directory.
source_version() {
	local f
	for f in "$kernels"/sources/"$source_package"_*.tar.xz; do
		[ -e "$f" ] || return 1
		f=${f##*/"$source_package"_}
		echo "${f%.tar.xz}"
		return
	done
}

flavour_key() {
	local version
	version=$(source_version) || return 1
	# shellcheck disable=SC2046
	{ echo "$version $kernel_recipe"; gcc -dumpfullversion; cat $(fragments "$1") $(patches "$1"); } | sha256sum | cut -c1-12
}

kernel_path() {
	local dir key
	if is_built "$1"; then
		key=$(flavour_key "$1") || die "$1: not built yet (scripts/kernel build $1)"
		dir=$kernels/$1-$key
	else
		dir=$kernels/$1
	fi
	[ -e "$dir/.complete" ] || die "$1: not there yet (scripts/kernel ensure $1)"
	echo "$dir"
}

# --- getting things ---

kernel_ensure() {
	local name missing=()
	for name; do
		is_built "$name" || declare -F "get_$name" >/dev/null || die "unknown: $name"
		(kernel_path "$name") >/dev/null 2>&1 || missing+=("$name")
	done
	[ ${#missing[@]} -gt 0 ] || return 0
	mkdir -p "$kernels"
	# One builder at a time: the others would only fight for the same two cores, and then find the work done.
	exec 9>"$kernels/.lock"
	flock -n 9 || { say "kernel: waiting for another build"; flock 9; }
	# Nobody else holds the lock, so whatever is half done belongs to a killed run.
	rm -rf "$kernels"/.tmp.*
	work=$(mktemp -d "$kernels/.tmp.XXXXXX")
	trap 'rm -rf "$work"' EXIT
	for name in "${missing[@]}"; do
		(kernel_path "$name") >/dev/null 2>&1 && continue
		say "kernel: $name ..."
		SECONDS=0
		if is_built "$name"; then build_flavour "$name" 9>&-; else "get_$name" "$work/$name" 9>&-; finish "$work/$name" "$kernels/$name"; fi
		say "kernel: $name ready in $SECONDS s"
	done
}

# finish TMP FINAL: publish a complete directory in one step
finish() {
	touch "$1/.complete"
	rm -rf "$2"
	mv -T "$1" "$2"
}

# The tarball inside Debian's source package; it stays in the cache, the unpacked tree does not.
ensure_tarball() {
	local version deb
	source_version >/dev/null && return
	apt_private backports bookworm-backports
	version=$(apt_version "$source_package") || { apt_private trixie trixie; version=$(apt_version "$source_package"); } ||
		die "$source_package is in neither bookworm-backports nor trixie"
	apt_fetch "$work/deb" "$source_package"
	deb=$(echo "$work"/deb/*.deb)
	mkdir -p "$kernels/sources"
	dpkg-deb --fsys-tarfile "$deb" | tar -xO "./usr/src/$source_package.tar.xz" >"$work/tarball"
	mv "$work/tarball" "$kernels/sources/${source_package}_$version.tar.xz"
	rm -rf "$work/deb"
}

ensure_source() {
	[ -e "$work/src/Makefile" ] && return
	ensure_tarball
	mkdir -p "$work/src"
	tar -xJf "$kernels/sources/${source_package}_$(source_version).tar.xz" -C "$work/src" --strip-components=1
	# Those of all flavours, which share the tree: each touches its own architecture only.
	local p
	for p in "$top"/scripts/patches/*.patch; do
		patch -d "$work/src" -p1 -N -s <"$p" || die "${p##*/} does not apply to $(source_version)"
	done
}

# --- building ---

# Options of the fragments that an architecture or version does not have. Everything else must take effect.
may_vanish() {
	case $2 in
	CONFIG_KUNIT_AUTORUN_ENABLED) return 0 ;; # 6.16 and later
	esac
	case $1 in uml*)
		case $2 in
		CONFIG_FAIL_FUNCTION | CONFIG_FUNCTION_ERROR_INJECTION | CONFIG_KASAN_VMALLOC | CONFIG_DEBUG_STACK_USAGE | \
			CONFIG_DMA_API_DEBUG*) return 0 ;;
		esac ;;
	esac
	return 1
}

# allnoconfig drops what it cannot satisfy without a word
verify_config() {
	local line bad=0
	while read -r line; do
		grep -qxF -- "$line" "$3" || may_vanish "$1" "${line%%=*}" || { say "kernel: $1: lost $line"; bad=1; }
	done <<<"$(awk -F= '/^CONFIG_/ { v[$1] = $0 } END { for (k in v) print v[k] }' "$2")"
	return $bad
}

build_flavour() {
	local flavour=$1 b=$work/build out=$work/out arch log mk rel image targets
	ensure_source
	arch=$(kernel_arch "$flavour")
	log=$kernels/$flavour.log
	rm -rf "$b" "$out"
	mkdir -p "$b" "$out"
	# shellcheck disable=SC2046
	cat $(fragments "$flavour") >"$work/fragment"
	# The last word wins: two fragments may name one option.
	case $flavour in *-debug | *-cov) echo "CONFIG_LOCALVERSION=\"-kvmem-$flavour\"" >>"$work/fragment" ;; esac
	mk=(nice make -C "$work/src" "ARCH=$arch" "O=$b" KBUILD_BUILD_TIMESTAMP=@0 KBUILD_BUILD_USER=kvmem KBUILD_BUILD_HOST=kvmem)
	KCONFIG_ALLCONFIG=$work/fragment "${mk[@]}" allnoconfig >"$log" 2>&1 || { tail -30 "$log" >&2; die "$flavour: configuration failed"; }
	verify_config "$flavour" "$work/fragment" "$b/.config" || die "$flavour: the configuration did not take"
	if [ "$arch" = um ]; then image=linux targets=(all); else image=vmlinux targets=(vmlinux modules); fi
	"${mk[@]}" -j"$(jobs)" "${targets[@]}" >>"$log" 2>&1 || { tail -40 "$log" >&2; die "$flavour: build failed, see $log"; }
	rel=$(cat "$b/include/config/kernel.release")
	# An external module needs headers, scripts and symbol versions: 64 MB instead of the whole build.
	"${mk[@]}" run-command "KBUILD_RUN_COMMAND=+\$(srctree)/scripts/package/install-extmod-build $out/ext" >>"$log" 2>&1 ||
		{ tail -30 "$log" >&2; die "$flavour: no tree for external modules"; }
	if [ "$arch" = um ]; then extmod_um_extra "$b" "$out/ext"; fi
	"${mk[@]}" modules_install "INSTALL_MOD_PATH=$out" INSTALL_MOD_STRIP=1 >>"$log" 2>&1
	rm -f "$out/lib/modules/$rel/build" "$out/lib/modules/$rel/source"
	strip -o "$out/image" "$b/$image"
	cp "$b/System.map" "$out/"
	cp "$b/.config" "$out/config"
	echo "$rel" >"$out/release"
	finish "$out" "$kernels/$flavour-$(flavour_key "$flavour")"
	rm -rf "$b"
}

# install-extmod-build knows arch/um but not that it borrows from arch/x86
extmod_um_extra() {
	(cd "$work/src" && {
		find arch/x86 -maxdepth 1 -name 'Makefile*'
		find arch/x86 -name include -type d
		find arch/x86/um \( -name '*.h' -o -name 'Makefile*' \)
	} | tar -c -T -) | tar -x -C "$2"
	tar -c -C "$1" arch/x86/include/generated | tar -x -C "$2"
}

# shellcheck shell=bash
# Things scripts/kernel downloads instead of building. Each get_NAME fills the directory it is given; it will end up in
# $kernels/NAME, which matters to absolute paths inside.

# Modules a Debian guest may need: its root file system, and what kvmem and its later parts sit on.
stock_modules=(virtio_pci virtio_blk virtio_net 9p 9pnet_virtio overlay libcrc32c crc32c_generic crc32c-intel crc32_generic
	ext4 nvme null_blk brd loop ib_uverbs rdma_ucm rdma_rxe dm-mod dm-flakey sch_netem configs)

get_stock-6.1() {
	local dir=$1 image rel m f
	apt_private system system
	image=$(apt-cache "${apt_opts[@]}" depends linux-image-amd64 | awk '$1 == "Depends:" && !n++ { print $2 }')
	rel=${image#linux-image-}
	fetch_headers "$dir/ext-root" "$kernels/stock-6.1/ext-root" linux-headers-amd64
	ln -s "ext-root/usr/src/linux-headers-$rel" "$dir/ext"
	[ -e "$dir/ext/Makefile" ] || die "headers and image of linux $rel do not match"
	apt_fetch "$work/deb" "$image"
	mkdir -p "$work/image"
	dpkg-deb -x "$work"/deb/linux-image-*.deb "$work/image"
	cp "$work/image/boot/config-$rel" "$dir/config"
	cp "$work/image/boot/System.map-$rel" "$dir/System.map"
	vmlinux_of "$work/image/boot/vmlinuz-$rel" >"$dir/image"
	[ -d "$work/image/lib/modules" ] || mv "$work/image/usr/lib" "$work/image/lib"
	depmod -b "$work/image" "$rel"
	mkdir -p "$dir/lib/modules/$rel"
	cp "$work/image/lib/modules/$rel"/modules.{order,builtin,builtin.modinfo} "$dir/lib/modules/$rel/"
	for m in "${stock_modules[@]}"; do
		modprobe -d "$work/image" -S "$rel" --show-depends "$m" 2>/dev/null || :
	done | awk '$1 == "insmod" { print $2 }' | sort -u >"$work/wanted"
	while read -r f; do
		m=$dir/${f#"$work/image/"}
		mkdir -p "${m%/*}"
		case $f in *.xz) xz -dc "$f" >"${m%.xz}" ;; *) cp "$f" "$m" ;; esac
	done <"$work/wanted"
	depmod -b "$dir" "$rel"
	echo "$rel" >"$dir/release"
	rm -rf "$work/image" "$work/deb"
}

# Headers of the backports kernel, to compile against
get_headers-6.12() {
	apt_private backports system bookworm-backports
	local version
	version=$(apt-cache "${apt_opts[@]}" madison linux-headers-amd64 | awk '/bookworm-backports/ && !n++ { print $3 }')
	[ -n "$version" ] || die "bookworm-backports has no linux-headers-amd64"
	fetch_headers "$1/ext-root" "$kernels/headers-6.12/ext-root" "linux-headers-amd64=$version"
	ln -s "$(cd "$1" && echo ext-root/usr/src/linux-headers-*-amd64)" "$1/ext"
}

# fetch_headers DIR FINAL METAPACKAGE: unpack header packages without installing them
fetch_headers() {
	local dir=$1 final=$2 meta=$3 real common kbuild version name=${3%%=*}
	version=$(apt-cache "${apt_opts[@]}" show "$meta" | awk '$1 == "Version:" && !n++ { print $2 }')
	real=$(apt-cache "${apt_opts[@]}" show "$name=$version" | tr ',' '\n' | grep -o 'linux-headers-[0-9][^ ]*' | sed -n 1p)
	common=$(apt-cache "${apt_opts[@]}" show "$real" | tr ',' '\n' | grep -o 'linux-headers-[0-9][^ ]*-common' | sed -n 1p)
	kbuild=$(apt-cache "${apt_opts[@]}" show "$real" | tr ',' '\n' | grep -o 'linux-kbuild-[0-9][^ ]*' | sed -n 1p)
	rm -rf "$work/deb"
	apt_fetch "$work/deb" "$real" "$common" "$kbuild"
	mkdir -p "$dir"
	for deb in "$work"/deb/*.deb; do dpkg-deb -x "$deb" "$dir"; done
	# The flavour's Makefile includes the common one by its installed path.
	sed -i "s#/usr/src/#$final/usr/src/#" "$dir/usr/src/$real/Makefile"
	rm -rf "$work/deb"
}

# vmlinux_of VMLINUZ: the ELF image inside. Offsets are those of the x86 boot protocol.
vmlinux_of() {
	local setup offset length
	u32() { od -An -tu4 -j "$2" -N 4 "$1" | tr -d ' '; }
	setup=$(od -An -tu1 -j 497 -N 1 "$1" | tr -d ' ')
	offset=$(((setup + 1) * 512 + $(u32 "$1" 584)))
	length=$(u32 "$1" 588)
	dd if="$1" of="$work/payload" bs=1M iflag=skip_bytes,count_bytes skip="$offset" count="$length" status=none
	case $(od -An -tx1 -N 4 "$work/payload" | tr -d ' ') in
	fd377a58) xz -dc --single-stream "$work/payload" ;;
	28b52ffd) zstd -dcq "$work/payload" ;;
	1f8b*) gzip -dcq "$work/payload" || : ;; # the length word after the stream is not gzip's
	*) die "$1: unknown compression" ;;
	esac
	rm -f "$work/payload"
}

# The netlink tool and its schemas, and the style checker, at the version of the test kernels
get_ynl() {
	mkdir -p "$1"
	ensure_tarball
	tar -xJf "$kernels/sources/${source_package}_$(source_version).tar.xz" -C "$1" --strip-components=1 --wildcards \
		'*/tools/net/ynl' '*/Documentation/netlink/*.yaml' '*/MAINTAINERS' '*/scripts/checkpatch.pl' '*/scripts/spelling.txt' \
		'*/scripts/const_structs.checkpatch' '*/tools/testing/kunit' '*/tools/testing/selftests/kselftest*' \
		'*/tools/testing/selftests/lib.mk' '*/scripts/kernel-doc'
}

# A minimal root directory of the newest distribution with its kernel's headers and compiler, for `make matrix`
get_sid() {
	local real list
	mkdir -p "$1"
	apt_private sid sid
	real=$(apt-cache "${apt_opts[@]}" show linux-headers-amd64 | tr ',' '\n' | grep -o 'linux-headers-[0-9][^ ]*' | sed -n 1p)
	list="deb [signed-by=$apt_keyring] $(debian_mirror) sid main"
	mmdebstrap --quiet --variant=apt --aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Languages "none"' \
		--include="make,bash,kmod,$real" sid "$1/root" "$list" >"$1/log" 2>&1 || { tail -n 20 "$1/log" >&2; die "mmdebstrap failed"; }
	echo "/usr/src/$real" >"$1/root/kdir"
	rm -rf "$1"/root/var/lib/apt/lists/* "$1"/root/var/cache/apt/* "$1"/root/usr/share/{doc,man,locale}
}

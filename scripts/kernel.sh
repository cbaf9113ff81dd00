#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes the patched tree and builds it: ./run kernel

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: ./run kernel [--debug]

Makes the patched source tree (see ./run series --help) and builds it for the
virtual machine, out of tree, in build/kernel/release. A second run builds what
changed. Uses ccache, with its folder as the user's settings have it.

  --debug    the kernel with KASAN, lockdep, kmemleak and fault injection,
             in build/kernel/debug

  FUSEPT_LINUX=DIR   build this source tree (6.12.*), as it is, in build/kernel-own
  FUSEPT_BUILD=DIR   instead of build/
END
}

# configure KIND: from nothing plus the fragments, each line of which must take
configure() {
	local out=$kernels/$1 all=$kernels/$1.config line lost=
	mkdir -p "$out"
	cat "$top/scripts/kernel.config" >"$all.new"
	[[ $1 == release ]] || merge_debug "$all.new"
	if cmp -s "$all" "$all.new" && [[ -e $out/.config ]]; then
		rm "$all.new"
		return
	fi
	mv "$all.new" "$all"
	step "configuring the $1 kernel" "$logs/kernel-$1-config.log" \
		make -C "$linux" O="$out" KCONFIG_ALLCONFIG="$all" allnoconfig || exit 1
	while read -r line; do
		grep -qxF -- "$line" "$out/.config" || lost+="$line; "
	done < <(grep -E '^(CONFIG_|# CONFIG_)' "$all")
	[[ -z $lost ]] || { rm "$all" && die "the kernel's config has not taken: $lost" \
		"a 6.12 tree that knows these options" "mend scripts/kernel*.config"; }
}

# Adds the debug fragment to $1 in place of what it overrides.
merge_debug() {
	local name
	while read -r name; do
		sed -i -E "/^(# )?$name(=| is not set)/d" "$1"
	done < <(grep -oE '^(# )?CONFIG_[A-Z0-9_]+' "$top/scripts/kernel-debug.config" | sed 's/^# //')
	cat "$top/scripts/kernel-debug.config" >>"$1"
}

compile() {
	local out=$kernels/$1 cc=gcc
	! command -v ccache >/dev/null || cc="ccache gcc"
	# paths relative to build/, so that clones share the cache
	CCACHE_BASEDIR=$build step "building the $1 kernel" "$logs/kernel-$1.log" \
		nice make -s -C "$linux" O="$out" -j"$(nproc)" CC="$cc" LOCALVERSION= KBUILD_BUILD_TIMESTAMP="@0" \
		KBUILD_BUILD_USER=fusept KBUILD_BUILD_HOST=fusept vmlinux ||
		die "the $1 kernel does not build" "" "see $logs/kernel-$1.log"
}

main() {
	local kind=release
	case ${1:-} in
	'') ;;
	--debug) kind=debug ;;
	*) no_arguments "$@" ;;
	esac
	"$top/scripts/install.sh" kernel
	need_tool make make
	only_one "${kernels##*/}-$kind"
	"$top/scripts/series-prepare.sh"
	need_space "$build" 2048 "the $kind kernel"
	configure "$kind"
	compile "$kind"
	kernel_stamp "$kind" >"$kernels/$kind.stamp"
	say "kernel: $kernels/$kind/vmlinux, Linux $(linux_version "$linux")"
}

main "$@"

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Installs those Debian packages that are missing: install.sh SET...

. "$(dirname "$0")/lib.sh"

usage() {
	cat <<'END'
usage: scripts/install.sh SET...

Installs what is missing of these sets of Debian packages; every ./run command
does it by itself for the sets that it needs. Debian 12 and 13.

  kernel   source of Linux 6.12, compiler, what its build asks for
  vm       QEMU, mkfs.ext4 and mkfs.xfs
  lib      libfuse 3, GLib, meson
  test     clang, sanitizers, what the suites call
  demo     the programs that work in the tree
  package  what builds, checks and shows Debian packages, Doxygen
END
}

# package lists; one fact each, so that a line can be removed on its own
packages_of() {
	case $1 in
	kernel) echo linux-source-6.12 gcc make flex bison bc libelf-dev libc6-dev git xz-utils ccache perl ;;
	vm) echo qemu-system-x86 e2fsprogs xfsprogs iproute2 mount util-linux coreutils ;;
	lib) echo gcc libc6-dev pkgconf meson ninja-build libfuse3-dev fuse3 uthash-dev libglib2.0-dev ccache ;;
	test) echo clang g++ attr acl e2fsprogs libcap2-bin fuse3 strace binutils jq mandoc shellcheck util-linux ;;
	demo) echo gcc libc6-dev libelf-dev make git jq tar grep findutils coreutils procps diffutils sqlite3 ;;
	package) echo build-essential debhelper lintian g++ pkgconf git man-db doxygen util-linux xz-utils ;;
	*) die "no package set named $1" "kernel, vm, lib, test, demo or package" ;;
	esac
}

# prints those of the names that are not installed
missing() {
	local have
	have=$(dpkg-query -W -f '${Package} ${Status}\n' "$@" 2>/dev/null || :)
	printf '%s\n' "$@" | sort -u |
		grep -vxF -f <(sed -n 's/ install ok installed$//p' <<<"$have") || :
}

install_missing() {
	local absent=("$@") list=$logs/apt-update.log
	need_root "installing packages (${absent[*]})" "./run"
	need_space /var 2048 "packages"
	step "apt-get update" "$list" apt-get -q -y update ||
		say "apt-get update failed; going on with the package lists that are here"
	step "installing ${#absent[@]} packages: ${absent[*]}" "$logs/apt-install.log" \
		env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends install "${absent[@]}" ||
		die "could not install: ${absent[*]}" \
			"a network, and Debian 12 or 13 package sources that have them" \
			"see $logs/apt-install.log; then: apt-get install ${absent[*]}"
}

main() {
	local wanted=() absent set
	if (($# == 0)) || is_help "$1"; then
		usage && exit
	fi
	for set in "$@"; do
		# shellcheck disable=SC2207 # names without spaces
		wanted+=($(packages_of "$set"))
	done
	mapfile -t absent < <(missing "${wanted[@]}")
	((${#absent[@]} == 0)) && return
	command -v apt-get >/dev/null || die "no apt-get, and these are missing: ${absent[*]}" \
		"Debian 12 or 13" "install their counterparts by hand"
	install_missing "${absent[@]}"
}

main "$@"

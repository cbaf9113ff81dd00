# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# shellcheck disable=SC2034,SC2154 # it uses lib.sh's variables, and others use its own
# The patched source tree: where it is, what state it is in. Sourced after lib.sh.

linux=${FUSEPT_LINUX:-$build/linux}
linux_tar=${FUSEPT_LINUX_TAR:-/usr/src/linux-source-6.12.tar.xz}
# what git follows in the tree; the other 80,000 files are only unpacked
linux_tracked=(fs/fuse fs/backing-file.c include/linux/backing-file.h include/uapi/linux/fuse.h
	Documentation/filesystems tools/testing/selftests/filesystems MAINTAINERS)

# where kernels of that tree are built; someone's own tree gets folders of its own
kernels=$build/kernel${FUSEPT_LINUX:+-own}

# git in the tree, deaf to the user's settings, so that its output is the same everywhere
lgit() {
	GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 \
		git -C "$linux" -c user.name=fusept -c user.email=fusept@localhost \
		-c safe.directory="$linux" -c core.hooksPath=/dev/null -c core.abbrev=12 "$@"
}

# prints the version that tree $1 says it is
linux_version() {
	sed -n 's/^VERSION = //p; s/^PATCHLEVEL = /./p; s/^SUBLEVEL = /./p' "$1/Makefile" 2>/dev/null |
		head -n 3 | tr -d '\n'
}

check_version() {
	local version
	version=$(linux_version "$1")
	[[ $version == 6.12.* ]] || die "the kernel source in $1 is version '${version:-unknown}'" \
		"6.12.*" "install linux-source-6.12, or name a tree: FUSEPT_LINUX=DIR ./run ..."
}

# The patch files, in order; none if there is no series yet.
series_files() {
	local name
	[[ -f $series/series ]] || return 0
	while read -r name; do
		[[ -z $name || $name == '#'* ]] || printf '%s\n' "$series/$name"
	done <"$series/series"
}

# The folders of selftests that the series brings.
series_selftests() {
	series_files | xargs -d '\n' sed -n 's|^+++ b/tools/testing/selftests/\(.*\)/Makefile$|\1|p' | sort -u
}

# build_selftest TREE OUT FOLDER: into OUT/FOLDER, with the headers of TREE
build_selftest() {
	mkdir -p "$2/$3" && make -s -C "$1" O="$2/headers" headers &&
		make -s -C "$1/tools/testing/selftests/$3" OUTPUT="$2/$3" \
			KHDR_INCLUDES="-isystem $2/headers/usr/include"
}

# tells one release of Debian's source package from another
linux_tar_id() { stat -c '%s %Y' "$linux_tar" 2>/dev/null || :; }

# prints a hash of the base and of every patch: what the fusept branch is made of
series_stamp() {
	{
		linux_tar_id
		series_files | while read -r name; do cat "$name"; done
	} | sha256sum | cut -c1-16
}

# the commit below the first patch
linux_base() { lgit rev-list --max-parents=0 HEAD | tail -n 1; }

# Whether the tree has work that is not in kernel-patches.
linux_is_foreign() {
	[[ -z ${FUSEPT_LINUX:-} ]] || return 0
	[[ $(lgit rev-parse HEAD) == "$(lgit rev-parse -q --verify refs/fusept/applied)" ]] || return 0
	[[ -n $(lgit status --porcelain) ]]
}

# prints a hash of all that the kernel of kind $1 is made from; a source tree
# that someone works on is not looked into: building it is his to ask for
kernel_stamp() {
	{
		series_stamp
		cat "$top"/scripts/kernel*.config
		printf '%s\n' "$1" "$linux"
	} | sha256sum | cut -c1-16
}

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# ./run series on a Linux of eight small files and a series of two patches.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
export GIT_CONFIG_GLOBAL=/dev/null GIT_AUTHOR_NAME=A GIT_AUTHOR_EMAIL=a@example.org
export GIT_COMMITTER_NAME=A GIT_COMMITTER_EMAIL=a@example.org
export PATH=$work/bin:$PATH FUSEPT_LINUX_TAR=$work/linux.tar.xz
linux=$FUSEPT_BUILD/linux
patches=$work/copy/kernel-patches

# make_tar SUBLEVEL: what Debian's package would have
make_tar() {
	local tree=$work/tree/linux name
	rm -rf "$work/tree"
	mkdir -p "$tree"/{fs/fuse,include/linux,include/uapi/linux,Documentation/filesystems,mm} \
		"$tree/tools/testing/selftests/filesystems"
	printf 'VERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = %s\n' "$1" >"$tree/Makefile"
	seq 30 >"$tree/fs/fuse/file.c"
	echo "int other;" >"$tree/mm/other.c"
	# as the package has it
	printf '/*\n!/debian/\n' >"$tree/.gitignore"
	for name in fs/backing-file.c include/linux/backing-file.h include/uapi/linux/fuse.h \
		Documentation/filesystems/fuse.rst tools/testing/selftests/filesystems/Makefile MAINTAINERS; do
		echo "/* $name */" >"$tree/$name"
	done
	tar -C "$work/tree" -cJf "$FUSEPT_LINUX_TAR" linux
}

# commit SUBJECT: what is edited, in the prepared tree
commit() { git -C "$linux" add -A && git -C "$linux" commit -q -m "$1"; }

series() { "$run" series "$@" </dev/null; }
subjects() { git -C "$linux" log --format=%s | paste -sd, -; }
times() { find "$linux" -name .git -prune -o -type f -printf '%T@ %P\n' | sort; }
sums() { (cd "$patches" && sha256sum ./*); }

same() { # COMMAND EXPECTED
	[[ $($1) == "$2" ]] || { echo "$1 says: $($1)" && return 1; }
}

first_time() { series prepare && same subjects "Linux 6.12.1"; }

writes_patches() {
	sed -i 's/^7$/seven/' "$linux/fs/fuse/file.c" && commit "fuse: one" &&
		echo "int new;" >"$linux/fs/fuse/new.c" && commit "fuse: two" && series refresh &&
		[[ $(cat "$patches/series") == $'0001-fuse-one.patch\n0002-fuse-two.patch' ]] &&
		grep -qx "linux-source-6.12 6.12.1" "$patches/BASE"
}

same_bytes() {
	local before
	before=$(sums)
	rm -rf "$linux"
	series prepare && same subjects "fuse: two,fuse: one,Linux 6.12.1" && series refresh && same sums "$before"
}

nothing_to_do() {
	local before
	before=$(times)
	series prepare && [[ $(times) == "$before" ]]
}

# Only the file of the patch that changed may get a new time.
little_to_do() {
	local before=$work/before
	times >"$before"
	sed -i 's/seven/SEVEN/' "$patches/0001-fuse-one.patch"
	series prepare || return 1
	[[ $(comm -13 "$before" <(times) | cut -d' ' -f2) == fs/fuse/file.c ]] && grep -q SEVEN "$linux/fs/fuse/file.c"
}

keeps_edits() {
	echo "int mine;" >>"$linux/fs/fuse/file.c"
	sed -i 's/SEVEN/sieben/' "$patches/0001-fuse-one.patch"
	series prepare 2>&1 | grep -q "work that is not in kernel-patches" && grep -q mine "$linux/fs/fuse/file.c"
}

keeps_new_file() {
	git -C "$linux" checkout -q . && echo "int mine;" >"$linux/fs/fuse/mine.c"
	series prepare 2>&1 | grep -q "work that is not in kernel-patches" && [[ -e $linux/fs/fuse/mine.c ]]
}

keeps_commits() {
	commit "fuse: mine"
	series prepare 2>&1 | grep -q "work that is not in kernel-patches" &&
		same subjects "fuse: mine,fuse: two,fuse: one,Linux 6.12.1"
}

new_base() {
	git -C "$linux" reset -q --hard refs/fusept/applied
	make_tar 2
	series prepare && same subjects "fuse: two,fuse: one,Linux 6.12.2"
}

own_tree() {
	rm -rf "$work/own" && cp -r "$linux" "$work/own"
	(cd "$work/own" && echo "int own;" >fs/fuse/new.c && git commit -q -a -m "fuse: three")
	FUSEPT_LINUX=$work/own series refresh && [[ -e $patches/0003-fuse-three.patch ]] &&
		cmp "$work/own/fs/fuse/new.c" <(echo "int own;")
}

syncs() {
	mkdir -p "$work/copy/lib/uapi"
	FUSEPT_LINUX=$work/own series sync && FUSEPT_LINUX=$work/own series sync --check &&
		cmp "$work/own/include/uapi/linux/fuse.h" "$work/copy/lib/uapi/fuse.h"
}

# Two at a time: the second says that it waits, and goes on when the first is done.
waits() {
	local lock line
	exec {lock}>"$FUSEPT_BUILD/.lock-linux" && flock "$lock" || return 1
	coproc { exec {lock}>&- && series prepare 2>&1 && echo finished; }
	read -r -t 60 -u "${COPROC[0]}" line && [[ $line == "waiting for another"* ]] || return 1
	! read -r -t 1 -u "${COPROC[0]}" line || { echo "goes on: $line" && return 1; }
	exec {lock}>&-
	read -r -t 60 -u "${COPROC[0]}" line && [[ $line == finished ]]
}

make_tar 1
check "prepare without a series gives the base" first_time
check "refresh without a commit" refuses 1 "no commit after its base" series refresh
check "refresh writes patches, series and BASE" writes_patches
check "the same commits give the same bytes" same_bytes
check "a second prepare touches no file" nothing_to_do
check "a second prepare waits for the first" waits
check "a changed patch touches its file only" little_to_do
check "prepare keeps edits" keeps_edits
check "refresh wants commits" refuses 1 "edits that are not committed" series refresh
check "prepare keeps new files" keeps_new_file
check "prepare keeps commits" keeps_commits
check "a newer source package becomes the base" new_base
check "one's own tree can be written back" own_tree
check "sync copies the header" syncs
echo "/* other */" >"$work/copy/lib/uapi/fuse.h"
check "sync --check tells of a difference" refuses 1 "is not the patched tree's header" \
	env FUSEPT_LINUX="$work/own" "$run" series sync --check
sed -i 's/^ 8$/ eight/' "$patches/0001-fuse-one.patch"
check "a patch that needs fuzz is refused" refuses 1 "does not apply to Linux 6.12.2" series prepare
check "refused patches leave the tree as it was" same subjects "fuse: two,fuse: one,Linux 6.12.2"
rm "$patches/0001-fuse-one.patch"
check "a patch that the series names is missing" refuses 1 "0001-fuse-one.patch" series prepare

tap_done

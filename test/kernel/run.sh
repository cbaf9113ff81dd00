#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the raw protocol tests in the guest and prints TAP: those that depend on the
# file system below on a tmpfs and on the ext4 of /scratch, the others on one of them, and
# those of blocks that files share on an XFS, too, and those of names whose case does not
# matter on an ext4 that was made for them.
# usage: run.sh BUILD_DIR [matrix | CASE...]      matrix: the cases with other masks, which
# take as long as all the others and have a suite of their own, as storms have

set -euo pipefail

program=$(realpath "${1:?usage: run.sh BUILD_DIR [CASE...]}")/test/kernel/fusept-ktest
shift
groups=(abort attr control counters create_reply daemon dir escape fault fdinfo fresh handle held hostile io ioctl_bind
	ioctl_mask ioctl_open killpriv late lock lock_served lookup_reply make map mixed mounts names negotiate
	open perm readdir_passthrough reflink splice stack stress trace unnamed xattr)
xfs=(reflink)
fold=(fold)
ext4=(attr control dir escape fault fresh handle held io killpriv late lock map mixed names nfs open perm splice stress subtree xattr)

# Errors on demand: of any allocation, and without a word in the log.
for attr in failslab fail_page_alloc; do
	dir=/sys/kernel/debug/$attr
	[[ -d $dir ]] || continue
	echo 0 >"$dir/verbose"
	echo N >"$dir/ignore-gfp-wait"
done
[[ ! -e /sys/kernel/debug/fail_page_alloc/min-order ]] ||
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

tmpfs=$(mktemp -d)
mount -t tmpfs -o mode=755 ktest "$tmpfs"
if [[ $* == matrix ]]; then
	xfs=()
	fold=()
	groups=(matrix.complete 'matrix.only_*')
	ext4=('matrix.all_but_*')
elif (($#)); then
	groups=() ext4=() fold=()
	mapfile -t named < <("$program" --list "$@")
	for name in "${named[@]}"; do
		if [[ $name == fold* ]]; then
			fold+=("$name")
		else
			groups+=("$name") ext4+=("$name")
		fi
	done
	[[ $* == *reflink* ]] || xfs=()
fi
# A new group is in one of the lists, or nobody would miss its cases.
if (($# == 0)); then
	left=$("$program" --list "${groups[@]}" "${ext4[@]}" "${fold[@]}" 'matrix.*' 'storm.*' | sort -u |
		comm -13 - <("$program" --list | sort))
	if [[ -n $left ]]; then
		echo "test/kernel/run.sh: in no lane, add the group: ${left//$'\n'/ }" >&2
		exit 1
	fi
fi

# cases NAME...: how many those are
cases() {
	"$program" --list "${@:-none}" | wc -l
}

# lane FOLDER FIRST CASE...: the cases in FOLDER, counted from FIRST on
lane() {
	local status=0
	(($# > 2)) || return 0
	TEST_DIR=$1 "$program" --first "$2" "${@:3}" || status=$?
	echo "# in $SECONDS seconds"
	return "$status"
}

# Both at once, and one stream of TAP out of the two: the second counts on.
status=0
first=$(cases "${groups[@]}")
total=$((first + $(cases "${ext4[@]}")))
lane /scratch $((first + 1)) "${ext4[@]}" >"$tmpfs/ext4" 2>&1 &
other=$!
echo "# on tmpfs"
lane "$tmpfs" 1 "${groups[@]}" || status=1
wait "$other" || status=1
echo "# on ext4"
cat "$tmpfs/ext4"

# image NAME CASE... -- MKFS...: what only some file systems can do, on a small one of them
image() {
	local name=$1 dir=/scratch/$1 cases=()
	shift
	while [[ $1 != -- ]]; do
		cases+=("$1")
		shift
	done
	((${#cases[@]})) || return 0
	echo "# on $name"
	truncate -s 320M "$dir.image"
	"${@:2}" -q "$dir.image"
	mkdir "$dir"
	mount -o loop "$dir.image" "$dir"
	lane "$dir" $((total + 1)) "${cases[@]}" || status=1
	total=$((total + $(cases "${cases[@]}")))
	umount "$dir"
	rm -r "$dir" "$dir.image"
}

image xfs "${xfs[@]}" -- mkfs.xfs
image fold "${fold[@]}" -- mkfs.ext4 -O casefold -E encoding=utf8
echo "1..$total"
umount "$tmpfs"
rmdir "$tmpfs"
exit $status

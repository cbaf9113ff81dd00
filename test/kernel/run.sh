#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the raw protocol tests in the guest and prints TAP: all of them on a tmpfs,
# those that depend on the file system below on the ext4 of /scratch as well.
# usage: run.sh BUILD_DIR [CASE...]

set -euo pipefail

program=$(realpath "${1:?usage: run.sh BUILD_DIR [CASE...]}")/test/kernel/fusept-ktest
shift
ext4=(attr xattr open io map dir fresh perm killpriv mixed create_reply fault)

# Errors on demand: of any allocation, and without a word in the log.
for attr in failslab fail_page_alloc; do
	dir=/sys/kernel/debug/$attr
	[[ -d $dir ]] || continue
	echo 0 >"$dir/verbose"
	echo N >"$dir/ignore-gfp-wait"
done
[[ ! -e /sys/kernel/debug/fail_page_alloc/min-order ]] ||
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

# One stream of TAP out of two runs: the second goes on counting.
run() { # DIR FIRST_NUMBER CASE...
	local dir=$1 first=$2
	shift 2
	echo "# in $dir ($(stat -f -c %T "$dir"))"
	TEST_DIR=$dir "$program" --first "$first" "$@"
}

tmpfs=$(mktemp -d)
mount -t tmpfs -o mode=755 ktest "$tmpfs"
status=0
if (($#)); then
	cases=("$@")
else
	cases=("${ext4[@]}")
fi
count=$("$program" --list "$@" | wc -l)
run "$tmpfs" 1 "$@" || status=1
run /scratch $((count + 1)) "${cases[@]}" || status=1
echo "1..$((count + $("$program" --list "${cases[@]}" | wc -l)))"
umount "$tmpfs"
rmdir "$tmpfs"
exit $status

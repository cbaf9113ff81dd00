#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the raw protocol tests in the guest: on ext4 and on tmpfs.
# usage: run.sh BUILD_DIR [CASE...]

set -euo pipefail

program=$(realpath "${1:?usage: run.sh BUILD_DIR [CASE...]}")/test/kernel/fusept-ktest
shift

tmpfs=$(mktemp -d)
mount -t tmpfs -o mode=755 ktest "$tmpfs"

# Errors on demand: of any allocation, and without a word in the log.
for attr in failslab fail_page_alloc; do
	dir=/sys/kernel/debug/$attr
	[[ -d $dir ]] || continue
	echo 0 >"$dir/verbose"
	echo N >"$dir/ignore-gfp-wait"
done
[[ ! -e /sys/kernel/debug/fail_page_alloc/min-order ]] ||
	echo 0 >/sys/kernel/debug/fail_page_alloc/min-order

status=0
for dir in /scratch "$tmpfs"; do
	echo "# in $dir ($(stat -f -c %T "$dir"))"
	TEST_DIR=$dir "$program" "$@" || status=1
done
umount "$tmpfs"
rmdir "$tmpfs"
exit $status

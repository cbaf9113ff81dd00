#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the storms of storm.c again and again in the guest, each time from another seed, on
# a tmpfs and on the ext4 of /scratch at once, and prints TAP. At the end the ext4 is
# looked through by e2fsck.
# usage: storm.sh BUILD_DIR [MINUTES [CASE...]]     10 minutes by default

set -euo pipefail

program=$(realpath "${1:?usage: storm.sh BUILD_DIR [MINUTES [CASE...]]}")/test/kernel/fusept-ktest
minutes=${2:-10}
cases=("${@:3}")
((${#cases[@]})) || cases=('storm.*')
export STORM_SECONDS=${STORM_SECONDS:-10}

tmpfs=$(mktemp -d)
mount -t tmpfs -o mode=755 ktest "$tmpfs"
count=$("$program" --list "${cases[@]}" | wc -l)
number=1 status=0 seed=${STORM_SEED:-1}
end=$((SECONDS + 60 * minutes))

# round FOLDER FIRST: all the storms once
round() {
	TEST_DIR=$1 STORM_SEED=$seed "$program" --first "$2" "${cases[@]}"
}

while ((SECONDS < end)); do
	echo "# seed $seed, $((SECONDS / 60)) of $minutes minutes"
	round /scratch $((number + count)) >"$tmpfs/ext4" 2>&1 &
	round "$tmpfs" "$number" || status=1
	wait $! || status=1
	cat "$tmpfs/ext4"
	number=$((number + 2 * count))
	seed=$((seed + 1))
done

# a name that leads to nothing, a count that is wrong, a block of two files
device=$(findmnt -n -o SOURCE /scratch)
umount /scratch
if e2fsck -fn "$device" >"$tmpfs/fsck" 2>&1; then
	echo "ok $number - the ext4 is as it should be"
else
	sed 's/^/# /' "$tmpfs/fsck"
	echo "not ok $number - the ext4 is as it should be"
	status=1
fi
echo "1..$number"
umount "$tmpfs"
rmdir "$tmpfs"
exit $status

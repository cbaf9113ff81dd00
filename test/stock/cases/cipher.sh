# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# example/cipher.c: what is read is what was written, by whatever way, and below it is not.
# shellcheck source=../small.sh
. "${BASH_SOURCE%/*}/../small.sh"

head -c 300000 /dev/urandom >"$PLAIN/file"
mount_small cipher
cp "$PLAIN/file" "$MNT/file"
cmp "$PLAIN/file" "$MNT/file" || fail "not what was written"
! cmp -s "$PLAIN/file" "$SRC/file" || fail "it is plain below"
[[ $(stat -c %s "$SRC/file") == 300000 ]] || fail "the size"
# at an odd place, at the end, and a copy that is not made below
printf middle | dd of="$MNT/file" bs=1 seek=12345 conv=notrunc status=none
printf middle | dd of="$PLAIN/file" bs=1 seek=12345 conv=notrunc status=none
printf end >>"$MNT/file"
printf end >>"$PLAIN/file"
cmp "$PLAIN/file" "$MNT/file" || fail "changed in places"
cp --reflink=auto "$MNT/file" "$MNT/copy"
cmp "$PLAIN/file" "$MNT/copy" || fail "a copy"
[[ $("$TOOL" copy "$MNT/file" "$MNT/part" 5000 7) == $'copy: ok\n5000 bytes' ]] || fail "copy_file_range"
cmp -i 0:7 -n 5000 "$PLAIN/file" "$MNT/part" || fail "a part of it"
# a hole is one
truncate -s 400000 "$MNT/file"
truncate -s 400000 "$PLAIN/file"
cmp "$PLAIN/file" "$MNT/file" || fail "a hole"
# A mapping is one of the file below where the kernel has that; a cipher's has none then.
mapped=$("$TOOL" map "$MNT/file" mapped)
if [[ $LEVEL == all && -n ${FUSEPT_VM:-} ]]; then
	[[ $mapped == "mmap: ENODEV" ]] || fail "a mapping: $mapped"
else
	[[ $mapped == *mapped* ]] || fail "a mapping: $mapped"
	printf mapped | dd of="$PLAIN/file" conv=notrunc status=none
	cmp "$PLAIN/file" "$MNT/file" || fail "what was mapped"
fi
mv "$MNT/file" "$MNT/moved"
chmod 640 "$MNT/moved"
# of copies and holes it says once that it has none
only READ WRITE COPY_FILE_RANGE LSEEK
umount_small
mount_small cipher
cmp "$PLAIN/file" "$MNT/moved" || fail "another mount"
umount_small

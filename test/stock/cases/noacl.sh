# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Over a file system that has no ACLs the mode of a file counts, and nothing else.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

anybody() {
	setpriv --reuid "$ANYBODY" --regid "$ANYBODY" --clear-groups "$@" 2>/dev/null
}

mount -t ramfs -o mode=755 none "$SRC"
! getfattr -n system.posix_acl_access "$SRC" >/dev/null 2>&1 || skip "ramfs has ACLs here"
mkdir "$SRC/dir"
echo text >"$SRC/dir/file"
echo secret >"$SRC/dir/secret"
chmod 600 "$SRC/dir/secret"
mount_mirror
[[ $(anybody cat "$MNT/dir/file") == text ]] || fail "a file that all may read"
! anybody cat "$MNT/dir/secret" >/dev/null || fail "a secret was read"
anybody ls "$MNT/dir" >/dev/null || fail "a directory"
[[ $(cat "$MNT/dir/secret") == secret ]] || fail "root"
umount_mirror
umount "$SRC"

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Flags of files: lsattr and chattr do the same as natively.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

need lsattr chattr
touch "$SRC/file" "$SRC/theirs"
mkdir "$SRC/dir"
chown $ANYBODY "$SRC/theirs"
lsattr -d "$SRC/file" >/dev/null 2>&1 || skip "the tmpfs of this kernel has no flags"

flags() {
	lsattr -d "$1" | cut -d ' ' -f 1
}

same() {
	[[ $(flags "$MNT/$1") == "$(flags "$SRC/$1")" ]] ||
		fail "$1: $(flags "$MNT/$1"), below $(flags "$SRC/$1")"
}

anybody() {
	setpriv --reuid $ANYBODY --regid $ANYBODY --clear-groups "$@" 2>/dev/null
}

mount_mirror
same file
chattr +dA "$MNT/file" || fail "chattr"
same file
[[ $(flags "$SRC/file") == *d*A* ]] || fail "nothing was changed below"
chattr -d "$MNT/file" || fail "chattr -d"
same file
chattr +A "$MNT/dir" || fail "chattr of a directory"
same dir
# changed below
chattr +d "$SRC/dir"
same dir
# what only root may, and what only the owner may
chattr +i "$MNT/file"
same file
! echo x 2>/dev/null >"$MNT/file" || fail "an immutable file was written"
! rm -f "$MNT/file" 2>/dev/null || fail "and removed"
chattr -i "$MNT/file"
anybody chattr +d "$MNT/theirs" || fail "an owner may"
same theirs
! anybody chattr +i "$MNT/theirs" || fail "an owner has made it immutable"
! anybody chattr +d "$MNT/file" || fail "a stranger has changed it"
same theirs
same file
umount_mirror

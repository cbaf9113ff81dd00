# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# One tree mounted in several places below the source: each keeps its flags, and
# its directories stay where they are.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

MAX_FDS=4

# So many files are looked at that those before lose their descriptors.
pass_by() {
	(($(find "$MNT/many" -type f -printf '%s\n' | wc -l) == 100)) || fail "files are missing"
}

# refused FILE: it can be seen, but not written to.
refused() {
	! (echo changed >>"$1") 2>"$WORK/message" || fail "could write to $1"
	grep -q "Read-only file system" "$WORK/message" || fail "$(cat "$WORK/message")"
}

read_only_stays() {
	cat "$MNT/tree/d/f" "$MNT/ro/d/f" >/dev/null
	refused "$MNT/ro/d/f"
	pass_by
	refused "$MNT/ro/d/f"
	! mkdir "$MNT/ro/d/new" 2>/dev/null || fail "could make a directory"
	pass_by
	echo changed >>"$MNT/tree/d/f"
	[[ $(<"$SRC/tree/d/f") == $'content\nchanged' ]] || fail "the write has gone elsewhere"
}

directories_stay() {
	cd "$MNT/tree/d"
	ls -l "$MNT/twice/d" "$MNT/ro/d" >/dev/null
	[[ $(/bin/pwd -P) == "$MNT/tree/d" ]] || fail "the directory is now $(/bin/pwd -P)"
	cd "$MNT/twice/d"
	[[ $(/bin/pwd -P) == "$MNT/twice/d" ]] || fail "the directory is $(/bin/pwd -P)"
	[[ $(stat -c %i "$MNT/tree/d/f") == $(stat -c %i f) ]] || fail "inode numbers differ"
	cd "$WORK"
}

# A file that is removed in one place is the open one in the other.
removed_elsewhere() {
	local fd
	exec {fd}<>"$MNT/twice/d/f"
	rm "$MNT/tree/d/f"
	pass_by
	[[ $(head -n 1 <&"$fd") == content ]] || fail "an open file is lost"
	exec {fd}>&-
	until_true test ! -e "$MNT/twice/d/f" || fail "a removed file is still there"
}

mkdir -p "$SRC/tree/d" "$SRC/ro" "$SRC/twice" "$SRC/many"
echo content >"$SRC/tree/d/f"
touch "$SRC"/many/{1..100}
mount --bind "$SRC/tree" "$SRC/ro"
mount -o remount,bind,ro "$SRC/ro"
mount --bind "$SRC/tree" "$SRC/twice"
mount_mirror "max_fds=$MAX_FDS"
read_only_stays
directories_stay
removed_elsewhere
check_no_fd_leak
umount_mirror

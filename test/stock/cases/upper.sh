# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# example/upper.c: every name is in upper case here and in lower case below.
# shellcheck source=../small.sh
. "${BASH_SOURCE%/*}/../small.sh"

names() {
	(cd "$1" && find . -mindepth 1 | sort)
}

missing() {
	! stat "$@" >/dev/null 2>&1 || fail "there is" "$@"
}

mkdir -p "$SRC/dir/sub"
echo text >"$SRC/dir/file"
mount_small upper
[[ $(cat "$MNT/DIR/FILE") == text ]] || fail "cat"
missing "$MNT/dir"
missing "$MNT/DIR/file"
missing "$MNT/Dir"
echo new >"$MNT/DIR/NEW"
mkdir "$MNT/DIR/D2"
ln -s FILE "$MNT/DIR/LINK"
ln "$MNT/DIR/FILE" "$MNT/DIR/HARD"
mkfifo "$MNT/DIR/FIFO"
mv "$MNT/DIR/NEW" "$MNT/DIR/MOVED"
[[ $(cat "$MNT/DIR/LINK") == text ]] || fail "by link"
echo more >>"$MNT/DIR/HARD"
[[ $(cat "$MNT/DIR/FILE") == $'text\nmore' ]] || fail "by another name"
! touch "$MNT/DIR/small" 2>/dev/null || fail "a name in lower case was made"
[[ $(names "$MNT") == "$(names "$SRC" | tr '[:lower:]' '[:upper:]')" ]] || fail "names: $(names "$MNT")"
[[ $(ls "$SRC/dir") == $'d2\nfifo\nfile\nhard\nlink\nmoved\nsub' ]] || fail "$(ls "$SRC/dir")"
rm "$MNT/DIR/MOVED" "$MNT/DIR/FIFO"
rmdir "$MNT/DIR/SUB"
missing "$SRC/dir/sub"
only READDIR READDIRPLUS UNLINK RMDIR RENAME RENAME2
umount_small

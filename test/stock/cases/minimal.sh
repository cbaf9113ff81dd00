# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# example/minimal.c: tells each open, and is in nobody's way.
# shellcheck source=../small.sh
. "${BASH_SOURCE%/*}/../small.sh"

mkdir -p "$SRC/d"
echo text >"$SRC/d/file"
ln -s file "$SRC/d/link"
mount_small minimal
[[ $(cat "$MNT/d/file") == text ]] || fail "cat"
setpriv --reuid "$ANYBODY" --clear-groups cat "$MNT/d/link" >/dev/null || fail "cat by link"
printf 'more\n' >>"$MNT/d/file"
echo new >"$MNT/d/new"
chmod 600 "$MNT/d/new"
mv "$MNT/d/new" "$MNT/other"
rm "$MNT/other"
ls -l "$MNT/d" >/dev/null
[[ $(snapshot "$MNT") == "$(snapshot "$SRC")" ]] || fail "the trees differ"
only OPEN
umount_small
(($(grep -c "^uid 0 opens $SRC/d/file$" "$LOG") >= 2)) || fail "opens of root: $(cat "$LOG")"
(($(grep -c "^uid $ANYBODY opens $SRC/d/file$" "$LOG") == 1)) || fail "of others: $(cat "$LOG")"

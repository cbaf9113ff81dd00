# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Lookups, forgets and changes of the same names at once, with few descriptors
# and with many.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

storm() {
	mkdir -p "$SRC/storm"
	mount_mirror "entry_timeout=0$1"
	mkdir -p "$MNT/storm"
	"$STRESS" "$MNT/storm" 8 "$ROUNDS" "$MNT" || fail "stress with entry_timeout=0$1"
	diff <(snapshot "$SRC/storm") <(snapshot "$MNT/storm") >&2 ||
		fail "the mirror differs after stress"
	check_no_fd_leak
	umount_mirror
	rm -rf "$SRC/storm"
}

storm ""
storm ",max_fds=2"
storm ",clone_fd"

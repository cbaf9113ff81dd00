# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# How a mirror ends, and mirrors in places where one could trip over itself.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

says() {
	local text=$1 said
	shift
	said=$(LC_ALL=C timeout 20 "$@" 2>&1) && return 1
	[[ $said == *"$text"* ]] || fail "$*: $said"
}

killed() {
	local fd
	mount_mirror
	exec {fd}<"$MNT/file"
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	says "Transport endpoint is not connected" cat "$MNT/other" || fail "a dead mirror answers"
	says "Transport endpoint is not connected" ls "$MNT" || fail "a dead mirror lists"
	exec {fd}<&-
	umount -l "$MNT"
	! mountpoint -q "$MNT" || fail "still mounted"
}

# Requests that wait for the daemon when it dies come back.
killed_at_work() {
	mount_mirror "entry_timeout=0"
	(while ls -lR "$MNT" >/dev/null 2>&1; do :; done) &
	local worker=$!
	signal_until_counted
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	wait "$worker" || true
	umount -l "$MNT"
}

signal_until_counted() {
	until_true has_looked_up || fail "no name was looked up"
}

has_looked_up() {
	kill -USR1 "$DAEMON"
	[[ -s $STATS ]] && jq -e '.requests.LOOKUP > 20' "$STATS" >/dev/null
}

terminated() {
	local signal status=0
	for signal in TERM INT HUP; do
		mount_mirror
		# a shell's background command ignores SIGINT
		[[ $signal != INT ]] || signal=TERM
		kill -"$signal" "$DAEMON"
		wait "$DAEMON" || status=$?
		((status == 0)) || fail "status $status after SIG$signal"
		! mountpoint -q "$MNT" || fail "still mounted after SIG$signal"
		[[ -s $STATS ]] || fail "no $STATS after SIG$signal"
	done
}

forced() {
	local fd
	mount_mirror
	exec {fd}<"$MNT/file"
	says "busy" umount "$MNT" || fail "unmounted while a file is open"
	umount -f "$MNT" 2>/dev/null || umount -l "$MNT"
	exec {fd}<&-
	until_true stopped || fail "the daemon goes on after a forced umount"
}

stopped() {
	! kill -0 "$DAEMON" 2>/dev/null
}

# The mount point is below the source: it is not entered.
inside_itself() {
	mkdir -p "$SRC/inside/mount" "$SRC/inside/dir"
	mount_mirror "negative_timeout=0" "$SRC" "$SRC/inside/mount"
	says "Too many levels of symbolic links" ls "$SRC/inside/mount/inside/mount" ||
		fail "the mirror is shown in itself"
	ls -R "$SRC/inside/mount" >/dev/null 2>&1 || true
	echo x >"$SRC/inside/mount/inside/dir/x"
	[[ $(<"$SRC/inside/dir/x") == x ]] || fail "not written"
	umount_mirror "$SRC/inside/mount"
}

over_itself() {
	mount_mirror "" "$SRC" "$SRC"
	[[ $(<"$SRC/file") == content ]] || fail "can't read over itself"
	echo more >"$SRC/new"
	umount_mirror "$SRC"
	[[ $(<"$SRC/new") == more ]] || fail "not written over itself"
}

# A mount below the source is part of the mirror.
across_mounts() {
	mkdir -p "$SRC/other"
	mount -t tmpfs other "$SRC/other"
	echo other >"$SRC/other/file"
	mount_mirror
	[[ $(<"$MNT/other/file") == other ]] || fail "the other file system is not shown"
	says "Invalid cross-device link" ln "$MNT/file" "$MNT/other/link" || fail "linked across"
	mv "$MNT/other/file" "$MNT/moved"
	[[ $(<"$SRC/moved") == other ]] || fail "not moved across"
	check_no_fd_leak
	umount_mirror
	umount "$SRC/other"
}

one_thread() {
	"$MIRROR" "$SRC" "$MNT" -f -s -o "ops=$LEVEL,stats=$STATS" 2>"$LOG" &
	DAEMON=$!
	until_true mountpoint -q "$MNT" || fail "not mounted: $(cat "$LOG")"
	diff -r "$SRC" "$MNT" >&2 || fail "the mirror differs"
	as_anybody ls -lR "$MNT" >/dev/null || fail "as somebody else"
	mkdir -m 777 "$MNT/open"
	as_anybody touch "$MNT/open/file"
	[[ $(stat -c %u "$SRC/open/file") == "$ANYBODY" ]] || fail "whose is a new file?"
	umount_mirror
}

echo content >"$SRC/file"
echo content >"$SRC/other-file"
mkdir -p "$SRC/a/b/c/d"
touch "$SRC/a/"{1..50}
for how in killed killed_at_work terminated forced inside_itself over_itself across_mounts one_thread; do
	"$how"
done

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The counts: their form, when they are written, and that they are right.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

check_form() {
	jq -e '(.level | IN("none", "io", "ops")) and (.ops | type == "string")
		and (.requests | length > 0 and all(type == "number" and . > 0))
		and (.kernel | type == "object") and (.refused | type == "object") and .requests.INIT == 1' "$STATS" >/dev/null ||
		fail "not well-formed: $(cat "$STATS")"
}

signal_and_read() {
	write_stats
	check_form
}

count_exactly() {
	local before
	mkdir -p "$MNT/d"
	signal_and_read
	before=$(requests MKDIR)
	mkdir "$MNT/d/"{1,2,3,4,5,6,7}
	signal_and_read
	(($(requests MKDIR) == before + 7)) || fail "7 mkdir make $(requests MKDIR) after $before"
	ln -s target "$MNT/link"
	"$TOOL" rename "$MNT/link" "$MNT/other" none
	"$TOOL" rename "$MNT/other" "$MNT/d" exchange
	rm "$MNT/d"
	signal_and_read
	(($(requests SYMLINK) == 1 && $(requests RENAME) == 1)) || fail "symlink, rename: $(cat "$STATS")"
	(($(requests RENAME2) == 1 && $(requests UNLINK) == 1)) || fail "rename2, unlink: $(cat "$STATS")"
}

# What the kernel does is its own to count; it says so while we are mounted.
count_by_kernel() {
	local stats='(.kernel.GETATTR // 0) + (.kernel.STATX // 0)' before after
	before=$(jq "$stats" "$STATS")
	stat "$MNT/other" "$MNT/other" "$MNT/other" >/dev/null
	signal_and_read
	after=$(jq "$stats" "$STATS")
	if [[ $(level_in_force) == ops ]]; then
		[[ $LEVEL != *all* ]] || ((after >= before + 3)) || fail "3 stat make $after by the kernel after $before"
	else
		[[ $(jq -c .kernel "$STATS") == '{}' ]] || fail "who has counted? $(cat "$STATS")"
	fi
}

# Signals while requests come and go.
signal_storm() {
	local i
	(find "$MNT" "$MNT" "$MNT" -exec stat {} + >/dev/null) &
	for i in {1..50}; do
		kill -USR1 "$DAEMON"
		((i % 10)) || stat "$MNT/other/$i" >/dev/null 2>&1 || true
	done
	wait $!
	signal_and_read
}

# the daemon does not count what the kernel does
[[ $LEVEL != all ]] || LEVEL=all,-rename,-rename2,-unlink
mount_mirror
count_exactly
count_by_kernel
signal_storm
! compgen -G "$STATS.*" || fail "a temporary file is left"
grep -q '^MKDIR  *8  *0$' "$LOG" || fail "no table on stderr: $(cat "$LOG")"
umount_mirror
check_form
grep -q "^level $(level_in_force), " "$LOG" || fail "no level on stderr: $(cat "$LOG")"
forgets=$(jq '(.requests.FORGET // 0) + (.requests.BATCH_FORGET // 0)' "$STATS")
((forgets >= 0)) || fail "forgets: $forgets"

# Where the file can't be written the daemon says so, and ends well.
rm "$STATS"
mount_mirror "stats=$WORK/missing/file"
umount "$MNT"
wait "$DAEMON" || fail "the daemon failed: $(cat "$LOG")"
grep -q "stats=$WORK/missing/file: No such file or directory" "$LOG" || fail "$(cat "$LOG")"

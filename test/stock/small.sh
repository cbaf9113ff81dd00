# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the cases of small examples share: file systems on the engine, without counts
# of their own. EXAMPLES is the folder that they are built in.
# shellcheck source=lib.sh
. "${BASH_SOURCE%/*}/lib.sh"

# mount_small NAME [OPTIONS]
mount_small() {
	"$EXAMPLES/$1" "$SRC" "$MNT" -f -o "ops=$LEVEL${2:+,$2}" 2>"$LOG" &
	DAEMON=$!
	until_true mountpoint -q "$MNT" || fail "$1 is not mounted: $(cat "$LOG")"
	# its answer comes after the root is bound; somebody may have asked before
	stat "$MNT" >/dev/null
	asked >"$WORK/asked-before"
}

umount_small() {
	local status=0
	umount "$MNT"
	wait "$DAEMON" || status=$?
	((status == 0)) || fail "the daemon's status is $status: $(cat "$LOG")"
	! grep -E 'runtime error|Sanitizer' "$LOG" >&2 || fail "a sanitizer complains"
}

# "OPERATION TIMES" of what the daemon was asked for; nothing where nobody counts.
asked() {
	local number
	number=$(mountpoint -d "$MNT")
	awk '$3 > 0 { print $1, $3 }' "/sys/fs/fuse/connections/${number#*:}/ops" 2>/dev/null || true
}

# What is known by name is the daemon's, and what comes once.
ALWAYS=(INIT LOOKUP FORGET BATCH_FORGET CREATE MKNOD MKDIR SYMLINK LINK TMPFILE)

# only OPERATION...: the daemon was asked for these alone, where the kernel does the rest.
only() {
	local extra
	[[ $LEVEL == all && -n ${FUSEPT_VM:-} ]] || return 0
	asked | grep -q '^LOOKUP ' || fail "the kernel does not count"
	extra=$(asked | grep -vxF -f "$WORK/asked-before" | cut -d ' ' -f 1 |
		grep -vxF "${ALWAYS[@]/#/-e}" "${@/#/-e}" || true)
	[[ -z $extra ]] || fail "the daemon was asked for ${extra//$'\n'/ }"
}

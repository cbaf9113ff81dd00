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
	# its answer comes after the root is bound
	stat "$MNT" >/dev/null
}

umount_small() {
	local status=0
	umount "$MNT"
	wait "$DAEMON" || status=$?
	((status == 0)) || fail "the daemon's status is $status: $(cat "$LOG")"
	! grep -E 'runtime error|Sanitizer' "$LOG" >&2 || fail "a sanitizer complains"
}

# The operations that the daemon was asked for, one a line; nothing where nobody counts.
asked() {
	local number
	number=$(mountpoint -d "$MNT")
	awk '$3 > 0 { print $1 }' "/sys/fs/fuse/connections/${number#*:}/ops" 2>/dev/null || true
}

# only OPERATION...: the daemon was asked for these alone, where the kernel does the rest.
# What is known by name always is: LOOKUP, what makes files, and what comes once.
only() {
	local extra
	extra=$(asked | grep -vxF -e INIT -e LOOKUP -e FORGET -e BATCH_FORGET -e CREATE -e MKNOD \
		-e MKDIR -e SYMLINK -e LINK -e TMPFILE "${@/#/-e}" || true)
	[[ $LEVEL != all || -z ${FUSEPT_VM:-} || -z $extra ]] || fail "the daemon was asked for" $extra
}

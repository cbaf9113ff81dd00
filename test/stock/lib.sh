# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2034,SC2119,SC2120
# What the cases of the stock suite share. A case is a program of its own:
# "bash cases/NAME.sh" with these variables set by run.sh:
#   MIRROR  the daemon         TOOL, STRESS  the helpers    EXAMPLES  the folder of the others
#   LEVEL   none, io or all: what to mount with
#   WORK    an empty folder of the case, on a fresh tmpfs
#   MANY    files of a large directory    ROUNDS  of each thread of STRESS
# Its status: 0 passed, 77 skipped (the reason is the last line on stderr).

set -euo pipefail

SRC=$WORK/source
MNT=$WORK/mount
PLAIN=$WORK/plain
STATS=$WORK/stats.json
LOG=$WORK/daemon.log
ANYBODY=31001
mkdir -p "$SRC" "$MNT" "$PLAIN"
umask 022

fail() {
	printf 'failed: %s\n' "$*" >&2
	exit 1
}

skip() {
	printf '%s\n' "$*" >&2
	exit 77
}

need() {
	local command
	for command in "$@"; do
		command -v "$command" >/dev/null || skip "no command $command; install it"
	done
}

# Tries a command again until it succeeds; for what nobody tells us of.
until_true() {
	local tries=400
	until "$@"; do
		((--tries > 0)) || return 1
		read -r -t 0.05 <> <(:) || true
	done
}

# mount_mirror [OPTIONS [SOURCE [MOUNTPOINT]]]: returns when it is mounted.
# The daemon is run in the foreground by a shell whose end tells its status.
mount_mirror() {
	local options=${1:+,$1} source=${2:-$SRC} mountpoint=${3:-$MNT}
	rm -f "$STATS"
	"$MIRROR" "$source" "$mountpoint" -f -o "ops=$LEVEL,stats=$STATS$options" 2>"$LOG" &
	DAEMON=$!
	until_true mountpoint -q "$mountpoint" || fail "not mounted: $(cat "$LOG")"
}

# Descriptors of files below that the daemon has; two are for the root.
daemon_fds() {
	find "/proc/$DAEMON/fd" -mindepth 1 -printf '%l\n' 2>/dev/null |
		grep -c "^$WORK/source\(/\|\$\| \)" || true
}

# Drops all names that the kernel keeps of the mount, so that FORGETs go out.
forget_all() {
	[[ $("$TOOL" forget "${1:-$MNT}") == "forget: ok" ]] || fail "can't make the kernel forget"
}

fds_are_back() {
	(($(daemon_fds) <= 2 + ${FDS_OF_OPTIONS:-0}))
}

# The daemon has given back every descriptor that files below cost it.
check_no_fd_leak() {
	forget_all "$@"
	until_true fds_are_back || fail "descriptors leaked: $(ls -l "/proc/$DAEMON/fd")"
}

# Ends the daemon by unmounting; it must end well.
umount_mirror() {
	local mountpoint=${1:-$MNT} status=0
	umount "$mountpoint"
	wait "$DAEMON" || status=$?
	((status == 0)) || fail "the daemon's status is $status: $(cat "$LOG")"
	[[ -s $STATS ]] || fail "no $STATS"
	! grep -E 'runtime error|Sanitizer' "$LOG" >&2 || fail "a sanitizer complains"
}

# Has $STATS written anew; nothing of an older one is left.
write_stats() {
	rm -f "$STATS"
	kill -USR1 "$DAEMON"
	until_true test -e "$STATS" || fail "SIGUSR1 has not written $STATS"
}

# requests NAME: how many of them the daemon has served, by its last $STATS.
requests() {
	jq -e ".requests.$1 // 0" "$STATS"
}

# Requests are counted from here on by requests_since_mark. Whoever looks at a new
# mount may ask before its root is bound, so one look of our own comes first: its
# answer comes after the binding.
mark_requests() {
	stat "$MNT" >/dev/null
	write_stats
	cp "$STATS" "$WORK/mark.json"
}

# requests_since_mark: those by $STATS without those up to mark_requests, those that
# did not come left out: {"LOOKUP":2}
requests_since_mark() {
	jq -c --slurpfile mark "$WORK/mark.json" \
		'.requests | with_entries(.value -= ($mark[0].requests[.key] // 0))
		| with_entries(select(.value > 0))' "$STATS"
}

level_in_force() {
	jq -re .level "$STATS"
}

# All that can be seen of a tree without changing it, one line a fact.
# Access times are left out: looking may change them.
snapshot() (
	cd "$1"
	find . -printf '%P|%y|%m|%U|%G|%s|%n|%b|%i|%T@|%C@|%l\n' | LC_ALL=C sort
	find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
	find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m - 2>&1
	find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 getfacl -n 2>&1
)

# The same without what differs between two trees made by the same commands.
shape() (
	cd "$1"
	find . -printf '%P|%y|%m|%U|%G|%s|%n|%l\n' | LC_ALL=C sort |
		sed -E 's/^([^|]*\|d\|[^|]*\|[^|]*\|[^|]*)\|[^|]*/\1/'
	find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum
	find . -print0 | LC_ALL=C sort -z | xargs -0 getfattr -h -d -m 'user|security|trusted' 2>&1
	find . ! -type l -print0 | LC_ALL=C sort -z | xargs -0 getfacl -n 2>&1
)

# Runs FUNCTION in the mirror and in a plain directory: what it prints and what
# it leaves must be the same.
compare_with_plain() {
	local function=$1
	rm -rf "${PLAIN:?}/$function" "${MNT:?}/$function"
	mkdir -m 777 "$PLAIN/$function" "$MNT/$function"
	(cd "$PLAIN/$function" && set +e && "$function") >"$WORK/$function.plain" 2>&1 || true
	(cd "$MNT/$function" && set +e && "$function") >"$WORK/$function.mirror" 2>&1 || true
	diff "$WORK/$function.plain" "$WORK/$function.mirror" >&2 ||
		fail "$function prints something else in the mirror (> is the mirror)"
	diff <(shape "$PLAIN/$function") <(shape "$MNT/$function") >&2 ||
		fail "$function leaves something else in the mirror (> is the mirror)"
	diff <(shape "$PLAIN/$function") <(shape "$SRC/$function") >&2 ||
		fail "$function leaves something else below (> is the source)"
}

# Runs a command as somebody who is not root, with groups if given.
as_anybody() {
	setpriv --reuid "$ANYBODY" --regid "$ANYBODY" --clear-groups "$@"
}

as_member() {
	local group=$1
	shift
	setpriv --reuid "$ANYBODY" --regid "$ANYBODY" --groups "$group" "$@"
}

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The command line, and mount(8), which looks for the daemon in the folders of
# commands: in a mount namespace of this case it is in one of them.
if [[ -z ${NAMESPACE:-} ]]; then
	NAMESPACE=own exec unshare --mount --propagation private bash "$0"
fi
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"
trap 'umount -l "$MNT" 2>/dev/null || true' EXIT

# refused TEXT ARGUMENTS...: the command fails at once and says TEXT.
refused() {
	local text=$1 status=0
	shift
	timeout 10 "$MIRROR" "$@" >"$LOG" 2>&1 </dev/null || status=$?
	((status == 1)) || fail "status $status of fusept-mirror $*: $(cat "$LOG")"
	grep -qF -e "$text" "$LOG" || fail "fusept-mirror $* does not say '$text': $(cat "$LOG")"
	! mountpoint -q "$MNT" || fail "fusept-mirror $* has mounted"
}

check_messages() {
	"$MIRROR" --help | grep -qF "usage: fusept-mirror SOURCE MOUNTPOINT" || fail "no --help"
	"$MIRROR" --version | grep -qE '^fusept-mirror [0-9]+\.[0-9]+' || fail "no --version"
	echo x >"$WORK/file"
	refused "expected SOURCE and MOUNTPOINT"
	refused "expected SOURCE and MOUNTPOINT" "$SRC"
	refused "missing: No such file or directory; expected a directory" "$WORK/missing" "$MNT"
	refused "file: Not a directory; expected a directory" "$WORK/file" "$MNT"
	refused "missing" "$SRC" "$WORK/missing"
	refused "ops=getattr+nonsense: unknown operation" "$SRC" "$MNT" -o ops=getattr+nonsense
	refused "nonsense" "$SRC" "$MNT" -o nonsense
	refused "max_stack_depth is too large; expected 1 or 2" "$SRC" "$MNT" -o max_stack_depth=3
	refused "a timeout below 0" "$SRC" "$MNT" -o entry_timeout=-1
	refused "stats=FILE is below the mount point" "$SRC" "$MNT" -o "stats=$MNT/stats"
	refused "see fusept-mirror --help" "$SRC" "$MNT" "$WORK/file"
}

option_of() {
	findmnt -n -o "$1" "$MNT"
}

install_for_mount() {
	mount -t tmpfs bin /usr/local/sbin
	ln -s "$MIRROR" /usr/local/sbin/fusept-mirror
}

mount_by_helper() {
	mount -t fuse.fusept-mirror "$SRC" "$MNT" -o "$1"
	mountpoint -q "$MNT" || fail "mount(8) has not mounted"
}

check_helper() {
	echo hello >"$SRC/file"
	mount_by_helper "rw,noatime,nosuid,nodev,noauto,nofail,_netdev,x-test.a=b,ops=$LEVEL,stats=$STATS"
	[[ $(option_of SOURCE) == "$SRC" ]] || fail "source is $(option_of SOURCE)"
	[[ $(option_of FSTYPE) == fuse.fusept-mirror ]] || fail "type is $(option_of FSTYPE)"
	[[ $(option_of OPTIONS) == rw,nosuid,nodev,noatime,*default_permissions*allow_other* ]] ||
		fail "options are $(option_of OPTIONS)"
	[[ $(<"$MNT/file") == hello ]] || fail "can't read"
	echo changed >"$MNT/file"
	umount "$MNT"
	until_true test -s "$STATS" || fail "the daemon has not written $STATS"
	rm "$STATS"
}

check_read_only() {
	mount_by_helper "ro,ops=$LEVEL,stats=$STATS"
	[[ $(<"$MNT/file") == changed ]] || fail "can't read"
	! touch "$MNT/new" 2>"$LOG" || fail "could write"
	grep -q "Read-only file system" "$LOG" || fail "$(cat "$LOG")"
	umount "$MNT"
	until_true test -s "$STATS" || fail "the daemon has not written $STATS"
	rm "$STATS"
}

# "mount -o ops=getattr,open": the list goes on after a comma.
check_lists() {
	local list
	for list in getattr+read+write "getattr,open,release,read,write" all,-setattr ALL supported; do
		mount_by_helper "ops=$list,stats=$STATS,entry_timeout=2.5"
		[[ $(<"$MNT/file") == changed ]] || fail "can't read with ops=$list"
		umount "$MNT"
		until_true test -s "$STATS" || fail "the daemon has not written $STATS"
		rm "$STATS"
	done
}

# Options of libfuse's own, and a comma in a path.
check_others() {
	mkdir "$SRC/with,comma"
	echo comma >"$SRC/with,comma/file"
	"$MIRROR" "$SRC/with,comma" "$MNT" -s -o "ops=$LEVEL,stats=$STATS,fsname=mine"
	[[ $(option_of SOURCE) == mine ]] || fail "source is $(option_of SOURCE)"
	[[ $(<"$MNT/file") == comma ]] || fail "can't read"
	umount "$MNT"
	until_true test -s "$STATS" || fail "the daemon has not written $STATS"
	"$MIRROR" "$SRC/with,comma" "$MNT" -o "ops=$LEVEL,clone_fd,max_threads=3"
	[[ $(option_of SOURCE) == "$SRC/with,comma" ]] || fail "source is $(option_of SOURCE)"
	[[ $(<"$MNT/file") == comma ]] || fail "can't read"
	umount "$MNT"
}

check_messages
install_for_mount
check_helper
check_read_only
check_lists
check_others

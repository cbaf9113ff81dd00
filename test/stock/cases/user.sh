# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A mirror run by somebody who is not root: nothing is passed through, the mount
# is for him alone, and it does what he could do himself.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

tree() {
	mkdir d
	echo x >d/f
	ln d/f l
	mv l m
	chmod 600 m
	cat /etc/shadow >d/f
	chown 0 m
	truncate -s 10 m
	ls d
}

need fusermount3
[[ -u $(command -v fusermount3) ]] || skip "fusermount3 can't mount for users: no suid bit"
if findmnt -n -o OPTIONS -T "$(command -v fusermount3)" | grep -qw nosuid; then
	skip "fusermount3 can't mount for users: it is on a file system without suid"
fi
# Without udev the device is root's alone: users get one of their own here.
if [[ -z ${OWN_MOUNTS:-} ]]; then
	OWN_MOUNTS=1 exec unshare -m bash "$0"
fi
cp -a /dev/fuse "$WORK/fuse"
chmod 666 "$WORK/fuse"
mount --bind "$WORK/fuse" /dev/fuse
# fusermount3 wants a user with a name
ANYBODY=$(id -u nobody) || skip "no user nobody"
# where all may look, which the build folder need not be
mkdir "$WORK/bin"
install "$MIRROR" "$(ldd "$MIRROR" | awk '$1 ~ /^libfusept/ { print $3 }')" "$WORK/bin"
MIRROR=$WORK/bin/${MIRROR##*/}
export LD_LIBRARY_PATH=$WORK/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
chown "$ANYBODY:$ANYBODY" "$SRC" "$MNT" "$PLAIN"
touch "$STATS" "$LOG"
chmod 777 "$WORK"
as_anybody "$MIRROR" "$SRC" "$MNT" -f -o "ops=$LEVEL,stats=$STATS" 2>"$LOG" &
DAEMON=$!
# mountpoint(1) would look at the root, which is not for us
until_true findmnt -n -M "$MNT" || fail "not mounted: $(cat "$LOG")"
! ls "$MNT" >/dev/null 2>&1 || fail "root can look into another user's mount"
export -f tree
as_anybody bash -c "cd '$PLAIN' && tree" >"$WORK/tree.plain" 2>&1 || true
as_anybody bash -c "cd '$MNT' && tree" >"$WORK/tree.mirror" 2>&1 || true
diff "$WORK/tree.plain" "$WORK/tree.mirror" >&2 || fail "something else is printed"
diff <(shape "$PLAIN") <(shape "$SRC") >&2 || fail "something else is left"
umount_mirror
[[ $(level_in_force) == none ]] || fail "level $(level_in_force) for somebody who is not root"

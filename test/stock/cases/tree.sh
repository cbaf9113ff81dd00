# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A tree of every kind of file is shown as it is below, cold and from caches.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

make_files() {
	echo text >file
	: >empty
	head -c 3000000 /dev/urandom >large
	truncate -s 50M sparse
	echo end >>sparse
	ln file hardlink
	ln -s file symlink
	ln -s missing/target dangling
	ln -s "$(printf 'x%.0s' {1..4000})" long-symlink
	mkfifo fifo
	mknod char c 1 3
	mknod block b 7 200
	mkdir -m 1777 sticky
	mkdir -m 2775 setgid
	install -m 4755 /bin/true suid
	install -m 000 file no-mode
	chown 12:34 no-mode
	chown -h 56:78 dangling
	touch -d '1999-12-31 23:59:59.123456789' old
}

make_names() {
	mkdir -p names "deep/$(printf 'd/%.0s' {1..60})"
	touch "names/with space" $'names/new\nline' 'names/*?["' names/ünï names/-rf \
		"names/$(printf 'n%.0s' {1..255})"
	mkdir many
	(cd many && seq -f 'entry-%05.0f' "$MANY" | xargs touch)
}

make_attributes() {
	setfattr -n user.note -v "some value" file
	setfattr -n user.empty file
	setfattr -n trusted.secret -v "for root" file
	setfattr -n user.large -v "$(printf 'v%.0s' {1..3000})" large
	setcap cap_net_raw+ep suid
	setfacl -m u:1234:rw,g:77:r file
	setfacl -m d:u:1234:rwx,d:g::---,u:1234:rx setgid
}

(cd "$SRC" && make_files && make_names && make_attributes)
snapshot "$SRC" >"$WORK/below"
mount_mirror
snapshot "$MNT" >"$WORK/cold"
diff "$WORK/below" "$WORK/cold" >&2 || fail "the mirror differs when cold"
snapshot "$MNT" >"$WORK/hot"
diff "$WORK/below" "$WORK/hot" >&2 || fail "the mirror differs when hot"
diff -r --no-dereference -x char -x block -x fifo "$SRC" "$MNT" >&2 || fail "contents differ"
tar -C "$MNT" -c --xattrs --acls . | tar -C "$PLAIN" -x --xattrs --acls --xattrs-include='*'
diff <(shape "$SRC") <(shape "$PLAIN") >&2 || fail "a tar made in the mirror differs"
diff <(stat -f -c '%b %c %s %S %l' "$SRC") <(stat -f -c '%b %c %s %S %l' "$MNT") >&2 ||
	fail "statfs differs"
check_no_fd_leak
umount_mirror
snapshot "$SRC" >"$WORK/after"
diff "$WORK/below" "$WORK/after" >&2 || fail "looking has changed the source"

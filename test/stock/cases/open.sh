# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Open files: data, and files that lose their names while they are open.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

# Not those of times, which differ by nature.
facts() {
	stat -L -c '%s %h %a %F' "$@"
}

unlinked() {
	exec 3<>file
	echo first >&3
	rm file
	facts /proc/self/fd/3
	echo second >&3
	cat </proc/self/fd/3
	"$TOOL" again /proc/self/fd/3
	facts /proc/self/fd/3
	chmod 640 /proc/self/fd/3
	truncate -s 4 /proc/self/fd/3
	setfattr -n user.x -v y /proc/self/fd/3
	getfattr --absolute-names -n user.x /proc/self/fd/3 | tail -n 2 | head -n 1
	facts /proc/self/fd/3
	exec 3>&-
	ls
}

replaced() {
	echo old >file
	exec 3<file
	echo new >other
	mv other file
	cat <&3
	cat file
	facts /proc/self/fd/3 file
	exec 3<&-
}

removed_dir() {
	mkdir d
	cd d || return
	rmdir ../d
	facts .
	ls -a
	touch x
	cd ..
	ls
}

two_writers() {
	exec 3>>file 4>>file
	echo three >&3
	echo four >&4
	echo three >&3
	exec 3>&- 4>&-
	cat file
	exec 3>file
	echo shorter >&3
	exec 3>&-
	cat file
	facts file
}

appending() {
	"$TOOL" append file
	cat file
}

sizes() {
	truncate -s 10000 file
	truncate -s 100 file
	fallocate -l 70000 file
	facts file
	fallocate -n -l 200000 file
	fallocate -p -o 4096 -l 8192 file
	facts file
	echo end | dd of=file bs=1 seek=1000000 conv=notrunc status=none
	facts file
	"$TOOL" holes file
	"$TOOL" copy file copied 1000004 0
	"$TOOL" copy file copied 5000 123456
	cmp -n 100000 file copied && echo same
	dd if=file of=direct bs=64K oflag=sync status=none
	cmp file direct && echo same
}

mappings() {
	head -c 9000 /dev/zero >file
	"$TOOL" map file "through the mapping"
	head -c 19 file
	"$TOOL" direct direct
	facts direct
	[[ -z $tmpfile ]] || "$TOOL" tmpfile . named
}

synced() {
	echo x >file
	sync file .
	sync -d file
	sync -f file
	exec 3>file
	flock -n 3 && echo locked
	flock -n file true || echo "locked by another"
	exec 3>&-
}

# Files without a name need TMPFILE, which libfuse has from 3.17 on; without it
# they are refused with the right errno.
try_tmpfile() {
	local answer
	answer=$("$TOOL" tmpfile "$MNT" "$MNT/probe" | head -n 1)
	case $answer in
	"tmpfile: ok") tmpfile=possible ;;
	"tmpfile: EOPNOTSUPP") tmpfile='' ;;
	*) fail "O_TMPFILE gives $answer" ;;
	esac
	rm -f "$MNT/probe"
}

data_requests() {
	head -c 1000000 /dev/urandom >"$SRC/data"
	cmp "$SRC/data" "$MNT/data" || fail "contents differ"
	cat "$SRC/data" >"$MNT/written"
	cmp "$SRC/data" "$SRC/written" || fail "contents differ below"
}

mount_mirror
try_tmpfile
for function in unlinked replaced removed_dir two_writers sizes mappings synced; do
	compare_with_plain "$function"
done
# a kernel that writes by itself goes on as the file was opened
[[ $LEVEL != none ]] || compare_with_plain appending
check_no_fd_leak
umount_mirror

mount_mirror
mark_requests
data_requests
umount_mirror
case $(level_in_force) in
none) (($(requests READ) > 0 && $(requests WRITE) > 0)) || fail "who has served read and write?" ;;
io) (($(requests READ) == 0 && $(requests WRITE) == 0)) || fail "read and write were not passed" ;;
ops)
	asked=$(requests_since_mark)
	jq -e '.READ or .OPEN or .GETATTR | not' <<<"$asked" >/dev/null ||
		fail "the daemon was asked $asked"
	;;
esac

# What is taken away from all is not back because others need it.
if [[ $LEVEL == all ]]; then
	mount_mirror "ops=all,-write"
	data_requests
	umount_mirror
	(($(requests WRITE) > 0)) || fail "ops=all,-write passes writes through"
fi

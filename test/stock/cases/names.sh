# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Making, linking, renaming and removing names: the same as in a plain
# directory, call by call.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

make_all() {
	umask 027
	mkdir dir dir/sub
	echo one >file
	ln -s file link
	mkfifo fifo
	mknod char c 1 7
	mknod -m 4755 regular p
	mkdir dir
	ln -s other link
	mkfifo missing/fifo
	"$TOOL" open file rdwr+creat+excl 644
	"$TOOL" open dir rdwr+creat 644
	"$TOOL" open link rdonly+nofollow 0
	"$TOOL" open file rdonly+directory 0
	"$TOOL" open fresh rdwr+creat+excl 6751
	"$TOOL" open fifo rdonly+nonblock 0
	chown -h 12:13 link
	touch -h -d '2001-02-03 04:05:06.789' link fifo file dir
	touch -h -a -d '2002-03-04 05:06:07.891' link fifo
	setfattr -h -n trusted.x -v y link
	stat -c '%n %u %g %x %y' link fifo file dir
}

hard_links() {
	echo one >a
	ln a b
	echo two >>b
	stat -c '%h %s' a b
	[[ a -ef b ]] && echo same
	rm a
	cat b
	stat -c %h b
	ln -s b symbolic
	ln -P symbolic second
	stat -c '%h %F' symbolic second
	mkdir d
	ln d e
	ln b d/b
	rm b
	cat d/b
}

renames() {
	mkdir d e
	echo a >a
	echo b >b
	echo full >e/full
	"$TOOL" rename a b noreplace
	"$TOOL" rename a b exchange
	cat a b
	"$TOOL" rename a d/a none
	"$TOOL" rename a d/a none
	"$TOOL" rename d e none
	"$TOOL" rename d d/a none
	"$TOOL" rename b d/a exchange
	"$TOOL" rename d e exchange
	"$TOOL" rename e missing/e none
	"$TOOL" rename e/a e noreplace
	cat b d/* e/*
	mv e f
	find . -type f | sort
}

removals() {
	mkdir -p d/sub
	echo x >d/x
	rmdir d
	rm d
	rm d/x missing
	rmdir d/sub
	rmdir d
	rmdir missing
	ls
}

bad_names() {
	touch "$(printf 'n%.0s' {1..256})" 2>&1 | tail -c 20
	touch "$(printf 'n%.0s' {1..255})"
	touch missing/x file/x
	echo x >file
	touch file/x
	cat file/../file missing/../file
	ls -a
}

changes_seen_below() {
	local below=${PWD/#$MNT/$SRC}
	echo one >file
	mv file other
	[[ -e $below/other && ! -e $below/file ]] && echo "below it is the same"
	echo three >other
	cat "$below/other"
	chmod 600 other
	stat -c %a "$below/other"
}

inode_numbers() {
	mkdir d
	echo a >d/a
	ln d/a b
	[[ $(stat -c %i b) == $(find d/a -printf %i) ]] && echo "numbers agree"
	[[ $(stat -c %i b) == $(stat -c %i "${PWD/#$MNT/$SRC}/b") ]] && echo "also below"
}

mount_mirror
for function in make_all hard_links renames removals bad_names changes_seen_below inode_numbers; do
	compare_with_plain "$function"
done
check_no_fd_leak
umount_mirror

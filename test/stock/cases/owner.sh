# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Who may do what, whose new files are, and which bits a change takes away: as
# in a plain directory.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

run_as_anybody() {
	as_anybody bash -c "$1"
}

without_fsetid() {
	setpriv --bounding-set -fsetid --inh-caps -fsetid "$@"
}

# shellcheck disable=SC2016 # the other user's shell expands
new_files() {
	run_as_anybody 'umask 002; mkdir d; echo x >f; ln -s f l; mkfifo p; touch d/f; mknod c c 1 3'
	mkdir -m 2777 setgid
	chgrp 4242 setgid
	run_as_anybody 'umask 022; mkdir setgid/d; touch setgid/f; ln f setgid/l; mkfifo setgid/p'
	as_anybody "$TOOL" open setgid/s rdwr+creat+excl 2775
	as_anybody "$TOOL" open setgid/t rdwr+creat+excl 2755
	mkdir -m 777 acl
	setfacl -m d:u:1234:rwx,d:g::rx,d:o::- acl
	run_as_anybody 'umask 077; mkdir acl/d; touch acl/f; mkfifo acl/p; echo >acl/d/f'
	setpriv --reuid 0 --regid 555 --clear-groups touch group
}

members() {
	mkdir -m 770 d
	chgrp 4242 d
	as_anybody touch d/no
	as_member 4242 touch d/yes
	as_member 4242 mkdir d/dir
	as_member 4242 rm d/yes
	echo secret >f
	chgrp 4242 f
	chmod 640 f
	as_anybody cat f
	as_member 4242 cat f
	as_member 4242 bash -c 'echo x >>f'
}

denied() {
	umask 077
	mkdir -m 755 d
	echo secret >d/f
	mkdir d/closed
	touch d/closed/f
	run_as_anybody 'cat d/f; echo x >d/f; rm d/f; touch d/new; mkdir d/new; ls d/closed
		stat d/closed/f >/dev/null; chmod 777 d; chown 31001 d/f; truncate -s 0 d/f; ln d/f link
		mv d/f d/g; setfattr -n user.x -v y d; getfattr -n user.x d/f; cd d/closed; touch -d 2001-01-01 d/f'
	mkdir -m 1777 sticky
	touch sticky/f
	run_as_anybody 'rm sticky/f; mv sticky/f sticky/g; touch sticky/own; rm sticky/own'
	setfacl -m u:31001:rw d/f
	run_as_anybody 'cat d/f; echo more >>d/f'
	setfacl -b d/f
	run_as_anybody 'cat d/f'
	as_anybody "$TOOL" open d/f rdonly+noatime 0
}

# Names that only an administrator is shown, between others.
attributes() {
	touch f none
	setfattr -n user.one -v 1 f
	setfattr -n trusted.secret -v 2 f
	setfattr -n user.two -v 3 f
	setfattr -n trusted.secret -v 2 none
	run_as_anybody 'getfattr -m - f | LC_ALL=C sort; getfattr -m - none; getfattr -n trusted.secret f'
	getfattr -m - f | LC_ALL=C sort
}

# A write by somebody else, a truncate and a chown take suid and sgid away.
stripped() {
	local file
	for file in write append truncate trunc fallocate copy direct chown chgrp again; do
		head -c 8192 /bin/true >$file
		chmod 6777 $file
	done
	setcap cap_net_raw+ep write
	as_anybody bash -c 'echo x >write; stat -c %a write'
	getcap write
	as_anybody bash -c 'echo x >>append; stat -c %a append'
	as_anybody truncate -s 5 truncate
	as_anybody "$TOOL" open trunc wronly+trunc 0
	as_anybody fallocate -l 9999 fallocate
	as_anybody "$TOOL" copy write copy 2 4
	as_anybody "$TOOL" direct direct
	as_anybody "$TOOL" again again
	chown 77 chown
	chgrp 77 chgrp
	stat -c '%n %a' -- *
}

# Root's uid is not his right to keep them.
unprivileged_root() {
	local file
	for file in write append truncate trunc fallocate copy direct; do
		head -c 8192 /bin/true >$file
		chmod 6777 $file
	done
	without_fsetid bash -c 'echo x >write; stat -c %a write'
	without_fsetid bash -c 'echo x >>append; stat -c %a append'
	without_fsetid truncate -s 5 truncate
	without_fsetid "$TOOL" open trunc wronly+trunc 0
	without_fsetid fallocate -l 9999 fallocate
	without_fsetid "$TOOL" copy write copy 2 4
	without_fsetid "$TOOL" direct direct
	stat -c '%n %a' -- *
}

# Root's own leave them.
kept() {
	head -c 8192 /bin/true >file
	chmod 6777 file
	echo x >>file
	truncate -s 5 file
	stat -c '%n %a' file
}

# asked_by_writes NUMBER [OPTIONS]: requests for xattrs, of writes of one open
# file on a mount of their own; the way to the file makes some for ACLs.
asked_by_writes() {
	local number=$1
	shift
	rm -f "$SRC/written"
	touch "$SRC/written"
	chmod 666 "$SRC/written"
	mount_mirror "$@"
	as_anybody dd if=/dev/zero of="$MNT/written" bs=4096 count="$number" conv=notrunc status=none
	umount_mirror
	asked=$(requests GETXATTR)
}

# The same of 100 writes more than one.
count_more_writes() {
	local first
	asked_by_writes 1 "$@"
	first=$asked
	asked_by_writes 101 "$@"
	asked=$((asked - first))
}

modes() {
	as_anybody touch f
	chgrp 4242 f
	as_anybody chmod 2755 f
	stat -c '%a %g' f
	as_member 4242 chmod 2755 f
	stat -c '%a %g' f
	as_anybody setfacl -m u:9:r f
	stat -c '%a %g' f
	as_anybody chgrp 31001 f
	as_anybody chown 0 f
	as_member 4242 chgrp 4242 f
	stat -c '%a %u %g' f
	chmod 4711 f
	as_anybody touch -d 2001-02-03 f
	stat -c '%a %y' f
}

# The kernel believes a name missing that is there by now, not for this caller.
stale_absence() {
	local name=$MNT/appears
	cat "$name" 2>/dev/null && fail "$name is there already"
	(umask 077 && echo secret >"$SRC/appears")
	[[ $(as_anybody "$TOOL" open "$name" rdwr+creat 666) == "open: EACCES" ]] ||
		fail "a caller could open what he may not"
	[[ $("$TOOL" open "$name" rdwr+creat 666) == "open: ok" ]] ||
		fail "root can't open what has appeared"
	[[ $("$TOOL" open "$name" rdwr+creat+excl 666) == "open: EEXIST" ]] || fail "O_EXCL is ignored"
	[[ $(<"$SRC/appears") == secret ]] || fail "the file was changed"
}

# CAP_SYS_RESOURCE, 24, is what gets past quota.
check_quota_binds() {
	local file bits
	for file in "/proc/$DAEMON"/task/*/status; do
		while read -r _ bits; do
			(((16#$bits >> 24 & 1) == 0)) || fail "CAP_SYS_RESOURCE in $file"
		done < <(grep -E '^Cap(Prm|Eff):' "$file")
	done
}

mount_mirror "entry_timeout=60"
for function in new_files members denied attributes stripped unprivileged_root kept modes; do
	compare_with_plain "$function"
done
stale_absence
check_quota_binds
check_no_fd_leak
umount_mirror

# With killpriv nobody keeps more than before, whatever is cached and whoever
# writes below: the kernel or, in the second mount, the daemon.
for ops in "$LEVEL" statfs+supported; do
	mount_mirror "killpriv,attr_timeout=60,ops=$ops"
	for function in stripped unprivileged_root; do
		compare_with_plain "$function"
	done
	check_no_fd_leak
	umount_mirror
done

if [[ $LEVEL != none && $(level_in_force) == io ]]; then
	# for capabilities, at each write; or at the first only
	count_more_writes
	((asked == 100)) || fail "100 writes ask $asked times without killpriv"
	count_more_writes killpriv
	((asked == 0)) || fail "100 writes ask $asked times with killpriv"
fi

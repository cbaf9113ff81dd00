# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# example/sandbox: sources at their places, read-only and writable, one inside another,
# and the same one twice; and command lines that can't be.
# shellcheck source=../small.sh
. "${BASH_SOURCE%/*}/../small.sh"

export LC_ALL=C

# mount_sandbox WORD...: with these places
mount_sandbox() {
	"$EXAMPLES/fusept-sandbox" "$@" "$MNT" -f -o "ops=$OPS,attr_timeout=0,entry_timeout=600" 2>"$LOG" &
	DAEMON=$!
	until_true mountpoint -q "$MNT" || fail "the sandbox is not mounted: $(cat "$LOG")"
	stat "$MNT" >/dev/null
	asked >"$WORK/asked-before"
}

# refused WHY COMMAND...: it fails, and says so
refused() {
	local why=$1
	shift
	! "$@" 2>"$WORK/message" || fail "this can be done:" "$@"
	grep -qF -- "$why" "$WORK/message" || fail "not '$why' but $(cat "$WORK/message"):" "$@"
}

# not_started WORDS OPTION...: it does not start, and says these words
not_started() {
	local words=$1
	shift
	refused "$words" "$EXAMPLES/fusept-sandbox" "$@"
	! mountpoint -q "$MNT" || fail "and yet it is mounted:" "$@"
}

# Who may do all but mount.
unprivileged() {
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"
}

write_to() {
	echo more >>"$1"
}

# All that changes something in a directory with file, dir and link.
nothing_changes() {
	local ro="Read-only file system" in=$1
	refused "$ro" write_to "$in/file"
	refused "$ro" write_to "$in/new"
	refused "$ro" truncate -s 0 "$in/file"
	refused "$ro" chmod 600 "$in/file"
	refused "$ro" chown 1:1 "$in/dir"
	refused "$ro" touch -d @1 "$in/file"
	refused "$ro" setfattr -n trusted.a -v b "$in/file"
	refused "$ro" mkdir "$in/new"
	refused "$ro" mkfifo "$in/new"
	refused "$ro" ln -s there "$in/new"
	refused "$ro" ln "$in/file" "$in/new"
	refused "$ro" rm "$in/file"
	refused "$ro" rm "$in/link"
	refused "$ro" rmdir "$in/dir"
	refused "$ro" mv -T "$in/file" "$in/new"
	refused "$ro" mv -T "$in/dir" "$in/new"
}

# A tree as it is to be seen, and so it stays.
read_only_place() {
	local below
	below=$(snapshot "$SRC/tools")
	diff <(snapshot "$MNT/usr/tools") <(snapshot "$SRC/tools") >&2 || fail "/usr/tools is not its source"
	nothing_changes "$MNT/usr/tools"
	nothing_changes "$MNT/usr/tools/sub"
	[[ $(snapshot "$SRC/tools") == "$below" ]] || fail "it was changed below"
	echo changed >>"$SRC/tools/file"
	[[ $(cat "$MNT/usr/tools/file") == *changed ]] || fail "a change below is not seen"
}

writable_place() {
	echo new >"$MNT/out/new"
	mkdir "$MNT/out/d"
	ln "$MNT/out/new" "$MNT/out/d/hard"
	mv "$MNT/out/new" "$MNT/out/d/moved"
	ln -s moved "$MNT/out/d/link"
	as_anybody touch "$MNT/out/theirs"
	rm "$MNT/out/d/hard"
	[[ $(cat "$SRC/out/d/link") == new ]] || fail "not made below"
	[[ $(stat -c %u "$SRC/out/theirs") == "$ANYBODY" ]] || fail "it belongs to another one"
	diff <(snapshot "$MNT/out") <(snapshot "$SRC/out") >&2 || fail "/out is not its source"
}

# What is between places: as if it were read-only.
skeleton() {
	[[ $(cd "$MNT" && echo * usr/* etc/*) == "all etc out task usr usr/tools etc/conf" ]] ||
		fail "the skeleton: $(cd "$MNT" && echo * usr/* etc/*)"
	[[ $(stat -c '%a %u' "$MNT" "$MNT/usr") == $'755 0\n755 0' ]] || fail "its modes"
	local ro="Read-only file system" in
	for in in "$MNT" "$MNT/usr" "$MNT/etc"; do
		refused "$ro" write_to "$in/new"
		refused "$ro" mkdir "$in/new"
		refused "$ro" chmod 777 "$in"
	done
	refused "$ro" rmdir "$MNT/usr/tools"
	refused "$ro" rm "$MNT/etc/conf"
	refused "$ro" mv "$MNT/usr" "$MNT/usr2"
	[[ $(cat "$MNT/etc/conf") == conf ]] || fail "a file at a place"
	refused "$ro" write_to "$MNT/etc/conf"
}

# /task is writable, /task/deps/lib in it read-only, /task/deps/lib/gen in that writable.
nested_places() {
	local busy="Device or resource busy"
	cmp "$MNT/task/deps/lib/file" "$SRC/tools/file" || fail "what is under a place is seen"
	[[ $(cd "$MNT/task/deps" && echo *) == "lib other" ]] || fail "a name is missing"
	nothing_changes "$MNT/task/deps/lib"
	refused "$busy" rmdir "$MNT/task/deps/lib"
	refused "$busy" mv -T "$MNT/task/deps/lib" "$MNT/task/deps/lib2"
	mkdir "$MNT/task/deps/empty"
	refused "$busy" mv -T "$MNT/task/deps/empty" "$MNT/task/deps/lib"
	[[ -d $SRC/task/deps/lib && -e $SRC/tools/file ]] || fail "and was done below"
	# others with that name are nobody's
	mkdir "$MNT/task/lib"
	rmdir "$MNT/task/lib"
	echo x >"$MNT/task/deps/lib/gen/made"
	[[ $(cat "$SRC/out/made") == x ]] || fail "not made in the innermost"
	refused "Read-only file system" rmdir "$MNT/task/deps/lib/gen"
	# a place stays in its directory, wherever that goes
	mv "$MNT/task/deps" "$MNT/task/moved"
	cmp "$MNT/task/moved/lib/file" "$SRC/tools/file" || fail "the directory has lost its place"
	refused "$busy" rmdir "$MNT/task/moved/lib"
	mv "$MNT/task/moved" "$MNT/task/deps"
}

# One source at two places, read-only and not; they are two mounts, as any two places.
two_of_one() {
	echo by-out >"$MNT/out/shared"
	[[ $(cat "$MNT/task/deps/lib/gen/shared") == by-out ]] || fail "not one file"
	refused "Invalid cross-device link" ln "$MNT/out/shared" "$MNT/task/deps/lib/gen/hard"
	mv "$MNT/out/shared" "$MNT/task/moved-to"
	[[ $(cat "$SRC/task/moved-to") == by-out && ! -e $SRC/out/shared ]] || fail "not moved"
}

# The mount point is in a source, and what is mounted there is not.
own_mount() {
	[[ $(cd "$MNT/all" && echo mount/* source/over/*) == "mount/* source/over/below" ]] ||
		fail "what is mounted below a source is in it: $(cd "$MNT/all" && echo mount/* source/over/*)"
}

PLACES=(-r "$SRC/tools:/usr/tools" --writable="$SRC/out:/out" -r "$SRC/conf:/etc/conf"
	--read-only "$WORK:/all" -w "$SRC/task:/task" -r "$SRC/tools:/task/deps/lib"
	-w "$SRC/out:/task/deps/lib/gen")

mkdir -p "$SRC"/tools/{dir,sub/dir,gen} "$SRC"/{out,over} "$SRC"/task/deps/{lib,other}
echo "file of tools" >"$SRC/tools/file"
cp "$SRC/tools/file" "$SRC/tools/sub/file"
ln -s file "$SRC/tools/link"
ln -s ../file "$SRC/tools/sub/link"
setfattr -n trusted.name -v value "$SRC/tools/file"
echo conf >"$SRC/conf"
chmod 777 "$SRC/out"
echo below >"$SRC/over/below"
mount -t tmpfs over "$SRC/over"
touch "$SRC/over/above"

# Where the kernel can do all, it is to find files by itself in places like /out as well.
for OPS in "$LEVEL" subtree; do
	rm -rf "${SRC:?}"/out/* "$SRC"/task/{moved-to,deps/empty}
	mount_sandbox "${PLACES[@]}"
	read_only_place
	writable_place
	skeleton
	nested_places
	two_of_one
	own_mount
	only UNLINK RMDIR RENAME RENAME2
	umount_small
	[[ $LEVEL == all ]] || break
done
umount "$SRC/over"

# All in one place: directories that lead to no other are the kernel's.
for OPS in "$LEVEL" subtree; do
	mount_sandbox -r "$SRC:/" -w "$SRC/out:/task/deps/lib"
	nothing_changes "$MNT/tools"
	refused "Read-only file system" mkdir "$MNT/new"
	refused "Read-only file system" rmdir "$MNT/task/deps/lib"
	touch "$MNT/task/deps/lib/by-top"
	[[ -e $SRC/out/by-top && ! -e $SRC/task/deps/lib/by-top ]] || fail "not made in its place"
	diff <(snapshot "$MNT/tools") <(snapshot "$SRC/tools") >&2 || fail "the trees differ"
	only
	before=$(asked | grep '^LOOKUP' || true)
	cp -r "$MNT/tools" "$MNT/task/deps/lib/copy"
	rm -r "$MNT/task/deps/lib/copy"
	[[ $OPS != subtree || $(asked | grep '^LOOKUP' || true) == "$before" ]] || fail "the daemon is asked for names"
	umount_small
	[[ $LEVEL == all ]] || break
done

not_started "expected -r SOURCE:/PLACE" "$MNT"
not_started "expected one directory to mount on" -r "$SRC:/x"
not_started "expected one directory to mount on" -r "$SRC:/x" "$MNT" "$MNT"
not_started "nowhere: No such file or directory" -r "$SRC/nowhere:/x" "$MNT"
not_started "expected SOURCE:/PLACE" -r relative "$MNT"
not_started "two sources for the place /x" -r "$SRC/tools:/x" -w "$SRC/out:/y/../x" "$MNT"
not_started "make a directory with that name" -r "$SRC/tools:/x" -w "$SRC/out:/x/none" "$MNT"
not_started "expected a directory" -r "$SRC/tools:/x" -w "$SRC/out:/x/file" "$MNT"
not_started "expected a file" -r "$SRC/tools:/x" -w "$SRC/conf:/x/dir" "$MNT"
not_started "no symbolic link on the way" -r "$SRC/tools:/x" -w "$SRC/out:/x/link/y" "$MNT"
not_started "expected a directory for the place /" -r "$SRC/conf:/" "$MNT"
not_started "unknown" -r "$SRC:/x" "$MNT" -o no-such-option
refused "run it as root" unprivileged "$EXAMPLES/fusept-sandbox" -r "$SRC:/x" "$MNT"
"$EXAMPLES/fusept-sandbox" --help >"$WORK/help" || fail "--help"
grep -q -- '--writable=SOURCE' "$WORK/help" || fail "--help says: $(cat "$WORK/help")"

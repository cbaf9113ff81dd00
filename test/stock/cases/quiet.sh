# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# With every operation passed through the daemon is asked about names, once each, and
# to make new files: nothing else, whatever is done with files that are there. If names
# are passed through, too, it is asked nothing.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

need tar getfattr setfattr

make_tree() {
	local i
	for i in 1 2 3 4 5; do
		mkdir -p "tree/$i"
		head -c 20000 /dev/urandom >"tree/$i/data"
		echo "text $i" >"tree/$i/text"
		ln -s text "tree/$i/link"
	done
}

# What programs do in a tree, but for making new files.
work() {
	find . -ls >/dev/null
	ls -lR >/dev/null
	tar cf - . | cat >/dev/null
	grep -r text . >/dev/null
	sha256sum tree/*/data >/dev/null
	cat tree/*/link >/dev/null
	stat -f . >/dev/null
	chmod 600 tree/1/text
	touch -d 2001-02-03 tree/2/text
	echo more >>tree/3/text
	truncate -s 10 tree/4/data
	dd if=/dev/zero of=tree/5/data bs=4096 count=3 conv=notrunc,fsync status=none
	setfattr -n user.x -v y tree/1/data
	getfattr -d tree/1/data >/dev/null
	setfattr -x user.x tree/1/data
	fallocate -l 30000 tree/2/data
	mv tree/1/text tree/2/link
	mv -T tree/3 tree/four
	ln tree/4/text tree/5/hard
	rm tree/4/link tree/5/data
	rm -r tree/four
}

# Requests that are about the mount itself, and about names.
names='["INIT","DESTROY","INTERRUPT","LOOKUP","FORGET","BATCH_FORGET"]'
[[ $LEVEL != subtree ]] || names='["INIT","DESTROY","INTERRUPT"]'

(cd "$SRC" && make_tree)
cp -a "$SRC/tree" "$PLAIN/tree"
mount_mirror entry_timeout=60
mark_requests
(cd "$MNT" && work)
(cd "$PLAIN" && work)
# a link may lead nowhere by now
diff -r --no-dereference "$PLAIN" "$SRC" >&2 || fail "something else is left"
umount_mirror
others=$(requests_since_mark |
	jq -c --argjson names "$names" 'with_entries(select(.key | IN($names[]) | not))')
if [[ $(level_in_force) == ops && $LEVEL =~ ^(all|subtree)$ ]]; then
	[[ $others == '{}' ]] || fail "the daemon was asked $others"
else
	(($(requests OPEN) > 0 && $(requests OPENDIR) > 0)) || fail "asked only $others"
fi

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# A daemon that lists directories by itself hands the files along: who looks at them after
# asks it nothing more. Its own loop, by one thread and by some, that of libfuse, and with
# names that come and go.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

# "few" is of directories that are told whole in one reply, "many" is not.
make_dirs() {
	local i
	mkdir -p many few/1/2/3
	for ((i = 0; i < MANY; i++)); do
		echo "$i" >"many/$i"
	done
	for i in few few/1 few/1/2 few/1/2/3; do
		echo "text of $i" >"$i/file"
		ln -s file "$i/link"
		mkfifo "$i/fifo"
	done
}

churn() {
	local i
	for i in 1 2 3 4 5 6 7 8; do
		touch "new$i"
		find . >/dev/null
		mv "new$i" "old$i"
		find . -ls >/dev/null
		rm "old$i"
		find .
	done
}

look() {
	find many few -printf "%p %y %s %m %l\n" | LC_ALL=C sort
	find many few -type f -print0 | LC_ALL=C sort -z | xargs -0 cat | sha256sum
}

ops=$LEVEL
[[ $LEVEL != all ]] || ops=all,-readdir
(cd "$SRC" && make_dirs)
(cd "$SRC" && look) >"$WORK/below"
for options in '' clone_fd max_threads=1; do
	mount_mirror "ops=$ops,entry_timeout=60${options:+,$options}"
	(cd "$MNT" && look) | diff "$WORK/below" - >&2 || fail "another tree with '$options'"
	compare_with_plain churn
	check_no_fd_leak
	umount_mirror
done

# What was listed is known: it is not looked up, and nobody asks about it.
mount_mirror "ops=$ops,entry_timeout=60"
mark_requests
(cd "$MNT" && find few -ls && cat few/file few/1/2/3/link) >/dev/null
umount_mirror
if [[ $(level_in_force) == ops ]]; then
	asked=$(requests_since_mark)
	jq -e '.READDIRPLUS > 0 and .LOOKUP <= 1 and (.GETATTR or .OPEN | not)' \
		<<<"$asked" >/dev/null || fail "the daemon was asked $asked"
fi

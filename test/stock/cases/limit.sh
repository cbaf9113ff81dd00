# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# More files than descriptors: $MANY files shown by a daemon that may have 64.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

LIMIT=64

make_files() {
	local dir
	for dir in 1 2 3 4 5; do
		mkdir "$1/$dir"
		(cd "$1/$dir" && seq -f 'f%04.0f' $((MANY / 5)) |
			split -l 1 --additional-suffix=.txt -a 4 -d - c &&
			ln c0000.txt hard && ln -s c0001.txt soft)
	done
}

within_limit() {
	local fds=("/proc/$DAEMON/fd/"*)
	((${#fds[@]} <= LIMIT)) || fail "the daemon has ${#fds[@]} descriptors"
}

# Every file is looked at, so that those seen before lose their descriptors.
pass_by() {
	(($(find "$MNT" -type f -printf '%s\n' | wc -l) > MANY / 2)) || fail "files are missing"
	within_limit
	(($(daemon_fds) > 10)) || fail "the daemon keeps only $(daemon_fds) descriptors"
}

compare() {
	diff <(snapshot "$SRC") <(snapshot "$MNT") >&2 || fail "the mirror differs"
	pass_by
}

# An open file that has lost its name is found by its descriptor only.
open_and_remove() {
	local fd
	exec {fd}<>"$MNT/1/c0023.txt"
	pass_by
	rm "$MNT/1/c0023.txt"
	pass_by
	echo more >&"$fd"
	[[ $(stat -L -c %h "/proc/self/fd/$fd") == 0 ]] || fail "stat of a removed file"
	chmod 600 "/proc/self/fd/$fd"
	[[ $(stat -L -c %a "/proc/self/fd/$fd") == 600 ]] || fail "chmod of a removed file"
	exec {fd}>&-
	exec {fd}<>"$MNT/1/c0024.txt"
	pass_by
	mv "$MNT/1/c0025.txt" "$MNT/1/c0024.txt"
	pass_by
	[[ $(stat -L -c %h "/proc/self/fd/$fd") == 0 ]] || fail "stat of a replaced file"
	exec {fd}>&-
}

# Names whose files were replaced behind our back, perhaps with the same inodes.
# The time of names is 0 here: the kernel asks again at each use.
replace_below() {
	local name
	pass_by
	for name in "$SRC"/2/c001*.txt; do
		rm "$name"
		echo "new $name" >"$name"
	done
	for name in "$SRC"/2/c001*.txt; do
		cmp "$name" "$MNT/2/${name##*/}" || fail "an old file is shown for $name"
	done
}

many_open() {
	local fds=() fd i
	for i in {30..49}; do
		exec {fd}<"$MNT/3/c00$i.txt"
		fds+=("$fd")
	done
	pass_by
	for fd in "${fds[@]}"; do
		read -r -u "$fd" || fail "reading one of many"
		exec {fd}<&-
	done
}

# The same names elsewhere: a daemon that works all the time meets its limit.
work_on_all() {
	cp -a "$MNT/4" "$MNT/6"
	mv "$MNT/6" "$MNT/5/6"
	(cd "$MNT/5/6" && find . -name 'c000*' -exec rm {} +)
	rm -r "$MNT/3"
	"$STRESS" "$MNT/2" 8 $((ROUNDS / 8)) "$MNT" || fail "stress at the limit"
}

run_below_limit() {
	local source=$1
	make_files "$source"
	(ulimit -n "$LIMIT" && exec -a fusept-mirror "$MIRROR" "$source" "$MNT" -f \
		-o "ops=$LEVEL,stats=$STATS,entry_timeout=0,attr_timeout=0" 2>"$LOG") &
	DAEMON=$!
	until_true mountpoint -q "$MNT" || fail "not mounted: $(cat "$LOG")"
	[[ $(awk '/Max open files/ { print $4 }' "/proc/$DAEMON/limits") == "$LIMIT" ]] ||
		fail "no limit to test"
	compare
	open_and_remove
	replace_below
	many_open
	work_on_all
	compare
	check_no_fd_leak
	umount_mirror
}

run_below_limit "$SRC"

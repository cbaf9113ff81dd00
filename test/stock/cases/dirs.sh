# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Directories with masks of their own: who serves what is in them, and that they all show
# the same; and what can't be asked for.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

DIRS=dir_ops=given/away=subtree,dir_ops=kept=none,dir_ops=kept/data=read+write+open,dir_ops=listed/=all+-readdir

make_dirs() {
	local dir
	for dir in given/away kept kept/data listed other; do
		mkdir -p "$dir/deep/er"
		echo "text of $dir" >"$dir/file"
		echo "deep below $dir" >"$dir/deep/er/file"
		ln -s deep/er/file "$dir/link"
	done
	ln given/away/file other/hard
}

churn() {
	local dir
	for dir in ../given/away ../kept ../kept/data ../listed ../other; do
		mkdir "$dir/new"
		echo new >"$dir/new/file"
		ln "$dir/new/file" "$dir/new/hard"
		mv "$dir/new/file" "$dir/deep/moved"
		chmod 640 "$dir/deep/moved"
		cat "$dir/new/hard" "$dir/link"
		stat -c '%h %a %s' "$dir/deep/moved"
		ls "$dir/deep"
		rm -r "$dir/new" "$dir/deep/moved"
	done
	# from one mask to another
	echo moved >../other/file2
	mv ../other/file2 ../given/away/file2
	mv ../given/away/file2 ../kept/file2
	mv ../kept/file2 ../kept/data/file2
	cat ../kept/data/file2
	rm ../kept/data/file2
}

# The daemon keeps these directories open.
FDS_OF_OPTIONS=4

# asked DIRECTORY: what the daemon is asked while somebody looks at all that is in it.
asked() {
	mark_requests
	(cd "$MNT/$1" && find . -ls && cat file deep/er/file link && : >>file) >/dev/null
	write_stats
	requests_since_mark
}

# expect DIRECTORY FILTER: jq's FILTER is true of the requests for it.
expect() {
	local requests
	requests=$(asked "$1")
	jq -e "$2" <<<"$requests" >/dev/null || fail "$1: the daemon was asked $requests, not $2"
}

# refused_to_start OPTIONS WORDS...: and says these.
refused_to_start() {
	local options=$1 word
	shift
	! "$MIRROR" "$SRC" "$MNT" -f -o "$options" 2>"$WORK/message" || fail "$options is taken"
	for word in "$@"; do
		grep -qF -- "$word" "$WORK/message" || fail "$options: $(cat "$WORK/message")"
	done
}

(cd "$SRC" && make_dirs)
(cd "$PLAIN" && make_dirs)
mount_mirror "entry_timeout=60,attr_timeout=60,$DIRS"
diff <(shape "$PLAIN") <(shape "$MNT") >&2 || fail "another tree"
compare_with_plain churn
if [[ $LEVEL == all ]] && write_stats && [[ $(level_in_force) == ops ]]; then
	expect given/away '. == {}'
	expect kept '.OPEN > 0 and .READ > 0 and .READDIR + .READDIRPLUS > 0'
	expect kept/data '(.READ or .OPEN | not) and .OPENDIR > 0'
	expect listed '.OPENDIR == null and .READDIRPLUS > 0 and (.READ or .OPEN | not)'
	expect other '.READ or .OPEN or .READDIR or .GETATTR | not'
fi
check_no_fd_leak
umount_mirror

refused_to_start "ops=all,dir_ops=nowhere=none" "dir_ops=nowhere" "expected a directory below SOURCE"
refused_to_start "ops=all,dir_ops=kept/file=none" "dir_ops=kept/file" "Not a directory"
refused_to_start "ops=all,dir_ops=kept" "expected dir_ops=DIR=LIST"
refused_to_start "ops=all,dir_ops=/kept=none" "expected dir_ops=DIR=LIST"
refused_to_start "ops=all,dir_ops=kept=sing" "dir_ops=kept=sing: unknown operation"
refused_to_start "ops=subtree,dir_ops=kept=none" "looked up by the kernel"
refused_to_start "ops=all,dir_ops=kept=subtree,dir_ops=kept/data/=none" "dir_ops=kept/data" "looked up by the kernel"
mount_mirror "dir_ops=given=subtree,dir_ops=kept=none"
umount_mirror

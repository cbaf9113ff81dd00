# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# example/filter: what is hidden, read-only and redacted, and new rules while it is mounted.
# shellcheck source=../small.sh
. "${BASH_SOURCE%/*}/../small.sh"

export LC_ALL=C
RO="Read-only file system"

# mount_filter: by the rules on stdin. Names are trusted for long, so what is seen to change
# is what the daemon has told the kernel.
mount_filter() {
	cat >"$WORK/rules"
	mount_small fusept-filter "rules=$WORK/rules,entry_timeout=600,attr_timeout=0"
}

has_read_again() {
	(($(grep -c 'read again' "$LOG") > reloads))
}

# new_rules: those on stdin
new_rules() {
	local reloads
	reloads=$(grep -c 'read again' "$LOG" || true)
	cat >"$WORK/rules"
	kill -HUP "$DAEMON"
	until_true has_read_again || fail "the rules are not read again: $(cat "$LOG")"
}

# refused WHY COMMAND...: it fails, and says so
refused() {
	local why=$1
	shift
	! "$@" 2>"$WORK/message" || fail "this can be done:" "$@"
	grep -qF -- "$why" "$WORK/message" || fail "not '$why' but $(cat "$WORK/message"):" "$@"
}

# Who may do all but mount.
unprivileged() {
	setpriv --bounding-set -sys_admin --inh-caps -sys_admin "$@"
}

write_to() {
	echo more >>"$1"
}

names() {
	(cd "$1" && find . -mindepth 1 | sort)
}

missing() {
	local name
	for name; do
		refused "No such file or directory" stat "$name"
	done
}

hidden_names() {
	local in=$MNT/dir no="Operation not permitted"
	[[ $(names "$MNT") == "$(names "$SRC" | grep -v '\.key\|/secret')" ]] || fail "names: $(names "$MNT")"
	missing "$MNT/a.key" "$in/b.key" "$in/secret" "$in/secret/deep" "$in/secret/deep/file" "$in/to-secret/file"
	refused "$no" touch "$in/b.key"
	refused "$no" touch "$in/new.key"
	refused "$no" mkdir "$in/secret"
	refused "$no" ln -s there "$in/new.key"
	refused "$no" ln "$in/plain" "$in/new.key"
	refused "$no" mkfifo "$in/new.key"
	refused "$no" mv -T "$in/plain" "$in/new.key"
	refused "$RO" mv "$in" "$MNT/dir2"
	missing "$SRC/dir/new.key"
	# only that one is meant
	mkdir "$MNT/other/secret"
	rmdir "$MNT/other/secret"
}

read_only_names() {
	local in below
	below=$(snapshot "$SRC/ro")
	[[ $(snapshot "$MNT/ro") == "$below" ]] || fail "the trees differ"
	for in in "$MNT/ro" "$MNT/ro/sub"; do
		refused "$RO" write_to "$in/file"
		refused "$RO" write_to "$in/new"
		refused "$RO" truncate -s 0 "$in/file"
		refused "$RO" chmod 600 "$in/file"
		refused "$RO" touch -d @1 "$in/file"
		refused "$RO" setfattr -n trusted.a -v b "$in/file"
		refused "$RO" mkdir "$in/new"
		refused "$RO" ln "$in/file" "$MNT/dir/new"
		refused "$RO" ln "$MNT/dir/plain" "$in/new"
		refused "$RO" rm "$in/file"
		refused "$RO" mv -T "$in/file" "$MNT/dir/new"
		refused "$RO" mv -T "$MNT/dir/plain" "$in/file"
	done
	refused "$RO" chmod 700 "$MNT/ro"
	refused "$RO" mv -T "$MNT/ro" "$MNT/new"
	refused "$RO" rmdir "$MNT/ro/sub"
	[[ $("$TOOL" rename "$MNT/other" "$MNT/ro" exchange) == "rename: EROFS" ]] || fail "exchanged"
	[[ $(snapshot "$SRC/ro") == "$below" ]] || fail "it was changed below"
}

# All else is as below, and done below.
plain_names() {
	local in=$MNT/dir
	write_to "$in/plain"
	echo new >"$in/new"
	mkdir "$in/d"
	ln "$in/new" "$in/d/hard"
	mv "$in/new" "$MNT/other/moved"
	mv "$in/d" "$MNT/other/d"
	chmod 640 "$MNT/other/moved"
	as_anybody touch "$MNT/other/theirs"
	[[ $(cat "$SRC/other/d/hard") == new ]] || fail "not made below"
	[[ $(stat -c %u "$SRC/other/theirs") == "$ANYBODY" ]] || fail "it belongs to another one"
	[[ $(stat -c '%a %h %s' "$MNT/other/d/hard") == "640 2 4" ]] || fail "attributes"
	diff <(snapshot "$MNT/other") <(snapshot "$SRC/other") >&2 || fail "the trees differ"
	rm -r "$MNT/other/d"
	refused "Permission denied" as_anybody cat "$MNT/dir/mine"
}

redacted() {
	local log=$MNT/logs/log
	[[ $(cat "$log") == XXX3456XX9abXX ]] || fail "$(cat "$log")"
	[[ $(dd if="$log" bs=1 skip=2 count=6 status=none) == X3456X ]] || fail "a part: $(dd if="$log" bs=1 skip=2 count=6)"
	[[ $(cat "$SRC/logs/log") == 0123456789abcd ]] || fail "it was changed below"
	[[ $(stat -c %s "$log") == 14 ]] || fail "the size"
	cp "$log" "$MNT/other/copy"
	[[ $(cat "$SRC/other/copy") == XXX3456XX9abXX ]] || fail "a copy: $(cat "$SRC/other/copy")"
	[[ $("$TOOL" copy "$log" "$MNT/other/copy" 5 3) == $'copy: ok\n5 bytes' ]] || fail "copy_file_range"
	[[ $(head -c 8 "$SRC/other/copy") == XXXXXX34 ]] || fail "a part of it: $(cat "$SRC/other/copy")"
	# a hole has an X as well
	[[ $(head -c 3 "$MNT/logs/holes") == XXX ]] || fail "a hole is not redacted"
	[[ $(cp --sparse=auto "$MNT/logs/holes" "$MNT/other/copy" && head -c 3 "$SRC/other/copy") == XXX ]] || fail "a copy of a hole"
	refused "$RO" write_to "$log"
	refused "$RO" truncate -s 1 "$log"
	refused "$RO" rm "$log"
	refused "$RO" mv "$log" "$MNT/other/log"
	refused "$RO" ln "$log" "$MNT/other/log"
	# by its other name it is another file
	[[ $(cat "$MNT/other/log2") == 0123456789abcd ]] || fail "a name without rules"
	[[ $(cat "$log") == XXX3456XX9abXX ]] || fail "the name with rules then"
}

# What was seen by the old rules, and stays so where it is open.
new_rules_count() {
	exec {open}<"$MNT/dir/plain" {late}>>"$MNT/dir/late" {log}<"$MNT/logs/log" {other}<"$MNT/dir/other"
	stat "$MNT/dir/box/file" >/dev/null
	missing "$MNT/a.key"
	cd "$MNT/dir/box" || fail "cd"
	new_rules <<-END
		hide dir/plain
		readonly late
		readonly dir/box
		redact dir/other 1-
		redact logs/log 5-6
		hide /ro/sub
	END
	# names are new
	[[ $(cat "$MNT/a.key") == key ]] || fail "not hidden any more"
	missing "$MNT/dir/plain" "$MNT/ro/sub"
	[[ $(cd "$MNT/dir" && echo p* b*) == "p* b.key box" ]] || fail "names: $(ls "$MNT/dir")"
	write_to "$MNT/ro/file"
	refused "$RO" write_to "$MNT/dir/late"
	refused "$RO" touch "$MNT/dir/box/new"
	refused "$RO" touch here
	refused "$RO" write_to file
	[[ $(cat "$MNT/dir/other") == oXXXXX ]] || fail "dir/other: $(cat "$MNT/dir/other")"
	[[ $(cat "$MNT/logs/log") == 01234XX789abcd ]] || fail "logs/log: $(cat "$MNT/logs/log")"
	# open files have what they were opened with, but for bytes that were redacted already
	[[ $(cat <&"$open") == plain* ]] || fail "what is hidden now is lost"
	[[ $(cat <&"$other") == other ]] || fail "what is redacted now: $(cat <&"$other")"
	[[ $(cat <&"$log") == 01234XX789abcd ]] || fail "what is redacted otherwise"
	echo more >&"$late" || fail "what is read-only now can't be written any more"
	[[ $(cat "$MNT/dir/late") == $'late\nmore' ]] || fail "the write is not seen"
	# attributes can be refused at once
	refused "$RO" chmod 600 "/proc/$BASHPID/fd/$late"
	refused "$RO" setfattr -n trusted.a -v b "/proc/$BASHPID/fd/$late"
	cd "$WORK" || fail "cd"
}

# A file with an error changes nothing.
bad_rules_do_not_count() {
	printf '# fine\nhide a.key\nhyde b.key\n' >"$WORK/rules"
	kill -HUP "$DAEMON"
	until_true grep -q "$WORK/rules:3: .*the old rules stay" "$LOG" || fail "$(cat "$LOG")"
	rm "$WORK/rules"
	kill -HUP "$DAEMON"
	until_true grep -q "No such file.*the old rules stay" "$LOG" || fail "$(cat "$LOG")"
	[[ $(cat "$MNT/a.key") == key ]] || fail "a rule counts though another is wrong"
	missing "$MNT/dir/plain"
	refused "$RO" write_to "$MNT/dir/late"
}

no_rules() {
	new_rules <<-END
		# nothing
	END
	chmod 600 "/proc/$BASHPID/fd/$late" || fail "attributes of an open file"
	[[ $(names "$MNT") == "$(names "$SRC")" ]] || fail "names"
	write_to "$MNT/dir/late"
	touch "$MNT/dir/box/new"
	mv "$MNT/dir/box" "$MNT/dir/box2"
	[[ $(cat "$MNT/dir/other" "$MNT/dir/secret/deep/file") == $'other\ndeep' ]] || fail "data"
	exec {open}<&- {late}>&- {log}<&- {other}<&-
}

# not_started WORDS: with the rules on stdin; it says these words
not_started() {
	cat >"$WORK/rules"
	refused "$1" "$EXAMPLES/fusept-filter" -o "rules=$WORK/rules" "$SRC" "$MNT"
	! mountpoint -q "$MNT" || fail "and yet it is mounted"
}

mkdir -p "$SRC"/{dir/{secret/deep,box},ro/sub,logs,other}
for name in plain late other mine box/file; do
	echo "${name##*/}" >"$SRC/dir/$name"
done
echo key | tee "$SRC/a.key" "$SRC/dir/b.key" >"$SRC/dir/secret/file"
echo deep >"$SRC/dir/secret/deep/file"
echo file | tee "$SRC/ro/file" >"$SRC/ro/sub/file"
printf 0123456789abcd >"$SRC/logs/log"
truncate -s 100000 "$SRC/logs/holes"
ln "$SRC/logs/log" "$SRC/other/log2"
ln -s secret "$SRC/dir/to-secret"
chmod 600 "$SRC/dir/mine"
chmod 777 "$SRC/other"

mount_filter <<END
# names anywhere, and paths
hide *.key
	hide dir/secret

readonly /ro
readonly log
redact logs/log 0-2,7-8
redact lo? 12-
redact logs 12-
redact holes 0-2
END
hidden_names
read_only_names
plain_names
only READDIR UNLINK RMDIR RENAME RENAME2
redacted
only READDIR UNLINK RMDIR RENAME RENAME2 OPEN READ COPY_FILE_RANGE LSEEK
new_rules_count
bad_rules_do_not_count
no_rules
only READDIR UNLINK RMDIR RENAME RENAME2 OPEN READ COPY_FILE_RANGE LSEEK SETATTR SETXATTR
umount_small

not_started "$WORK/rules:2: an unknown word" <<<$'hide a\nhidden b'
not_started "$WORK/rules:1: there is no PATTERN" <<<"hide"
not_started "$WORK/rules:1: there is no PATTERN" <<<"readonly /"
not_started "$WORK/rules:1: no bytes to redact" <<<"redact a"
not_started "$WORK/rules:1: no bytes to redact" <<<"redact a 5-4"
not_started "$WORK/rules:1: no bytes to redact" <<<"redact a 1-2,"
not_started "$WORK/rules:1: a PATTERN with . or .." <<<"hide ../a"
refused "No such file" "$EXAMPLES/fusept-filter" -o "rules=$WORK/none" "$SRC" "$MNT"
refused "expected -o rules=FILE" "$EXAMPLES/fusept-filter" "$SRC" "$MNT"
: >"$WORK/rules"
refused "run it as root" unprivileged "$EXAMPLES/fusept-filter" -o "rules=$WORK/rules" "$SRC" "$MNT"
"$EXAMPLES/fusept-filter" --help >"$WORK/help" || fail "--help"
grep -q 'redact PATTERN FROM-TO' "$WORK/help" || fail "--help says: $(cat "$WORK/help")"

# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# The program fusept: on this kernel, and on what other kernels would say, whose files
# are put into the place of this one's, in namespaces of our own.
# shellcheck source=../lib.sh
. "${BASH_SOURCE%/*}/../lib.sh"

CONTROL=/sys/fs/fuse/connections
OUT=$WORK/out ERR=$WORK/err
export TMPDIR=$WORK/tmp
mkdir -p "$TMPDIR"

# said STATUS TEXT COMMAND...: COMMAND ends with STATUS and says TEXT
said() {
	local status=$1 text=$2 got=0
	shift 2
	timeout -k 5 120 "$@" >"$OUT" 2>"$ERR" </dev/null || got=$?
	((got == status)) || fail "$*: status $got, not $status: $(cat "$OUT" "$ERR")"
	[[ -z $text ]] || cat "$OUT" "$ERR" | grep -F -- "$text" >/dev/null ||
		fail "$*: does not say '$text': $(cat "$OUT" "$ERR")"
}

# refused TEXT COMMAND...: it fails with a message in three parts, and no other output
refused() {
	said 1 "$@"
	[[ ! -s $OUT ]] || fail "${*:2}: there is output: $(cat "$OUT")"
	(($(grep -Ec '^(fusept:|  expected:|  to do:) .' "$ERR") == 3)) ||
		fail "${*:2}: a part of the message is missing: $(cat "$ERR")"
}

# json FILTER: what the last command has said is JSON, and FILTER is true of it
json() {
	jq -es "length == 1 and (.[0] | $1)" "$OUT" >/dev/null || fail "not so: $1: $(cat "$OUT")"
}

connection() {
	local number
	number=$(mountpoint -d "$MNT")
	echo "${number#*:}"
}

# ---- the command line ----

command_line() {
	local command value
	said 0 "usage: fusept COMMAND" "$FUSEPT" --help
	said 0 "libfuse 3." "$FUSEPT" --version
	said 2 "usage: fusept COMMAND" "$FUSEPT"
	said 2 "expected probe, stat, top or list" "$FUSEPT" frob
	for command in probe stat top list; do
		said 0 "usage: fusept $command" "$FUSEPT" "$command" --help
		[[ ! -s $ERR ]] || fail "$command --help complains: $(cat "$ERR")"
		said 2 "--frob; expected" "$FUSEPT" "$command" --frob "$MNT"
		said 2 "expected one path" "$FUSEPT" "$command" "$MNT" "$MNT"
		[[ $command == probe ]] || said 2 "expected MOUNT" "$FUSEPT" "$command"
		[[ ! -s $OUT ]] || fail "stdout tells how $command is used wrongly: $(cat "$OUT")"
	done
	for value in 0 -1 x nan 1e9 ''; do
		said 2 "--interval $value; expected" "$FUSEPT" top --interval "$value" "$MNT"
		said 2 "--count $value; expected" "$FUSEPT" top --count "$value" "$MNT"
	done
	said 2 "--interval; expected" "$FUSEPT" stat --interval 1 "$MNT"
	said 2 "--fd without --pid" "$FUSEPT" list --fd 3 "$MNT"
	said 2 "--pid; expected a value" "$FUSEPT" list --pid
	said 1 "can't be written" bash -c '"$0" --help >/dev/full' "$FUSEPT"
}

# ---- probe ----

# probe STATUS [PATH]: JSON that says the same as STATUS, and nothing is left
probe() {
	local status=$1
	shift
	said "$status" "" "$FUSEPT" probe --json "$@"
	json '(.level | IN("none", "io", "ops", "unknown"))
		and (.config | IN("y", "n", "unknown"))
		and (.libfuse | startswith("3.")) and (.cap_sys_admin | type == "boolean")'
	json "(.stack_depth > 0) == ($status == 0)"
	json '.problems | all(.what != "" and .expected != "" and .todo != "")'
	json '(.stack_depth == 1 and .reason == "") == (.problems == [])'
	[[ -z $(ls -A "$TMPDIR") ]] || fail "probe has left $(ls -A "$TMPDIR")"
}

# The daemon asks the kernel, too: with "all" for all that it can do.
probe_as_the_daemon() {
	local level status=0
	write_stats
	level=$(level_in_force)
	[[ $LEVEL != none ]] || level=
	"$FUSEPT" probe --json >"$OUT" 2>"$ERR" || status=$?
	[[ $(jq -r .kernel "$OUT") == "$(uname -r)" ]] || fail "another kernel: $(cat "$OUT")"
	[[ $LEVEL != all ]] || json ".level == \"$level\" and
		($(jq .ops "$STATS") / \",\") - (.ops / \",\") == []"
	[[ $level != io ]] || json '(.level | IN("io", "ops"))'
	[[ -z ${FUSEPT_VM:-} ]] || json '.level == "ops" and .file == ""'
	probe "$status"
	LEVEL_HERE=$(jq -r .level "$OUT")
	said "$status" "level                     $LEVEL_HERE" "$FUSEPT" probe
	! grep fusept-probe /proc/self/mountinfo >&2 || fail "its mount is to be seen"
}

# A mirror counts as one layer if the kernel passes something through.
probe_stacked() {
	[[ $LEVEL_HERE != none ]] || return 0
	if [[ $LEVEL == none ]]; then
		probe 0 "$MNT"
		json '.stack_depth == 1 and .file == ""'
	else
		probe 0 "$MNT"
		json '.stack_depth == 2 and .file == "ELOOP"'
		json '.problems | any(.todo | test("max_stack_depth 2"))'
		probe 0 "$MNT/file"
		json '.stack_depth == 2'
	fi
	[[ $(ls -A "$MNT") == "$(ls -A "$SRC")" && $(ls -A "$SRC") == $'d\nfile' ]] ||
		fail "probe has left a file: $(ls -A "$SRC")"
}

probe_stacked_deep() {
	[[ $LEVEL_HERE != none && $LEVEL != none ]] || return 0
	mount_mirror max_stack_depth=2
	probe 1 "$MNT"
	json '.stack_depth == 0 and .file == "ELOOP"'
	json '.problems | any(.what | test("stacked too deep"))'
	umount_mirror
}

probe_of_others() {
	probe 1 "$WORK/missing"
	json '.file == "ENOENT" and (.problems | any(.what | test("no file to try it with")))'
	said 1 "no mount point can be made" env TMPDIR="$WORK/missing" "$FUSEPT" probe "$WORK"
	grep -q '^a mount  *does not work: ENOENT$' "$OUT" || fail "no line of the mount: $(cat "$OUT")"
}

# Its own device, for udev may not have given it to all.
probe_as_anybody() {
	local device='mount --bind "$0" /dev/fuse && exec "$@"'
	cp -a /dev/fuse "$WORK/fuse"
	chmod 600 "$WORK/fuse"
	said 1 "/dev/fuse may not be opened" unshare -m bash -c "$device" "$WORK/fuse" \
		"${ANYBODYS[@]}" probe "$WORK"
	said 1 "setcap cap_sys_admin+ep" unshare -m bash -c "$device" "$WORK/fuse" \
		"${ANYBODYS[@]}" probe "$WORK"
	chmod 666 "$WORK/fuse"
	said 1 "may not register files" unshare -m bash -c "$device" "$WORK/fuse" \
		"${ANYBODYS[@]}" probe --json "$SRC/file"
	json '.cap_sys_admin == false and .stack_depth == 0 and .device == ""'
	if setpriv --reuid "$ANYBODY" --regid "$ANYBODY" --clear-groups unshare -U -m true; then
		json '.level == "none" and .mount == "" and .file == "EPERM"'
	else
		json '.level == "unknown" and .mount != "" and .file == ""'
	fi
	rm "$WORK/fuse"
	said 1 "there is no /dev/fuse" unshare -m bash -c 'mount -t tmpfs none "$0" && exec "$@"' \
		/dev "$FUSEPT" probe "$WORK"
}

# Nobody waits for a daemon that does not answer, also when a file is to be made there.
stopped_daemon() {
	local pid command status=0
	kill -STOP "$DAEMON"
	for command in stat list "top --count 1"; do
		# shellcheck disable=SC2086 # two words
		timeout 30 "$FUSEPT" $command "$MNT" >"$OUT" 2>&1 || status=$?
		((status <= 1)) || fail "$command: status $status"
	done
	status=0
	probe 1 "$MNT"
	json '.problems | any(.what | test("no end within"))'
	# a mount would be seen where the program runs, if it were not kept from that
	unshare -m --propagation shared "$FUSEPT" probe "$MNT" >"$OUT" 2>&1 &
	pid=$!
	until_true who_sees_the_trial || fail "no trial has begun"
	! grep "/proc/$pid/" "$WORK/seen" || fail "the trial is seen from without"
	kill -TERM "$pid"
	wait "$pid" || status=$?
	((status == 128 + 15)) || fail "status $status after SIGTERM: $(cat "$OUT")"
	[[ -z $(ls -A "$TMPDIR") ]] || fail "left after SIGTERM: $(ls -A "$TMPDIR")"
	kill -CONT "$DAEMON"
	[[ $(<"$MNT/file") == content ]] || fail "the mirror is not well"
}

who_sees_the_trial() {
	# a process that ends meanwhile is an error of grep's
	grep -sl " $TMPDIR/fusept-" /proc/[0-9]*/mountinfo >"$WORK/seen" || true
	[[ -s $WORK/seen ]]
}

# ---- stat, top and list on this kernel ----

# Does this kernel count?
counts() {
	"${controlled[@]}" test -e "$CONTROL/$(connection)/ops"
}

nothing_to_tell() {
	local command
	for command in stat top list; do
		refused "no FUSE file system, but tmpfs" "$FUSEPT" "$command" "$SRC"
		refused "nothing of that name" "$FUSEPT" "$command" "$WORK/missing"
		refused "no directory" "$FUSEPT" "$command" "$SRC/file/x"
		# a kernel that does not tell a device's connection leaves list to ask for --pid
		[[ $command != list ]] || grep -qs ^fuse_connection: /proc/"$DAEMON"/fdinfo/* || continue
		refused "mount -t fusectl fusectl $CONTROL" \
			unshare -m bash -c 'mount -t tmpfs none "$0" && exec "$@"' \
			"$CONTROL" "$FUSEPT" "$command" "$MNT"
	done
	for command in stat top; do
		refused "root, or the user who has mounted it" "${controlled[@]}" "${ANYBODYS[@]}" \
			"$command" "$MNT"
	done
}

kernel_without_counts() {
	refused "this kernel does not count" "${controlled[@]}" "$FUSEPT" stat --json "$MNT"
	refused "this kernel does not count" "${controlled[@]}" "$FUSEPT" top "$MNT"
	refused "does not tell which files" "${controlled[@]}" "$FUSEPT" list "$MNT"
}

# What the kernel's file says, as "fusept stat --json" has it.
ops_as_json() {
	"${controlled[@]}" cat "$CONTROL/$(connection)/ops" | jq -Rnc '
		def column(at): map({key: .[0], value: (.[at] | tonumber)} | select(.value > 0))
			| from_entries;
		[inputs / " "] | {kernel: column(1), daemon: column(2)}'
}

# Somebody else may look at the mount at any time, so it is tried again.
stat_is_as_the_kernel_says() {
	local before after
	before=$(ops_as_json)
	said 0 "" "${controlled[@]}" "$FUSEPT" stat --json "$MNT"
	after=$(ops_as_json)
	[[ $before == "$after" && $(jq -c . "$OUT") == "$before" ]]
}

count_for_real() {
	mkdir "$MNT/"{1,2,3,4,5,6,7}
	stat "$MNT/file" "$MNT/file" "$MNT/file" >/dev/null
	until_true stat_is_as_the_kernel_says || fail "$(cat "$OUT") is not $(ops_as_json)"
	rmdir "$MNT/"{1,2,3,4,5,6,7}
	[[ $LEVEL == all ]] || return 0
	json '.daemon.MKDIR == 7 and (.kernel.MKDIR // 0) == 0'
	json '(.kernel.GETATTR // 0) + (.kernel.STATX // 0) >= 3'
	said 0 "" "${controlled[@]}" "$FUSEPT" stat "$MNT"
	grep -q '^MKDIR  *0  *7$' "$OUT" || fail "no line of MKDIR: $(cat "$OUT")"
}

top_for_real() {
	local top
	"${controlled[@]}" "$FUSEPT" top --interval 2 --count 1 "$MNT" >"$OUT" 2>"$ERR" &
	top=$!
	while kill -0 "$top" 2>/dev/null; do
		stat "$MNT/file" >/dev/null
	done
	wait "$top" || fail "top: $(cat "$ERR")"
	[[ $LEVEL != all ]] || grep -Eq '^(GETATTR|STATX) +[0-9.]*[1-9][0-9.]* +0\.0$' "$OUT" ||
		fail "stat is not in the table: $(cat "$OUT")"
}

list_for_real() {
	local fd
	stat "$MNT/file" "$MNT/d" >/dev/null
	said 0 "" "${controlled[@]}" "$FUSEPT" list --json --pid "$DAEMON" "$MNT"
	json ".pid == $DAEMON and .connection == $(connection)"
	fd=$(jq .fd "$OUT")
	[[ $(readlink "/proc/$DAEMON/fd/$fd") == /dev/fuse ]] || fail "not the device: $fd"
	json ".files | length == $(grep -c '^backing:' "/proc/$DAEMON/fdinfo/$fd")"
	[[ $LEVEL == all ]] || return 0
	json "[.files[] | select(.path | IN(\"$SRC\", \"$SRC/d\", \"$SRC/file\"))] | length == 3
		and all(.inodes == 1 and .id > 0 and (.ops | test(\"GETATTR\")))"
	said 0 " $SRC/file" "${controlled[@]}" "$FUSEPT" list --pid "$DAEMON" "$MNT"
	# without --pid it is found if there is no other
	(($("${controlled[@]}" ls "$CONTROL" | wc -l) == 1)) || return 0
	said 0 " $SRC/file" "${controlled[@]}" "$FUSEPT" list "$MNT"
}

dead_daemon() {
	local command
	mount_mirror
	kill -KILL "$DAEMON"
	wait "$DAEMON" || true
	for command in stat top list; do
		refused "the daemon of the file system is gone" "$FUSEPT" "$command" "$MNT/file"
	done
	umount -l "$MNT"
}

# ---- what other kernels would say ----

# counted LINE...: the kernel's counts from now on
counted() {
	(($# == 0)) || printf '%s\n' "$@" >"$WORK/ops"
	(($#)) || : >"$WORK/ops"
	mv "$WORK/ops" "$CONTROL/$(connection)/ops"
}

simulated_stat() {
	refused "the control file system of FUSE is not mounted" "$FUSEPT" stat "$MNT"
	mkdir "$CONTROL/$(connection)"
	refused "this kernel does not count" "$FUSEPT" stat "$MNT"
	counted "LOOKUP 0 4" "GETATTR 1234567890123 2" "READ 7 0" "TELEPORT 1 2"
	said 0 "" "$FUSEPT" stat --json "$MNT"
	json '.kernel == {"GETATTR": 1234567890123, "READ": 7}'
	json '.daemon == {"LOOKUP": 4, "GETATTR": 2} and keys == ["daemon", "kernel"]'
	said 0 "" "$FUSEPT" stat "$MNT/"
	diff - <(tr -s ' ' <"$OUT") >&2 <<-END || fail "the table differs"
		operation kernel daemon
		LOOKUP 0 4
		GETATTR 1234567890123 2
		READ 7 0
		all 1234567890130 6
	END
	counted
	said 0 "Nothing is counted" "$FUSEPT" stat "$MNT"
	counted "GETATTR 1"
	refused "the kernel says what this program does not understand" "$FUSEPT" stat "$MNT"
}

# A table of one interval in which 100 and 50 of one operation are done. The counts change
# as soon as they have been opened for the first time, which the pipe tells.
top_counts() {
	local top
	mkfifo "$WORK/pipe"
	mv "$WORK/pipe" "$CONTROL/$(connection)/ops"
	"$FUSEPT" top --interval 1 --count 1 "$MNT" >"$OUT" 2>"$ERR" &
	top=$!
	printf '%s\n' "GETATTR 100 10" "READ 7 7" "LOOKUP 0 5" >"$CONTROL/$(connection)/ops"
	counted "GETATTR 200 60" "READ 7 7" "LOOKUP 0 2005"
	wait "$top" || fail "top: $(cat "$ERR")"
	# the interval takes longer than it should on a busy machine
	awk '$1 == "GETATTR" { good = $2 > 0 && $2 <= 100 && $2 - 2 * $3 < 0.2 && 2 * $3 - $2 < 0.2 }
		END { exit !good }' "$OUT" || fail "not 100 and 50 in an interval: $(cat "$OUT")"
	[[ $(awk 'NR > 2 { print $1 }' "$OUT" | xargs) == "LOOKUP GETATTR all" ]] ||
		fail "not those that are busy, the busiest first: $(cat "$OUT")"
}

simulated_top() {
	local pause=1
	# where programs take long to start
	[[ -z ${FUSEPT_VM:-} ]] || pause=5
	local interrupted=(timeout --preserve-status -k 60 -s INT "$pause")
	top_counts
	said 0 "" "$FUSEPT" top --interval 0.05 --count 3 "$MNT"
	(($(grep -c '^operation  *kernel/s  *daemon/s$' "$OUT") == 3)) || fail "not 3: $(cat "$OUT")"
	(($(grep -c '^all  *0.0  *0.0$' "$OUT") == 3)) || fail "something is busy: $(cat "$OUT")"
	! grep -q $'\033' "$OUT" || fail "the cursor of a file is moved: $(cat -v "$OUT")"
	local live="'$FUSEPT' top --interval 0.05 --count 2 '$MNT'"
	said 0 $'\033[H\033[J' env TERM=xterm script -qec "$live" "$WORK/typescript"
	said 0 "all" env TERM=dumb script -qec "$live" "$WORK/typescript"
	! grep -q $'\033' "$OUT" || fail "a dumb terminal is given orders: $(cat -v "$OUT")"
	said 0 "" "${interrupted[@]}" "$FUSEPT" top --interval 60 "$MNT"
	said 0 "operation" "${interrupted[@]}" "$FUSEPT" top --interval 0.1 "$MNT"
	mv "$CONTROL/$(connection)/ops" "$WORK/ops"
	said 1 "this kernel does not count" "$FUSEPT" top --interval 0.1 "$MNT"
}

# process NAME: one that seems to be a daemon, its number in NAME
process() {
	local -n number=$1
	sleep 1000 >/dev/null &
	number=$!
	mkdir -p "$WORK/proc/$number/"{fd,fdinfo}
	mount --bind "$WORK/proc/$number/fd" "/proc/$number/fd"
	mount --bind "$WORK/proc/$number/fdinfo" "/proc/$number/fdinfo"
}

# device PID FD LINE...: what the kernel tells of it
device() {
	ln -sf /dev/fuse "$WORK/proc/$1/fd/$2"
	printf '%s\n' $'pos:\t0' $'flags:\t02100002' "${@:3}" >"$WORK/proc/$1/fdinfo/$2"
}

no_device() {
	rm "$WORK/proc/$1/fd/$2" "$WORK/proc/$1/fdinfo/$2"
}

backing() { # ID MASK INODES PATH
	printf 'backing:\tid %s mask %s inodes %s path %s' "$@"
}

list_one() {
	local files
	files=("$(backing 1 0x4 1 /srv/a)" "$(backing 3 0x1c004 20 '/b\040\012\134"\303\266\001\377')"
		"$(backing 4 0x4 0 /srv/c)")
	said 0 "No files" "$FUSEPT" list "$MNT"
	device "$one" 7 "${files[@]}"
	said 0 "" "$FUSEPT" list "$MNT"
	diff - <(tr -s ' ' <"$OUT") >&2 <<-'END' || fail "the table differs"
		 id inodes mask path
		 1 1 0x4 /srv/a
		 3 20 0x1c004 /b\040\012\134"\303\266\001\377
		 4 0 0x4 /srv/c

		0x4: GETATTR

		0x1c004: GETATTR,READ,WRITE,STATFS
	END
	said 0 "" "$FUSEPT" list --json "$MNT"
	json ".pid == $one and .fd == 7 and .connection == $(connection)"
	json '.files[0].path == "/srv/a" and (.files[1] | .id == 3 and .inodes == 20
		and .mask == "0x1c004" and .ops == "GETATTR,READ,WRITE,STATFS")'
	json '.files[1].path == "/b \n\\\"ö\u0001\ufffd" and (.files | length == 3)'
	# descriptors of its other threads tell the same
	device "$one" 9 "${files[@]}"
	said 0 " /srv/a" "$FUSEPT" list "$MNT"
	# a raw escape of the file's name is none for the terminal
	device "$one" 9 "$(backing 1 0x4 1 $'/srv/\033[2J')"
	said 0 '/srv/\033[2J' "$FUSEPT" list --pid "$one" --fd 9 "$MNT"
}

# Linux 6.12 does not tell which mount a descriptor is of.
list_unnamed() {
	device "$one" 7
	list_one
	refused "--pid $one --fd 9" "$FUSEPT" list "$MNT"
	refused "--pid $one --fd 7" "$FUSEPT" list --pid "$one" "$MNT"
	no_device "$one" 9
	said 0 " /srv/a" "$FUSEPT" list "$MNT"
	mkdir "$CONTROL/another"
	refused "its daemon can't be told from others" "$FUSEPT" list "$MNT"
	rmdir "$CONTROL/another"
	device "$two" 5 "$(backing 1 0x4 1 /srv/two)"
	refused "--pid $one --fd 7   sleep, 3 files" "$FUSEPT" list "$MNT"
	refused "--pid $two --fd 5   sleep, 1 files" "$FUSEPT" list "$MNT"
	said 0 " /srv/two" "$FUSEPT" list --pid "$two" "$MNT"
	said 0 " /srv/a" "$FUSEPT" list --pid "$one" "$MNT"
	refused "descriptor 6 of process $two is not one" "$FUSEPT" list --pid "$two" --fd 6 "$MNT"
}

# Later ones do.
list_named() {
	local number
	number=$(connection)
	device "$one" 7 $'fuse_connection:\t'"$number" "$(backing 1 0x4 1 /srv/a)"
	device "$one" 8 $'fuse_connection:\t'"$number"1 "$(backing 1 0x4 1 /srv/no)"
	device "$two" 5 $'fuse_connection:\t'"$number"1 "$(backing 1 0x4 1 /srv/no)"
	# not mounted yet
	device "$two" 6
	mkdir "$CONTROL/another"
	said 0 " /srv/a" "$FUSEPT" list "$MNT"
	! grep -q /srv/no "$OUT" || fail "files of another mount: $(cat "$OUT")"
	refused "process $two has no descriptor" "$FUSEPT" list --pid "$two" "$MNT"
	device "$one" 7 $'fuse_connection:\t'"$number"2
	refused "no process has a descriptor" "$FUSEPT" list "$MNT"
	refused "there is no process 99999" "$FUSEPT" list --pid 99999 "$MNT"
	device "$one" 7 $'backing:\tid 1 inodes 1 path /srv/a'
	refused "what this program does not understand" "$FUSEPT" list "$MNT"
}

simulated() {
	local one two
	mount -t tmpfs none "$CONTROL"
	simulated_stat
	simulated_top
	counted
	process one
	process two
	list_unnamed
	list_named
	kill "$one" "$two"
}

# ---- all of it ----

[[ -x ${FUSEPT:-} ]] || fail "no ${FUSEPT:-tool/fusept}; build it first"
need unshare script setpriv
if [[ -n ${SIMULATED:-} ]]; then
	simulated
	exit 0
fi
controlled=()
mountpoint -q "$CONTROL" ||
	controlled=(unshare -m bash -c 'mount -t fusectl fusectl "$0" && exec "$@"' "$CONTROL")
# for others, who may not look into the build folder
mkdir "$WORK/bin"
install "$FUSEPT" "$(ldd "$FUSEPT" | awk '$1 ~ /^libfusept/ { print $3 }')" "$WORK/bin"
ANYBODYS=(setpriv --reuid "$ANYBODY" --regid "$ANYBODY" --clear-groups env TMPDIR=/tmp
	"LD_LIBRARY_PATH=$WORK/bin${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" "$WORK/bin/fusept")
mkdir "$SRC/d"
echo content >"$SRC/file"
mount_mirror
command_line
probe_as_the_daemon
probe_stacked
probe_of_others
probe_as_anybody
stopped_daemon
nothing_to_tell
[[ -z ${FUSEPT_VM:-} ]] || counts || fail "the patched kernel does not count"
if counts; then
	count_for_real
	top_for_real
	list_for_real
else
	kernel_without_counts
fi
SIMULATED=1 unshare -m -p --fork --mount-proc bash "$0"
umount_mirror
probe_stacked_deep
dead_daemon

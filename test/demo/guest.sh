#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of ./run demo that runs in the machine: unpacks the tree, mounts the
# mirror over it once for each mask, and does the same work in both. The report
# (JSON) goes to stdout, progress to stderr.
#
# usage: guest.sh MIRROR FUSEPT-BENCH TREE.tar TOOLS.tar PROGRAM-SOURCES MASK...

set -euo pipefail

mirror=$1 bench=$2 archive=$3 tools=$4 program=$5
shift 5

tree=/scratch/tree mount=/mnt/mirror results=/tmp/results
# shellcheck source=test/demo/work.sh
. "$(dirname "$0")/work.sh"

say() { printf '%s\n' "$*" >&2; }

# The kernel's own count, {"GETATTR": 12, ...}; {} if this kernel does not count.
# Each line of the file is OPCODE SERVED-BY-KERNEL SERVED-BY-DAEMON.
kernel_served() {
	local connection file
	connection=$(mountpoint -d $mount)
	file=/sys/fs/fuse/connections/${connection#*:}/ops
	if [[ -e $file ]]; then
		awk '{ print $1, $2 }' "$file"
	fi | jq -R -n '[inputs | split(" ") | {key: .[0], value: (.[1] | tonumber)} | select(.value > 0)] | from_entries'
}

# What the daemon of pid $2 writes to file $1: {"level": ..., "requests": {"LOOKUP": 12}}
daemon_stats() { "$bench" --fetch --stats "$1" --daemon "$2"; }
daemon_served() { daemon_stats "$stats" "$pid" | jq .requests; }

# difference EARLIER LATER: what came in between
difference() {
	jq -n --argjson a "$1" --argjson b "$2" \
		'$b | with_entries(.value -= ($a[.key] // 0)) | with_entries(select(.value > 0))'
}

unpack() {
	say "unpacking the tree, $(($(stat -c %s "$archive") >> 20)) MiB, on ext4"
	mkdir -p $tree $mount $results
	tar -xf "$archive" -C $tree
	mkdir $tree/built-natively $tree/built-through-the-mount
	cp "$program"/*.[ch] $tree/built-natively
	cp "$program"/*.[ch] $tree/built-through-the-mount
	mkdir $tree/changed-natively $tree/changed-through-the-mount
	cp "$tools" /tmp/tools.tar
	tar -C $tree -cf /tmp/part.tar fs
	git config --global --add safe.directory '*'
	git config --global user.name demo
	git config --global user.email demo@localhost
	make_branch
	# git's index has to know the new inode numbers
	git -C $tree status >/dev/null
	sync
}

# "other": some hundred files are not those of "main"
make_branch() {
	local folder=/tmp/branch
	git clone -q --shared --no-checkout $tree/.git $folder
	git -C $folder sparse-checkout set mm
	git -C $folder checkout -q -b other
	sed -i '1i // another branch' $folder/mm/*.c
	rm $folder/mm/*.h
	git -C $folder commit -q -a -m 'another branch'
	git -C $folder push -q origin other
	rm -rf $folder
}

# timed NAME FOLDER WHICH: does the work, leaves its output in $results/NAME.WHICH*
# and the microseconds it took in $took
timed() {
	local out=$results/$1.$3 start status=0
	start=${EPOCHREALTIME/./}
	(cd "$2" && "work_$1" "$3") >"$out" 2>"$out.err" || status=$?
	took=$((${EPOCHREALTIME/./} - start))
	echo $status >"$out.status"
}

# Whether the last results of NAME through the mount are those of the tree below.
same() {
	local part
	for part in '' .err .status; do
		cmp -s "$results/$1.native$part" "$results/$1.mount$part" && continue
		say "$1 gives another result:"
		diff -a "$results/$1.native$part" "$results/$1.mount$part" | head -n 10 | cut -c1-160 >&2 || :
		return 1
	done
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

declare -A first first_natively identical

# Does work NAME once in each, which fills caches; this is what gets counted.
work_once() {
	local took
	identical[$1]=true
	timed "$1" $tree native
	first_natively[$1]=$took
	timed "$1" $mount mount
	first[$1]=$took
	same "$1" || identical[$1]=false
	if [[ ${identical[$1]} == true ]]; then say "same result"; else say "ANOTHER RESULT"; fi
}

# Times work NAME, in turn: three times if it is short, and the median counts; of
# what took more than half a minute through the mount the first time counts.
# Sets row to {"name", "native", "mount", "identical"}, times in microseconds.
work_again() {
	local name=$1 natives=() mounts=() repeat=1 took
	((first[$name] > 2000000)) || repeat=3
	((first[$name] < 30000000)) || repeat=0 mounts=("${first[$name]}")
	timed "$name" $tree native
	natives=("$took")
	while ((repeat--)); do
		timed "$name" $mount mount
		mounts+=("$took")
		same "$name" || identical[$name]=false
		timed "$name" $tree native
		natives+=("$took")
	done
	make_row "$name" "$(median "${natives[@]}")" "$(median "${mounts[@]}")"
}

# make_row NAME NATIVE MOUNT
make_row() {
	row=$(jq -n --arg name "$1" --argjson identical "${identical[$1]}" \
		--argjson native "$2" --argjson mount "$3" '{$name, $native, $mount, $identical}')
	jq -r 'def seconds: . / 1e5 | round / 10 | tostring + " s";
		"\(.native | seconds) natively, \(.mount | seconds) through the mount"' <<<"$row" >&2
}

start_mirror() {
	# nothing else changes names in the tree, so they may be trusted
	"$mirror" $tree $mount -o "ops=$1,stats=$stats,entry_timeout=86400"
	pid=$(pgrep -x "${mirror##*/}")
	stat $mount >/dev/null
	daemon_stats "$stats" "$pid" | jq -r '"mirror with ops=\($ops) over the tree: level \(.level)"
		+ if .reason == "" then "" else ", for the kernel said \(.reason)" end' --arg ops "$1" >&2
}

# run_mask MASK: all the work through a mirror with that mask; prints the report of it
run_mask() {
	local stats=/tmp/stats.$1 pid before between after kernel name row rows=()
	start_mirror "$1"
	before=$(daemon_served)
	for name in "${works[@]}"; do
		printf '  %-13s' "$name" >&2
		work_once "$name"
	done
	for name in "${changes[@]}"; do
		printf '  %-13s' "$name" >&2
		work_once "$name"
	done
	between=$(daemon_served) kernel=$(kernel_served)
	for name in "${works[@]}"; do
		printf '  %-13s' "$name" >&2
		work_again "$name"
		rows+=("$row")
	done
	for name in "${changes[@]}"; do
		printf '  %-13s' "$name" >&2
		make_row "$name" "${first_natively[$name]}" "${first[$name]}"
		rows+=("$row")
	done
	after=$(daemon_served)
	umount $mount
	tail --pid="$pid" -f /dev/null
	printf '%s\n' "${rows[@]}" | jq -s --arg ops "$1" --argjson kernel_served "$kernel" --argjson at_mount "$before" \
		--argjson daemon_served "$(difference "$before" "$between")" \
		--argjson asked_later "$(difference "$between" "$after")" \
		'{$ops, identical: all(.[]; .identical), $kernel_served, $daemon_served, $asked_later, $at_mount, workloads: .}'
}

unpack
for ops; do
	run_mask "$ops"
done | jq -s --arg kernel "$(uname -r)" --argjson files "$(find $tree | wc -l)" '{$kernel, $files, runs: .}'

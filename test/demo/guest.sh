#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of ./run demo that runs in the machine: unpacks the tree, mounts the
# mirror over it once for each mask, and does the same work in both. The report
# (JSON) goes to stdout, progress to stderr.
#
# usage: guest.sh MIRROR FUSEPT-BENCH TREE.tar PROGRAM-SOURCES MASK...

set -euo pipefail

mirror=$1 bench=$2 archive=$3 program=$4
shift 4

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

# The daemon's own count, {"LOOKUP": 12, ...}
daemon_served() {
	"$bench" --fetch --stats "$1" --daemon "$2" | jq .requests
}

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
	git config --global --add safe.directory '*'
	# git's index has to know the new inode numbers
	git -C $tree status >/dev/null
	sync
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
		cmp "$results/$1.native$part" "$results/$1.mount$part" >&2 || return 1
	done
}

median() { printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"; }

# work NAME MASK: prints {"name", "native", "mount", "identical"}, times in microseconds,
# without the first time of each, in which caches are filled
work() {
	local name=$1 natives=() mounts=() repeat=1 identical=true took
	timed "$name" $tree native
	((took > 3000000)) || repeat=3
	timed "$name" $mount mount
	same "$name" || identical=false
	while ((repeat--)); do
		timed "$name" $tree native
		natives+=("$took")
		timed "$name" $mount mount
		mounts+=("$took")
		same "$name" || identical=false
	done
	jq -n --arg name "$name" --argjson identical $identical --argjson native "$(median "${natives[@]}")" \
		--argjson mount "$(median "${mounts[@]}")" '{$name, $native, $mount, $identical}'
}

describe() {
	jq -r '"\(.native / 1e5 | round / 10) s natively, \(.mount / 1e5 | round / 10) s through the mount, "
		+ if .identical then "same result" else "ANOTHER RESULT" end' <<<"$1" >&2
}

run_mask() {
	local ops=$1 stats=/tmp/stats.$1 pid before kernel after name row rows=()
	say "mirror with ops=$ops over the tree"
	"$mirror" $tree $mount -o "ops=$ops,stats=$stats"
	pid=$(pgrep -x "${mirror##*/}")
	stat $mount >/dev/null
	before=$(daemon_served "$stats" "$pid")
	for name in "${works[@]}"; do
		printf '  %-12s' "$name" >&2
		row=$(work "$name")
		describe "$row"
		rows+=("$row")
	done
	after=$(daemon_served "$stats" "$pid")
	kernel=$(kernel_served)
	umount $mount
	tail --pid="$pid" -f /dev/null
	printf '%s\n' "${rows[@]}" | jq -s --arg ops "$ops" --argjson kernel "$kernel" --argjson at_mount "$before" \
		--argjson daemon "$(difference "$before" "$after")" \
		'{$ops, identical: all(.[]; .identical), kernel_served: $kernel, daemon_served: $daemon, $at_mount, workloads: .}'
}

unpack
for ops; do
	run_mask "$ops"
done | jq -s --arg kernel "$(uname -r)" --argjson files "$(find $tree | wc -l)" '{$kernel, $files, runs: .}'

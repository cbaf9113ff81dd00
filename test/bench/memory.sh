#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of ./run bench --memory that runs in the machine: what the kernel keeps for a
# file that the mirror has shown, by /proc/slabinfo, with each mask. Rows (JSON, one a
# line) go to stdout, progress to stderr. Files below are in the caches before, and count
# for nothing; descriptors that the daemon keeps are told apart.
#
# usage: memory.sh MIRROR FILES MASK...

set -euo pipefail

mirror=$1 files=$2
shift 2
tree=/scratch/memory mnt=/tmp/memory
mkdir -p $mnt

say() { printf '%s\n' "$*" >&2; }

# Empty files, 1,000 a folder.
make_files() {
	local folder
	say "making $files files"
	for ((folder = 0; folder < files / 1000; folder++)); do
		mkdir -p "$tree/$folder"
		(cd "$tree/$folder" && seq 1000 | xargs touch)
	done
	sync
}

look() {
	[[ $(find "$1" -type f -printf '%s\n' | wc -l) == "$files" ]] || {
		say "memory.sh: not every file is in $1"
		exit 1
	}
}

# The pages of each cache, empty ones given back before: NAME BYTES
slabs() {
	local shrink
	for shrink in /sys/kernel/slab/*/shrink; do
		echo 1 >"$shrink"
	done
	awk 'NR > 2 { print $1, $15 * $6 * 4096 }' /proc/slabinfo | LC_ALL=C sort
}

# row MASK: from the difference of the two tables to bytes a file
row() {
	LC_ALL=C join "$1" "$2" | jq -R -s -c --argjson files "$files" --arg ops "$3" '
		[split("\n")[] | select(. != "") | split(" ")
			| {name: .[0], bytes: ((.[2] | tonumber) - (.[1] | tonumber))}]
		| {ops: $ops, files: $files, bytes: ((map(.bytes) | add) / $files | round),
		   descriptors: ((map(select(.name == "filp").bytes) | add // 0) / $files | round),
		   caches: (map(select(.bytes > 2 * $files)) | map({(.name): (.bytes / $files | round)})
			| add)}'
}

make_files
for ops in "$@"; do
	say "ops=$ops"
	echo 2 >/proc/sys/vm/drop_caches
	look $tree
	"$mirror" $tree $mnt -o "ops=$ops,entry_timeout=86400,attr_timeout=86400,stats=/tmp/memory.json"
	slabs >/tmp/before
	look $mnt
	slabs >/tmp/after
	row /tmp/before /tmp/after "$ops"
	umount $mnt
	# the next one must not share the machine with this one
	tail --pid="$(pgrep -x "${mirror##*/}" || echo 1000000)" -f /dev/null
done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The part of ./run bench that runs in the machine: makes a tree on each backing,
# mounts each file system over it and measures. The kernel's name and then rows
# (JSON, one a line) go to stdout, progress to stderr.
#
# usage: guest.sh BENCH MIRROR TREE.tar "BACKING..." [fusept-bench OPTION...]

set -euo pipefail

bench=$1 mirror=$2 tree=$3 backings=$4
shift 4

# Measured programs come from memory: a root file system on 9p would be measured
# with them.
root=/tmp/bench
failed=0

say() { printf '%s\n' "$*" >&2; }

# Copies a program and the libraries it needs below $root.
install_program() {
	local file
	for file in $(ldd "$1" | grep -o '/[^ ]*') "$1"; do
		mkdir -p "$root${file%/*}"
		cp -L "$file" "$root$file"
	done
}

make_root() {
	local program
	mkdir -p $root/{proc,dev,tmp,etc,tmpfs,ext4,mnt,bin} $root/tmp/stats
	for program in env find git tar ls mkdir rm; do
		install_program "$(command -v $program)"
	done
	install_program "$bench"
	cp "$bench" $root/bin/fusept-bench
	mount --rbind /proc $root/proc
	mount --rbind /dev $root/dev
	mount -t tmpfs -o size=1G tmpfs $root/tmpfs
	# the journal is committed when we say so, not in the middle of a measurement
	mount -o remount,commit=100000 /scratch
	mount --bind /scratch $root/ext4
	# where a mapping lies decides how many page tables it needs
	echo 0 >/proc/sys/kernel/randomize_va_space
	echo 0 >/proc/sys/vm/dirty_writeback_centisecs
	echo 90 >/proc/sys/vm/dirty_ratio
	echo 80 >/proc/sys/vm/dirty_background_ratio
}

# inside FOLDER COMMAND...: runs it with the small root, in FOLDER as that root sees it
inside() {
	local folder=$1
	shift
	chroot $root /usr/bin/env -C "$folder" HOME=/ PATH="$PATH" "$@"
}

make_tree() {
	local lower=$root/$1/lower
	say "$1: making the tree"
	mkdir -p "$lower/tree" "$root/$1/upper" "$root/$1/work"
	(cd "$lower" && "$bench" --prepare)
	tar -xf "$tree" -C "$lower/tree"
	# git's index has to know the new inode numbers
	git -c safe.directory='*' -C "$lower/tree" status >/dev/null
	sync
}

# measure BACKING FS FOLDER OPTION...
measure() {
	local backing=$1 fs=$2 folder=$3
	shift 3
	sync
	inside "$folder" /bin/fusept-bench --backing "$backing" --fs "$fs" --scratch /tmp "$@" ||
		failed=1
	sync
}

measure_overlay() {
	local backing=$1
	shift
	mount -t overlay -o "lowerdir=$root/$backing/lower,upperdir=$root/$backing/upper,workdir=$root/$backing/work" \
		overlay $root/mnt
	measure "$backing" overlayfs /mnt "$@"
	umount $root/mnt
}

measure_mirror() {
	local backing=$1 ops=$2 stats=/tmp/stats/$1-$2 pid
	shift 2
	"$mirror" "$root/$backing/lower" $root/mnt -o "ops=$ops,stats=$root$stats"
	pid=$(pgrep -x "${mirror##*/}")
	measure "$backing" "$ops" /mnt --stats "$stats" --daemon "$pid" "$@"
	umount $root/mnt
	# the next mirror must be the only one
	while pgrep -x "${mirror##*/}" >/dev/null; do
		tail --pid="$pid" -f /dev/null
	done
}

measure_backing() {
	local backing=$1 ops
	shift
	make_tree "$backing"
	measure "$backing" native "/$backing/lower" "$@"
	measure_overlay "$backing" "$@"
	for ops in none io all subtree; do
		measure_mirror "$backing" $ops "$@"
	done
}

make_root
inside / /bin/fusept-bench --check-clock
printf '{"kernel":"%s"}\n' "$(uname -r)"
for backing in $backings; do
	measure_backing "$backing" "$@"
done
exit $failed

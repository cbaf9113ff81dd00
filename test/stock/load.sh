#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: load.sh BUILD_DIR SECONDS
#
# The mirror under load, on the running kernel: 64 threads in a tree of 1,000,000 files,
# names dropped all the time, 1024 descriptors and a limit on its memory. Prints TAP.
# Built with a sanitizer it may have nothing to say, and at the end the kernel knows no
# file but the root, and no descriptor is left.
# Status: 0 all passed, 1 not all, 77 can't be run here.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: load.sh BUILD_DIR SECONDS}" && pwd)
seconds=${2:?usage: load.sh BUILD_DIR SECONDS}
threads=64 number=0 failed=0

cant_run() {
	echo "1..0 # SKIP $*"
	echo "test/stock: $*" >&2
	exit 77
}

((EUID == 0)) || cant_run "not root; run it as root"
[[ -c /dev/fuse ]] || cant_run "no /dev/fuse; load the kernel's module fuse"
command -v jq >/dev/null || cant_run "no command jq; install it"

export MIRROR=$build/example/fusept-mirror TOOL=$build/test/stock/stock-tool
export TSAN_OPTIONS=suppressions=$here/tsan.supp,exitcode=66
export WORK LEVEL=io
top=$(mktemp -d "${TMPDIR:-/tmp}/fusept-load.XXXXXX")
mount -t tmpfs -o size=12g,nr_inodes=2m,mode=755 load "$top"
WORK=$top/case
mkdir "$WORK"

# A group for the daemon's memory, by the first or second version of cgroups.
group=''
make_group() {
	local root limit
	for root in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		for limit in memory.limit_in_bytes memory.max; do
			mkdir "$root/fusept-load" 2>/dev/null || [[ -d $root/fusept-load ]] || continue
			if [[ -w $root/fusept-load/$limit ]]; then
				echo "$1" >"$root/fusept-load/$limit"
				group=$root/fusept-load
				return
			fi
			rmdir "$root/fusept-load" 2>/dev/null || true
		done
	done
	echo "# memory is not limited: there is no cgroup to be had"
}

finish() {
	[[ -z ${DAEMON:-} ]] || kill "$DAEMON" 2>/dev/null || true
	umount -l "$WORK/mount" 2>/dev/null || true
	umount -l "$top" || true
	rmdir "$top" || true
	[[ -z $group ]] || until_true rmdir "$group" 2>/dev/null || true
}
trap finish EXIT

# shellcheck source=lib.sh
. "$here/lib.sh"

check() { # TITLE COMMAND...
	local title=$1
	shift
	number=$((number + 1))
	if "$@"; then
		echo "ok $number - $title"
	else
		echo "not ok $number - $title"
		head -n 40 "$LOG" | sed 's/^/# /'
		failed=$((failed + 1))
	fi
}

# start OPTIONS: the mirror, with its limits
start() {
	local options=$1
	rm -f "$STATS"
	(
		[[ -z $group ]] || echo "$BASHPID" >"$group/cgroup.procs"
		ulimit -n 1024
		exec "$MIRROR" "$SRC" "$MNT" -f -o "stats=$STATS,$options"
	) 2>"$LOG" &
	DAEMON=$!
	until_true mountpoint -q "$MNT"
}

forget_now_and_then() {
	while :; do
		"$TOOL" forget "$MNT" >/dev/null
		sleep 3
	done
}

work() { # SECONDS
	local status=0 forgetter
	forget_now_and_then &
	forgetter=$!
	calls=$("$build/test/stock/stock-load" run "$MNT" $threads "$1") || status=$?
	kill $forgetter
	wait $forgetter 2>/dev/null || true
	echo "# $calls calls, at most $(awk '/VmHWM/ { print $2 }' "/proc/$DAEMON/status") KiB of memory"
	return $status
}

# All files at once, each with its node.
know_all() {
	find "$MNT" -type f -size -1000k -printf x | wc -c | grep -qx 1000000
	write_stats
	echo "# $(jq .nodes "$STATS") nodes, $(daemon_fds) descriptors, $(awk '/VmRSS/ { print $2 }' "/proc/$DAEMON/status") KiB of memory"
}

is_forgotten() {
	write_stats
	[[ $(jq .nodes "$STATS") == 1 ]]
}

forget_everything() {
	forget_all
	until_true is_forgotten && until_true fds_are_back
}

end() {
	local status=0
	umount "$MNT"
	wait "$DAEMON" || status=$?
	DAEMON=''
	((status == 0)) && ! grep -E 'runtime error|Sanitizer' "$LOG"
}

make_group $((4 << 30))
echo "# making 1,000,000 files"
"$build/test/stock/stock-load" make "$SRC"

# load OPTIONS SECONDS
load() {
	local options=$1
	check "it is mounted, $options" start "$options"
	check "$threads threads for $2 seconds, $options" work "$2"
	check "a million files are known at once, $options" know_all
	check "lookups and forgets balance, $options" forget_everything
	check "it ends well, $options" end
}

load ops=io "$seconds"
load ops=none,max_fds=64,attr_timeout=0,entry_timeout=0 $((seconds / 5))
echo "1..$number"
echo "# $((number - failed)) passed, $failed failed"
((failed == 0))

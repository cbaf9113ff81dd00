#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# What ./run vm promises, with the debug kernel, since that is the one CI builds.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
FUSEPT_BUILD=$top/build
[[ ! -d $top/kernel-patches ]] || cp -R "$top/kernel-patches" "$work/copy/"
cd "$work" || exit 1
mark=fusept-rig.$$

vm() { "$run" vm --debug --no-leaks --timeout 600 "$@"; }

# Runs in the guest; each line it prints is looked for below.
cat >"$work/promises.sh" <<'END'
echo "arguments: <$1> <$2>"
echo "folder: $PWD"
echo "stdin: <$(cat)>"
echo "user: $(id -u)"
echo "kernel: $(uname -r)"
echo "this went to stderr" >/dev/stderr
for dir in /scratch /tmp /run /dev/shm /sys/fs/cgroup /sys/kernel/debug /sys/fs/fuse/connections; do
	echo "$dir: $(stat -f -c %T "$dir") $(findmnt -n -o FSTYPE "$dir")"
done
echo "loopback: $(cat /sys/class/net/lo/flags)"
echo "networks: $(ls /sys/class/net)"
echo "written" >"/$MARK" && echo "root: $(cat "/$MARK")"
echo "result" >"$OUT/$MARK"
sleep 100000 &
exit 7
END

promises() {
	local status=0
	echo unread | {
		vm -- env MARK="$mark" OUT="$FUSEPT_BUILD/out" bash promises.sh "a b" '$c"' \
			>"$work/stdout" 2>"$work/stderr" || status=$?
		cat >"$work/stdin"
		echo "$status" >"$work/status"
	}
	cat "$work/stdout" "$work/stderr"
}

says() { grep -qxF -- "$1" "$work/stdout"; }
is() { [[ $(cat "$work/$1") == "$2" ]]; }
not_on_host() { [[ ! -e /$mark ]]; }
result_on_host() { [[ $(cat "$FUSEPT_BUILD/out/$mark") == result ]]; }
no_error() { grep -qx "this went to stderr" "$work/stderr" && ! grep -q "stderr" "$work/stdout"; }

# The shell on a terminal of its own, which script(1) provides; "#" is its prompt.
shell() {
	local status=0 said
	coproc timeout 600 script -qefc "$run vm --debug --no-leaks" /dev/null
	read -r -t 600 -d '#' -u "${COPROC[0]}" said || return 1
	# shellcheck disable=SC2016 # for the shell in the guest
	printf 'echo "in $PWD on $(uname -r)"\nexit 5\n' >&"${COPROC[1]}"
	said=$(cat <&"${COPROC[0]}")
	wait "$COPROC_PID" || status=$?
	((status == 5)) || { echo "status is $status: $said" && return 1; }
	# the line may begin with what the terminal is told
	tr -d '\r' <<<"$said" | grep -q "in $work on 6.12.*-fusept-debug$"
}

promises >"$work/transcript"
check "the command's status is passed on" is status 7
check "its output is on stdout" says 'arguments: <a b> <$c">'
check "its errors are on stderr" no_error
check "its folder is the current one, also below /tmp" says "folder: $work"
check "its stdin is empty" says "stdin: <>"
check "our stdin is not consumed" is stdin unread
check "it is root" says "user: 0"
check "it runs on the debug kernel" grep -q '^kernel: 6\.12\..*-fusept-debug$' "$work/stdout"
check "/scratch is ext4" says "/scratch: ext2/ext3 ext4"
check "/tmp is a tmpfs" says "/tmp: tmpfs tmpfs"
check "/dev/shm is a tmpfs" says "/dev/shm: tmpfs tmpfs"
check "/run is a tmpfs" says "/run: tmpfs tmpfs"
check "cgroup2 is mounted" says "/sys/fs/cgroup: cgroup2fs cgroup2"
check "debugfs is mounted" says "/sys/kernel/debug: debugfs debugfs"
check "fusectl is mounted" says "/sys/fs/fuse/connections: fusectl fusectl"
check "loopback is up" says "loopback: 0x9"
check "there is no other network" says "networks: lo"
check "the root can be written" says "root: written"
check "what is written there stays in the guest" not_on_host
check "what is written to build/out arrives" result_on_host
rm -f "$FUSEPT_BUILD/out/$mark"

# shellcheck disable=SC2016 # for the shell in the guest
check "a kernel warning is status 99, and is shown" refuses 99 "WARNING: made up by $mark" \
	vm -- bash -c 'echo "WARNING: made up by $0" >/dev/kmsg' "$mark"
check "a crash is status 99" refuses 99 "sysrq triggered crash" vm -- bash -c 'echo c >/proc/sysrq-trigger'
check "a hang is status 98" refuses 98 "nothing after 90 seconds" vm --timeout 90 -- sleep 100000
check "a machine that ends by itself is status 97" refuses 97 "ended without a status" \
	vm -- bash -c 'echo b >/proc/sysrq-trigger'
check "a command that is missing is status 127" refuses 127 "no-such-command" vm -- no-such-command
check "a shell on the terminal, and its status" shell

tap_done

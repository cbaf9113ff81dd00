#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: run.sh BUILD_DIR [CASE...]
#
# Runs fusept-mirror on the running kernel, each case with every mask that makes
# a difference, and prints TAP. Each case has a tmpfs of its own and a time
# limit. Status: 0 all passed, 1 not all, 77 can't be run here.
# In the virtual machine (FUSEPT_VM is set), which is some 50 times slower, there
# are fewer files and rounds, there is more time, and all is passed through, in some
# cases also what finds and makes files.

set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
build=$(cd "${1:?usage: run.sh BUILD_DIR [CASE...]}" && pwd)
shift
limit=180 many=5000 rounds=4000 levels=(none io all) whole=()
if [[ -n ${FUSEPT_VM:-} ]]; then
	limit=900 many=300 rounds=200
	# the others are for the machine's own kernel
	levels=(all)
	whole=(names quiet stress tree user)
fi

cant_run() {
	echo "1..0 # SKIP $*"
	echo "test/stock: $*" >&2
	exit 77
}

check_machine() {
	local command
	((EUID == 0)) || cant_run "not root; run it as root"
	[[ -c /dev/fuse ]] || cant_run "no /dev/fuse; load the kernel's module fuse"
	for command in jq getfattr getfacl setpriv setcap fallocate findmnt flock; do
		command -v "$command" >/dev/null || cant_run "no command $command; install it"
	done
	for command in example/fusept-mirror test/stock/stock-tool test/stock/stock-stress; do
		[[ -x $build/$command ]] || cant_run "no $build/$command; build it first"
	done
}

# Unmounts all that a case has left in its folder, the newest first.
clean_up() {
	local mountpoint
	while read -r mountpoint; do
		umount -l "$mountpoint" || true
	done < <(awk -v top="$work/" 'index($5, top) == 1 { print $5 }' /proc/self/mountinfo | tac)
}

finish() {
	clean_up
	rm -rf --one-file-system "$work"
}

# The beginning of the output of a case that did not pass, as TAP comments.
show() {
	head -n 60 "$1" | cut -c 1-200 | sed 's/^/# /'
}

run_case() {
	local name=$1 level=$2 status=0
	local title="$name, ops=$level" output=$work/output
	number=$((number + 1))
	mkdir -p "$work/case"
	mount -t tmpfs -o size=1g,mode=755 stock "$work/case"
	env MIRROR="$build/example/fusept-mirror" EXAMPLES="$build/example" TOOL="$build/test/stock/stock-tool" \
		STRESS="$build/test/stock/stock-stress" LEVEL="$level" WORK="$work/case" \
		MANY="$many" ROUNDS="$rounds" FUSEPT="$build/tool/fusept" \
		timeout -k 5 "$limit" bash "$here/cases/$name.sh" >"$output" 2>&1 </dev/null || status=$?
	clean_up
	case $status in
	0) echo "ok $number - $title" ;;
	77)
		skipped=$((skipped + 1))
		echo "ok $number - $title # SKIP $(tail -n 1 "$output")"
		;;
	*)
		failed=$((failed + 1))
		echo "not ok $number - $title"
		((status != 124)) || echo "# no end within $limit seconds"
		show "$output"
		;;
	esac
}

cases=("$@")
if ((${#cases[@]} == 0)); then
	for file in "$here"/cases/*.sh; do
		file=${file##*/}
		# programs that start hundreds of times are too slow for the emulated machine,
		# where "run.sh BUILD_DIR tool" runs them all the same
		[[ $file != tool.sh || -z ${FUSEPT_VM:-} ]] || continue
		cases+=("${file%.sh}")
	done
fi
check_machine
# what we have inherited is not for the daemon, whose descriptors are counted
for fd in /proc/self/fd/*; do
	fd=${fd##*/}
	((fd <= 2 || fd == 255)) || exec {fd}>&-
done
# with -Db_sanitize=thread
export TSAN_OPTIONS=${TSAN_OPTIONS:-suppressions=$here/tsan.supp}
work=$(mktemp -d "${TMPDIR:-/tmp}/fusept-stock.XXXXXX")
chmod 711 "$work"
trap finish EXIT
number=0 failed=0 skipped=0 plan=()
for case in "${cases[@]}"; do
	for level in "${levels[@]}"; do
		plan+=("$case $level")
	done
	[[ " ${whole[*]-} " != *" $case "* ]] || plan+=("$case subtree")
done
echo "1..${#plan[@]}"
for case in "${plan[@]}"; do
	run_case "${case% *}" "${case#* }"
done
echo "# $((number - failed - skipped)) passed, $failed failed, $skipped skipped"
((failed == 0))

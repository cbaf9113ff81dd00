#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Measures what file system calls cost, in instructions: ./run bench

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"
. "$(dirname "$0")/archive.sh"

usage() {
	cat <<'END'
usage: ./run bench [--json FILE] [--quick] [--only WORKLOAD,...] [--backing tmpfs,ext4]
       ./run bench --memory [--json FILE] [--quick]

Boots the patched kernel in a machine whose clock counts instructions, and runs
each workload natively, on overlayfs over the same tree, and on the mirror with
no operation in its mask, with read and write only (what stock kernels have) and
with every operation that the kernel has. Prints instructions a call, and says
which bars were missed. The figures are the same on any machine. What several
processes do at once (NAME-by-2) runs in a machine with four processors.

  --json FILE      write the rows there: {"kernel": ..., "rows": [{"workload":
                   "stat", "backing": "ext4", "fs": "native", "instructions": 2321,
                   "daemon_requests": 0, "runs": 5}]}
  --quick          a tenth of the calls, one run each, a smaller source tree
  --only A,B       only these workloads
  --backing A,B    only over these file systems: tmpfs, ext4
  --memory         instead, what the kernel keeps for each of 100,000 files that were
                   looked at, with each mask, by /proc/slabinfo; {"rows": [{"ops":
                   "all", "files": 100000, "bytes": 1234, "descriptors": 256,
                   "caches": {"fuse_inode": 900}}]}

Ends with status 1 if something could not be run; never because of a figure.
END
}

json='' runs=5 quick='' only='' backings=tmpfs,ext4 memory='' files=100000
out=$build/bench
bench=$build/host/test/bench/fusept-bench
mirror=$build/host/example/fusept-mirror
# the parts of the Linux tree in which find, git and tar run
parts=(mm fs/ext4 fs/fuse fs/overlayfs fs/nfs)

parse() {
	local name
	while (($#)); do
		case $1 in
		-h | --help) usage && exit ;;
		--json) need_writable "$@"; json=$2; shift ;;
		--quick) quick=--quick runs=1 files=10000 parts=(fs/fuse fs/overlayfs) ;;
		--memory) memory=yes ;;
		--only) need_value "$@"; only=$2; shift ;;
		--backing) need_value "$@"; backings=$2; shift ;;
		*) die "unknown option $1" "" "./run bench --help" ;;
		esac
		shift
	done
	for name in ${backings//,/ }; do
		[[ $name == tmpfs || $name == ext4 ]] || die "--backing $name" "tmpfs or ext4"
	done
}

check_only() {
	local name
	for name in ${only//,/ }; do
		grep -qxF -- "$name" < <(workloads) ||
			die "no workload named $name" "one of: $(workloads | tr '\n' ' ')"
	done
}

workloads() {
	"$bench" --list
	"$bench" --list --parallel
}

# Is one of the workloads of "$bench" --list $1... to be measured?
wanted() {
	[[ -z $only ]] || grep -qxFf <(tr , '\n' <<<"$only") <("$bench" --list "$@")
}

# measure SMP OPTION...: in a machine with SMP processors
measure() {
	local options=(--runs "$runs" "${@:2}") status=0
	[[ -z $quick ]] || options+=("$quick")
	[[ -z $only ]] || options+=(--only "$only")
	"$top/scripts/vm.sh" --icount --smp "$1" --mem 3G --timeout 3600 -- \
		"$top/test/bench/guest.sh" "$bench" "$mirror" "$out/tree$quick.tar" "${backings//,/ }" "${options[@]}" \
		>>"$out/rows" || status=$?
	((status == 0)) || say "bench: not everything could be run (status $status)"
	return "$status"
}

report() {
	jq -s '{kernel: map(.kernel // empty) | first, rows: map(select(.workload)
		| {workload, backing, fs, instructions, daemon_requests, runs})}' "$out/rows" >"$out/report.json"
	[[ -z $json ]] || cp "$out/report.json" "$json"
	jq -r -f "$top/test/bench/table.jq" "$out/report.json"
}

measure_memory() {
	"$top/scripts/vm.sh" --mem 3G --timeout 1800 -- \
		"$top/test/bench/memory.sh" "$mirror" "$files" none io all subtree >"$out/memory"
	jq -s '{rows: .}' "$out/memory" >"$out/memory.json"
	[[ -z $json ]] || cp "$out/memory.json" "$json"
	jq -r -f "$top/test/bench/memory.jq" "$out/memory.json"
}

main() {
	local status=0
	parse "$@"
	need_root "./run bench"
	"$top/scripts/install.sh" kernel vm lib demo
	"$top/scripts/kernel.sh"
	"$top/scripts/host.sh"
	mkdir -p "$out"
	if [[ -n $memory ]]; then
		measure_memory && exit
		exit 1
	fi
	check_only
	make_archive "$out/tree$quick.tar" "${parts[@]}"
	: >"$out/rows"
	! wanted || measure 1 || status=1
	if wanted --parallel; then
		say "bench: several processes at once, with 4 processors"
		measure 4 --parallel || status=1
	fi
	report
	exit "$status"
}

main "$@"

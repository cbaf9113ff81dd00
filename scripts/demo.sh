#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The whole path once, over a real tree: ./run demo

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"
. "$(dirname "$0")/archive.sh"

usage() {
	cat <<'END'
usage: ./run demo [--ops "MASK..."] [--json FILE] [--smp N]

Builds everything, boots the patched kernel, and mounts the example daemon over
fs/, mm/ and Documentation/ of the Linux source and a git repository made of them.
Runs find, ls -lR, tar, grep -r, git status, sha256sum and a build of a small C
program in the tree and through the mount, then tar -x, cp -a, git clone, git
checkout, a parallel make of objtool, two writers of an SQLite database, and rm -rf,
all that once for each mask, and checks that the results are the same, byte for
byte. Ends with a table of who served what, and of what it cost compared to the same
work without the mount.

  --ops "MASK..."  the masks, each a run (default "none all"); a mask is none, io,
                   all, subtree (the kernel finds and makes files by itself, too),
                   or names of operations with commas: "getattr,read"
  --json FILE      write the figures there, too: {"kernel": ..., "runs": [...]}
  --smp N          processors of the machine (1). An emulated machine is slow at
                   waking another processor: with 2, what the daemon serves takes
                   ten times as long, which no real machine does

Status 0 means: every result was the same, and with the mask "all" the daemon was
asked for names and new files, and for nothing else, with "subtree" for nothing.
END
}

masks='none all' json='' smp=1
out=$build/demo
parts=(fs mm Documentation)

parse() {
	local mask
	while (($#)); do
		case $1 in
		-h | --help) usage && exit ;;
		--ops) need_value "$@"; masks=$2; shift ;;
		--json) need_writable "$@"; json=$2; shift ;;
		--smp) need_value "$@"; smp=$2; shift ;;
		*) die "unknown option $1" "" "./run demo --help" ;;
		esac
		shift
	done
	for mask in $masks; do
		[[ $mask =~ ^[a-zA-Z0-9_,+-]+$ ]] || die "--ops: a mask named $mask" "none, io, all, subtree or names of operations"
	done
	[[ $masks == *[a-z]* ]] || die "--ops: no mask" "for example --ops 'none all'"
}

prepare() {
	"$top/scripts/install.sh" kernel vm lib demo
	"$top/scripts/kernel.sh"
	"$top/scripts/host.sh"
	mkdir -p "$out"
	make_archive "$out/tree.tar" "${parts[@]}"
	tar -C "$linux" --sort=name -cf "$out/tools.tar" tools/{objtool,build,lib,include,arch,scripts}
}

work() {
	say "booting the patched kernel; the work in the tree takes some minutes in an emulated machine"
	# shellcheck disable=SC2086 # masks are words
	"$top/scripts/vm.sh" --smp "$smp" --mem 3G --timeout 3600 -- "$top/test/demo/guest.sh" \
		"$build/host/example/fusept-mirror" "$build/host/test/bench/fusept-bench" \
		"$out/tree.tar" "$out/tools.tar" "$top/test/bench" $masks >"$out/report.json" ||
		die "the demo did not come to its end" "" "what is above says why"
}

ask() { jq -r -L "$top/test/demo" "include \"report\"; $1" "$out/report.json"; }

main() {
	parse "$@"
	need_root "./run demo"
	prepare
	work
	[[ -z $json ]] || ask published >"$json"
	ask table
	[[ $(ask good) == true ]]
}

main "$@"

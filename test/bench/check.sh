#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# fusept-bench measures every workload, and its table names the bars that were missed.
# usage: check.sh FUSEPT-BENCH

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
bench=$(realpath "$1")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# Every workload gives one row of whole numbers.
mkdir "$work/tree"
git -C "$work/tree" init -q
mkdir "$work/tree/fs"
echo text >"$work/tree/fs/file"
cd "$work"
"$bench" --prepare
mkdir out
"$bench" --wall --quick --runs 3 --fs native --backing here --scratch "$work/out" >rows 2>progress
diff <("$bench" --list) <(jq -r .workload rows) || fail "workloads without a row"
jq -e -s 'all(.[]; .nanoseconds >= 0 and .daemon_requests == 0 and .runs == 3 and .calls >= 1)' rows >/dev/null ||
	fail "rows are not what they should be: $(cat rows)"
[[ $(wc -l <progress) == "$(wc -l <rows)" ]] || fail "progress is not a line a workload"

"$bench" --wall --quick --runs 2 --fs native --backing here --parallel >rows 2>progress
diff <("$bench" --list --parallel) <(jq -r .workload rows) || fail "parallel workloads without a row"
[[ $(jq -s 'map(select(.nanoseconds > 0)) | length' rows) == "$(wc -l <rows)" ]] || fail "parallel work takes no time"
ls made-* >left 2>/dev/null && fail "parallel work has left $(<left)"

# A workload that cannot run fails the program, and the others go on.
rm file
status=0
"$bench" --wall --quick --only stat,readlink --fs native --backing here >rows 2>progress || status=$?
[[ $status == 1 && $(jq -r .workload rows) == readlink ]] || fail "a failure was lost"
grep -q '^fusept-bench: stat on here, native: No such file or directory$' progress || fail "no message"

# Bars: met, and missed by more than timer interrupts explain.
row() { printf '{"workload":"%s","backing":"ext4","fs":"%s","instructions":%d,"daemon_requests":%d,"runs":5}\n' "$@"; }
report() { jq -s '{kernel: "6.12", rows: .}' | jq -r -f "$here/table.jq"; }
{ row stat native 2000 0; row stat overlayfs 4001 0; row stat all 4000 0; row fstat overlayfs 1000 0; row fstat all 1001 0; } | report >met
grep -qx 'Every bar was met.' met || fail "a bar that was met is missed: $(cat met)"
grep -q '^stat  *2,000  *2.00x  *-  *-  *2.00x  *-  *-  *0  *-$' met || fail "the table: $(cat met)"
{ row pread-4k native 1000 0; row pread-4k overlayfs 1100 0; row pread-4k all 1153 7; row tar overlayfs 1 0
	row tar all 2 0; } | report >missed
{ row missing overlayfs 1000 0; row missing all 5000 9; row missing subtree 1003 0; row find native 100 0
	row find overlayfs 200 0; row find subtree 160 0; } | report >names
[[ $(grep '^\* ' names) == '* find on ext4: subtree costs 160, 1.5 times native is 150
* missing on ext4: subtree costs 1,003, what overlayfs costs is 1,000' ]] || fail "names: $(cat names)"
[[ $(grep -c '^\* ' missed) == 2 ]] || fail "missed bars: $(cat missed)"
grep -qx '\* pread-4k on ext4: all costs 1,153, 1.15 times native is 1,150' missed || fail "1.15: $(cat missed)"
grep -qx '\* pread-4k on ext4: all costs 1,153, what overlayfs costs is 1,100' missed || fail "overlayfs: $(cat missed)"

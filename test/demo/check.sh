#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# The report of ./run demo: what it calls good, what it prints, what it publishes.

set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

fail() {
	printf 'FAIL: %s\n' "$*" >&2
	exit 1
}

# run MASK IDENTICAL KERNEL-SERVED DAEMON-SERVED [ASKED-LATER]
run() {
	jq -nc --arg ops "$1" --argjson identical "$2" --argjson kernel_served "$3" --argjson daemon_served "$4" \
		--argjson later "${5:-{\}}" '
		{$ops, $identical, $kernel_served, $daemon_served, asked_later: $later, at_mount: {INIT: 1}, workloads:
		[{name: "find", native: 2000000, mount: 2500000, $identical}]}'
}

report() { jq -s '{kernel: "6.12", files: 12345, runs: .}'; }
ask() { jq -r -L "$here" "include \"report\"; $1"; }

good=$(run all true '{"GETATTR": 1234}' '{"LOOKUP": 5, "MKDIR": 1, "INIT": 1}' | report)
other=$(run all true '{}' '{"LOOKUP": 5, "STATFS": 2}' | report)
later=$(run all true '{}' '{"LOOKUP": 5}' '{"STATFS": 2}' | report)
differs=$(run none false '{}' '{"GETATTR": 5}' | report)
none=$(run none true '{}' '{"GETATTR": 5}' | report)

[[ $(ask good <<<"$good") == true ]] || fail "a good run is not good"
[[ $(ask good <<<"$none") == true ]] || fail "a daemon that serves everything is not good"
[[ $(ask good <<<"$other") == false ]] || fail "STATFS asked of the daemon passes for all"
[[ $(ask good <<<"$later") == false ]] || fail "STATFS asked later passes for all"
[[ $(ask good <<<"$differs") == false ]] || fail "another result passes"

text=$(ask table <<<"$good")
grep -qE '^GETATTR +\| +1,234 +-$' <<<"$text" || fail "no line of GETATTR: $text"
grep -qE '^LOOKUP +\| +- +5$' <<<"$text" || fail "no line of LOOKUP: $text"
grep -qE '^find +\| +2.00 s \| +1.25x$' <<<"$text" || fail "no line of find: $text"
! grep -q FAILED <<<"$text" || fail "a good run says FAILED: $text"
grep -q 'FAILED, the daemon was also asked: 2 STATFS\.' <<<"$(ask table <<<"$other")" || fail "STATFS is not named"
grep -q 'FAILED, another result than the tree below: find\.' <<<"$(ask table <<<"$differs")" || fail "find is not named"

[[ $(ask 'published | tojson' <<<"$none") == '{"kernel":"6.12","runs":[{"ops":"none","identical":true,"kernel_served":{},"daemon_served":{"GETATTR":5},"workloads":[{"name":"find","ratio":1.25}]}]}' ]] ||
	fail "published: $(ask published <<<"$none")"

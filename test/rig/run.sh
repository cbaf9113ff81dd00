#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: run.sh [CASE...]      Tests of ./run itself; TAP, numbered through.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
cases=("$@")
(($#)) || cases=(shell errors count series machine)
count=0 failed=0

for name in "${cases[@]}"; do
	planned='' seen=0
	while read -r line; do
		case $line in
		ok\ * | not\ ok\ *)
			count=$((count + 1)) seen=$((seen + 1))
			[[ $line != not* ]] || failed=$((failed + 1))
			sed -E "s/ok [0-9]+/ok $count $name:/" <<<"$line"
			;;
		1..*) planned=${line#1..} ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <(bash "$here/$name.sh" </dev/null)
	if [[ $planned != "$seen" ]]; then
		count=$((count + 1)) failed=$((failed + 1))
		echo "not ok $count $name: ended after $seen tests, planned '$planned'"
	fi
done
echo "1..$count"
((failed == 0))

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: run.sh [CASE...]      Tests of ./run itself; TAP, numbered through.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/tap.sh"
cases=("$@")
(($#)) || cases=(shell errors count series machine)

# The virtual machines wait more than they work: the others run beside them.
machine=$(mktemp)
trap 'rm -f "$machine"' EXIT
[[ " ${cases[*]} " != *" machine "* ]] || { bash "$here/machine.sh" >"$machine" </dev/null & }

for name in "${cases[@]}"; do
	if [[ $name == machine ]]; then
		wait
		tap_merge "$name" cat "$machine"
	else
		tap_merge "$name" bash "$here/$name.sh"
	fi
done
tap_done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: run.sh [CASE...]      Tests of ./run itself; TAP, numbered through.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/tap.sh"
cases=("$@")
(($#)) || cases=(shell errors count series machine)

for name in "${cases[@]}"; do
	tap_merge "$name" bash "$here/$name.sh"
done
tap_done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Every shell script of the project, as shellcheck sees it.

set -uo pipefail
. "$(dirname "$0")/lib.sh"
cd "$top" || exit 1

while read -r file; do
	check "$file" shellcheck "$file"
done < <(grep -rlE '^#!/bin/bash|^# shellcheck shell=bash' run .ci scripts test example | sort)

tap_done

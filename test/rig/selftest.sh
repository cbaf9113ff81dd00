#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: selftest.sh BUILD_DIR      The selftests of the series, which are in
# BUILD_DIR/../selftest, as one TAP.

set -uo pipefail
. "$(dirname "$0")/../../scripts/tap.sh"
folder=$(realpath "${1:?usage: selftest.sh BUILD_DIR}/../selftest")

while read -r program; do
	name=${program##*/}
	echo "selftest: $name" >/dev/kmsg
	tap_merge "$name" timeout -k 5 900 "$program"
done < <(find "$folder" -path "$folder/headers" -prune -o -type f -perm -u+x -print | sort)
tap_done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# usage: library.sh BUILD_DIR      The library's tests that need a kernel, as TAP;
# meson runs those of them that can do without ours.

set -uo pipefail
. "$(dirname "$0")/../../scripts/tap.sh"
# for each test, in an emulated machine that may not be alone
export TEST_SECONDS=${TEST_SECONDS:-120}
folder=$(realpath "${1:?usage: library.sh BUILD_DIR}")/test/unit
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

for name in device killpriv patched; do
	status=0
	echo "library: $name" >/dev/kmsg
	timeout -k 5 600 "$folder/test-$name" >"$work/log" 2>&1 </dev/null || status=$?
	case $status in
	0) tap_ok "$name" ;;
	77) tap_skip "$name" "$(tail -n 1 "$work/log")" ;;
	*)
		echo "status $status" >>"$work/log"
		tap_not_ok "$name" "$work/log"
		;;
	esac
done
tap_done

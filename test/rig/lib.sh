# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# What the tests of ./run share: a copy of the scripts in a folder that every
# user can read, and a folder of commands that stand in for real ones; sourced.

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/scripts/tap.sh"

work=$(mktemp -d /tmp/fusept-rig.XXXXXX)
trap 'rm -rf "$work"' EXIT
chmod 755 "$work"
mkdir -p "$work/copy" "$work/bin" "$work/build"
cp -R "$top/run" "$top/scripts" "$work/copy/"
export FUSEPT_BUILD=$work/build
unset FUSEPT_LINUX FUSEPT_LINUX_TAR
# shellcheck disable=SC2034 # for the tests
run=$work/copy/run

# fake NAME SCRIPT: a command named NAME that is found first in PATH
fake() {
	printf '#!/bin/bash\n%s\n' "$2" >"$work/bin/$1"
	chmod 755 "$work/bin/$1"
}

# A stand-in that installs nothing and has everything.
fake_installed() {
	fake dpkg-query 'shift 3; for name; do echo "$name install ok installed"; done'
}

# without NAME...: a PATH with all commands but these, in $hidden
without() {
	local folder=$work/hidden name
	rm -rf "$folder"
	mkdir "$folder"
	ln -sf /usr/sbin/* /usr/bin/* "$folder/"
	for name in "$@"; do
		rm -f "$folder/$name"
	done
	# shellcheck disable=SC2034 # for the tests
	hidden=$work/bin:$folder
}

# refuses STATUS TEXT COMMAND...: COMMAND ends with STATUS (or, for "error", with
# any but 0) and says TEXT
refuses() {
	local status=$1 text=$2 got=0
	shift 2
	"$@" >"$work/said" 2>&1 </dev/null || got=$?
	if [[ $status == error ]]; then
		((got)) || { echo "status is 0" >>"$work/said" && return 1; }
	else
		((got == status)) || { echo "status is $got, expected $status" >>"$work/said" && return 1; }
	fi
	grep -qF -- "$text" "$work/said" || { echo "does not say: $text" >>"$work/said" && return 1; }
}

# check NAME COMMAND...: a test that passes if COMMAND does
check() {
	local name=$1
	shift
	: >"$work/said"
	if "$@" >"$work/told" 2>&1; then
		tap_ok "$name"
	else
		cat "$work/told" >>"$work/said"
		tap_not_ok "$name" "$work/said"
	fi
}

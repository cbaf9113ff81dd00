# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Helpers of every script below ./run; sourced, not run.

set -euo pipefail
# Messages of tools are searched for words, and files are sorted.
export LC_ALL=C.UTF-8

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build=${FUSEPT_BUILD:-$top/build}
[[ $build == /* ]] || build=$PWD/$build
# shellcheck disable=SC2034 # for the scripts that source this file
logs=$build/log
# shellcheck disable=SC2034
series=$top/kernel-patches

say() { printf '%s\n' "$*" >&2; }

# die WHAT [EXPECTED [TO-DO]]: one line each, exit 1
die() {
	say "error: $1"
	[[ -z ${2:-} ]] || say "  expected: $2"
	[[ -z ${3:-} ]] || say "  to do:    $3"
	exit 1
}

elapsed() { printf '%d:%02d' $((($1) / 60)) $((($1) % 60)); }

# Prints how long LABEL has been running until it is killed: a live line on a
# terminal, else a line each 30 seconds. Waits on a pipe nobody writes to.
ticker() {
	local label=$1 start=$SECONDS pause=30 never
	[[ ! -t 2 ]] || pause=1
	exec {never}<> <(:)
	while :; do
		read -r -t "$pause" -u "$never" || :
		if [[ -t 2 ]]; then
			printf '\r%s ... %s ' "$label" "$(elapsed SECONDS-start)" >&2
		else
			say "$label ... $(elapsed SECONDS-start)"
		fi
	done
}

# full_disk LOG: says so if that is why a step failed; the log may be cut short by it, too
full_disk() {
	local folder
	folder=$(dirname "$1")
	if grep -q 'No space left on device' "$1" || (($(df -Pk "$folder" | awk 'NR == 2 { print $4 }') < 1024)); then
		say "  the disk is full; expected: room in $(df -P "$folder" | awk 'NR == 2 { print $6 }')"
		say "  to do:    free some space, or name another folder: FUSEPT_BUILD=DIR ./run ..."
	fi
}

# step LABEL LOG COMMAND...: runs it with its output in LOG and shows progress;
# when it fails, shows the end of LOG and returns its status
step() {
	local label=$1 log=$2 start=$SECONDS status=0 tick
	shift 2
	mkdir -p "$(dirname "$log")"
	[[ -t 2 ]] || say "$label"
	ticker "$label" &
	tick=$!
	"$@" >"$log" 2>&1 </dev/null || status=$?
	kill "$tick" 2>/dev/null || :
	wait "$tick" 2>/dev/null || :
	[[ ! -t 2 ]] || printf '\r\033[K' >&2
	if ((status)); then
		say "$label: failed after $(elapsed SECONDS-start); the end of $log:"
		tail -n 30 "$log" | sed 's/^/  | /' >&2
		full_disk "$log"
		return "$status"
	fi
	((SECONDS - start < 3)) || say "$label: done in $(elapsed SECONDS-start)"
}

need_root() {
	((EUID == 0)) || die "$1 needs root; this is user $(id -un)" \
		"to be run as root" "sudo ${2:-$1} ..."
}

# need_space DIR MIB WHAT-FOR
need_space() {
	local free
	mkdir -p "$1" || die "cannot make the folder $1"
	free=$(($(df -Pk "$1" | awk 'NR == 2 { print $4 }') / 1024))
	((free >= $2)) || die "$1 has $free MiB free" "$2 MiB for $3" \
		"free some space, or name another folder: FUSEPT_BUILD=DIR ./run ..."
}

# only_one NAME: waits until no other process of this build folder has it; it is
# given back when this process ends
only_one() {
	local lock
	mkdir -p "$build"
	exec {lock}>"$build/.lock-$1"
	flock -n "$lock" && return
	say "waiting for another ./run that works on the $1"
	flock "$lock"
}

# need_tool TOOL PACKAGE...: a program that package installation should have given
need_tool() {
	command -v "$1" >/dev/null || die "no program named $1" \
		"it in PATH ($PATH)" "apt-get install ${*:2}"
}

# Whether ARG asks for help, which the function usage of each script gives.
is_help() { [[ ${1:-} == -h || ${1:-} == --help || ${1:-} == help ]]; }

# no_arguments "$@": for a command that takes none but --help
no_arguments() {
	(($#)) || return 0
	! is_help "$1" || { usage && exit; }
	die "unexpected argument $1" "" "see --help"
}

# Ends the program if option $1 has no value $2. Not in $(): the program would go on.
need_value() {
	(($# >= 2)) || die "$1 needs a value" "" "see --help"
}

# need_folder OPTION FOLDER
need_folder() {
	need_value "$@"
	[[ -d $2 ]] || die "$1: no folder $2" "a folder that is there"
}

# need_writable OPTION FILE: before the work whose result is to go there
need_writable() {
	local folder
	need_value "$@"
	folder=$(dirname "$2")
	[[ -d $folder && -w $folder && ! -d $2 ]] || die "$1: can't write $2" "a file in a folder that is there"
}

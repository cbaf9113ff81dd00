#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Keeps lib/uapi/fuse.h the patched tree's header.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: ./run series sync [--check]

Copies include/uapi/linux/fuse.h of the patched tree to lib/uapi/fuse.h; with
--check only compares, and exits 1 if they differ.
END
}

main() {
	local from=$linux/include/uapi/linux/fuse.h to=$top/lib/uapi/fuse.h
	case ${1:-} in
	'' | --check) ;;
	*) no_arguments "$@" ;;
	esac
	[[ -e $from ]] || die "no $from" "the patched tree" "./run series prepare"
	cmp -s "$from" "$to" && return
	if [[ -n ${1:-} ]]; then
		diff -u "$to" "$from" >&2 || :
		die "lib/uapi/fuse.h is not the patched tree's header" "both the same" "./run series sync"
	fi
	cp "$from" "$to"
	say "lib/uapi/fuse.h: updated"
}

main "$@"

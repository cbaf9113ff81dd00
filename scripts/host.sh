#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds library, examples and tests for this machine: host.sh [NAME [MESON-OPTION...]]

. "$(dirname "$0")/lib.sh"

usage() {
	cat <<'END'
usage: scripts/host.sh [NAME [MESON-OPTION...]]

Builds library, examples and tests with meson in build/NAME (default: host). The
options take effect when build/NAME is set up, the first time.
END
}

main() {
	! is_help "${1:-}" || { usage && exit; }
	local name=${1:-host} dir
	dir=$build/$name
	"$top/scripts/install.sh" lib
	need_tool meson meson
	need_space "$build" 200 "a build of the library"
	only_one "$name"
	if [[ ! -e $dir/build.ninja ]]; then
		rm -rf "$dir"
		step "setting up build/$name" "$logs/meson-$name.log" meson setup "$dir" "$top" "${@:2}" ||
			die "meson does not accept this machine" "libfuse 3.14 or later, GLib" "see $logs/meson-$name.log"
	fi
	step "building build/$name" "$logs/build-$name.log" nice ninja -C "$dir" ||
		die "build/$name does not build" "" "see $logs/build-$name.log"
}

main "$@"

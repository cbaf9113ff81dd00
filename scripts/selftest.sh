#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the kernel selftests that the series brings, for ./run test selftest.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: scripts/selftest.sh

Builds the selftests of the series in build/selftest, from the patched tree and with
its headers.
END
}

main() {
	local folder
	no_arguments "$@"
	"$top/scripts/install.sh" kernel
	"$top/scripts/series-prepare.sh"
	only_one selftest
	while read -r folder; do
		step "building the selftests in $folder" "$logs/selftest.log" \
			build_selftest "$linux" "$build/selftest" "$folder" ||
			die "the selftests in $folder do not build" "" "see $logs/selftest.log"
	done < <(series_selftests)
}

main "$@"

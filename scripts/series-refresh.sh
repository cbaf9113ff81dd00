#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Writes the fusept branch back to kernel-patches/.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: ./run series refresh

Writes each commit after the tree's first one to kernel-patches/NNNN-*.patch, and
the files series and BASE. The same commits give the same bytes. The cover letter,
kernel-patches/0000-cover-letter, is written by hand and left alone. Edits that
are not committed are refused.
END
}

main() {
	no_arguments "$@"
	local new=$build/series.new name base
	need_tool git git
	[[ -d $linux/.git ]] || die "no git tree in $linux" "the prepared tree" \
		"./run series prepare, or FUSEPT_LINUX=DIR"
	check_version "$linux"
	[[ -z $(lgit status --porcelain --untracked-files=no) ]] ||
		die "$linux has edits that are not committed" "" "git -C $linux commit, then again"
	base=$(linux_base)
	[[ -n $(lgit rev-list "$base..HEAD") ]] || die "$linux has no commit after its base" \
		"the series as commits"
	rm -rf "$new"
	lgit format-patch -q -o "$new" --zero-commit -N --no-signature --no-base --no-attach \
		--diff-algorithm=histogram --abbrev=12 --src-prefix=a/ --dst-prefix=b/ -M "$base..HEAD"
	mkdir -p "$series"
	for name in "$series"/[0-9][0-9][0-9][0-9]-*.patch; do
		[[ ! -e $name || -e $new/${name##*/} ]] || rm "$name"
	done
	for name in "$new"/*.patch; do
		cmp -s "$name" "$series/${name##*/}" || cp "$name" "$series/"
	done
	(cd "$new" && printf '%s\n' *.patch) >"$series/series"
	printf 'linux-source-6.12 %s\n' "$(linux_version "$linux")" >"$series/BASE"
	rm -rf "$new"
	say "kernel-patches: $(wc -l <"$series/series") patches on Linux $(linux_version "$linux")"
	# in the prepared tree nothing is foreign any more
	if [[ -z ${FUSEPT_LINUX:-} ]]; then
		lgit update-ref refs/fusept/applied HEAD
		series_stamp >"$linux/.git/fusept-stamp"
	fi
}

main "$@"

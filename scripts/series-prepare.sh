#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Makes build/linux: Debian's Linux 6.12 with the series as branch fusept.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"

usage() {
	cat <<'END'
usage: ./run series prepare

Unpacks /usr/src/linux-source-6.12.tar.xz to build/linux, a git repository that
follows fs/fuse and the few other places a patch may touch, and applies
kernel-patches/series to it as branch fusept. A second run does only what
changed. Commits and edits that are not in kernel-patches are kept: then the
tree stays as it is.
END
}

unpack() {
	local new=$build/linux.new
	[[ -f $linux_tar ]] || die "no $linux_tar" "the package linux-source-6.12" \
		"apt-get install linux-source-6.12"
	need_space "$build" 2048 "the kernel source"
	rm -rf "$new"
	mkdir -p "$new"
	step "unpacking $linux_tar" "$logs/unpack.log" \
		tar -C "$new" --strip-components=1 --no-same-owner -xf "$linux_tar" ||
		die "could not unpack $linux_tar" "an intact archive and room for it"
	check_version "$new"
	make_repository "$new"
	rm -rf "$linux"
	mv "$new" "$linux"
}

make_repository() {
	local linux=$1
	lgit init -q -b base
	excludes >"$linux/.git/info/exclude"
	# the package's own says to ignore everything, and would win
	rm -f "$linux/.gitignore"
	lgit add -f -- "${linux_tracked[@]}"
	GIT_AUTHOR_DATE='@0 +0000' GIT_COMMITTER_DATE='@0 +0000' \
		lgit commit -q -m "Linux $(linux_version "$linux")"
	linux_tar_id >"$linux/.git/fusept-base"
}

# Hides everything but the followed paths, and does it so that git need not look
# into other folders: first each parent's children, then the paths themselves.
excludes() {
	local path parent
	echo '/*'
	for path in "${linux_tracked[@]}"; do
		parent=${path%/*}
		while [[ $parent != "$path" ]]; do
			echo "$parent"
			path=$parent parent=${path%/*}
		done
	done | sort -u | sed 's|.*|!/&\n/&/*|'
	printf '!/%s\n' "${linux_tracked[@]}"
	printf '%s\n' '*.o' '*.cmd' '*.mod' '*.order' '*.a' '*.o.d'
}


# Applies the series in a folder of its own (only the followed files), so that
# checkout then writes only what differs and make stays incremental.
apply() {
	local work=$build/linux-apply files
	mapfile -t files < <(series_files)
	rm -rf "$work"
	lgit worktree prune
	lgit worktree add -q --detach "$work" base
	if ((${#files[@]})); then
		step "applying ${#files[@]} patches" "$logs/apply.log" apply_files "$work" "${files[@]}" ||
			die "the series does not apply to Linux $(linux_version "$linux")" \
				"every patch to apply without fuzz" "see $logs/apply.log"
	fi
	lgit update-ref refs/fusept/applied "$(linux=$work lgit rev-parse HEAD)"
	lgit worktree remove --force "$work"
	lgit checkout -q -B fusept refs/fusept/applied
	series_stamp >"$linux/.git/fusept-stamp"
}

apply_files() {
	local linux=$1
	shift
	lgit am --committer-date-is-author-date --no-3way "$@"
}

main() {
	no_arguments "$@"
	"$top/scripts/install.sh" kernel
	if [[ -n ${FUSEPT_LINUX:-} ]]; then
		[[ -d $linux ]] || die "FUSEPT_LINUX names $linux, which is no folder"
		check_version "$linux"
		say "kernel source: $linux, as it is"
		return
	fi
	only_one linux
	[[ -e $linux/.git/fusept-base ]] || unpack
	if [[ $(cat "$linux/.git/fusept-stamp" 2>/dev/null) == "$(series_stamp)" ]] && ! linux_is_foreign; then
		return
	fi
	if [[ -e $linux/.git/fusept-stamp ]] && linux_is_foreign; then
		say "kernel source: $linux has work that is not in kernel-patches; using it as it is"
		return
	fi
	if [[ $(cat "$linux/.git/fusept-base") != "$(linux_tar_id)" ]]; then
		unpack
	fi
	apply
}

main "$@"

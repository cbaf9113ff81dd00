# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash disable=SC2154 # the variables of lib.sh and linux.sh
# A real tree for the machine to work in: parts of the Linux source and a git
# repository made of them, as a tar. Sourced after lib.sh and linux.sh.

# The same commit, and the same pack, wherever it is made.
archive_git() {
	local folder=$1
	shift
	env GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 HOME=/ \
		GIT_AUTHOR_DATE='2024-11-17T00:00:00Z' GIT_COMMITTER_DATE='2024-11-17T00:00:00Z' \
		git -C "$folder" -c user.name=fusept -c user.email=fusept@localhost -c safe.directory='*' \
		-c init.defaultBranch=main -c init.templateDir= -c gc.auto=0 -c pack.threads=1 "$@"
}

# write_archive FILE PART...
write_archive() {
	local file=$1 folder=$1.tree
	shift
	rm -rf "$folder"
	mkdir -p "$folder"
	tar -C "$linux" --exclude-vcs -cf - "$@" | tar -C "$folder" -xf -
	archive_git "$folder" init -q
	archive_git "$folder" add --force .
	archive_git "$folder" commit -q -m "Linux $(linux_version "$linux")"
	archive_git "$folder" repack -adq
	tar -C "$folder" --sort=name --mtime=@0 --owner=0 --group=0 --numeric-owner -cf "$file.new" .
	rm -rf "$folder"
	mv "$file.new" "$file"
}

# make_archive FILE PART...: makes it anew if the source tree or the list of parts is another
make_archive() {
	local file=$1 stamp
	shift
	stamp="$linux $(series_stamp) $*"
	[[ -f $file && -f $file.stamp && $(<"$file.stamp") == "$stamp" ]] && return
	mkdir -p "${file%/*}"
	need_space "${file%/*}" 1024 "a copy of the source tree"
	step "making a git repository of the Linux tree's $*" "$logs/archive.log" write_archive "$file" "$@" ||
		die "could not make $file" "" "see $logs/archive.log"
	printf '%s\n' "$stamp" >"$file.stamp"
}

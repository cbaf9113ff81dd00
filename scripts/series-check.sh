#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Checks the patch series as a reviewer would, and prints TAP.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/linux.sh"
. "$(dirname "$0")/tap.sh"

usage() {
	cat <<'END'
usage: ./run series check [--full]

Applies kernel-patches/series, patch by patch and without fuzz, to the Linux 6.12
that Debian has today. After each patch: checkpatch --strict, and fs/fuse builds
with warnings as errors, with and without CONFIG_FUSE_PASSTHROUGH. At the end:
kernel-doc on the files it touches, the selftest builds, lib/uapi/fuse.h is the same.

  --full    build the whole kernel after each patch
END
}

# What checkpatch says and the series does not follow: a MAINTAINERS entry for each
# new file, when fs/fuse/ as a whole has one; and to leave ENOSYS to system calls, when
# all of fs/fuse takes it for an operation that the server does not have.
checkpatch_ignore=FILE_PATH_CHANGES,ENOSYS

targets=(fs/fuse/ fs/backing-file.o fs/overlayfs/)
check=$build/linux-check
out=$build/kernel-check
without=$build/kernel-check-without

# The base tree, as hard links: git apply and tar replace files, never write into them.
make_tree() {
	local path
	rm -rf "$check"
	mkdir -p "$check"
	need_space "$build" 1024 "a second kernel source tree"
	(cd "$linux" && find . -mindepth 1 -maxdepth 1 ! -name .git -print0 |
		xargs -0 cp -al -t "$check" 2>/dev/null) ||
		(cd "$linux" && tar --exclude=./.git -cf - .) | tar -C "$check" -xf -
	for path in "${linux_tracked[@]}"; do
		rm -rf "${check:?}/$path"
	done
	lgit archive "$(linux_base)" | tar -C "$check" -xf -
}

make_kernel() {
	local cc=gcc
	! command -v ccache >/dev/null || cc="ccache gcc"
	CCACHE_BASEDIR=$build nice make -s -C "$check" O="$out" -j"$(nproc)" CC="$cc" \
		KBUILD_BUILD_TIMESTAMP="@0" KCFLAGS=-Werror "$@"
}

make_config() {
	mkdir -p "$out"
	cp "$top/scripts/kernel.config" "$out.config"
	make_kernel KCONFIG_ALLCONFIG="$out.config" allnoconfig

	# nothing of the series may be needed without the option it belongs to
	mkdir -p "$without"
	sed '/CONFIG_FUSE_PASSTHROUGH/d' "$out.config" >"$without.config"
	out=$without make_kernel KCONFIG_ALLCONFIG="$without.config" allnoconfig
	! grep CONFIG_FUSE_PASSTHROUGH=y "$without/.config"
}

# Outside of a repository git apply asks for exact context; offsets may differ.
apply_patch() {
	(cd "$check" && GIT_CEILING_DIRECTORIES=$build GIT_CONFIG_GLOBAL=/dev/null \
		git apply --whitespace=error-all -p1 "$1")
}

# In a folder without .git, or it takes a patch that git knows for a source file.
run_checkpatch() {
	(cd "$check" && perl scripts/checkpatch.pl --strict --no-summary --terse --color=never \
		--ignore "$checkpatch_ignore" "$1")
}

check_patch() {
	local file=$1 name
	name=$(basename "$file" .patch)
	tap_run "$name: applies" "$logs/series-apply.log" apply_patch "$file"
	tap_run "$name: checkpatch --strict" "$logs/series-checkpatch.log" \
		run_checkpatch "$file"
	tap_run "$name: builds" "$logs/series-build.log" make_kernel "${targets[@]}"
	out=$without tap_run "$name: builds without passthrough" "$logs/series-without.log" \
		make_kernel fs/fuse/
}

# the C files that the series touches or adds
touched() { sed -n 's|^+++ b/\(.*\.[ch]\)\t*$|\1|p' "$@" | sort -u; }

# Prints what kernel-doc says of these files, without line numbers; it returns 0 always.
doc_says() {
	local file
	for file in "$@"; do
		[[ ! -e $check/$file ]] || (cd "$check" && perl scripts/kernel-doc -none "$file" 2>&1) |
			grep -iE 'warning|error' | sed 's/:[0-9]*:/:/'
	done | sort
}

# Only what kernel-doc did not say of the base.
check_doc() {
	local new
	new=$(comm -13 "$out.doc" <(doc_says "$@"))
	[[ -z $new ]] || { printf '%s\n' "$new" && return 1; }
}

check_uapi() {
	cmp "$check/include/uapi/linux/fuse.h" "$top/lib/uapi/fuse.h"
}

main() {
	local files touched_files file start=$SECONDS selftest
	case ${1:-} in
	'') ;;
	--full) targets=(vmlinux) ;;
	*) no_arguments "$@" ;;
	esac
	"$top/scripts/install.sh" kernel
	"$top/scripts/series-prepare.sh"
	mapfile -t files < <(series_files)
	((${#files[@]})) || die "kernel-patches/series names no patch"
	make_tree
	tap_run "Linux $(linux_version "$check") is the base" "$logs/series-version.log" \
		check_version "$check"
	step "preparing a build of fs/fuse" "$logs/series-config.log" make_config
	mapfile -t touched_files < <(touched "${files[@]}")
	doc_says "${touched_files[@]}" >"$out.doc" || :
	for file in "${files[@]}"; do
		say "series check: $(basename "$file") ($(elapsed SECONDS-start))"
		check_patch "$file"
	done
	tap_run "kernel-doc" "$logs/series-doc.log" check_doc "${touched_files[@]}"
	tap_run "lib/uapi/fuse.h is the series' header" "$logs/series-uapi.log" check_uapi
	while read -r selftest; do
		tap_run "selftest $selftest builds" "$logs/series-selftest.log" \
			build_selftest "$check" "$build/selftest-check" "$selftest"
	done < <(series_selftests)
	rm -rf "$check" "$build/selftest-check"
	tap_done
}

main "$@"

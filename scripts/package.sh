#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Builds the Debian packages and tests them, for ./run test package.

. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/tap.sh"

usage() {
	cat <<'END'
usage: scripts/package.sh

Builds source and Debian packages in build/package, of the files that git knows, as
they are now; lets lintian look at them, and tests them where they are installed, which
is a copy of this machine that is thrown away. Prints TAP.
END
}

folder=$build/package

upstream_version() { sed -n "s/^  version: '\(.*\)',$/\1/p" "$top/meson.build"; }

# The version of the changelog, with the Debian revision and without.
check_version() {
	local version
	version=$(dpkg-parsechangelog -l "$top/debian/changelog" -S Version)
	[[ ${version%-*} == "$(upstream_version)" ]] ||
		{ echo "debian/changelog: $version, meson.build: $(upstream_version)" && return 1; }
}

copy_tree() {
	git -C "$top" -c safe.directory='*' ls-files -z | tar -C "$top" --null -T - -cf - | tar -C "$1" -xf -
}

# make_source TREE: what dpkg-source makes of the tree, before anything is built there
make_source() {
	local name=${1##*/}
	tar -C "$folder" --sort=name --owner=0 --group=0 --numeric-owner --exclude="$name/debian" \
		-cJf "$folder/libfusept_${name#*-}.orig.tar.xz" "$name" &&
		(cd "$folder" && dpkg-source -b "$name")
}

# Shows the end of what it says, which tells why it failed.
build_packages() {
	local log=$logs/package-dpkg.log
	(cd "$1" && nice dpkg-buildpackage -us -uc -b) >"$log" 2>&1 || { tail -n 40 "$log" && return 1; }
}

# A warning is a fault; what is overridden says why in debian/*.lintian-overrides.
run_lintian() { lintian --allow-root --fail-on error,warning "$folder"/*.dsc "$folder"/*.changes; }

# Ends the program if a test failed: those that follow could not pass.
go_on() {
	((tap_failed == 0)) && return
	tap_done || exit 1
}

main() {
	local tree
	no_arguments "$@"
	need_root "scripts/package.sh"
	"$top/scripts/install.sh" lib package
	git -C "$top" -c safe.directory='*' rev-parse --git-dir >/dev/null 2>&1 ||
		die "$top is no git repository" "one, which tells what belongs to the source" "git clone"
	only_one package
	need_space "$build" 200 "the packages"
	tree=$folder/libfusept-$(upstream_version)
	rm -rf "$folder"
	mkdir -p "$tree"
	step "copying the tree" "$logs/package-copy.log" copy_tree "$tree" ||
		die "could not copy the tree" "all files that git knows" "see $logs/package-copy.log"
	tap_run "the changelog's version is meson.build's" "$logs/package-version.log" check_version
	tap_run "source package" "$logs/package-source.log" make_source "$tree"
	go_on
	say "building the packages"
	tap_run "binary packages" "$logs/package-build.log" build_packages "$tree"
	go_on
	tap_run "lintian" "$logs/package-lintian.log" run_lintian
	tap_run "API reference" "$logs/package-doxygen.log" bash "$top/test/abi/doxygen.sh" "$top"
	tap_merge installed bash "$top/test/package/test.sh" "$folder" "$tree"
	tap_done
}

main "$@"

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# test.sh PACKAGE-FOLDER SOURCE-FOLDER: installs the packages, as root, in a copy of this
# machine that is thrown away (an overlay that only this process sees), and uses them there.
# Prints TAP.

set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
. "$here/../../scripts/tap.sh"

if [[ -z ${FUSEPT_PACKAGE_WORK:-} ]]; then
	work=$(mktemp -d /tmp/fusept-package.XXXXXX)
	trap 'rm -rf --one-file-system "$work"' EXIT
	env FUSEPT_PACKAGE_WORK="$work" unshare --mount bash "$0" "$@"
	exit
fi

work=$FUSEPT_PACKAGE_WORK packages=$1 source=$2
layers=$work/layers
root=$layers/machine
log=$work/log
map=$here/../../lib/fusept.map
names=(libfusept0 libfusept-dev fusept-tools)

# The mounts end with this process.
make_machine() {
	local debs=("$packages"/*.deb)
	mkdir "$layers" && mount -t tmpfs tmpfs "$layers" && mkdir "$root" "$layers/upper" "$layers/work" &&
		mount -t overlay overlay -o "lowerdir=/,upperdir=$layers/upper,workdir=$layers/work" "$root" &&
		mount -t proc proc "$root/proc" && mount --rbind /dev "$root/dev" &&
		mount -t tmpfs tmpfs "$root/tmp" &&
		mkdir "$root/tmp/source" "$root/tmp/packages" "$root/tmp/home" &&
		mount --bind "$source" "$root/tmp/source" && mount -o remount,bind,ro "$root/tmp/source" &&
		cp "${debs[@]}" "$root/tmp/packages/" &&
		cp -R "$here/program.c" "$here/project" "$root/tmp/home/" || return 1
	# dpkg may be told to leave documentation out
	rm -f "$root"/etc/dpkg/dpkg.cfg.d/*
}

# inside COMMAND...: there, as on a machine where nothing else is set
inside() {
	chroot "$root" env -i --chdir=/tmp/home HOME=/tmp/home LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
		PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
}

# there SCRIPT [ARG...]: the same for a script
there() { inside bash -euo pipefail -c "$1" bash "${@:2}"; }

install_packages() {
	local name debs=()
	for name in "${names[@]}"; do
		debs+=("$(cd "$root" && echo tmp/packages/"$name"_*.deb)")
	done
	inside dpkg --install "${debs[@]/#//}" && inside dpkg --audit && inside ldconfig -p | grep libfusept.so.0
}

# files_of PACKAGE: all but documentation
files_of() {
	inside dpkg -L "$1" | while read -r file; do
		[[ -d $root$file && ! -L $root$file ]] || printf '%s\n' "$file"
	done | grep -vE '^/usr/share/(doc|man|lintian)/' | sed "s|/$triplet/|/TRIPLET/|" | sort
}

check_files() {
	diff <(files_of libfusept0) - <<'LIST' && diff <(files_of libfusept-dev) - <<'LIST_DEV' || return 1
/usr/lib/TRIPLET/libfusept.so.0
/usr/lib/TRIPLET/libfusept.so.0.1.0
LIST
/usr/include/fusept.h
/usr/include/fusept_stack.h
/usr/lib/TRIPLET/libfusept.a
/usr/lib/TRIPLET/libfusept.so
/usr/lib/TRIPLET/pkgconfig/fusept.pc
LIST_DEV
	! files_of fusept-tools | grep -v '^/usr/bin/fusept'
}

# The map's symbols and those of the package, each with its version.
check_symbols() {
	local mapped given
	mapped=$(awk '/^FUSEPT_[0-9.]+ *{/ { version = $1; print version "@" version }
		/^}/ { version = "" }
		/^\t[a-z_]+;$/ && version { sub(";", "", $1); print $1 "@" version }' "$map" | sort)
	given=$(inside dpkg-query --control-show libfusept0 symbols | sed -n 's/^ \([^ ]*\) .*/\1/p' | sort)
	[[ -n $mapped ]] && diff <(echo "$mapped") <(echo "$given")
}

# What a package that is built with the library will depend on.
check_shlibs() {
	there 'cc -o program program.c $(pkg-config --cflags --libs fusept)
		mkdir -p depends/debian && cd depends
		printf "Source: a\n\nPackage: a\nArchitecture: any\n" >debian/control
		depends=$(dpkg-shlibdeps -O ../program)
		echo "$depends"
		[[ $depends == *"libfusept0 (>= 0.1)"* ]]'
}

programs() { (cd "$root" && ls usr/bin/fusept*); }

check_hardening() {
	local file
	for file in $(programs) "usr/lib/$triplet/libfusept.so.0"; do
		[[ $(readelf -dW "$root/$file") == *"BIND_NOW"* && $(readelf -lW "$root/$file") == *GNU_RELRO* &&
			$(readelf -hW "$root/$file") == *"DYN ("* ]] || { echo "$file is not hardened" && return 1; }
	done
}

check_programs() {
	local version program
	version=$(inside dpkg-query -W -f '${Version}' fusept-tools)
	[[ $(inside fusept-mirror --version) == "fusept-mirror ${version%-*}"* ]] || return 1
	for program in $(programs); do
		! inside ldd "/$program" | grep 'not found' || return 1
	done
}

check_man() {
	local page
	for page in fusept.7 $(sed -n 's/^\t\(fusept_[a-z_]*\);$/\1.3/p' "$map"); do
		inside man -w "${page##*.}" "${page%.*}" >/dev/null || return 1
	done
	for page in $(programs); do
		inside man -w "${page##*/}" >/dev/null || return 1
	done
	[[ $(inside man 3 fusept_ops_parse) == *"int fusept_ops_parse(const char *text, uint64_t *ops)"* ]]
}

# builds SCRIPT: with it the program is built, and says what it should
says='subtree,-LINK and 1 node'
builds() {
	there "rm -f program; $1; ./program >said; cat said; grep -qxF '$says' said"
}

shared='$(pkg-config --cflags --libs fusept)'
static='$(pkg-config --cflags fusept) -Wl,-Bstatic -lfusept -Wl,-Bdynamic $(pkg-config --libs fuse3) -pthread'
wholly='-static $(pkg-config --static --cflags --libs fusept)'
needed='[[ $(readelf -d program) == *NEEDED*libfusept.so.0* ]]'
not_needed='[[ $(readelf -d program) != *libfusept* ]]'

build_c() { builds "cc -Wall -Werror -o program program.c $shared; $needed"; }
build_cxx() { builds "c++ -Wall -Werror -o program -x c++ program.c -x none $shared; $needed"; }
build_c_static() { builds "cc -Wall -Werror -o program program.c $static; $not_needed"; }
build_cxx_static() { builds "c++ -Wall -Werror -o program -x c++ program.c -x none $static; $not_needed"; }
build_c_wholly() { builds "cc -Wall -Werror -o program program.c $wholly; $not_needed"; }

build_examples() {
	there 'for example in /usr/share/doc/libfusept-dev/examples/*.c; do
		cc -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64 -o program "$example" '"$shared"'
		./program --version
	done'
}

meson_installed() {
	there 'meson setup installed project
		ninja -C installed
		[[ ! -e installed/subprojects && $(installed/program) == "$1" ]]' "$says"
}

# Nothing can be written to the source: it is mounted for reading.
meson_subproject() {
	there 'mkdir project/subprojects
		ln -s /tmp/source project/subprojects/fusept
		meson setup --force-fallback-for=fusept sub project
		ninja -C sub
		[[ $(readelf -d sub/program) == *subprojects/fusept/lib* && $(sub/program) == "$1" ]]' "$says"
}

# As it is set up when no options are given, with examples and tests.
meson_whole() {
	there 'meson setup --force-fallback-for=fusept -Dfusept:examples=true -Dfusept:tests=true whole project'
}

purge_packages() {
	local files
	files=$(for name in "${names[@]}"; do inside dpkg -L "$name"; done | grep fusept)
	inside dpkg --purge "${names[@]}" || return 1
	for file in $files; do
		[[ ! -e $root$file && ! -L $root$file ]] || { echo "$file is left" && return 1; }
	done
}

tap_run "a copy of this machine" "$log" make_machine
((tap_failed == 0)) || { tap_done || exit 1; }
triplet=$(inside dpkg-architecture -q DEB_HOST_MULTIARCH)
tap_run "dpkg installs them" "$log" install_packages
tap_run "files of the packages" "$log" check_files
tap_run "symbols are those of lib/fusept.map" "$log" check_symbols
tap_run "hardened" "$log" check_hardening
tap_run "fusept-mirror --version, and all programs start" "$log" check_programs
tap_run "man pages of functions and programs" "$log" check_man
tap_run "C, shared" "$log" build_c
tap_run "C, static" "$log" build_c_static
tap_run "C, all static" "$log" build_c_wholly
tap_run "C++, shared" "$log" build_cxx
tap_run "C++, static" "$log" build_cxx_static
tap_run "what a package depends on" "$log" check_shlibs
tap_run "examples" "$log" build_examples
tap_run "meson: as installed" "$log" meson_installed
tap_run "meson: as a subproject" "$log" meson_subproject
tap_run "meson: as a subproject with all options" "$log" meson_whole
tap_run "dpkg removes them" "$log" purge_packages
tap_done

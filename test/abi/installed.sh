#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# installed.sh SOURCE-FOLDER PROGRAM.c: what "meson install" puts into place is all
# that a program outside the tree needs: with pkg-config, as C and C++, against the
# shared and the static library.
set -euo pipefail

source=$(realpath "$1") program=$(realpath "$2")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
prefix=$work/usr
cd "$work"

quietly() {
	"$@" >log 2>&1 || { cat log >&2 && exit 1; }
}

quietly meson setup -Dexamples=false -Dtests=false --prefix "$prefix" --libdir lib build "$source"
quietly meson install -C build
export PKG_CONFIG_PATH=$prefix/lib/pkgconfig LD_LIBRARY_PATH=$prefix/lib

installed() { (cd "$prefix" && find . ! -type d ! -path './share/man/*' -printf '%P\n' | sort); }
diff <(installed) - <<'END'
include/fusept.h
include/fusept_stack.h
lib/libfusept.a
lib/libfusept.so
lib/libfusept.so.0
lib/libfusept.so.0.1.0
lib/pkgconfig/fusept.pc
END
[[ -s $prefix/share/man/man7/fusept.7 && -s $prefix/share/man/man3/fusept_backing_set_ops.3 ]]
[[ $(pkg-config --modversion fusept) == 0.1 ]]

read -ra flags <<<"$(pkg-config --cflags --libs fusept)"
read -ra cflags <<<"$(pkg-config --cflags fusept)"
run() { # COMPILER...: with what follows, build the program and run it
	"$@" -o program
	[[ $(./program) == "subtree,-LINK" ]]
}
run "${CC:-cc}" -Wall -Werror "$program" "${flags[@]}"
[[ $(readelf -d program) == *libfusept.so.0* ]]
run "${CC:-cc}" -Wall -Werror "$program" "${cflags[@]}" "$prefix/lib/libfusept.a" -lfuse3 -lpthread
[[ $(readelf -d program) != *libfusept* ]]
if command -v c++ >/dev/null; then
	run c++ -Wall -Werror -x c++ "$program" "${flags[@]}"
else
	echo "SKIP: there is no C++ compiler" >&2
	exit 77
fi

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# header.sh INCLUDE-FOLDER COMPILER...: the header compiles by itself, twice in one
# file, as C and C++, for each version of libfuse's interface.
set -euo pipefail

include=$1
shift
read -ra fuse <<<"$(pkg-config --cflags fuse3)"
fuse=("${fuse[@]/#-I/-isystem}")

compile() { # LANGUAGE STANDARD VERSION
	"${cc[@]}" -x "$1" -std="$2" -fsyntax-only -Wall -Wextra -Werror -pedantic -Wundef -Wshadow \
		-D_FILE_OFFSET_BITS=64 -DFUSE_USE_VERSION="$3" "${fuse[@]}" -I"$include" - <<'END'
#include <fusept.h>
#include <fusept_stack.h>
#include <fusept.h>
#include <fusept_stack.h>
int use(struct fusept_session *session);
int use(struct fusept_session *session)
{
	struct fusept_session_options options;

	options.size = sizeof(options);
	return fusept_session_level(session) == FUSEPT_LEVEL_OPS &&
	       fusept_session_ops(session) == (FUSEPT_OPS_ALL & ~FUSEPT_OP(FUSEPT_LOOKUP)) &&
	       (FUSEPT_OPS_IO | FUSEPT_OPS_SUPPORTED) != FUSEPT_OPS_NONE && options.size != 0;
}
END
}

count=0
cc=("$@")
for version in 30 31 312 314 315 316 317 318; do
	for standard in c99 c11 c17 gnu11; do
		compile c $standard $version
		count=$((count + 1))
	done
done
for cxx in g++ clang++; do
	command -v $cxx >/dev/null || continue
	cc=("$cxx")
	for version in 30 314 315 316 317 318; do
		for standard in c++11 c++17 c++20; do
			compile c++ $standard $version
			cxx_count=$((${cxx_count:-0} + 1))
		done
	done
done
if [[ -z ${cxx_count:-} ]]; then
	echo "SKIP: there is no C++ compiler" >&2
	exit 77
fi
echo "compiled $count times as C, $cxx_count times as C++"

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# doxygen.sh SOURCE-FOLDER: the API reference comes of the headers without a warning, and
# has every function.
set -euo pipefail

if ! command -v doxygen >/dev/null; then
	echo "SKIP: there is no doxygen" >&2
	exit 77
fi
cd "$1"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

status=0
{ cat doc/Doxyfile && echo "OUTPUT_DIRECTORY = $work"; } | doxygen - >"$work/log" 2>&1 || status=$?
if ((status)) || [[ -s $work/log ]]; then
	cat "$work/log" >&2
	echo "doxygen ended with status $status, and should have said nothing" >&2
	exit 1
fi

declared() { grep -h '^FUSEPT_API' include/*.h | grep -o 'fusept_[a-z_]*('; }
shown() { sed 's/<[^>]*>/ /g' "$work"/api/*_8h.html | grep -oE 'fusept_[a-z_]+ +\(' | tr -d ' '; }
missing=$(comm -23 <(declared | sort -u) <(shown | sort -u))
if [[ -n $missing ]]; then
	printf 'not in the reference:\n%s\n' "$missing" >&2
	exit 1
fi
echo "$(declared | wc -l) functions are in the reference"

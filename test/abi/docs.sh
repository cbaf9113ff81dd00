#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# docs.sh MAN-FOLDER HEADER...: every function has a comment with its version and all
# its parameters, and a man page that has the same prototype; every error that the
# header promises is in the page.
set -euo pipefail

man=$1 failed=0
shift
headers=("$@")

fail() {
	echo "$*" >&2
	failed=1
}

# Functions with their comments, one a line: NAME <tab> PROTOTYPE <tab> COMMENT
functions() {
	awk '
		/^\/\*\*/ { comment = ""; inside = 1 }
		inside { comment = comment " " $0; if (/\*\//) inside = 0; next }
		/^FUSEPT_API/ { prototype = ""; declaring = 1 }
		declaring {
			prototype = prototype " " $0
			if (/;/) {
				declaring = 0
				gsub(/[ \t]+/, " ", prototype)
				sub(/^ FUSEPT_API /, "", prototype)
				sub(/^FUSEPT_CHECKED /, "", prototype)
				name = prototype
				sub(/\(.*/, "", name)
				sub(/.*[ *]/, "", name)
				gsub(/\t/, " ", comment)
				print name "\t" prototype "\t" comment
				comment = ""
			}
		}' "${headers[@]}"
}

# The synopses of the pages as prototypes, one a line.
synopses() {
	sed -n '/^\.SH SYNOPSIS/,/^\.SH DESCRIPTION/p' "$man"/*.3 | grep '^\.BI' |
		sed -e 's/^\.BI //' -e 's/" \([a-z_]*\) "/\1/g' -e 's/" \([a-z_]*\) /\1/g' \
			-e 's/" \([a-z_]*\)$/\1/' -e 's/"//g' -e 's/^ */ /' |
		tr '\n' ' ' | sed -e 's/;/;\n/g' | sed -e 's/  */ /g' -e 's/^ //'
}

# Names of a prototype's parameters, one a line.
parameters() {
	sed -e 's/.*(//' -e 's/).*//' <<<"$1" | tr ',' '\n' | grep -o '[a-z_]*\(\[\]\)*$' |
		sed -e 's/\[\]//' -e '/^void$/d'
}

# The page that has NAME among its names.
page_of() {
	for page in "$man"/*.3; do
		if sed -n '/^\.SH NAME/,/^\.SH LIBRARY/p' "$page" | grep -w -- "$1" >/dev/null; then
			echo "$page"
			return
		fi
	done
	echo /dev/null
}

check() { # NAME PROTOTYPE COMMENT
	local name=$1 prototype=$2 comment=$3 page word
	page=$(page_of "$name")
	[[ $page != /dev/null ]] || fail "$name: no man page has the name"
	[[ $comment == *"Since: 0."* ]] || fail "$name: no Since:"
	grep -xF -- "$prototype" <<<"$synopses" >/dev/null ||
		fail "$name: no man page has the prototype $prototype"
	while read -r word; do
		# one sentence says it all
		[[ $comment == *"@param $word "* || $comment != *@* ]] ||
			fail "$name: parameter $word is not documented"
	done < <(parameters "$prototype")
	while read -r word; do
		grep -F -- "\\$word" "$page" >/dev/null || fail "$name: $word is not in $page"
	done < <(grep -oE -- '-E[A-Z0-9]+' <<<"$comment" | sort -u)
}

synopses=$(synopses)
count=0
while IFS=$'\t' read -r name prototype comment; do
	check "$name" "$prototype" "$comment"
	count=$((count + 1))
done < <(functions)
((count > 0)) || fail "no function found"
((failed)) || echo "$count functions are documented"
exit $failed

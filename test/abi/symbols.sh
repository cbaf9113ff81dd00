#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# symbols.sh LIBRARY MAP HEADER...: what the library exports, what the map says and
# what the headers declare are the same, each name with its version.
set -euo pipefail

library=$1 map=$2
shift 2
headers=("$@")

exported() {
	nm -D --defined-only "$library" | awk '$2 != "A" { sub("@@", " ", $3); print $3 }' | sort
}

mapped() {
	awk '/^FUSEPT_[0-9.]+ *{/ { version = $1 }
		/^}/ { version = "" }
		/^\t[a-z_]+;$/ && version { sub(";", "", $1); print $1, version }' "$map" | sort
}

# also those that comments name
named() {
	sed '/^static inline\|^typedef/d' "${headers[@]}" | grep -o 'fusept_[a-z_]*(' | tr -d '(' | sort -u
}

api() {
	grep -h '^FUSEPT_API' "${headers[@]}" | grep -o 'fusept_[a-z_]*(' | tr -d '(' | sort
}

diff <(exported) <(mapped)
diff <(mapped | cut -d' ' -f1) <(api)
diff <(api) <(named)
(($(exported | wc -l) > 0))

# the core depends on nothing but libfuse and the C library
needed=$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
	grep -vE '^(libfuse3\.so|libc\.so|libasan\.so|libubsan\.so|libtsan\.so|libgcc_s\.so|ld-linux)' || :)
if [[ -n $needed ]]; then
	echo "needs $needed" >&2
	exit 1
fi

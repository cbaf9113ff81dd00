#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# names.sh HEADER...: the public headers declare and define names of our own only.
set -euo pipefail

bad=$(grep -nE '^[[:space:]]*(#define|enum|struct|union|typedef)[[:space:]]' "$@" |
	grep -vE '(#define (FUSEPT_|fusept_)|(enum|struct) fusept_|typedef (int|void) fusept_)' || :)
if [[ -n $bad ]]; then
	printf 'not our names:\n%s\n' "$bad" >&2
	exit 1
fi
bad=$(grep -nE '^[[:space:]]*[A-Za-z_]+[[:space:]]*=' "$@" | grep -v 'FUSEPT_' || :)
if [[ -n $bad ]]; then
	printf 'not our constants:\n%s\n' "$bad" >&2
	exit 1
fi

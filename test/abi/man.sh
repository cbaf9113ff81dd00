#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# man.sh PAGE...: pages are well-formed.
set -euo pipefail

if ! command -v mandoc >/dev/null; then
	echo "SKIP: there is no mandoc" >&2
	exit 77
fi
mandoc -T lint -W style "$@"

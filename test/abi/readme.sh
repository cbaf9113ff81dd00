#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# readme.sh README EXAMPLE.c: what the README shows is the example, and that is short.
set -euo pipefail

readme=$1 example=$2
diff <(sed -n '/^```c$/,/^```$/p' "$readme" | sed '1d;$d') <(sed -n '/^#define FUSE_USE_VERSION/,$p' "$example")
(($(wc -l <"$example") <= 80)) || {
	echo "$example has more than 80 lines" >&2
	exit 1
}

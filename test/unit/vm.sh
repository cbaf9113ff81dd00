#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# vm.sh BUILD-FOLDER: the library on the patched kernel, in its virtual machine:
#
#   ./run vm --debug -- bash test/unit/vm.sh build/host
#
# Prints TAP; the plan is what the programs planned, whatever became of them.
set -euo pipefail

export TEST_SECONDS=${TEST_SECONDS:-300}
for name in device killpriv patched; do
	printf '# %s\n' "$name"
	"$1/test/unit/test-$name" || :
done 2>&1 | awk '
	/^1\.\.[0-9]+$/ { plan += substr($0, 4); next }
	/^(not )?ok [0-9]+/ { sub(/ok [0-9]+/, "ok " ++count); failed += /^not/ }
	{ print }
	END { print "1.." plan; exit failed || count != plan }'

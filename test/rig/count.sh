#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# How ./run test counts: with suites that are made up.

set -uo pipefail
. "$(dirname "$0")/lib.sh"

# suite NAME SCRIPT: a suite that the copy of the project has
suite() {
	mkdir -p "$work/copy/test/$1"
	printf '%s\n' "$2" >"$work/copy/test/$1/run.sh"
}

# ends STATUS LINE: ./run test stock ends with this status, its last line is LINE
ends() {
	local got=0
	env PATH="$work/bin:$PATH" "$run" test "${suites[@]}" >"$work/out" 2>"$work/said" </dev/null || got=$?
	cat "$work/out" >>"$work/said"
	((got == $1)) || { echo "status is $got" && return 1; }
	[[ $(tail -n 1 "$work/out") == "$2" ]] || { echo "ends with $(tail -n 1 "$work/out")" && return 1; }
	(($(grep -cE '^[0-9]+ passed, [0-9]+ failed, [0-9]+ skipped$' "$work/out") == 1))
}

fake_installed
printf '#!/bin/bash\n' >"$work/copy/scripts/host.sh"
# shellcheck disable=SC2016 # for the copy
printf '#!/bin/bash\nwhile [[ $1 != -- ]]; do shift; done; shift; cd "$(dirname "$0")/.." && "$@"\n' \
	>"$work/copy/scripts/vm.sh"

suites=(stock)
suite stock 'echo "ok 1 a"; echo "ok 2 b # SKIP no disk"; echo 1..2'
check "passed and skipped" ends 0 "1 passed, 0 failed, 1 skipped"
suite stock 'echo 1..2; echo "ok 1 a"; echo "not ok 2 b"; exit 1'
check "failed" ends 1 "1 passed, 1 failed, 0 skipped"
suite stock 'echo 1..3; echo "ok 1 a"; echo "ok 2 b"'
check "fewer tests than planned is a failure" ends 1 "2 passed, 1 failed, 0 skipped"
suite stock 'echo "ok 1 a"'
check "no plan is a failure" ends 1 "1 passed, 1 failed, 0 skipped"
suite stock 'true'
check "no test at all is a failure" ends 1 "0 passed, 1 failed, 0 skipped"
suite stock 'echo "ok 1 a"; echo 1..1; exit 3'
check "a bad status is a failure" ends 1 "1 passed, 1 failed, 0 skipped"
suite stock 'echo 1..2; echo "ok 1 a"; echo "Bail out! no more"; exit 1'
check "bailing out is a failure" ends 1 "1 passed, 1 failed, 0 skipped"
suite stock 'echo "1..0 # SKIP no /dev/fuse"; exit 77'
check "a suite that cannot run is one skip" ends 0 "0 passed, 0 failed, 1 skipped"

suites=(kernel)
suite kernel 'echo "ok 1 a"; echo "ok 2 b # SKIP no disk"; echo "ok 3 c # skip"; echo 1..3'
check "on the patched kernel skips are failures" ends 1 "1 passed, 2 failed, 0 skipped"
suite kernel 'echo "1..0 # SKIP no /dev/fuse"; exit 77'
check "on the patched kernel a skipped suite is a failure" ends 1 "0 passed, 1 failed, 0 skipped"

suites=(stock kernel)
suite stock 'echo "ok 1 a"; echo 1..1'
suite kernel 'echo "ok 1 a"; echo "ok 2 b"; echo 1..2'
check "suites add up" ends 0 "3 passed, 0 failed, 0 skipped"

# rig runs beside mirror; that has to wait for it, for both to end
in_order() {
	ends "$@" && [[ $(grep -E '^ok|^not|^== (mirror|rig):' "$work/out" | cut -c 1-10 | tr '\n' ,) == \
		"ok 1 a,== mirror:,ok 1 b,not ok 2 c,== rig: 1 ," ]]
}

suites=(mirror rig)
mkfifo "$work/meet"
suite stock "exec 3<>'$work/meet'; read -r -t 60 -u 3 && echo 'ok 1 a'; echo 1..1"
suite rig "echo 'ok 1 b'; echo met > '$work/meet'; echo 'not ok 2 c'; echo 1..2"
check "suites side by side keep their order, and add up" in_order 1 "2 passed, 1 failed, 0 skipped"
suites=(rig mirror rig)
suite stock 'echo "ok 1 a"; echo 1..1'
suite rig 'echo "ok 1 b"; echo 1..1'
check "a suite that is named twice runs twice" ends 0 "3 passed, 0 failed, 0 skipped"

suites=(stock kernel)
printf '#!/bin/bash\nexit 1\n' >"$work/copy/scripts/host.sh"
check "what does not build is a failure" ends 1 "0 passed, 2 failed, 0 skipped"

tap_done

#!/bin/bash
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs the suites and counts: ./run test

. "$(dirname "$0")/lib.sh"

all=(host clang asan stock series kernel matrix selftest library mirror rig)
# what is run by name only: it goes on for as long as one likes, or is for releases
others=(storm load package)
rootless=(host clang asan series)
# Suites whose virtual machine waits more than it works, each with the one it runs
# beside if both are asked for; its output comes in its turn.
declare -A beside=([library]=selftest [rig]=mirror)
declare -A running=()

usage() {
	cat <<'END'
usage: ./run test [SUITE...]

Runs all suites, or those named, and ends with "N passed, N failed, N skipped".
Exit status 1 if anything failed. Installs what is missing.

  host      library, examples, their unit and ABI tests, built with gcc
  clang     the same with clang
  asan      the same with AddressSanitizer and UBSan
  stock     the example daemon on this machine's own kernel (root, /dev/fuse)
  series    ./run series check
  kernel    the patched kernel, its debug build, in the virtual machine
  matrix    the same with each operation alone, and with each one left out
  selftest  the kernel selftest that the series brings, on the patched kernel
  library   the library's own tests on the patched kernel
  mirror    the example daemon on the patched kernel
  rig       ./run itself: its errors, its statuses, what the machine promises

And by name only:
  storm     10 minutes of random calls by 8 processes on 4 processors, on the patched
            kernel, with masks that change, and daemons that die

  load      64 threads in 1,000,000 files on this machine's own kernel, 5 minutes each
            with the daemon built for AddressSanitizer and for ThreadSanitizer

  package   the Debian packages: they build, lintian is content, and programs, man pages
            and libraries work where they are installed

On the patched kernel (kernel, matrix, selftest, library, mirror, storm) a skipped test counts
as failed. Results come as TAP; the log of each suite is build/log/test-SUITE.log.
END
}

passed=0 failed=0 skipped=0

# fault SUITE REASON: a failure that no test told of
fault() {
	failed=$((failed + 1))
	printf 'not ok - %s: %s\n' "$1" "$2"
}

# prints "passed failed skipped reasons..." for the TAP in file $1
tally_tap() {
	awk '
		/^ok/ { if (tolower($0) ~ /# *skip/) s++; else p++; next }
		/^not ok/ { f++; next }
		/^1\.\.0.*# *[Ss][Kk][Ii][Pp]/ { s++; whole = 1; next }
		/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; planned = 1 }
		/^Bail out!/ { bail = 1 }
		END {
			n = p + f + s
			if (bail) why = " bailed-out"
			else if (!n) why = " no-test-ran"
			else if (!whole && !planned) why = " ended-without-a-plan"
			else if (!whole && plan != n) why = " planned-" plan "-but-ran-" n
			print p + 0, f + 0, s + 0 why
		}' "$1"
}

# the same for the results of meson test in build folder $1
tally_meson() {
	local log=$1/meson-logs/testlog.json
	[[ -s $log ]] || { echo "0 0 0 no-test-ran" && return; }
	jq -rs '[.[].result] | [(map(select(. == "OK" or . == "EXPECTEDFAIL")) | length),
		(map(select(. != "OK" and . != "EXPECTEDFAIL" and . != "SKIP")) | length),
		(map(select(. == "SKIP")) | length)] | join(" ")' "$log"
}

# add SUITE STATUS STRICT "P F S [WHY]": takes the counts over; STRICT: a skip is a failure
add() {
	local suite=$1 status=$2 strict=$3 p f s why
	read -r p f s why <<<"$4"
	if [[ -n $strict && $s != 0 ]]; then
		printf '%s: %s skipped tests count as failed here\n' "$suite" "$s"
		f=$((f + s)) s=0
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	[[ -z $why ]] || fault "$suite" "${why//-/ }"
	((status == 0 || f > 0 || (status == 77 && p == 0 && s > 0))) || [[ -n $why ]] || fault "$suite" "it ended with status $status"
	printf '== %s: %s passed, %s failed, %s skipped\n' "$suite" "$p" "$f" "$s"
}

# tap SUITE STRICT COMMAND...: shows its output, counts its TAP
tap() {
	local suite=$1 strict=$2 log=$logs/test-$1.log status=0
	shift 2
	"$@" </dev/null | tee "$log" || status=$?
	add "$suite" "$status" "$strict" "$(tally_tap "$log")"
}

# meson_suite SUITE BUILD-FOLDER [MESON-OPTION...]
meson_suite() {
	local suite=$1 dir=$2 status=0
	if ! "$top/scripts/host.sh" "$dir" "${@:3}"; then
		fault "$suite" "it does not build"
		return
	fi
	rm -f "$build/$dir/meson-logs/testlog.json"
	meson test -C "$build/$dir" --no-rebuild --print-errorlogs </dev/null 2>&1 |
		tee "$logs/test-$suite.log" || status=$?
	add "$suite" "$status" "" "$(tally_meson "$build/$dir")"
}

# tap_built SUITE STRICT COMMAND...: the same as tap, of what gcc built
tap_built() {
	if "$top/scripts/host.sh"; then
		tap "$@"
	else
		fault "$1" "the library does not build"
	fi
}

# guest SUITE "SCRIPT [ARG...]" [OPTION...]: in the virtual machine, where a skip counts
# as a failure
guest() {
	local script
	read -ra script <<<"$2"
	tap_built "$1" strict "$top/scripts/vm.sh" --debug --timeout 3000 --cwd "$top" "${@:3}" -- \
		bash "${script[0]}" "$build/host" "${script[@]:1}"
}

selftest_suite() {
	if "$top/scripts/selftest.sh"; then
		guest selftest test/rig/selftest.sh
	else
		fault selftest "it does not build"
	fi
}

# load_with SANITIZER MESON-OPTION...
load_with() {
	if "$top/scripts/host.sh" "host-$1" "${@:2}"; then
		tap "load-$1" "" bash "$top/test/stock/load.sh" "$build/host-$1" 300
	else
		fault "load-$1" "it does not build"
	fi
}

load_suite() {
	load_with asan -Db_sanitize=address,undefined -Db_lundef=false
	load_with tsan -Db_sanitize=thread -Db_lundef=false
}

run_suite() {
	case $1 in
	host) meson_suite host host-gcc -Dwerror=true ;;
	clang) CC=clang meson_suite clang host-clang -Dwerror=true ;;
	# gcc's warnings are not to be trusted when it sanitizes, so they are no errors
	asan) meson_suite asan host-asan -Db_sanitize=address,undefined -Db_lundef=false ;;
	stock) tap_built stock "" bash "$top/test/stock/run.sh" "$build/host" ;;
	rig) tap rig "" bash "$top/test/rig/run.sh" ;;
	series) tap series "" "$top/scripts/series-check.sh" ;;
	kernel) guest kernel test/kernel/run.sh ;;
	selftest) selftest_suite ;;
	# the kernel suite looks for leaks; without that these take half the time
	matrix) guest matrix "test/kernel/run.sh matrix" --no-leaks ;;
	library) guest library test/rig/library.sh --no-leaks ;;
	mirror) guest mirror test/stock/run.sh --no-leaks ;;
	load) load_suite ;;
	package) tap package "" "$top/scripts/package.sh" ;;
	storm) guest storm test/kernel/storm.sh --smp 4 ;;
	esac
}

# start_beside SUITE LATER...: starts those of LATER that run beside it
start_beside() {
	local suite=$1 other
	for other in "${@:2}"; do
		[[ ${beside[$other]:-} == "$suite" ]] || continue
		rm -f "$logs/beside-$other.counts"
		set -m # a process group, which end_beside ends
		(
			# shellcheck disable=SC2030 # they come by a file
			passed=0 failed=0 skipped=0
			run_suite "$other"
			echo "$passed $failed $skipped" >"$logs/beside-$other.counts"
		) >"$logs/beside-$other.log" 2>&1 </dev/null &
		running[$other]=$!
		set +m
	done
}

# finish_beside SUITE: shows its output, to its end, and takes the counts over
finish_beside() {
	local pid=${running[$1]} p f s
	tail -n +1 -f --pid="$pid" "$logs/beside-$1.log"
	wait "$pid" || :
	unset "running[$1]"
	if read -r p f s 2>/dev/null <"$logs/beside-$1.counts"; then
		# shellcheck disable=SC2031
		passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	else
		fault "$1" "it was ended"
	fi
}

end_beside() {
	local pid
	for pid in "${running[@]}"; do
		kill -- "-$pid" 2>/dev/null || :
	done
}

main() {
	local i suite suites=("$@") start=$SECONDS
	! is_help "${1:-}" || { usage && exit; }
	(($#)) || suites=("${all[@]}")
	for suite in "${suites[@]}"; do
		[[ " ${all[*]} ${others[*]} " == *" $suite "* ]] ||
			die "no suite named $suite" "one of ${all[*]} ${others[*]}"
	done
	for suite in "${suites[@]}"; do
		[[ " ${rootless[*]} " == *" $suite "* ]] || need_root "./run test $suite"
	done
	"$top/scripts/install.sh" kernel vm lib test
	mkdir -p "$logs"
	trap end_beside EXIT
	trap 'exit 130' INT TERM
	for i in "${!suites[@]}"; do
		suite=${suites[i]}
		printf '== %s (%s since the start)\n' "$suite" "$(elapsed SECONDS-start)"
		start_beside "$suite" "${suites[@]:i+1}"
		if [[ -n ${running[$suite]:-} ]]; then
			finish_beside "$suite"
		else
			run_suite "$suite"
		fi
	done
	printf '== done after %s\n' "$(elapsed SECONDS-start)"
	printf '%d passed, %d failed, %d skipped\n' "$passed" "$failed" "$skipped"
	((failed == 0))
}

main "$@"

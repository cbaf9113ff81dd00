# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
# Prints test results in the TAP format, which scripts/test.sh counts; sourced.

tap_count=0
tap_failed=0

tap_ok() { printf 'ok %d %s\n' $((++tap_count)) "$*"; }

# tap_not_ok NAME [FILE]: shows FILE, too
tap_not_ok() {
	printf 'not ok %d %s\n' $((++tap_count)) "$1"
	[[ ! -s ${2:-} ]] || head -n 60 "$2" | sed 's/^/# /'
	tap_failed=$((tap_failed + 1))
}

# tap_skip NAME REASON
tap_skip() { printf 'ok %d %s # SKIP %s\n' $((++tap_count)) "$1" "$2"; }

# tap_run NAME LOG COMMAND...: passes if COMMAND succeeds, else shows its output.
# COMMAND runs without set -e: a function must chain its steps with &&.
tap_run() {
	local name=$1 log=$2
	shift 2
	mkdir -p "$(dirname "$log")"
	if ("$@") >"$log" 2>&1 </dev/null; then
		tap_ok "$name"
	else
		tap_not_ok "$name" "$log"
	fi
}

# tap_merge NAME COMMAND...: takes over what COMMAND prints as TAP, numbered on. Fewer
# or more results than it planned are a failure.
tap_merge() {
	local name=$1 line planned='' seen=0
	shift
	while IFS= read -r line; do
		case $line in
		ok\ * | not\ ok\ *)
			seen=$((seen + 1)) tap_count=$((tap_count + 1))
			[[ $line != not* ]] || tap_failed=$((tap_failed + 1))
			sed -E "s/ok [0-9]+( - )?/ok $tap_count $name: /; s/:  */: /" <<<"$line"
			;;
		1..*) planned=${line#1..} ;;
		TAP\ version*) ;;
		*) printf '%s\n' "$line" ;;
		esac
	done < <("$@" </dev/null)
	[[ $planned == "$seen" ]] || tap_not_ok "$name: ended after $seen tests, planned '$planned'"
}

# the plan comes last; the status says whether all passed
tap_done() {
	printf '1..%d\n' "$tap_count"
	((tap_failed == 0))
}

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs TAP-speaking test programs one after the other and counts:
#   sh tools/tap-run.sh LABEL LOGDIR [-c 'WORDS'] [-a 'WORDS'] PROGRAM...
# -c: what runs PROGRAM; -a: arguments behind it.
# Ends with "LABEL: N passed, N failed, N skipped"; what was skipped is named
# before it. Logs of programs with a failure are shown. A program that dies,
# hangs, runs no test or ends nonzero without a "not ok" counts as a failure,
# so that a crash can not pass for success.
# Tests with "fixtures" in their name need $SL_FIXTURES, material outside the
# repository: they are counted apart, in a line "fixtures: ...", and one that
# was left out because there is none is not a skip.
set -u

label=$1 logs=$2
shift 2
prefix=
if [ "${1-}" = -c ]; then
	prefix=$2
	shift 2
fi
arguments=
if [ "${1-}" = -a ]; then
	arguments=$2
	shift 2
fi
limit=${SL_TEST_TIMEOUT:-900}
mkdir -p "$logs" || exit 1
passed=0 failed=0 skipped=0 fixtures_passed=0 fixtures_failed=0

# grep -c prints 0 and says 1 when there is none.
count() { grep -cE "$1" "$2" || true; }

# Sorts the result lines of a log into files by what they mean. cmocka prints
# a skipped test as "not ok N # SKIP NAME", bats as "ok N NAME # skip WHY";
# scripts say "# skipped: NAME (why)". "# left out" is no skip: a backend
# without that capability has nothing to show.
sort_results() {
	grep -E '^(not )?ok |^# skipped: ' "$1" >"$1.all" || true
	grep -iE '# *skip' "$1.all" >"$1.skip" || true
	grep -viE '# *skip' "$1.all" >"$1.ran" || true
	grep fixtures "$1.ran" >"$1.fixtures" || true
	grep -v fixtures "$1.ran" >"$1.own" || true
	[ -n "${SL_FIXTURES:-}" ] ||
		{ grep -v fixtures "$1.skip" >"$1.keep" || true; }
	[ ! -e "$1.keep" ] || mv "$1.keep" "$1.skip"
}

judge() {
	log=$1 status=$2 program=$3
	sort_results "$log"
	ok=$(count '^ok ' "$log.own") bad=$(count '^not ok ' "$log.own")
	skip=$(count . "$log.skip") all=$(count . "$log.all")
	fixtures_bad=$(count '^not ok ' "$log.fixtures")
	fixtures_passed=$((fixtures_passed + $(count '^ok ' "$log.fixtures")))
	fixtures_failed=$((fixtures_failed + fixtures_bad))
	why=
	if [ "$status" -eq 124 ]; then
		why="no end after ${limit}s"
	elif [ "$status" -ne 0 ] && [ $((bad + fixtures_bad)) -eq 0 ]; then
		why="ended with status $status"
	elif [ "$all" -eq 0 ]; then
		why="ran no test"
	fi
	[ -z "$why" ] || bad=$((bad + 1))
	passed=$((passed + ok)) failed=$((failed + bad))
	skipped=$((skipped + skip))
	sed -nE 's/^ok [0-9]+ *-? *(.*[^ ]) *# *(skip|SKIP) *(.*)$/skipped: \1 (\3)/p;
		s/^not ok [0-9]+ *# *SKIP *(.*)$/skipped: \1 (it says not why)/p;
		s/^# (skipped: .*)/\1/p' \
		"$log.skip"
	sed -n 's/^# \(left out: .*\)/\1/p' "$log"
	if [ $((bad + fixtures_bad)) -gt 0 ]; then
		echo "FAILED $program${why:+: $why}; its output:"
		sed 's/^/    /' "$log"
	fi
	rm -f "$log.all" "$log.skip" "$log.ran" "$log.own" "$log.fixtures"
}

for program in "$@"; do
	name=$(basename "$program")
	log="$logs/$label-$name.tap"
	# Both are words by contract.
	# shellcheck disable=SC2086
	timeout -k 20 "$limit" $prefix "$program" $arguments >"$log" 2>&1 \
		</dev/null
	judge "$log" $? "$program"
done
[ $((fixtures_passed + fixtures_failed)) -eq 0 ] ||
	echo "fixtures: $fixtures_passed passed, $fixtures_failed failed," \
		"0 skipped"
echo "$label: $passed passed, $failed failed, $skipped skipped"
[ $((failed + fixtures_failed)) -eq 0 ]

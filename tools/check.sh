#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Builds and runs every test: unit, conformance, bats with real mounts, lint,
# headers, fuzz targets, ASan+UBSan and TSan. Ends with one line
# "N passed, N failed". What an absent optional tool would have tested is named
# as "skipped: NAME (why)"; with CI=true a skip is a failure.
# Tests of material outside the repository run when $SL_FIXTURES names its
# directory and are counted apart; their failures count.
# SL_SUITES="unit bats" runs only these. Parallel builds: SL_JOBS (default 2).
set -u
cd "$(dirname "$0")/.." || exit 1

jobs=${SL_JOBS:-2}
total_passed=0 total_failed=0 total_skipped=0 apart=0
sums=$(mktemp -d) || exit 1
trap 'rm -rf "$sums"' EXIT
trap 'exit 130' INT TERM

fail() {
	echo "FAILED $*"
	total_failed=$((total_failed + 1))
}

finish() {
	if [ "$total_skipped" -gt 0 ] && [ "${CI:-}" = true ]; then
		fail "$total_skipped tests skipped, and CI=true"
	fi
	if [ -n "${SL_FIXTURES:-}" ]; then
		echo "of material outside the repository: $apart passed"
	else
		echo "SL_FIXTURES is not set: tests of material outside the" \
			"repository were left out"
	fi
	echo "$total_passed passed, $total_failed failed"
	[ "$total_failed" -eq 0 ]
	exit
}

# sum_field LOG N [LABEL]: adds up the "LABEL: N passed, N failed, N skipped"
# lines of a log.
sum_field() {
	sed -nE 's/^'"${3:-[a-z-]+}"': ([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' \
		"$1" | awk -v f="$2" '{ n += $f } END { print n + 0 }'
}

# suite NAME MAKE-ARGUMENTS...: one make target that prints such lines.
suite() {
	name=$1
	shift
	case " ${SL_SUITES:-$name} " in
	*" $name "*) ;;
	*) return 0 ;;
	esac
	began=$(date +%s)
	echo "== $name"
	{
		make -j"$jobs" "$@" 2>&1 </dev/null
		echo $? >"$sums/status"
	} | tee "$sums/log" | grep -vE '^  (CC|AR|LINK|POD|FUZZ) '
	read -r status <"$sums/status"
	passed=$(sum_field "$sums/log" 1) failed=$(sum_field "$sums/log" 2)
	skipped=$(sum_field "$sums/log" 3)
	echo "-- $name: $(($(date +%s) - began)) s"
	if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		failed=1
		echo "FAILED $name: make ended with status $status"
	elif [ "$name" = build ]; then
		passed=1
	elif [ "$status" -eq 0 ] && [ $((passed + failed)) -eq 0 ]; then
		failed=1
		echo "FAILED $name: no test was run"
	fi
	total_failed=$((total_failed + failed))
	total_skipped=$((total_skipped + skipped))
	more=$(sum_field "$sums/log" 1 fixtures)
	apart=$((apart + more))
	total_passed=$((total_passed + passed - more))
}

# The independent servers, S3 and Azure, and the client that we did not write.
optional_tools() {
	tools=$(pwd)/build/tools
	PATH=$tools:$tools/node_modules/.bin:$PATH
	export PATH
	# Where Go puts its own tool chain is not always in PATH.
	if ! command -v go >/dev/null 2>&1 && [ -x /usr/local/go/bin/go ]; then
		PATH=$PATH:/usr/local/go/bin
	fi
	if ! command -v versitygw >/dev/null 2>&1 &&
		command -v go >/dev/null 2>&1; then
		echo "getting versitygw v1.8.0 into build/tools"
		mkdir -p "$tools"
		GOBIN=$tools go install \
			github.com/versity/versitygw/cmd/versitygw@v1.8.0 \
			>"$sums/go" 2>&1 </dev/null || tail -n 5 "$sums/go"
	fi
	if ! command -v azurite-blob >/dev/null 2>&1 &&
		command -v npm >/dev/null 2>&1; then
		echo "getting azurite 3.35.0 into build/tools"
		mkdir -p "$tools"
		npm install --prefix "$tools" --no-audit --no-fund \
			azurite@3.35.0 @azure/storage-blob@12.26.0 \
			>"$sums/npm" 2>&1 </dev/null || tail -n 5 "$sums/npm"
	fi
	if ! command -v aws >/dev/null 2>&1; then
		sh tools/setup-packages.sh aws || true
	fi
}

sh tools/setup-packages.sh build demo test lint || {
	fail "packages are missing"
	finish
}
optional_tools
echo "== build"
if ! make -j"$jobs" all man >"$sums/build" 2>&1 </dev/null; then
	tail -n 40 "$sums/build"
	fail "the build"
	finish
fi
suite unit check-unit
suite conformance check-conformance
suite lost check-lost
suite crowd check-crowd
suite bats check-bats
suite tools check-tools
suite damage check-damage
suite lint lint
suite headers check-headers
suite fuzz fuzz
suite asan check-asan
suite tsan check-tsan
finish

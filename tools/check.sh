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
	echo "FAILED $*" | tee -a "$sums/failures"
	total_failed=$((total_failed + 1))
}

finish() {
	if [ "$total_skipped" -gt 0 ] && [ "${CI:-}" = true ]; then
		fail "$total_skipped tests skipped, and CI=true"
	fi
	if [ -s "$sums/failures" ]; then
		echo "== what failed"
		head -n 60 "$sums/failures"
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
	grep -aE '^(not ok |FAILED |\[  FAILED  \]|make.*Error)' "$sums/log" |
		sed "s/^/$name: /" >>"$sums/failures"
	if [ "$status" -ne 0 ] && [ "$failed" -eq 0 ]; then
		failed=1
		echo "FAILED $name: make ended with status $status" |
			tee -a "$sums/failures"
	elif [ "$name" = build ]; then
		passed=1
	elif [ "$status" -eq 0 ] && [ $((passed + failed)) -eq 0 ]; then
		failed=1
		echo "FAILED $name: no test was run" | tee -a "$sums/failures"
	fi
	total_failed=$((total_failed + failed))
	total_skipped=$((total_skipped + skipped))
	more=$(sum_field "$sums/log" 1 fixtures)
	apart=$((apart + more))
	total_passed=$((total_passed + passed - more))
}

# got NAME COMMAND...: gets it into build/tools; says why it could not.
got() {
	what=$1
	shift
	echo "getting $what into build/tools"
	timeout 900 "$@" >"$sums/$what" 2>&1 </dev/null && return
	echo "cannot get $what:"
	tail -n 5 "$sums/$what"
	return 1
}

# NAME MODULE VERSION: a server written in Go.
get_server() {
	command -v "$1" >/dev/null 2>&1 && return
	command -v go >/dev/null 2>&1 || return
	got "$1" env GOBIN="$tools" go install "$2@$3"
}

# With the library that makes its signatures. Debian's npm would bring five
# hundred packages for this one: who has none skips it.
get_azurite() {
	[ -x "$tools/node_modules/.bin/azurite-blob" ] &&
		[ -d "$tools/node_modules/@azure/storage-blob" ] && return
	command -v node >/dev/null 2>&1 || return
	command -v npm >/dev/null 2>&1 || return
	got azurite npm install --prefix "$tools" --no-audit --no-fund \
		--ignore-scripts azurite@3.35.0 @azure/storage-blob@12.26.0
}

# Google's library for Python, which Debian has not.
get_google() {
	python3 -c 'import google.cloud.storage' 2>/dev/null && return
	"$tools/python/bin/python3" -c 'import google.cloud.storage' \
		2>/dev/null && return
	got google-venv python3 -m venv --clear "$tools/python" &&
		got google-cloud-storage "$tools/python/bin/python3" -m pip \
			install --disable-pip-version-check \
			--only-binary :all: google-cloud-storage==3.17.1
}

# The independent servers, of S3, Google's JSON and Azure, and the clients that
# we did not write. Mostly they are waited for, and nothing needs them before
# the conformance suite.
optional_tools() {
	tools=$(pwd)/build/tools
	PATH=$tools:$tools/node_modules/.bin:$PATH
	export PATH
	# Where Go puts its own tool chain is not always in PATH.
	if ! command -v go >/dev/null 2>&1 && [ -x /usr/local/go/bin/go ]; then
		PATH=$PATH:/usr/local/go/bin
	fi
	mkdir -p "$tools" || return
	{
		get_server versitygw github.com/versity/versitygw/cmd/versitygw \
			v1.8.0
		get_server fake-gcs-server github.com/fsouza/fake-gcs-server \
			v1.56.1
	} &
	{
		get_azurite
		get_google
	} &
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
wait
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

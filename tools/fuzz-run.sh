#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets for a bounded number of inputs each:
#   sh tools/fuzz-run.sh LOGDIR RUNS TARGET...
# Seeds come from tests/fuzz/corpus/NAME where it is there; what a run finds
# new stays in a temporary directory. A crash leaves its input beside the log.
set -u

logs=$1 runs=$2
shift 2
mkdir -p "$logs" || exit 1
passed=0 failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

for target in "$@"; do
	name=$(basename "$target")
	corpus=$scratch/$name
	mkdir "$corpus"
	if [ -d "tests/fuzz/corpus/$name" ]; then
		cp "tests/fuzz/corpus/$name"/* "$corpus/"
	fi
	if "$target" -runs="$runs" -max_total_time=600 -timeout=10 \
		-rss_limit_mb=1024 -artifact_prefix="$logs/$name-" \
		"$corpus" >"$logs/$name.log" 2>&1 </dev/null; then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED $name; its output:"
		tail -n 40 "$logs/$name.log" | sed 's/^/    /'
	fi
done
echo "fuzz: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Runs fuzz targets for a bounded number of inputs each:
#   sh tools/fuzz-run.sh LOGDIR RUNS TARGET...
# Seeds come from tests/fuzz/corpus/NAME where it is there, and for parsers of
# components from the real ones of tests/data; what a run finds new stays in a
# temporary directory. A crash leaves its input beside the log.
set -u

logs=$1 runs=$2
shift 2
mkdir -p "$logs" || exit 1
passed=0 failed=0
scratch=$(mktemp -d) || exit 1
trap 'rm -rf "$scratch"' EXIT

# TARGET COMPONENT PREFIX: before a component's bytes come those that the
# target takes for itself.
components='fuzz_statistics Statistics.db \007\206
fuzz_data Data.db \007\000\000
fuzz_index Index.db \007
fuzz_summary Summary.db \007
fuzz_filter Filter.db \007
fuzz_toc TOC.txt \007
fuzz_manifest manifest.json \007
fuzz_schema schema.cql \007'

# seed TARGET DIR: at most 20 files of up to 64 KiB.
seed() {
	echo "$components" | while read -r of component prefix; do
		[ "$of" = "$1" ] || continue
		if [ ! -d "$scratch/data" ]; then
			mkdir "$scratch/data"
			tar -xJf tests/data/cluster-4.1-smart_home.tar.xz \
				-C "$scratch/data" || return 1
		fi
		find "$scratch/data" -path '*/snapshots/*' -name "*$component" \
			-size -129 | LC_ALL=C sort | head -n 20 | {
			n=0
			while read -r file; do
				n=$((n + 1))
				# shellcheck disable=SC2059 # octal escapes
				{ printf "$prefix" && cat "$file"; } \
					>"$2/seed-$n"
			done
		}
	done
}

for target in "$@"; do
	name=$(basename "$target")
	corpus=$scratch/$name
	mkdir "$corpus"
	if [ -d "tests/fuzz/corpus/$name" ]; then
		cp "tests/fuzz/corpus/$name"/* "$corpus/"
	fi
	seed "$name" "$corpus" || exit 1
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

#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# As tap-run.sh, with several programs side by side, begun in the order given:
#   sh tools/tap-many.sh JOBS LABEL LOGDIR 'WORDS' PROGRAM...
# For tests that spend their time waiting. What each prints comes when all have
# ended, and one sum at last.
set -u

jobs=$1 label=$2 logs=$3 words=$4
shift 4
mkdir -p "$logs" || exit 1

# The inner shell's names are its own.
# shellcheck disable=SC2016
printf '%s\0' "$@" | xargs -0 -P "$jobs" -n 1 sh -c '
	sh tools/tap-run.sh "$0" "$1" -c "$2" "$3" \
		>"$1/$0-$(basename "$3").out" 2>&1' "$label" "$logs" "$words"
status=$?
all=$logs/$label.out
: >"$all" || exit 1
for program in "$@"; do
	cat "$logs/$label-$(basename "$program").out" >>"$all" || status=1
done
awk -v label="$label:" '
	$1 == label && $3 == "passed," { p += $2; f += $4; s += $6; next }
	{ print }
	END { print label, p + 0, "passed,", f + 0, "failed,", s + 0, "skipped" }' \
	"$all"
[ "$status" -eq 0 ]

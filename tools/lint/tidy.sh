#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# tidy.sh FILE.c...: clang-tidy with the project's limits; its chatter about
# how many warnings were not shown is dropped.
set -u
status=0
# The loop variable is used inside eval.
# shellcheck disable=SC2034
for file in "$@"; do
	out=$(eval "clang-tidy --quiet --config-file=tools/lint/clang-tidy.yml \
		\"\$file\" -- $SL_CFLAGS" 2>/dev/null) || status=1
	[ -z "$out" ] || printf '%s\n' "$out"
done
exit "$status"

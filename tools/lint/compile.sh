#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# compile.sh COMPILER FLAGS... FILE.c...: warnings of one compiler, with the
# optimiser's too, nothing kept. $SL_CFLAGS is a shell fragment: it holds quotes.
set -u
compiler=$1
shift
flags=
while [ "${1#-}" != "$1" ]; do
	flags="$flags $1"
	shift
done
status=0
# The loop variable is used inside eval.
# shellcheck disable=SC2034
for file in "$@"; do
	eval "$compiler $SL_CFLAGS $flags -c -o /dev/null \"\$file\"" || status=1
done
exit "$status"

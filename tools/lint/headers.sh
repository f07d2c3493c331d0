#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# headers.sh FILE.h...: each header must compile alone with $CC and $SL_CFLAGS
# (a shell fragment) and mean the same when included twice.
set -u
passed=0 failed=0
for header in "$@"; do
	if printf '#include "%s"\n#include "%s"\n' "$header" "$header" |
		eval "${CC:-gcc} $SL_CFLAGS -Werror -x c -fsyntax-only -"; then
		passed=$((passed + 1))
	else
		echo "FAILED header $header does not compile alone"
		failed=$((failed + 1))
	fi
done
echo "headers: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

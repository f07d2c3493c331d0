#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Holds the style of the tree: runs every check below over its files, shows
# what they find, ends with a count of checks.
#   sh tools/lint/lint.sh [CHECK ...]        all files of the tree
#   SL_LINT_FILES='a.c b.h' sh tools/lint/lint.sh CHECK    these files only
# $SL_CFLAGS: the compiler flags of the build. A check prints FILE:LINE: TEXT and
# fails when it finds something; each has a bad sample in tests/bats/lint.bats.
set -u

jobs=${SL_JOBS:-2}
# The quotes inside are meant: compile.sh reads this as a shell fragment.
# shellcheck disable=SC2089,SC2090
if [ -z "${SL_CFLAGS:-}" ]; then
	SL_CFLAGS="-std=gnu11 -D_GNU_SOURCE -DSL_VERSION='\"0\"' -O2 -Wall \
		-Wextra -Iinclude -Ifs -I. \
		$(pkg-config --cflags fuse3 libcurl libcjson)"
	export SL_CFLAGS
fi
all="gcc clang tidy cppcheck shellcheck arrows style"

# Files of the tree whose names end in one of the given suffixes. Names in
# this tree hold no blanks: style refuses them.
files() {
	if [ -n "${SL_LINT_FILES:-}" ]; then
		# shellcheck disable=SC2086
		printf '%s\n' $SL_LINT_FILES
	else
		find Makefile README.md fs backends include tools tests .ci \
			-type f -not -path 'tests/data/*' 2>/dev/null | sort
	fi | grep -E "$1" || true
}

compile() {
	files '\.c$' | xargs -r -P "$jobs" -n 4 sh tools/lint/compile.sh "$@"
}

check_gcc() { compile gcc -Werror; }
check_clang() { compile clang -Werror -Wthread-safety; }

check_tidy() {
	files '\.c$' | xargs -r -P "$jobs" -n 2 sh tools/lint/tidy.sh
}

check_cppcheck() {
	files '\.c$' | xargs -r cppcheck --quiet --std=c11 -j "$jobs" \
		--enable=warning,performance,portability --inline-suppr \
		--error-exitcode=1 --suppress=missingIncludeSystem \
		--suppressions-list=tools/lint/cppcheck.txt \
		--template='{file}:{line}: {id}: {message}' \
		-D_GNU_SOURCE '-DSL_VERSION="0"' -Iinclude -Ifs -I.
}

# Left out for bats, whose tests are subshells: variables set there, and
# scripts in single quotes for sh -c.
check_shellcheck() {
	files '\.sh$|^\.ci/run$|\.bash$' | xargs -r shellcheck -x -f gcc &&
		files '\.bats$' | xargs -r shellcheck -x -s bats -f gcc \
			-e SC2016,SC2030,SC2031
}

check_arrows() { files '\.[ch]$' | xargs -r perl tools/lint/arrows.pl; }
check_style() { files '.' | xargs -r perl tools/lint/style.pl; }

passed=0 failed=0
[ $# -gt 0 ] || eval "set -- $all"
for check in "$@"; do
	case " $all " in
	*" $check "*) ;;
	*)
		echo "lint: no check '$check'; there are: $all" >&2
		exit 2
		;;
	esac
	if "check_$check"; then
		passed=$((passed + 1))
	else
		echo "FAILED lint $check"
		failed=$((failed + 1))
	fi
done
echo "lint: $passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]

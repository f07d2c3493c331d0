#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Each lint check is fed a sample that it must refuse, for the right reason,
# and one good file that all of them must let pass.

load helpers

setup() {
	sl_root
	cd "$BATS_TEST_TMPDIR" || return 1
	mkdir -p include fs/base fs/sstable fs/mount fs/upload backends/s3 \
		backends/http tools/astra-sim
	: >include/base.h
	: >fs/mount/mount.h
	: >backends/s3/s3.h
}

# sample NAME: a C file with a licence line and the text of stdin.
sample() {
	{
		echo '/* SPDX-License-Identifier: Apache-2.0 */'
		cat
	} >"$1"
}

refuses() { # CHECK FILE PATTERN
	cd "$SL_ROOT" || return 1
	SL_LINT_FILES="$BATS_TEST_TMPDIR/$2" run sh tools/lint/lint.sh "$1"
	cd "$BATS_TEST_TMPDIR" || return 1
	[ "$status" -eq 1 ]
	[[ $output =~ $3 ]]
}

arrow() { # FILE PATTERN
	run perl "$SL_ROOT/tools/lint/arrows.pl" "$1"
	[ "$status" -eq 1 ]
	[[ $output =~ $2 ]]
}

style() { # FILE PATTERN
	run perl "$SL_ROOT/tools/lint/style.pl" "$1"
	[ "$status" -eq 1 ]
	[[ $output =~ $2 ]]
}

# function_of LINES: a function with that many statements.
function_of() {
	echo 'int sl_f(int n);'
	echo 'int sl_f(int n)'
	echo '{'
	for _ in $(seq "$1"); do echo '	n += n / 3;'; done
	echo '	return n;'
	echo '}'
}

@test "a clean file passes every check" {
	function_of 5 | sample good.c
	cd "$SL_ROOT"
	SL_LINT_FILES="$BATS_TEST_TMPDIR/good.c" run sh tools/lint/lint.sh \
		gcc clang tidy cppcheck style
	[ "$status" -eq 0 ]
	[[ $output == *"lint: 5 passed, 0 failed, 0 skipped"* ]]
}

@test "gcc: a warning" {
	printf 'int sl_f(void);\nint sl_f(void) { int a; return 0; }\n' |
		sample bad.c
	refuses gcc bad.c 'unused variable'
}

@test "clang: a lock that is not held" {
	sample bad.c <<'C'
#include "lock.h"
struct box { struct sl_mutex mu; int n; };
void box_add_locked(struct box *b) SL_REQUIRES(b->mu);
void box_add_locked(struct box *b) { b->n++; }
void box_add(struct box *b);
void box_add(struct box *b) { box_add_locked(b); }
C
	refuses clang bad.c 'requires holding'
}

@test "clang-tidy: a function over 60 lines" {
	function_of 70 | sample bad.c
	refuses tidy bad.c 'function-size'
}

@test "clang-tidy: seven parameters" {
	printf '%s\n' 'int sl_f(int a, int b, int c, int d, int e, int f, int g);' \
		'int sl_f(int a, int b, int c, int d, int e, int f, int g)' \
		'{ return a + b + c + d + e + f + g; }' | sample bad.c
	refuses tidy bad.c 'function-size'
}

@test "clang-tidy: complexity" {
	{
		echo 'int sl_f(int n); int sl_f(int n) {'
		for i in $(seq 6); do
			echo "for (int i = 0; i < n; i++) if (n == $i) { if (i) n++; }"
		done
		echo 'return n; }'
	} | sample bad.c
	refuses tidy bad.c 'cognitive-complexity'
}

@test "clang-tidy: a fault of the bugprone kind" {
	sample bad.c <<'C'
int sl_f(const char *s, const char *t);
#include <string.h>
int sl_f(const char *s, const char *t) { return strcmp(s, t) == 2; }
C
	refuses tidy bad.c 'suspicious-string-compare'
}

@test "cppcheck: a read past the end" {
	sample bad.c <<'C'
int sl_f(void);
int sl_f(void) { int a[2] = { 1, 2 }; return a[2]; }
C
	refuses cppcheck bad.c 'arrayIndexOutOfBounds'
}

@test "shellcheck: an unquoted variable, in sh and in bats" {
	# shellcheck disable=SC2016
	printf '#!/bin/sh\nrm $1\n' >bad.sh
	refuses shellcheck bad.sh 'SC2086'
	# shellcheck disable=SC2016
	printf '@test "x" {\n\trm $foo\n}\n' >bad.bats
	refuses shellcheck bad.bats 'SC2'
}

@test "arrows: from the rules to the mount" {
	echo '#include "mount/mount.h"' | sample fs/sstable/bad.c
	arrow fs/sstable/bad.c 'fs/sstable may not include fs/mount/mount.h'
}

@test "arrows: from the core to a backend, and back" {
	echo '#include "backends/s3/s3.h"' | sample fs/upload/bad.c
	arrow fs/upload/bad.c 'may not include backends/s3/s3.h'
	echo '#include "mount/mount.h"' | sample backends/s3/bad.c
	arrow backends/s3/bad.c 'may not include fs/mount/mount.h'
}

@test "arrows: the rehearsal cloud shares nothing with the product" {
	echo '#include "backends/s3/s3.h"' | sample tools/astra-sim/bad.c
	arrow tools/astra-sim/bad.c 'may not include'
}

@test "arrows: libraries with one user" {
	echo '#include <fuse_lowlevel.h>' | sample fs/upload/bad.c
	arrow fs/upload/bad.c 'is for fs/mount alone'
	echo '#include <curl/curl.h>' | sample backends/s3/bad.c
	arrow backends/s3/bad.c 'is for backends/http alone'
	echo '#include <sqlite3.h>' | sample fs/mount/bad.c
	arrow fs/mount/bad.c 'is for fs/migration/ledger alone'
}

@test "arrows: a folder that nobody knows, a header that is not there" {
	mkdir -p fs/other
	echo '#include "base.h"' | sample fs/other/bad.c
	arrow fs/other/bad.c 'does not know'
	echo '#include "gone.h"' | sample fs/base/bad.c
	arrow fs/base/bad.c 'not in the tree'
}

@test "arrows: what the table allows" {
	echo '#include "base.h"' | sample fs/base/good.c
	run perl "$SL_ROOT/tools/lint/arrows.pl" fs/base/good.c
	[ "$status" -eq 0 ]
	[ -z "$output" ]
}

@test "style: more than 500 lines" {
	seq 501 | sed 's/.*/int sl_&;/' | sample bad.c
	style bad.c 'over 500 lines'
}

@test "style: no licence line" {
	echo 'int sl_x;' >bad.c
	style bad.c 'no SPDX'
	echo 'true' >bad.sh
	style bad.sh 'no SPDX'
}

@test "style: more than 80 columns, a tab counting to the next 8" {
	printf '\t%s\n' "int sl_$(printf 'x%.0s' $(seq 67));" | sample bad.c
	style bad.c 'over 80 columns'
	printf '\t%s\n' "int sl_$(printf 'x%.0s' $(seq 64));" | sample good.c
	run perl "$SL_ROOT/tools/lint/style.pl" good.c
	[ "$status" -eq 0 ]
}

@test "style: words of unfinished work" {
	# Put together here, so that this file does not hold them.
	for word in TO:DO FIX:ME XX:X 'for n:ow' 'not imple:mented' \
		place:holder; do
		echo "/* ${word/:/} */" | sample bad.c
		style bad.c 'unfinished work'
	done
}

@test "style: banned calls, results thrown away, code switched off" {
	echo 'void f(char *a) { sprintf(a, "x"); }' | sample bad.c
	style bad.c 'banned: sprintf'
	printf 'int sl_x;\nvoid f(int fd) { (void)close(fd); }\n' | sample bad.c
	style bad.c 'thrown away'
	printf '#if 0\n#endif\n' | sample bad.c
	style bad.c 'switched off'
}

@test "headers: one that does not compile alone" {
	echo 'struct other sl_x;' | sample bad.h
	CC=gcc SL_CFLAGS=-std=gnu11 run sh "$SL_ROOT/tools/lint/headers.sh" bad.h
	[ "$status" -eq 1 ]
	[[ $output == *"headers: 0 passed, 1 failed, 0 skipped"* ]]
}

@test "the counter of tests: a crash, silence and a skip are not success" {
	cat >crash.sh <<'S'
echo 1..2; echo "ok 1 - a"; kill -SEGV $$
S
	echo 'exit 0' >silent.sh
	printf 'echo "ok 1 - a # SKIP no tool"\necho "not ok 2 - b"\n' >mixed.sh
	run sh "$SL_ROOT/tools/tap-run.sh" unit logs -c sh crash.sh silent.sh \
		mixed.sh
	[ "$status" -eq 1 ]
	[[ $output == *"unit: 1 passed, 3 failed, 1 skipped"* ]]
	[[ $output == *"skipped: a (no tool)"* ]]
}

@test "the counter of tests: material outside the repository is apart" {
	printf 'echo "ok 1 - a_fixtures"\necho "ok 2 - b"\n' >with.sh
	printf 'echo "not ok 1 # SKIP c_fixtures"\n' >without.sh
	SL_FIXTURES=x run sh "$SL_ROOT/tools/tap-run.sh" unit logs -c sh with.sh
	[ "$status" -eq 0 ]
	[[ $output == "fixtures: 1 passed, 0 failed, 0 skipped"*"unit: 1 passed, 0 failed, 0 skipped" ]]
	SL_FIXTURES='' run sh "$SL_ROOT/tools/tap-run.sh" unit logs -c sh \
		without.sh
	[ "$status" -eq 0 ]
	[[ $output == "unit: 0 passed, 0 failed, 0 skipped" ]]
}

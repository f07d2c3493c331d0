/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The remembered migration: comes back, is replaced, is kept apart per
 * database and node list, and nothing that a list of nodes says can name a
 * file elsewhere.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

#include "migration/ledger.h"
#include "migration/state.h"

#define DB "3f2504e0-4f89-11d3-9a0c-0305e82c3301"
#define ID1 "a0623710-e6e0-11f1-bf84-0d06878e994f"
#define ID2 "b0623710-e6e0-11f1-bf84-0d06878e994f"

static char dir[64];

static int setup(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sl-state.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
	char cmd[128];

	(void)state;
	snprintf(cmd, sizeof(cmd), "rm -rf '%s'", dir);
	return system(cmd);
}

static void is(const char *nodes, const char *want)
{
	char *got = sl_state_joined_get(dir, DB, nodes);

	if (want) {
		assert_non_null(got);
		assert_string_equal(got, want);
	} else {
		assert_null(got);
	}
	free(got);
}

static void set(const char *nodes, const char *id)
{
	struct sl_error e = { 0 };

	if (sl_state_joined_set(dir, DB, nodes, id, &e))
		fail_msg("%s", e.text);
}

static size_t entries(const char *path)
{
	DIR *d = opendir(path);
	size_t n = 0;

	assert_non_null(d);
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}

static void test_round_trip(void **state)
{
	char path[256];

	(void)state;
	is("node1", NULL);
	set("node1", ID1);
	is("node1", ID1);
	is("node2", NULL);
	set("node2", ID2);
	set("node1", ID2);
	is("node1", ID2);
	set("a:b:c", ID1);
	set("*", ID2);
	is("a:b:c", ID1);
	is("*", ID2);
	assert_null(sl_state_joined_get(dir, ID1, "node1"));
	snprintf(path, sizeof(path), "%s/" DB "/joined", dir);
	assert_int_equal(entries(path), 4);
}

static void test_odd_names(void **state)
{
	static const char *const names[] = {
		"../../../x", "/etc/x", "", ".", "..", "a/b", "a\nb",
		"\xff",
	};
	char longest[5000], path[256];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		is(names[i], NULL);
		set(names[i], ID1);
		is(names[i], ID1);
	}
	memset(longest, 'n', sizeof(longest));
	longest[sizeof(longest) - 1] = '\0';
	set(longest, ID2);
	is(longest, ID2);
	is(longest + 1, NULL);
	snprintf(path, sizeof(path), "%s/" DB "/joined", dir);
	assert_int_equal(entries(path), 9);
	assert_int_equal(entries(dir), 1);
}

static void test_bad_values(void **state)
{
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_state_joined_set(dir, DB, "n", "no", &e), -EINVAL);
	assert_int_equal(sl_state_joined_set(dir, DB, "n", ID1 "0", &e),
			 -EINVAL);
	assert_int_equal(sl_state_joined_set(dir, "../x", "n", ID1, &e),
			 -EINVAL);
	assert_int_equal(sl_state_joined_set(dir, "", "n", ID1, &e), -EINVAL);
	assert_null(sl_state_joined_get(dir, "..", "n"));
	assert_int_equal(entries(dir), 0);
}

static void test_damaged(void **state)
{
	static const struct {
		const char *text;
		const char *want;
	} t[] = {
		{ ID1 "\n", ID1 },   { ID1, ID1 },     { "", NULL },
		{ "\n", NULL },	     { ID1 "0", NULL }, { "a0623710", NULL },
		{ "x0623710-e6e0-11f1-bf84-0d06878e994f\n", NULL },
	};
	char path[256];

	(void)state;
	set("n", ID1);
	snprintf(path, sizeof(path), "%s/" DB "/joined/n", dir);
	for (size_t i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		FILE *f = fopen(path, "w");

		assert_non_null(f);
		assert_true(fputs(t[i].text, f) >= 0);
		assert_int_equal(fclose(f), 0);
		is("n", t[i].want);
	}
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	is("n", NULL);
}

static void test_no_place(void **state)
{
	struct sl_error e = { 0 };
	char path[256];
	FILE *f;

	(void)state;
	snprintf(path, sizeof(path), "%s/file", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(sl_state_joined_set(path, DB, "n", ID1, &e),
			 -ENOTDIR);
	assert_non_null(strstr(e.text, "-o state="));
	assert_null(sl_state_joined_get(path, DB, "n"));
}

static void test_mkdirs(void **state)
{
	struct stat st;
	char path[256];

	(void)state;
	snprintf(path, sizeof(path), "%s/a//b/c/file", dir);
	assert_int_equal(sl_state_mkdirs(path, NULL), 0);
	assert_int_equal(sl_state_mkdirs(path, NULL), 0);
	snprintf(path, sizeof(path), "%s/a/b/c", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	assert_int_equal(entries(path), 0);
	assert_int_equal(sl_state_mkdirs("name", NULL), 0);
	assert_int_equal(sl_state_mkdirs("", NULL), 0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_round_trip), T(test_odd_names), T(test_bad_values),
		T(test_damaged),    T(test_no_place),  T(test_mkdirs),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

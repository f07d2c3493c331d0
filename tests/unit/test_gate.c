/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The launch gate: every rule by itself, the errno that each closes the gate
 * with and which of several wins, and a comparison of a size that a bad
 * algorithm would not survive.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "migration/gate.h"

static const char *const own[] = { "node1" };
static const char *const expect[] = { "node1", "node2" };

static struct sl_gate *gate(int expect_count)
{
	struct sl_gate_config cfg = {
		.own = own,
		.own_count = 1,
		.expect = expect,
		.expect_count = expect_count,
	};
	struct sl_gate *g = NULL;

	assert_int_equal(sl_gate_new(&cfg, &g), 0);
	return g;
}

static void local(struct sl_gate *g, const char *path,
		  enum sl_file_state state, uint64_t size, const char *etag)
{
	struct sl_ledger_row r = {
		.path = path, .state = state, .size = size, .has_crc32 = true,
		.crc32 = 7, .etag = etag, .note = "",
	};

	assert_int_equal(sl_gate_local(g, &r), 0);
}

static struct sl_object object(uint64_t size, const char *etag)
{
	struct sl_object o = { .size = size, .has_crc32 = true, .crc32 = 7 };

	snprintf(o.etag, sizeof(o.etag), "%s", etag);
	return o;
}

static void listed(struct sl_gate *g, const char *key, uint64_t size,
		   const char *etag)
{
	struct sl_object o = object(size, etag);

	assert_int_equal(sl_gate_listed(g, key, &o), 0);
}

/* What an open gate has: one file of each node. */
static struct sl_gate *good(void)
{
	struct sl_gate *g = gate(2);

	local(g, "node1/a", SL_FILE_COMMITTED, 5, "\"e\"");
	listed(g, "node1/a", 5, "\"e\"");
	listed(g, "node2/b", 6, "\"f\"");
	return g;
}

static void only(struct sl_gate *g, int err, enum sl_gate_rule rule,
		 const char *path)
{
	struct sl_gate_finding f;
	struct sl_error e = { 0 };

	assert_int_equal(sl_gate_finish(g, &e), err);
	for (int i = 0; i < SL_GATE__COUNT; i++)
		if (sl_gate_count(g, i) != (i == (int)rule))
			fail_msg("%s: %d", sl_gate_rule_name(i),
				 (int)sl_gate_count(g, i));
	assert_true(sl_gate_finding(g, 0, &f));
	assert_int_equal(f.rule, rule);
	assert_string_equal(f.path, path);
	assert_non_null(strstr(f.text, path));
	assert_int_equal(e.errnum, -err);
	assert_non_null(strstr(e.text, sl_gate_rule_name(rule)));
	assert_non_null(strstr(e.text, f.text));
	assert_false(sl_gate_finding(g, 1, &f));
	/* Asked again it says the same. */
	assert_int_equal(sl_gate_finish(g, &e), err);
	assert_int_equal(sl_gate_count(g, rule), 1);
	sl_gate_free(g);
}

static void test_open_gate(void **state)
{
	struct sl_gate *g = good();
	struct sl_error e = { 0 };
	const char *name;
	uint64_t files, bytes;

	(void)state;
	local(g, "node1/s", SL_FILE_SKIPPED, 1, "");
	local(g, "node1", SL_FILE_DIR, 0, "");
	assert_int_equal(sl_gate_finish(g, &e), 0);
	assert_int_equal(e.errnum, 0);
	assert_true(sl_gate_node(g, 0, &name, &files, &bytes));
	assert_string_equal(name, "node1");
	assert_int_equal(files, 1);
	assert_int_equal(bytes, 5);
	assert_true(sl_gate_node(g, 1, &name, &files, &bytes));
	assert_string_equal(name, "node2");
	assert_int_equal(bytes, 6);
	assert_false(sl_gate_node(g, 2, &name, &files, &bytes));
	sl_gate_free(g);
	sl_gate_free(NULL);
}

static void test_states(void **state)
{
	static const struct {
		enum sl_file_state s;
		int err;
		enum sl_gate_rule rule;
	} t[] = {
		{ SL_FILE_OPEN, -EBUSY, SL_GATE_OPEN },
		{ SL_FILE_QUEUED, -EBUSY, SL_GATE_QUEUED },
		{ SL_FILE_INTERRUPTED, -EBADMSG, SL_GATE_INTERRUPTED },
		{ SL_FILE_UNPROVEN, -EBADMSG, SL_GATE_UNPROVEN },
		{ SL_FILE_FAILED, -EBADMSG, SL_GATE_FAILED },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct sl_gate *g = good();

		local(g, "node1/x", t[i].s, 5, "");
		only(g, t[i].err, t[i].rule, "node1/x");
		/* An old version of it in the bucket is no second finding. */
		g = good();
		local(g, "node1/x", t[i].s, 5, "");
		listed(g, "node1/x", 99, "\"old\"");
		only(g, t[i].err, t[i].rule, "node1/x");
	}
}

static void test_missing_and_foreign(void **state)
{
	struct sl_gate *g = good();

	(void)state;
	local(g, "node1/gone", SL_FILE_COMMITTED, 5, "");
	only(g, -EBADMSG, SL_GATE_MISSING, "node1/gone");
	g = good();
	listed(g, "node1/b", 5, "\"e\"");
	only(g, -EBADMSG, SL_GATE_FOREIGN, "node1/b");
	/* What was skipped here must not be there either. */
	g = good();
	local(g, "node1/s", SL_FILE_SKIPPED, 5, "");
	listed(g, "node1/s", 5, "");
	only(g, -EBADMSG, SL_GATE_FOREIGN, "node1/s");
	g = good();
	listed(g, "node1/", 0, "");
	only(g, -EBADMSG, SL_GATE_FOREIGN, "node1/");
}

static void test_differs(void **state)
{
	static const struct {
		uint64_t size;
		const char *etag_here, *etag_there;
		bool crc_here, crc_there;
		uint32_t there;
		bool differs;
	} t[] = {
		{ 5, "\"e\"", "\"e\"", true, true, 7, false },
		{ 5, "\"e\"", "e", true, true, 7, false },
		{ 4, "\"e\"", "\"e\"", true, true, 7, true },
		{ 5, "\"e\"", "\"f\"", true, true, 7, true },
		{ 5, "\"e\"", "\"ee\"", false, false, 7, true },
		{ 5, "", "\"f\"", true, true, 7, false },
		{ 5, "", "\"f\"", true, true, 8, true },
		{ 5, "", "\"f\"", true, false, 8, false },
		{ 5, "", "\"f\"", false, true, 8, false },
		{ 4, "", "", false, false, 0, true },
		{ 5, "\"e\"", "", true, true, 8, true },
		{ 5, "\"e\"", "\"e\"", true, true, 8, true },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct sl_gate *g = good();
		struct sl_ledger_row r = {
			.path = "node1/x", .size = 5, .crc32 = 7,
			.has_crc32 = t[i].crc_here, .etag = t[i].etag_here,
		};
		struct sl_object o = object(t[i].size, t[i].etag_there);

		o.has_crc32 = t[i].crc_there;
		o.crc32 = t[i].there;
		assert_int_equal(sl_gate_local(g, &r), 0);
		assert_int_equal(sl_gate_listed(g, "node1/x", &o), 0);
		if (t[i].differs) {
			only(g, -EBADMSG, SL_GATE_DIFFERS, "node1/x");
		} else {
			assert_int_equal(sl_gate_finish(g, NULL), 0);
			sl_gate_free(g);
		}
	}
}

static void test_nodes(void **state)
{
	struct sl_gate *g = gate(0);

	(void)state;
	listed(g, "node1x/a", 1, "");
	only(g, -EINVAL, SL_GATE_NODE_UNNAMED, "");
	g = gate(2);
	local(g, "node1/a", SL_FILE_COMMITTED, 5, "");
	listed(g, "node1/a", 5, "");
	only(g, -EBADMSG, SL_GATE_NODE_MISSING, "node2");
	/* Names are compared exactly, prefixes are others. */
	g = good();
	listed(g, "node22/a", 5, "");
	only(g, -EBADMSG, SL_GATE_NODE_EXTRA, "node22");
	g = good();
	listed(g, "node/a", 5, "");
	only(g, -EBADMSG, SL_GATE_NODE_EXTRA, "node");
	g = good();
	listed(g, "stray", 5, "");
	only(g, -EBADMSG, SL_GATE_NODE_EXTRA, "stray");
	/* A folder's marker is no content. */
	g = good();
	listed(g, "node3/", 0, "");
	assert_int_equal(sl_gate_finish(g, NULL), 0);
	sl_gate_free(g);
	g = gate(2);
	local(g, "node1/a", SL_FILE_COMMITTED, 5, "");
	listed(g, "node1/a", 5, "");
	listed(g, "node2/", 0, "");
	only(g, -EBADMSG, SL_GATE_NODE_MISSING, "node2");
}

static void test_nothing(void **state)
{
	struct sl_gate *g = gate(2);
	struct sl_error e;

	(void)state;
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(sl_gate_count(g, SL_GATE_NOTHING), 1);
	assert_int_equal(sl_gate_count(g, SL_GATE_NODE_MISSING), 2);
	sl_gate_free(g);
}

static void test_no_listing(void **state)
{
	struct sl_gate *g = gate(2);

	(void)state;
	local(g, "node1/a", SL_FILE_COMMITTED, 5, "");
	assert_int_equal(sl_gate_add(g, SL_GATE_NO_LISTING, NULL, NULL), 0);
	/* What cannot be seen is not called missing. */
	only(g, -EACCES, SL_GATE_NO_LISTING, "");
	g = good();
	assert_int_equal(sl_gate_add(g, SL_GATE_UNCLEAN, "", "copy 'again'"),
			 0);
	only(g, -EBADMSG, SL_GATE_UNCLEAN, "");
}

/* The first of EINVAL, EBUSY, EACCES, EBADMSG, whatever came first. */
static void test_order(void **state)
{
	static const enum sl_gate_rule later[] = {
		SL_GATE_FAILED, SL_GATE_NO_LISTING, SL_GATE_OPEN,
		SL_GATE_NODE_UNNAMED,
	};
	static const int err[] = { -EBADMSG, -EACCES, -EBUSY, -EINVAL };

	(void)state;
	for (size_t n = 1; n <= SL_ARRAY_LEN(later); n++) {
		struct sl_gate *g = good();
		struct sl_error e = { 0 };

		for (size_t i = 0; i < n; i++)
			assert_int_equal(sl_gate_add(g, later[i], "node1/q",
						     i + 1 == n ? "this one" :
								  NULL), 0);
		assert_int_equal(sl_gate_finish(g, &e), err[n - 1]);
		assert_non_null(strstr(e.text, "this one"));
		sl_gate_free(g);
	}
}

/* Findings are bounded, the count is not, and no rule is crowded out. */
static void test_many_findings(void **state)
{
	struct sl_gate *g = gate(0);
	struct sl_gate_finding f;
	struct sl_error e = { 0 };
	size_t n = 0;
	char key[64];

	(void)state;
	for (int i = 0; i < 5000; i++) {
		snprintf(key, sizeof(key), "node1/%d", i);
		listed(g, key, 1, "");
	}
	assert_int_equal(sl_gate_finish(g, &e), -EINVAL);
	assert_non_null(strstr(e.text, "5000 foreign, 1 node-unnamed"));
	assert_int_equal(sl_gate_count(g, SL_GATE_FOREIGN), 5000);
	while (sl_gate_finding(g, n, &f))
		n++;
	assert_in_range(n, 900, 1000);
	sl_gate_free(g);
}

static void test_hostile_keys(void **state)
{
	struct sl_gate *g = good();
	struct sl_gate_finding f;
	char big[4000];

	(void)state;
	listed(g, "/x", 1, "");
	listed(g, "", 1, "");
	listed(g, "node1/\x1b[31m%s%n", 1, "");
	memset(big, 'x', sizeof(big));
	memcpy(big, "node1/", 6);
	big[sizeof(big) - 1] = '\0';
	listed(g, big, 1, "");
	for (int i = 0; i < 20000; i++) {
		char key[32];

		snprintf(key, sizeof(key), "h%05d/x", i);
		listed(g, key, 1, "");
	}
	assert_int_equal(sl_gate_finish(g, NULL), -EBADMSG);
	for (size_t i = 0; sl_gate_finding(g, i, &f); i++)
		assert_null(strchr(f.text, 0x1b));
	assert_int_equal(sl_gate_count(g, SL_GATE_FOREIGN), 2);
	sl_gate_free(g);
}

/* Local rows backwards, the listing in order; then a row that came twice. */
static void test_large(void **state)
{
	enum { N = 100000 };
	struct sl_gate *g = good();
	char key[96];

	(void)state;
	for (int i = N; i-- > 0;) {
		snprintf(key, sizeof(key), "node1/ks/t/%06d", i);
		local(g, key, SL_FILE_COMMITTED, (uint64_t)i, "");
	}
	local(g, "node1/ks/t/000007", SL_FILE_COMMITTED, 8, "");
	for (int i = 0; i < N; i++) {
		snprintf(key, sizeof(key), "node1/ks/t/%06d", i);
		if (i != 5)
			listed(g, key, (uint64_t)(i == 7 ? 8 : i), "");
		if (i == 9)
			listed(g, key, 9, "");
	}
	only(g, -EBADMSG, SL_GATE_MISSING, "node1/ks/t/000005");
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < SL_GATE__COUNT; i++)
		for (int k = 0; k < i; k++)
			assert_string_not_equal(sl_gate_rule_name(i),
						sl_gate_rule_name(k));
	assert_string_equal(sl_gate_rule_name(SL_GATE_OPEN), "open-file");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open_gate),
		cmocka_unit_test(test_states),
		cmocka_unit_test(test_missing_and_foreign),
		cmocka_unit_test(test_differs),
		cmocka_unit_test(test_nodes),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_no_listing),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_many_findings),
		cmocka_unit_test(test_hostile_keys),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

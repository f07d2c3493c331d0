/* SPDX-License-Identifier: Apache-2.0 */
/*
 * manifest.json: the forms of 4.0, 4.1 and 5.0, what is no manifest, bombs of
 * brackets and commas, every real one, and cuts.
 */
#include "sstable_rig.h"

#define S(x) (x), sizeof(x) - 1

static const struct row {
	const char *bytes;
	size_t n;
	bool healthy;
	size_t count;
	const char *last; /* of the names */
} rows[] = {
	{ S("{\"files\":[]}"), true, 0, NULL },
	{ S("{\"files\":[\"na-1-big-Data.db\"]}"), true, 1,
	  "na-1-big-Data.db" },
	{ S("{\"files\":[\"a\",\".email_idx\\/nb-1-big-Data.db\"]}"), true, 2,
	  ".email_idx/nb-1-big-Data.db" },
	{ S("{\n  \"created_at\" : 1,\n  \"files\" : [ \"b\" ],\n"
	    "  \"ephemeral\" : false\n}\n"),
	  true, 1, "b" },
	{ S("{\"files\":[\"{[,\\\"\"]}"), true, 1, "{[,\"" },
	{ S(""), false, 0, NULL },
	{ S("{}"), false, 0, NULL },
	{ S("[]"), false, 0, NULL },
	{ S("{\"files\":{}}"), false, 0, NULL },
	{ S("{\"Files\":[]}"), false, 0, NULL },
	{ S("{\"files\":[\"a\",1]}"), false, 1, "a" },
	{ S("{\"files\":[]}x"), false, 0, NULL },
	{ S("{\"files\":[]}\0"), false, 0, NULL },
	{ S("{\"files\":[\"a\\u0000b\"]}"), false, 0, NULL },
	{ S("{\"files\":[\"a\""), false, 0, NULL },
	{ S("\0\0\0\0"), false, 0, NULL },
	/* 16 and 17 deep */
	{ S("{\"files\":[],\"x\":[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]}"), true, 0,
	  NULL },
	{ S("{\"files\":[],\"x\":[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]}"), false, 0,
	  NULL },
};

static void check_row(const struct sl_name *name, const struct row *r)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	const struct sl_names *names;
	const char *last = NULL;

	rig_pieces(name, r->bytes, r->n);
	sl_test_facts(name, r->bytes, r->n, 1, &f);
	assert_int_equal(f.found_count, r->healthy ? 0 : 1);
	if (!r->healthy)
		assert_int_equal(f.found[0].rule, SL_RULE_MANIFEST);
	names = f.u.manifest.files;
	assert_int_equal(names ? names->count : 0, r->count);
	if (!names)
		return;
	for (size_t at = 0; at < names->len;
	     at += strlen(names->text + at) + 1)
		last = names->text + at;
	if (r->last)
		assert_string_equal(last, r->last);
	else
		assert_null(last);
}

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("manifest.json");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		check_row(&name, &rows[i]);
}

/* Neither the stack nor the memory is the file's to take. */
static void test_bombs(void **state)
{
	struct sl_name name = sl_test_name("manifest.json");
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	size_t n = SL_STREAM_TEXT + 1;
	SL_CLEANUP(free) char *p = malloc(n);

	(void)state;
	assert_non_null(p);
	memset(p, '[', n);
	assert_int_equal(rig_rule(&name, p, n), SL_RULE_MANIFEST);
	assert_int_equal(rig_rule(&name, p, n - 1), SL_RULE_MANIFEST);
	memset(p, ' ', n);
	memcpy(p, "{\"files\":[0", 11);
	for (size_t i = 11; i + 1 < n - 2; i += 2)
		memcpy(p + i, ",0", 2);
	memcpy(p + n - 4, "]}", 2);
	sl_test_facts(&name, p, n - 1, n - 1, &f);
	assert_int_equal(f.found_count, 1);
	assert_null(f.u.manifest.files);
}

static void test_references(void **state)
{
	struct sl_name name = sl_test_name("manifest.json");
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_names *n;

	(void)state;
	sl_test_facts(&name, S("{\"files\":[\"a\"]}"), 3, &f);
	n = sl_names_ref(f.u.manifest.files);
	assert_ptr_equal(n, f.u.manifest.files);
	sl_facts_release(&f);
	memset(&f, 0, sizeof(f));
	assert_string_equal(n->text, "a");
	sl_names_unref(n);
	sl_names_unref(NULL);
	assert_null(sl_names_ref(NULL));
}

struct real {
	struct rig_score cuts;
	size_t names, empty;
};

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct real *r = arg;

	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	assert_non_null(f.u.manifest.files);
	r->names += f.u.manifest.files->count;
	r->empty += !f.u.manifest.files->count;
	rig_cuts(t, 50, &r->cuts);
}

static void check_real(size_t n, const struct real *r)
{
	print_message("# %zu real manifests with %zu names, %zu empty\n", n,
		      r->names, r->empty);
	rig_print(&r->cuts);
	/* Only the newline that 5.0 ends with may go. */
	assert_true(r->cuts.made - r->cuts.seen <= n);
	assert_true(r->names > 0 && r->empty > 0);
}

static void test_real(void **state)
{
	struct real r = { .cuts = { .what = "manifest cut short" } };
	size_t n;

	(void)state;
	n = sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_MANIFEST, check_file,
			     &r);
	check_real(n, &r);
}

static void test_fixtures(void **state)
{
	struct real r = { .cuts = { .what = "manifest cut short" } };
	size_t n;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_MANIFEST, check_file, &r);
	if (!n)
		skip();
	check_real(n, &r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bombs),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

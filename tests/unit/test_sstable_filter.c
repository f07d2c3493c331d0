/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Filter.db: made files with one thing wrong each; every real one is healthy
 * and has as many bits set as its keys must have set; one with a hole of
 * zeros, or of another SSTable, has not.
 */
#include "sstable_rig.h"

#include "sstable/bytes.h"

#define S(x) (x), sizeof(x) - 1
#define WORD "\1\0\0\0\0\0\0\x80"

static const struct row {
	const char *bytes;
	size_t n;
	enum sl_rule rule;
	uint64_t ones;
} rows[] = {
	{ S("\0\0\0\5\0\0\0\1" WORD), SL_RULE_NONE, 2 },
	{ S("\0\0\0\5\0\0\0\2" WORD WORD), SL_RULE_NONE, 4 },
	{ S(""), SL_RULE_EMPTY_COMPONENT, 0 },
	{ S("\0\0\0\5\0\0\0"), SL_RULE_FILTER, 0 },
	{ S("\0\0\0\5\0\0\0\1"), SL_RULE_FILTER, 0 },
	{ S("\0\0\0\5\0\0\0\1" "\1\0\0"), SL_RULE_FILTER, 1 },
	{ S("\0\0\0\5\0\0\0\1" WORD "x"), SL_RULE_FILTER, 6 },
	{ S("\0\0\0\5\0\0\0\0"), SL_RULE_FILTER, 0 },
	{ S("\0\0\0\0\0\0\0\1" WORD), SL_RULE_FILTER, 2 },
	{ S("\0\0\0\x1f\0\0\0\1" WORD), SL_RULE_FILTER, 2 },
	{ S("\0\0\0\x1e\0\0\0\1" WORD), SL_RULE_NONE, 2 },
	{ S("\0\0\0\5\xff\xff\xff\xff" WORD), SL_RULE_FILTER, 2 },
	{ S("\0\0\0\5\0\0\0\1" "\0\0\0\0\0\0\0\0"), SL_RULE_FILTER, 0 },
};

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("nb-1-big-Filter.db");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		rig_pieces(&name, r->bytes, r->n);
		sl_test_facts(&name, r->bytes, r->n, 5, &f);
		assert_int_equal(f.found_count, r->rule != SL_RULE_NONE);
		assert_int_equal(f.found[0].rule, r->rule);
		assert_int_equal(f.u.filter.ones, r->ones);
	}
}

/* Partitions by the index of the same SSTable; 0: unknown. */
static uint64_t keys_of(const struct sl_test_file *t)
{
	bool bti = t->name.format == SL_FORMAT_BTI;
	const char *component = bti ? "Partitions.db" : "Index.db";
	SL_CLEANUP(free) char *path = sl_test_sibling(t, component);
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name = t->name;
	size_t size;
	SL_CLEANUP(free) unsigned char *p = sl_test_read(path, &size);

	if (!p)
		return 0;
	name.component = bti ? SL_COMP_PARTITIONS : SL_COMP_INDEX;
	sl_test_facts(&name, p, size, size, &f);
	return f.found_count ? 0 : f.u.index.count;
}

struct real {
	size_t fit, holes, holes_seen, foreign_seen;
};

static void damage(const struct sl_test_file *t, uint64_t keys, struct real *r)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	SL_CLEANUP(free) unsigned char *bad = malloc(t->size);

	if (t->size < 8 + 512)
		return;
	assert_non_null(bad);
	memcpy(bad, t->data, t->size);
	memset(bad + t->size / 2, 0, t->size / 4);
	sl_test_facts(&t->name, bad, t->size, t->size, &f);
	r->holes++;
	r->holes_seen += f.found_count || !sl_filter_fits(&f.u.filter, keys);
	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	r->foreign_seen += !sl_filter_fits(&f.u.filter, keys * 2);
}

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct real *r = arg;
	uint64_t keys;

	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	keys = keys_of(t);
	/* A slice has a filter of its own and the whole's Partitions.db. */
	if (!keys || strstr(t->path, "ZeroCopyStreaming"))
		return;
	if (!sl_filter_fits(&f.u.filter, keys))
		fail_msg("%s: %d bits of %d keys", t->path,
			 (int)f.u.filter.ones, (int)keys);
	r->fit++;
	damage(t, keys, r);
}

static void check_real(const struct real *r)
{
	print_message("# %zu filters fit their keys; of %zu with a hole %zu "
		      "are seen, of other keys %zu\n", r->fit, r->holes,
		      r->holes_seen, r->foreign_seen);
	assert_int_equal(r->holes, r->holes_seen);
	assert_int_equal(r->holes, r->foreign_seen);
}

static void test_real(void **state)
{
	struct real r = { 0 };

	(void)state;
	assert_true(sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_FILTER,
				     check_file, &r) > 50);
	assert_true(r.fit > 50);
	check_real(&r);
}

static void test_fixtures(void **state)
{
	struct real r = { 0 };
	size_t n;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_FILTER, check_file, &r);
	if (!n)
		skip();
	assert_true(n > 900 && r.fit > 900);
	check_real(&r);
}

static void test_fits(void **state)
{
	struct sl_filter_facts f = { .hashes = 5, .words = 1u << 20 };
	/* 2^26 bits, 2^23 keys, 5 hashes: 2^26 (1 - exp(-5/8)) */
	const uint64_t expected = 31188078;

	(void)state;
	f.ones = expected;
	assert_true(sl_filter_fits(&f, 1u << 23));
	f.ones = expected - 20000;
	assert_true(sl_filter_fits(&f, 1u << 23));
	f.ones = expected - 60000;
	assert_false(sl_filter_fits(&f, 1u << 23));
	assert_false(sl_filter_fits(&f, UINT64_MAX));
	f.words = 0;
	f.ones = 0;
	assert_true(sl_filter_fits(&f, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_fits),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

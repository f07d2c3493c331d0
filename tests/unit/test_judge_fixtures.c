/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge over real snapshot trees: each table is judged as it must be and
 * no rule fires that should not, in any order of arrival; and the size of
 * what is kept. The tree in tests/data always runs; the others need
 * $SL_FIXTURES, a folder of *.tar.xz.
 */
#include "judge_tree.h"

#include <malloc.h>

static void test_cluster(void **state)
{
	struct lines all = { .details = true }, puts = { .details = true };

	(void)state;
	judge_all(&cluster, NULL, &all, &puts);
	lines_print(&all, "all");
	lines_print(&puts, "put");
	assert_int_equal(all.n, 0);
	assert_int_equal(puts.n, 0);
	lines_free(&all);
	lines_free(&puts);
}

static void test_cluster_orders(void **state)
{
	(void)state;
	same_in_any_order(&cluster, ORDERS, true);
}

static void test_counts(void **state)
{
	struct lines none = { 0 };
	struct sl_judge *j = judge(&cluster, NULL, &none);
	struct sl_judge_counts c;

	(void)state;
	sl_judge_count(j, "node1", &c);
	assert_int_equal(c.tables, 2);
	assert_int_equal(c.sstables, 5);
	sl_judge_count(j, NULL, &c);
	assert_int_equal(c.tables, 6);
	assert_int_equal(c.sstables, 15);
	assert_int_equal(c.components, cluster.n);
	for (size_t i = 0; i < cluster.n; i++)
		sl_judge_drop(j, cluster.file[i].path);
	sl_judge_count(j, NULL, &c);
	assert_int_equal(c.tables + c.sstables + c.components, 0);
	sl_judge_free(j);
}

static void test_ddl(void **state)
{
	SL_CLEANUP(buf) struct sl_buf with = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(buf) struct sl_buf without = SL_BUF_INIT(1 << 20);
	struct lines none = { 0 };
	struct sl_judge *j = judge(&cluster, NULL, &none);

	(void)state;
	assert_int_equal(sl_judge_ddl(j, &with, lines_found, &none), 0);
	assert_non_null(strstr(sl_buf_str(&with), "smart_home.devices"));
	assert_non_null(strstr(sl_buf_str(&with),
			       "smart_home.sensor_readings"));
	assert_non_null(strstr(sl_buf_str(&with), "DESC"));
	for (size_t i = 0; i < cluster.n; i++)
		if (strstr(cluster.file[i].path, "schema.cql"))
			sl_judge_drop(j, cluster.file[i].path);
	assert_int_equal(sl_judge_ddl(j, &without, lines_found, &none), 0);
	assert_non_null(strstr(sl_buf_str(&without), "smart_home.devices"));
	assert_int_equal(none.n, 0);
	sl_judge_free(j);
}

/* --- size */

/*
 * SSTables like those of the cluster, many times. Asking for all of them
 * would take minutes if anything walked what it need not.
 */
static void test_many(void **state)
{
	enum { COPIES = 800 };
	struct lines puts = { 0 }, all = { 0 };
	struct sl_judge *j = NULL;
	struct sl_judge_counts c;
	size_t before = mallinfo2().uordblks, used;
	char path[1024];

	(void)state;
	assert_int_equal(sl_judge_new(NULL, &j), 0);
	for (int k = 1; k <= COPIES; k++)
		for (size_t i = 0; i < cluster.n; i++) {
			const char *p = cluster.file[i].path;
			const char *nb = strstr(p, "/nb-");

			if (!nb)
				continue;
			snprintf(path, sizeof(path), "%.*s/nb-%d%s",
				 (int)(nb - p), p, k, nb + 4);
			assert_int_equal(sl_judge_put(j, path,
						      &cluster.file[i].facts,
						      lines_found, &puts),
					 0);
		}
	used = mallinfo2().uordblks - before;
	sl_judge_count(j, NULL, &c);
	assert_int_equal(c.sstables, 15 * COPIES);
	print_message("# %zu bytes for each of %llu SSTables of %llu files\n",
		      used / (size_t)c.sstables,
		      (unsigned long long)c.sstables,
		      (unsigned long long)c.components);
	assert_true(used / c.sstables < 2048);
	assert_int_equal(puts.n, 0);
	sl_judge_free(j);
	lines_free(&puts);
	lines_free(&all);
}

/* --- the archives that may be there */

static const struct archive {
	const char *name, *node;
	/* All lines must have one of these, and each some line. */
	const char *expect[12];
} archives[] = {
	{ "cluster-4.1-smart_home", NULL, { NULL } },
	{ "oddities-4.1", "node1",
	  { "reject view node1/oddities/mv_by_city-",
	    "warn dropped-column node1/oddities/dropped_col-",
	    "warn compact-storage node1/oddities/compact_st-",
	    "warn compact-storage node1/oddities/compact_dense-" } },
	{ "cassandra-4.0", NULL,
	  { "reject view node1/app/accounts_by_email-",
	    "warn dropped-column node1/app/sessions-",
	    "reject second-tag node1/app/sessions-",
	    "reject same-sstable node1/app/sessions-" } },
	{ "cassandra-5.0-compat4", NULL, { NULL } },
	/* Their SSTables are refused by name: the manifests remain. */
	{ "cassandra-5.0-oa", NULL, { "reject manifest-sstable node1/" } },
	{ "cassandra-5.0-da", NULL, { "reject manifest-sstable node1/" } },
	{ "byteordered-4.1", NULL,
	  { "reject partitioner node1/retail/orders-",
	    "reject partitioner node1/retail/stock-" } },
};

static void as_expected(const struct archive *a, const struct lines *l)
{
	for (size_t i = 0; a->expect[i]; i++)
		if (!lines_have(l, a->expect[i]))
			fail_msg("%s: not found: %s", a->name, a->expect[i]);
	for (size_t k = 0; k < l->n; k++) {
		bool known = false;

		for (size_t i = 0; a->expect[i]; i++)
			known |= strstr(l->line[k], a->expect[i]) != NULL;
		if (!known)
			fail_msg("%s: %s", a->name, l->line[k]);
	}
}

static void one_archive(const struct archive *a)
{
	const char *dir = getenv("SL_FIXTURES");
	struct rig_tree t = { 0 };
	struct lines all = { 0 }, puts = { 0 };

	if (!dir)
		skip();
	unpack(dir, a->name, a->node, &t);
	judge_all(&t, NULL, &all, &puts);
	as_expected(a, &all);
	same_in_any_order(&t, 5, false);
	lines_free(&all);
	lines_free(&puts);
	rig_tree_free(&t);
}

#define ARCHIVE(i) \
	static void test_fixtures_##i(void **state) \
	{ \
		(void)state; \
		one_archive(&archives[i]); \
	}
ARCHIVE(0)
ARCHIVE(1)
ARCHIVE(2)
ARCHIVE(3)
ARCHIVE(4)
ARCHIVE(5)
ARCHIVE(6)

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cluster),
		cmocka_unit_test(test_cluster_orders),
		cmocka_unit_test(test_counts),
		cmocka_unit_test(test_ddl),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_fixtures_0),
		cmocka_unit_test(test_fixtures_1),
		cmocka_unit_test(test_fixtures_2),
		cmocka_unit_test(test_fixtures_3),
		cmocka_unit_test(test_fixtures_4),
		cmocka_unit_test(test_fixtures_5),
		cmocka_unit_test(test_fixtures_6),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, cluster_read, cluster_free);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge over a real tree whose facts were changed as damage would change
 * them: found at a put and by the walk, the same in any order of arrival. And
 * each file in turn left out; and a node that is there twice.
 */
#include "judge_tree.h"

#include "sstable/schema.h"

/* --- damaged trees: facts changed as damage would */

static struct rig_file *find(struct rig_tree *t, const char *node,
			     const char *name)
{
	for (size_t i = 0; i < t->n; i++)
		if (strstr(t->file[i].path, node) &&
		    strstr(t->file[i].path, "sensor_readings") &&
		    strstr(t->file[i].path, name))
			return &t->file[i];
	fail_msg("no %s", name);
	return NULL;
}

static void data_bit(struct sl_facts *f)
{
	f->crc32 ^= 1;
	f->u.data.mode = SL_DATA_UNSETTLED;
}

static void data_short(struct sl_facts *f)
{
	f->size = 3;
	f->crc32++;
}

static void digest_wrong(struct sl_facts *f)
{
	f->u.digest ^= 4;
}

static void chunks_other(struct sl_facts *f)
{
	f->u.compression.hash++;
}

static void index_cut(struct sl_facts *f)
{
	f->u.index.last_key++;
	f->u.index.count--;
}

static void index_order(struct sl_facts *f)
{
	f->u.index.out_of_order = true;
}

static void index_far(struct sl_facts *f)
{
	f->u.index.last_position = 1ull << 40;
}

static void summary_other(struct sl_facts *f)
{
	f->u.summary.last_key++;
}

static void count_other(struct sl_facts *f)
{
	f->u.statistics.partitions++;
}

static void encrypted(struct sl_facts *f)
{
	f->u.statistics.opaque = true;
}

static void filter_other(struct sl_facts *f)
{
	f->u.filter.ones /= 4;
}

/* A schema of our own, which nobody may free. */
static struct sl_schema *own_schema(struct sl_facts *f)
{
	static struct sl_schema own;

	own = *f->u.schema.schema;
	own.refs = 1000;
	sl_schema_unref(f->u.schema.schema);
	f->u.schema.schema = &own;
	return &own;
}

static void view(struct sl_facts *f)
{
	own_schema(f)->view = true;
}

static void column(struct sl_facts *f)
{
	own_schema(f)->column_count--;
}

static const struct damaged {
	const char *node, *name; /* of the file */
	void (*change)(struct sl_facts *f);
	const char *expect; /* in a line of the walk */
} damaged[] = {
	{ "node1", "nb-1-big-Data", data_bit,
	  "reject digest-mismatch node1/" },
	{ "node1", "nb-1-big-Digest", digest_wrong,
	  "nb-1-big-Digest.crc32" },
	{ "node2", "nb-2-big-Compr", chunks_other,
	  "reject chunk-table node2/" },
	{ "node2", "nb-2-big-Data", data_short, "reject data-length node2/" },
	{ "node3", "nb-3-big-Index", index_cut,
	  "reject index-summary node3/" },
	{ "node3", "nb-3-big-Index", index_cut,
	  "reject partition-count node3/" },
	{ "node3", "nb-3-big-Index", index_order, "reject index node3/" },
	{ "node1", "nb-1-big-Index", index_far, "reject index-data node1/" },
	{ "node3", "nb-3-big-Summary", summary_other, "nb-3-big-Summary.db" },
	{ "node1", "nb-2-big-Stat", count_other, "nb-2-big-Statistics.db" },
	{ "node1", "nb-2-big-Stat", encrypted,
	  "reject encrypted-suspect node1/" },
	{ "node1", "nb-2-big-Filter", filter_other,
	  "reject filter-small node1/" },
	{ "node1", "schema.cql", view, "reject view node1/" },
	{ "node2", "schema.cql", column, "reject schema-mismatch node2/" },
};

static void one_damage(const struct damaged *d)
{
	struct rig_tree t = { 0 };
	struct lines all = { 0 }, puts = { 0 };

	copy_tree(&cluster, &t);
	d->change(&find(&t, d->node, d->name)->facts);
	judge_all(&t, NULL, &all, &puts);
	if (!lines_have(&all, d->expect)) {
		lines_print(&all, "all");
		fail_msg("not found: %s", d->expect);
	}
	assert_int_equal(all.worst, SL_REJECT);
	same_in_any_order(&t, ORDERS, true);
	lines_free(&all);
	lines_free(&puts);
	rig_tree_free(&t);
}

static void test_damaged(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(damaged); i++)
		one_damage(&damaged[i]);
}

/* Each file in turn is not there: the gate says so, and nothing else. */
static void test_each_missing(void **state)
{
	(void)state;
	for (size_t i = 0; i < cluster.n; i++) {
		struct lines all = { 0 }, puts = { 0 };
		struct sl_judge *j = judge(&cluster, NULL, &puts);
		const char *path = cluster.file[i].path;

		sl_judge_drop(j, path);
		assert_null(sl_judge_facts(j, path));
		assert_int_equal(sl_judge_all(j, NULL, lines_found, &all), 0);
		if (!strstr(path, "schema.cql"))
			assert_true(all.n > 0 && all.n <= 2);
		if (strstr(path, "Data.db") || strstr(path, "Index.db") ||
		    strstr(path, "Statistics.db") || strstr(path, "Compr"))
			assert_int_equal(all.worst, SL_REJECT);
		else
			assert_true(all.worst <= SL_WARN);
		for (size_t k = 0; k < all.n; k++)
			assert_non_null(strstr(all.line[k], path));
		lines_free(&all);
		lines_free(&puts);
		sl_judge_free(j);
	}
}

/* --- one node under two names */

static void copy_node(struct rig_tree *t, const char *from, const char *to)
{
	size_t n = t->n;

	for (size_t i = 0; i < n; i++) {
		char path[1024];
		struct rig_file *f;

		if (strncmp(t->file[i].path, from, strlen(from)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s%s", to,
			 t->file[i].path + strlen(from));
		f = rig_add(t, path);
		f->facts = t->file[i].facts;
		sl_facts_ref(&f->facts);
	}
}

static void test_double(void **state)
{
	struct rig_tree t = { 0 };
	struct lines all = { 0 }, puts = { 0 };

	(void)state;
	copy_tree(&cluster, &t);
	copy_node(&t, "node1/", "node9/");
	judge_all(&t, NULL, &all, &puts);
	assert_true(lines_have(&all, "reject double-upload node9"));
	assert_int_equal(all.n, 1);
	/* Replicas may flush the same data; their statistics differ. */
	lines_clear(&all);
	for (size_t i = cluster.n; i < t.n; i++)
		if (t.file[i].facts.name.component == SL_COMP_STATISTICS)
			t.file[i].facts.crc32++;
	judge_all(&t, NULL, &all, &puts);
	assert_int_equal(all.n, 0);
	rig_tree_free(&t);
	lines_free(&all);
	lines_free(&puts);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_damaged),
		cmocka_unit_test(test_each_missing),
		cmocka_unit_test(test_double),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, cluster_read, cluster_free);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every real SSTable, of every version that there is, alone before the judge
 * with all its components: nothing of it is refused but for its partitioner.
 * And how sizes of partitions are compared, whoever counted them.
 */
#include "judge_scene.h"

#include "../lib/sstables.h"
#include "sstable/sizes.h"

struct seen {
	size_t sstables, refused;
};

static void put_sibling(const struct sl_test_file *t, enum sl_component c)
{
	SL_CLEANUP(free) char *disk =
		sl_test_sibling(t, sl_component_name(c));
	SL_CLEANUP(free) unsigned char *p = NULL;
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_prior prior;
	char path[1024];
	size_t n;

	p = sl_test_read(disk, &n);
	if (!p)
		return;
	snprintf(path, sizeof(path), "%s%s", T, strrchr(disk, '/') + 1);
	assert_int_equal(sl_judge_prior(j, path, &prior), 0);
	rig_facts(path, p, n, &prior, &f);
	sl_prior_release(&prior);
	assert_int_equal(put_facts(path, &f), 0);
}

static bool is_expected(const char *line)
{
	/* Some of the oldest are ByteOrdered, some are not whole. */
	return strncmp(line, "reject ", 7) != 0 ||
	       strstr(line, "partitioner") ||
	       strstr(line, "missing-component");
}

static void judge_sstable(void *arg, const struct sl_test_file *t)
{
	struct seen *seen = arg;

	if (t->hidden || !sl_version_from(&t->name, "ma", "aa"))
		return;
	seen->sstables++;
	teardown(NULL);
	assert_int_equal(setup(NULL), 0);
	for (unsigned c = 0; c < SL_COMP__SSTABLE; c++)
		put_sibling(t, c);
	ask();
	for (size_t i = 0; i < all.n; i++) {
		if (is_expected(all.line[i]))
			continue;
		print_message("# %s: %s\n", t->path, all.line[i]);
		seen->refused++;
	}
}

static void test_fixtures_versions(void **state)
{
	struct seen seen = { 0 };

	(void)state;
	if (!sl_test_all_sstables(SL_COMP_STATISTICS, judge_sstable, &seen))
		skip();
	print_message("# %zu SSTables\n", seen.sstables);
	assert_true(seen.sstables > 500);
	assert_int_equal(seen.refused, 0);
}

/* Three partitions, whose sizes Statistics.db counts all less by 'by'. */
static void put_sizes(uint64_t by, uint64_t last)
{
	static const uint64_t sizes[] = { 25, 4000, 7 };
	struct sl_facts index, statistics = changed(S "Statistics.db");
	struct sl_size_bounds b;

	sl_size_bounds_init(&b);
	index = changed(S "Index.db");
	index.u.index.sized = statistics.u.statistics.sized = true;
	for (size_t i = 0; i < SL_ARRAY_LEN(sizes); i++) {
		sl_size_add(&b, sizes[i], &index.u.index.sizes,
			    &index.u.index.sizes_less);
		statistics.u.statistics.sizes +=
			sl_size_hash(sl_size_bucket(&b, sizes[i] - by));
	}
	/* The last begins at 19000 of 20000. */
	statistics.u.statistics.sizes +=
		sl_size_hash(sl_size_bucket(&b, last - by));
	assert_int_equal(put_facts(S "Index.db", &index), 0);
	assert_int_equal(put_facts(S "Statistics.db", &statistics), 0);
}

static void test_sizes(void **state)
{
	(void)state;
	put_sstable(S);
	put_sizes(0, 1000);
	assert_int_equal(ask()->n, 0);
	put_sizes(1, 1000);
	assert_int_equal(ask()->n, 0);
	lines_clear(&said);
	put_sizes(0, 5000);
	only(ask(), "reject partition-sizes " S "Index.db");
	put_sizes(2, 1000);
	only(ask(), "reject partition-sizes " S "Index.db");
}

/* Where Partitions.db leads there must be rows. */
static void test_rows(void **state)
{
	struct sl_facts f;

	(void)state;
	file_facts(T "cc-1-bti-Partitions.db", &f);
	f.u.index.rows_end = 1000;
	assert_int_equal(put_facts(T "cc-1-bti-Partitions.db", &f), 0);
	put(T "cc-1-bti-Rows.db");
	assert_int_equal(said.n, 0);
	f.u.index.rows_end = 1001;
	assert_int_equal(put_facts(T "cc-1-bti-Partitions.db", &f), 0);
	only(&said, "reject rows " T "cc-1-bti-Rows.db (Partitions.db points "
		    "to byte 1000 of 1000)");
	sl_judge_drop(j, T "cc-1-bti-Rows.db");
	file_facts(T "cc-1-bti-Rows.db", &f);
	f.size = 0;
	assert_int_equal(put_facts(T "cc-1-bti-Rows.db", &f), 0);
	only(&said, "reject rows " T "cc-1-bti-Rows.db");
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_fixtures_versions),
		TEST(test_sizes),
		TEST(test_rows),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

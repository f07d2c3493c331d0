/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Statistics.db: every real one parses without a finding but the expected,
 * in pieces of any size, and says what is known of it. The tests with
 * "fixtures" in their names take all versions from $SL_FIXTURES and compare
 * with its inventory.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/sstables.h"

static const struct sl_statistics_facts *stats(const struct sl_facts *f)
{
	return &f->u.statistics;
}

static bool found(const struct sl_facts *f, enum sl_rule rule)
{
	for (size_t i = 0; i < f->found_count; i++)
		if (f->found[i].rule == rule)
			return true;
	return false;
}

/* What may be found in a healthy file, by its place and content. */
static void expect_healthy(const struct sl_test_file *f,
			   const struct sl_facts *x)
{
	for (size_t i = 0; i < x->found_count; i++)
		if (x->found[i].rule == SL_RULE_STATISTICS)
			fail_msg("%s: %s", f->path, x->found[i].detail);
	assert_int_equal(found(x, SL_RULE_PARTITIONER),
			 !stats(x)->partitioner_murmur3);
	assert_int_equal(found(x, SL_RULE_SLICE), stats(x)->slice);
	assert_int_equal(found(x, SL_RULE_LEGACY_COUNTERS),
			 stats(x)->legacy_counters);
	assert_false(found(x, SL_RULE_TRANSIENT));
	assert_false(found(x, SL_RULE_PENDING_REPAIR));
	assert_int_equal(stats(x)->partitioner_local, f->hidden);
	assert_false(stats(x)->opaque);
	assert_non_null(stats(x)->header);
	assert_true(stats(x)->partitions > 0);
}

struct tally {
	size_t files, slices, other_order;
	unsigned versions; /* how many different */
	char seen[64][3];
};

static void note_version(struct tally *t, const struct sl_name *n)
{
	for (unsigned i = 0; i < t->versions; i++)
		if (!strcmp(t->seen[i], n->version))
			return;
	memcpy(t->seen[t->versions++], n->version, 3);
}

static void healthy_in_pieces(void *arg, const struct sl_test_file *f)
{
	static const size_t pieces[] = { 1, 3, 100, 0 };
	SL_CLEANUP(facts) struct sl_facts whole = { 0 };
	struct tally *t = arg;

	if (sl_version_judge(f->name.format, f->name.version) ==
	    SL_RULE_OLD_VERSION)
		return;
	sl_test_facts(&f->name, f->data, f->size, f->size, &whole);
	expect_healthy(f, &whole);
	for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
		SL_CLEANUP(facts) struct sl_facts x = { 0 };

		sl_test_facts(&f->name, f->data, f->size, pieces[i], &x);
		assert_true(sl_test_facts_equal(&whole, &x));
	}
	t->files++;
	t->slices += stats(&whole)->slice;
	t->other_order += !stats(&whole)->partitioner_murmur3 && !f->hidden;
	note_version(t, &f->name);
}

static void real_files_are_healthy(void **state)
{
	struct tally t = { 0 };

	(void)state;
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_STATISTICS,
			 healthy_in_pieces, &t);
	assert_true(t.files > 300);
	assert_int_equal(t.other_order, 0);
	assert_int_equal(t.slices, 0);
}

static const char *fixtures(void)
{
	const char *dir = getenv("SL_FIXTURES");

	if (!dir || !*dir)
		skip();
	return dir;
}

static void fixtures_are_healthy(void **state)
{
	struct tally t = { 0 };

	(void)state;
	fixtures();
	sl_test_all_sstables(SL_COMP_STATISTICS, healthy_in_pieces, &t);
	print_message("# %zu files of %u versions, %zu slices, %zu of other "
		      "partitioners\n", t.files, t.versions, t.slices,
		      t.other_order);
	/* ma mb mc md me na nb nc oa, aa ac ad ba bb ca cb cc da */
	assert_int_equal(t.versions, 18);
	assert_int_equal(t.slices, 8);
}

#define LINES 400 /* more than there are */

/* A snapshot of the inventory, as the file of facts is compared with it. */
struct line {
	char place[64], keyspace[64], table[64], id[40], tag[64], index[64];
	char version[8], sstable[40], rows[32], partitioner[64];
	bool seen;
};

struct inventory {
	struct line *lines;
	size_t count, met, hosts;
	struct {
		char place[64];
		uint8_t id[16];
	} host[8];
};

static void load(const char *dir, const char *archive, struct inventory *v)
{
	SL_CLEANUP(free) char *path = NULL, *text = NULL;
	SL_CLEANUP(file) FILE *f = NULL;
	size_t cap = 0;

	assert_true(asprintf(&path, "%s/inventory.tsv", dir) > 0);
	f = fopen(path, "r");
	assert_non_null(f);
	v->lines = calloc(LINES, sizeof(*v->lines));
	assert_non_null(v->lines);
	while (getline(&text, &cap, f) > 0) {
		struct line *l = &v->lines[v->count];
		char name[64];

		if (sscanf(text, "%63[^\t]\t%63[^\t]\t%63[^\t]\t%63[^\t]\t"
				 "%39[^\t]\t%63[^\t]\t%63[^\t]\t%7[^\t]\t"
				 "%39[^\t]\t%*[^\t]\t%*[^\t]\t%31[^\t]\t"
				 "%63[^\t]", name, l->place, l->keyspace,
			   l->table, l->id, l->tag, l->index, l->version,
			   l->sstable, l->rows, l->partitioner) == 11 &&
		    !strcmp(name, archive) && strcmp(l->version, "-") &&
		    v->count < LINES - 1)
			v->count++;
	}
}

static struct line *find_line(struct inventory *v, const struct sl_test_file *f)
{
	for (size_t i = 0; i < v->count; i++) {
		struct line *l = &v->lines[i];
		SL_CLEANUP(free) char *want = NULL;
		bool index = strcmp(l->index, "-") != 0;

		assert_true(asprintf(&want, "%s/%s/%s-%s/snapshots/%s/%s%s%s"
					    "%s-%s-", l->place, l->keyspace,
				     l->table, l->id, l->tag, index ? "." : "",
				     index ? l->index : "", index ? "/" : "",
				     l->version, l->sstable) > 0);
		if (!strncmp(f->path, want, strlen(want)))
			return l;
	}
	return NULL;
}

/* All SSTables of one place were made by one host, another's by another. */
static void same_host(struct inventory *v, const struct line *l,
		      const struct sl_statistics_facts *u)
{
	size_t i = 0;

	assert_true(u->has_host_id);
	assert_true(u->flushed);
	while (i < v->hosts && strcmp(v->host[i].place, l->place))
		i++;
	assert_true(i < SL_ARRAY_LEN(v->host));
	if (i == v->hosts) {
		memcpy(v->host[i].place, l->place, sizeof(l->place));
		memcpy(v->host[i].id, u->host_id, sizeof(u->host_id));
		v->hosts++;
	}
	assert_memory_equal(v->host[i].id, u->host_id, sizeof(u->host_id));
	/* d1 and d2 are two directories of one node. */
	for (size_t k = 0; k < i; k++)
		assert_int_equal(!memcmp(v->host[k].id, u->host_id,
					 sizeof(u->host_id)),
				 l->place[0] == 'd');
}

static void compare_line(void *arg, const struct sl_test_file *f)
{
	SL_CLEANUP(facts) struct sl_facts x = { 0 };
	struct inventory *v = arg;
	struct line *l = find_line(v, f);
	char rows[32];

	if (!l)
		return;
	assert_false(l->seen);
	l->seen = true;
	sl_test_facts(&f->name, f->data, f->size, f->size, &x);
	snprintf(rows, sizeof(rows), "%llu",
		 (unsigned long long)stats(&x)->rows);
	assert_string_equal(rows, l->rows);
	assert_int_equal(stats(&x)->partitioner_murmur3,
			 !strcmp(l->partitioner, "Murmur3Partitioner"));
	assert_int_equal(stats(&x)->partitioner_local,
			 !strcmp(l->partitioner, "LocalPartitioner"));
	same_host(v, l, stats(&x));
	v->met++;
}

static void fixtures_agree_with_the_inventory(void **state)
{
	static const char *const archives[] = {
		"cluster-4.1-smart_home", "cassandra-4.0",
		"cassandra-5.0-compat4",  "cassandra-5.0-oa",
		"cassandra-5.0-da",	  "byteordered-4.1",
		"oddities-4.1",
	};
	const char *dir = fixtures();
	size_t met = 0;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(archives); i++) {
		struct inventory v = { 0 };

		load(dir, archives[i], &v);
		assert_true(v.count > 0);
		sl_test_sstables(archives[i], SL_COMP_STATISTICS,
				 compare_line, &v);
		/* Each line was met: the tables without SSTables are out. */
		assert_int_equal(v.met, v.count);
		met += v.met;
		free(v.lines);
	}
	print_message("# %zu lines of the inventory agree\n", met);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(real_files_are_healthy),
		cmocka_unit_test(fixtures_are_healthy),
		cmocka_unit_test(fixtures_agree_with_the_inventory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

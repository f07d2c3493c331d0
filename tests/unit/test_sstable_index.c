/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index.db: tokens that Cassandra computed, made files with one thing wrong
 * each, and every real index there is: healthy, in order by Murmur3 where
 * that is the partitioner, and in agreement with its Summary.db. Then damage.
 */
#include "sstable_rig.h"

#include "sstable/key.h"

#define S(x) (x), sizeof(x) - 1
#define FIVE "\x00\xff\x10\xfa\x99"

/* Values that drivers of Cassandra test themselves with. */
static void test_tokens(void **state)
{
	static const struct {
		const char *key;
		size_t n;
		int64_t token;
	} rows[] = {
		{ S("123"), -7468325962851647638ll },
		{ S(FIVE FIVE FIVE FIVE FIVE FIVE FIVE FIVE FIVE FIVE),
		  5837342703291459765ll },
		{ S("\xfe\xfe\xfe\xfe\xfe\xfe\xfe\xfe"),
		  -8927430733708461935ll },
		{ S("\x10\x10\x10\x10\x10\x10\x10\x10"),
		  1446172840243228796ll },
		{ S("9223372036854775807"), 7162290910810015547ll },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_key_token(rows[i].key, rows[i].n),
				 rows[i].token);
}

/* A key, position 0, no row index. */
#define FIRST "\0\1k\0\0"
/* Row index of a 1 byte key: header 0x20, deletion, 2 blocks of 3 bytes. */
#define ROWS_HEAD "\x20" "\x7f\xff\xff\xff\x80\0\0\0\0\0\0\0"
#define ROWS ROWS_HEAD "\2" "aaabbb" "\0\0\0\0\0\0\0\3"

static const struct row {
	const char *bytes;
	size_t n;
	const char *detail; /* NULL: healthy */
	uint64_t count;
} rows[] = {
	{ S(FIRST), NULL, 1 },
	{ S(FIRST "\0\1l\5\0"), NULL, 2 },
	{ S(FIRST "\0\1l\x80\x80\0"), NULL, 2 },
	{ S("\0\1k\0\x1c" ROWS), NULL, 1 },
	{ S("\0"), "ends within entry 0, begun at byte 0", 0 },
	{ S("\0\0"), "entry 0 at byte 0: its key has no bytes", 0 },
	{ S("\0\1k\1\0"), "entry 0 at byte 0: the first position is not 0",
	  0 },
	{ S(FIRST "\0\1l\0\0"),
	  "entry 1 at byte 5: its position does not follow the one before",
	  1 },
	{ S("\0\1k\xff\x80\0\0\0\0\0\0\0\0"),
	  "entry 0 at byte 0: its position is beyond 2^63", 0 },
	{ S(FIRST "\0\1l\5"), "ends within entry 1, begun at byte 5", 1 },
	{ S(FIRST "\0\1l"), "ends within entry 1, begun at byte 5", 1 },
	{ S(FIRST "\0\2l"), "ends within entry 1, begun at byte 5", 1 },
	{ S("\0\1k\0\x1c" ROWS_HEAD), "ends within entry 0, begun at byte 0",
	  0 },
	{ S("\0\1k\0\4" "\x20" "aaa"),
	  "entry 0 at byte 0: its row index ends early", 0 },
	{ S("\0\1k\0\xe" ROWS_HEAD "\2"),
	  "entry 0 at byte 0: its row index ends early", 0 },
	{ S("\0\1k\0\x0f" ROWS_HEAD "\2" "x"),
	  "entry 0 at byte 0: its row index has no room for its blocks", 0 },
	{ S("\0\1k\0\x0f" ROWS_HEAD "\0" "x"),
	  "entry 0 at byte 0: its row index has no room for its blocks", 0 },
	{ S("\0\1k\0\x12" ROWS_HEAD "\1" "\0\0\0\0"),
	  "entry 0 at byte 0: its row index has no room for its blocks", 0 },
	{ S("\0\1k\0\x1c" "\x0e"),
	  "entry 0 at byte 0: the partition's header would be shorter than its"
	  " key",
	  0 },
	{ S("\0\1k\0\x1c" ROWS_HEAD "\2" "aaabbb" "\0\0\0\0\0\0\0\0"),
	  "entry 0 at byte 0: the blocks of its row index are out of order",
	  0 },
	{ S("\0\1k\0\x1c" ROWS_HEAD "\2" "aaabbb" "\0\0\0\1\0\0\0\3"),
	  "entry 0 at byte 0: the blocks of its row index are out of order",
	  0 },
	{ S("\0\1k\0\x1c" ROWS_HEAD "\2" "aaabbb" "\0\0\0\0\0\0\0\6"),
	  "entry 0 at byte 0: the blocks of its row index are out of order",
	  0 },
};

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("nb-1-big-Index.db");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		rig_row(&name, r->bytes, r->n, SL_RULE_INDEX, r->detail,
			&f);
		assert_int_equal(f.u.index.count, r->count);
	}
}

/* Deletion times have another size there. */
static void test_rows_of_oa(void **state)
{
	struct sl_name name = sl_test_name("oa-1-big-Index.db");

	(void)state;
	assert_int_equal(rig_rule(&name, S("\0\1k\0\3" "abc")), SL_RULE_NONE);
	assert_int_equal(rig_rule(&name, S("\0\1k\0\3" "ab")), SL_RULE_INDEX);
}

static bool is_murmur3(const struct sl_test_file *t)
{
	SL_CLEANUP(free) char *path = sl_test_sibling(t, "Statistics.db");
	static const char murmur[] = "dht.Murmur3Partitioner";
	size_t size;
	SL_CLEANUP(free) unsigned char *p = sl_test_read(path, &size);

	return p && memmem(p, size, murmur, sizeof(murmur) - 1);
}

static void meet_summary(const struct sl_test_file *t, const struct sl_facts *f)
{
	SL_CLEANUP(free) char *path = sl_test_sibling(t, "Summary.db");
	struct sl_name name = sl_test_name("nb-1-big-Summary.db");
	SL_CLEANUP(facts) struct sl_facts s = { 0 };
	size_t size;
	SL_CLEANUP(free) unsigned char *p = sl_test_read(path, &size);

	if (!p)
		return;
	sl_test_facts(&name, p, size, size, &s);
	assert_true(s.u.summary.first_key == f->u.index.first_key);
	assert_true(s.u.summary.last_key == f->u.index.last_key);
	assert_int_equal(s.u.summary.min_interval, SL_INDEX_INTERVAL);
	assert_int_equal(s.u.summary.sampling_level, SL_INDEX_INTERVAL);
	assert_true(s.u.summary.sampled);
	assert_true(s.u.summary.samples == f->u.index.samples);
	assert_true(s.u.summary.last_index_position < t->size);
}

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	size_t *ordered = arg;

	if (!sl_version_from(&t->name, "ma", NULL))
		return; /* another format */
	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	assert_true(f.u.index.count > 0);
	meet_summary(t, &f);
	if (t->hidden || !is_murmur3(t))
		return;
	if (f.u.index.out_of_order)
		fail_msg("%s: entry %d out of order", t->path,
			 (int)f.u.index.out_of_order_at);
	++*ordered;
}

static void test_real(void **state)
{
	size_t ordered = 0;

	(void)state;
	assert_true(sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_INDEX,
				     check_file, &ordered) > 50);
	assert_true(ordered > 50);
}

static void test_fixtures(void **state)
{
	size_t n, ordered = 0;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_INDEX, check_file, &ordered);
	if (!n)
		skip();
	print_message("# %zu real indexes, %zu in order of tokens\n", n,
		      ordered);
	assert_true(n > 800 && ordered > 700);
}

struct scores {
	struct rig_score cuts, flips, judged;
};

static struct sl_index_facts healthy;

/* As the judge can: by the order of keys, their number, and Summary.db. */
static bool seen_by_judge(const struct sl_test_file *t, const void *data)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	sl_test_facts(&t->name, data, t->size, t->size, &f);
	return f.found_count || f.u.index.out_of_order ||
	       f.u.index.count != healthy.count ||
	       f.u.index.last_key != healthy.last_key ||
	       f.u.index.samples != healthy.samples;
}

static void damage_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct scores *s = arg;

	if (t->hidden || t->size > 8192)
		return;
	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	healthy = f.u.index;
	rig_cuts(t, 200, &s->cuts);
	rig_flips(t, 200, NULL, &s->flips);
	rig_flips(t, 200, seen_by_judge, &s->judged);
}

static void test_damage(void **state)
{
	struct scores s = {
		.cuts = { .what = "index cut short" },
		.flips = { .what = "index with a flipped bit, alone" },
		.judged = { .what = "the same, with others of its SSTable" },
	};

	(void)state;
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_INDEX, damage_file, &s);
	rig_print(&s.cuts);
	rig_print(&s.flips);
	rig_print(&s.judged);
	/* Not seen: cuts between entries. */
	assert_true(s.cuts.seen * 100 > s.cuts.made * 85);
	assert_true(s.judged.seen > s.flips.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_rows_of_oa),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_damage),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

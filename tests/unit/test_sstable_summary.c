/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Summary.db: made files with one thing wrong each, every real one, one too
 * large for its table of offsets to be kept, and damage.
 */
#include "sstable_rig.h"

#define S(x) (x), sizeof(x) - 1
/* interval 128, 2 entries, 28 bytes, level 128, 2 at full sampling */
#define N "\0\0\0\x80" "\0\0\0\2" "\0\0\0\0\0\0\0\x1b" "\0\0\0\x80" "\0\0\0\2"
#define O "\x8\0\0\0" "\x11\0\0\0"
#define E0 "a" "\0\0\0\0\0\0\0\0"
#define E1 "bc" "\7\0\0\0\0\0\0\0"
#define K "\0\0\0\1" "a" "\0\0\0\2" "bd"
#define REST O E0 E1 K

static const struct row {
	const char *bytes;
	size_t n;
	const char *detail; /* NULL: healthy */
} rows[] = {
	{ S(N REST), NULL },
	{ S(N REST "x"), "there are bytes after its end at 62" },
	{ S(N), "ends early, after 24 bytes, with 2 entries" },
	{ S("\0\0\0\x80"), "ends early, after 4 bytes, with 0 entries" },
	{ S(N O E0 E1), "ends early, after 51 bytes, with 2 entries" },
	{ S(N O E0 E1 "\0\0\0\0"), "impossible length of a key: 0" },
	{ S(N O E0 E1 "\0\1\0\0"), "impossible length of a key: 65536" },
	{ S(N O E0 E1 "\0\0\0\1" "b"), "first key is not that of entry 0" },
	{ S(N "\x9\0\0\0" "\x11\0\0\0"), "wrong begin of entry 0" },
	{ S(N "\x8\0\0\0" "\x10\0\0\0"), "wrong begin of entry 1" },
	{ S(N "\x8\0\0\0" "\x13\0\0\0"), "nowhere an end of entry 1" },
	{ S(N "\x8\0\0\0" "\0\0\0\1"), "wrong begin of entry 1" },
	{ S(N O "a" "\1\0\0\0\0\0\0\0"),
	  "wrong place in Index.db at entry 0" },
	{ S(N O E0 "bc" "\0\0\0\0\0\0\0\0"),
	  "wrong place in Index.db at entry 1" },
	{ S(N O E0 "bc" "\0\0\0\0\0\0\0\x80"),
	  "wrong place in Index.db at entry 1" },
	{ S("\0\0\0\0" "\0\0\0\2" "\0\0\0\0\0\0\0\x1b" "\0\0\0\x80"
	    "\0\0\0\2"), "not an interval: 0" },
	{ S("\0\0\0\x80" "\0\0\0\0" "\0\0\0\0\0\0\0\x1b" "\0\0\0\x80"
	    "\0\0\0\2"), "not a count of entries: 0" },
	{ S("\0\0\0\x80" "\0\0\0\2" "\0\0\0\0\0\0\0\x1b" "\0\0\0\x81"
	    "\0\0\0\2"), "not a sampling level: 129" },
	{ S("\0\0\0\x80" "\0\0\0\2" "\0\0\0\0\0\0\0\x1b" "\0\0\0\x80"
	    "\0\0\0\1"), "not a count at full sampling: 1" },
	{ S("\0\0\0\x80" "\0\0\0\2" "\0\0\0\0\0\0\0\x19" "\0\0\0\x80"
	    "\0\0\0\2"), "no size for the entries: 25" },
	/* A count that no file has: memory comes with the bytes. */
	{ S("\0\0\0\x80" "\x10\0\0\0" "\x7f\0\0\0\0\0\0\0" "\0\0\0\x80"
	    "\x10\0\0\0" "\0\0\0\x40"),
	  "ends early, after 28 bytes, with 268435456 entries" },
};

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("nb-1-big-Summary.db");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		rig_row(&name, r->bytes, r->n, SL_RULE_SUMMARY, r->detail,
			&f);
	}
}

static unsigned char *put(unsigned char *p, uint64_t v, unsigned n, bool big)
{
	for (unsigned i = 0; i < n; i++)
		p[big ? n - 1 - i : i] = (unsigned char)(v >> 8 * i);
	return p + n;
}

/* A summary of n entries with keys of one byte. */
static unsigned char *make(uint32_t n, size_t *ret_size)
{
	*ret_size = 24 + (size_t)n * 13 + 10;
	unsigned char *bytes = malloc(*ret_size), *p = bytes;

	assert_non_null(bytes);
	p = put(p, 128, 4, true);
	p = put(p, n, 4, true);
	p = put(p, n * 13ull, 8, true);
	p = put(p, 128, 4, true);
	p = put(p, n, 4, true);
	for (uint32_t i = 0; i < n; i++)
		p = put(p, n * 4ull + i * 9ull, 4, false);
	for (uint32_t i = 0; i < n; i++) {
		*p++ = 'k';
		p = put(p, i * 10ull, 8, false);
	}
	p = put(p, 1, 4, true);
	*p++ = 'k';
	p = put(p, 1, 4, true);
	*p++ = 'k';
	assert_ptr_equal(p, bytes + *ret_size);
	return bytes;
}

static void check_made(uint32_t n, bool sampled)
{
	struct sl_name name = sl_test_name("nb-1-big-Summary.db");
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	size_t size;
	SL_CLEANUP(free) unsigned char *bytes = make(n, &size);

	sl_test_facts(&name, bytes, size, 65536, &f);
	assert_int_equal(f.found_count, 0);
	assert_int_equal(f.u.summary.count, n);
	assert_int_equal(f.u.summary.last_index_position, (n - 1) * 10ull);
	assert_int_equal(f.u.summary.sampled, sampled);
	assert_int_equal(f.u.summary.out_of_order, sampled);
	assert_int_equal(rig_rule(&name, bytes, size - 1), SL_RULE_SUMMARY);
}

static void test_large(void **state)
{
	(void)state;
	check_made(1u << 20, true);
	check_made((1u << 20) + 1, false);
}

struct real {
	struct rig_score cuts, flips;
	bool damage;
};

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct real *r = arg;

	if (!sl_version_from(&t->name, "ma", NULL))
		return; /* another format */
	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	assert_true(f.u.summary.count > 0);
	if (!r->damage)
		return;
	rig_cuts(t, 1000, &r->cuts);
	rig_flips(t, 500, NULL, &r->flips);
}

static void test_real(void **state)
{
	struct real r = {
		.cuts = { .what = "summary cut short" },
		.flips = { .what = "summary with a flipped bit, alone" },
		.damage = true,
	};

	(void)state;
	assert_true(sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_SUMMARY,
				     check_file, &r) > 50);
	rig_print(&r.cuts);
	rig_print(&r.flips);
	assert_int_equal(r.cuts.seen, r.cuts.made);
	assert_true(r.flips.seen * 100 > r.flips.made * 50);
}

static void test_fixtures(void **state)
{
	struct real r = { .damage = false };
	size_t n;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_SUMMARY, check_file, &r);
	if (!n)
		skip();
	print_message("# %zu real summaries\n", n);
	assert_true(n > 800);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_large),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

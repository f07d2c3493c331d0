/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions.db and Rows.db: made files with one thing wrong each, keys of
 * the greatest length, encrypted pages, every real file, and damage.
 */
#include "sstable_rig.h"

#include "crc.h"

#define S(x) (x), sizeof(x) - 1
/* A leaf; another, and a root with both as children. */
#define LEAF "\x08" "h" "\xff"
#define LATER "\x08" "h" "\xf0"
#define TRIE LEAF LATER "\x50\2" "ab" "\6\3"
#define KEYS "\0\1a" "\0\2bc"
#define AT(keys, count, root) \
	"\0\0\0\0\0\0\0" keys "\0\0\0\0\0\0\0" count "\0\0\0\0\0\0\0" root

static const struct row {
	const char *bytes;
	size_t n;
	const char *detail; /* NULL: healthy */
} rows[] = {
	{ S(TRIE KEYS AT("\x0c", "\2", "\6")), NULL },
	{ S(TRIE "\0\0" KEYS AT("\x0e", "\2", "\6")), NULL },
	{ S(LEAF "\0\1a" "\0\1a" AT("\3", "\1", "\0")), NULL },
	/* A dense root. */
	{ S(LEAF LATER "\xb0" "a\1" "\0\6\0\3" KEYS
	    AT("\x0d", "\2", "\6")), NULL },
	{ S(LEAF LATER "\xa0" "a\1" "\0\x60\3" KEYS
	    AT("\x0c", "\2", "\6")), NULL },
	{ S("x"), "the last 24 of 1 bytes are no footer" },
	{ S(AT("\0", "\1", "\0")), "the last 24 of 24 bytes are no footer" },
	{ S(TRIE KEYS AT("\x0c", "\0", "\6")),
	  "the last 24 of 43 bytes are no footer" },
	{ S(TRIE KEYS AT("\x0c", "\2", "\x0c")),
	  "the last 24 of 43 bytes are no footer" },
	{ S(TRIE KEYS AT("\x14", "\2", "\6")),
	  "the last 24 of 43 bytes are no footer" },
	{ S(TRIE KEYS AT("\x13", "\2", "\6")),
	  "no first and last of 2 keys at byte 19" },
	{ S(TRIE KEYS AT("\x0b", "\2", "\6")),
	  "no first and last of 2 keys at byte 11" },
	{ S(TRIE KEYS AT("\x0c", "\1", "\6")),
	  "no first and last of 1 keys at byte 12" },
	{ S(LEAF "\0\1a" "\0\1a" AT("\3", "\2", "\0")),
	  "no first and last of 2 keys at byte 3" },
	{ S(LEAF "\0\0" "\0\1a" AT("\3", "\2", "\0")),
	  "no first and last of 2 keys at byte 3" },
	{ S(TRIE KEYS "x" AT("\x0c", "\2", "\6")),
	  "no first and last of 2 keys at byte 12" },
	{ S(TRIE KEYS AT("\x0c", "\3", "\6")),
	  "the trie has 2 keys, 3 are said" },
	{ S(TRIE KEYS AT("\x0c", "\2", "\3")),
	  "the last node is at 6, the root at 3" },
	{ S(TRIE "\x51" KEYS AT("\x0d", "\2", "\6")),
	  "the trie ends within the node at 12" },
	{ S(TRIE LEAF KEYS AT("\x0f", "\3", "\6")),
	  "the last node is at 12, the root at 6" },
	{ S(TRIE "\x08" KEYS AT("\x0d", "\3", "\x0c")),
	  "the trie ends within the node at 12" },
};

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("ba-1-bti-Partitions.db");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		rig_row(&name, r->bytes, r->n, SL_RULE_PARTITIONS, r->detail,
			&f);
	}
}

/* 'lead' bytes with a trie at their end, then two keys of 65535 bytes. */
static void check_long(size_t lead)
{
	struct sl_name name = sl_test_name("ba-1-bti-Partitions.db");
	size_t n = lead + (size_t)2 * 65537;
	SL_CLEANUP(free) unsigned char *p = malloc(n + 24);
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	assert_non_null(p);
	memset(p, 0xff, n);
	memset(p, 0, lead);
	memcpy(p + lead - 12, TRIE, 12);
	p[n - 1] = 'z';
	memcpy(p + n, AT("\0", "\2", "\0"), 24);
	for (unsigned i = 0; i < 4; i++) {
		p[n + 7 - i] = (unsigned char)(lead >> 8 * i);
		p[n + 23 - i] = (unsigned char)((lead - 6) >> 8 * i);
	}
	rig_pieces(&name, p, n + 24);
	sl_test_facts(&name, p, n + 24, 65536, &f);
	assert_int_equal(f.found_count, 0);
	assert_int_equal(f.u.index.count, 2);
	assert_true(f.u.index.first_key == sl_key_hash(p + lead + 2, 65535));
	assert_true(f.u.index.last_key == sl_key_hash(p + n - 65535, 65535));
}

static void test_long_keys(void **state)
{
	(void)state;
	check_long(12);
	check_long(131072);
	check_long(1000003);
}

static void seal(unsigned char *page)
{
	uint32_t crc = sl_crc32(0, page, 4092);

	for (unsigned i = 0; i < 4; i++)
		page[4092 + i] = (unsigned char)(crc >> (24 - 8 * i));
}

/* Beyond a page the writer puts large branches first: no order is owed. */
static void test_order(void **state)
{
	static const char trie[] = LATER LEAF "\x50\2" "ab" "\6\3" KEYS
				   "\0\0\0\0\0\0\0";
	struct sl_name name = sl_test_name("cc-1-bti-Partitions.db");
	static const unsigned pages[] = { 0, 1 };
	unsigned char p[4096 + 12 + 7 + 24];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(pages); i++) {
		unsigned lead = pages[i] * 4096;
		unsigned char *q = p + lead;
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		memset(p, 0, sizeof(p));
		memcpy(q, trie, sizeof(trie) - 1);
		q[25] = (unsigned char)(lead >> 8);
		q[26] = 12;
		q[34] = 2;
		q[41] = (unsigned char)(lead >> 8);
		q[42] = 6;
		sl_test_facts(&name, p, lead + 43, 4096, &f);
		assert_int_equal(f.found_count, lead ? 0 : 1);
		assert_int_equal(f.u.index.count, 2);
		assert_true(f.u.index.sized == !lead);
	}
}

static void test_encrypted(void **state)
{
	static const struct {
		const char *name;
		size_t size;
		enum sl_rule whole, odd;
	} files[] = {
		{ "ba-1-bti-Partitions.db", 3 * 4096, SL_RULE_ENCRYPTED,
		  SL_RULE_PARTITIONS },
		{ "cc-1-bti-Partitions.db", 4096, SL_RULE_ENCRYPTED,
		  SL_RULE_PARTITIONS },
		{ "ad-1-bti-Partitions.db", 4096, SL_RULE_PARTITIONS,
		  SL_RULE_PARTITIONS },
		{ "da-1-bti-Partitions.db", 4096, SL_RULE_PARTITIONS,
		  SL_RULE_PARTITIONS },
		{ "bb-1-bti-Rows.db", 2 * 4096, SL_RULE_ENCRYPTED,
		  SL_RULE_NONE },
		{ "ac-1-bti-Rows.db", 2 * 4096, SL_RULE_NONE, SL_RULE_NONE },
	};
	unsigned char p[3 * 4096];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(files); i++) {
		struct sl_name name = sl_test_name(files[i].name);

		memset(p, 0x5a, sizeof(p));
		for (size_t at = 0; at < sizeof(p); at += 4096) {
			p[at] = (unsigned char)(at >> 12);
			seal(p + at);
		}
		assert_int_equal(rig_rule(&name, p, files[i].size),
				 files[i].whole);
		rig_pieces(&name, p, files[i].size);
		assert_int_equal(rig_rule(&name, p, files[i].size - 1),
				 files[i].odd);
		p[17] ^= 1;
		assert_int_equal(rig_rule(&name, p, files[i].size),
				 files[i].odd);
	}
}

static void test_empty(void **state)
{
	struct sl_name parts = sl_test_name("bb-1-bti-Partitions.db");
	struct sl_name wide = sl_test_name("bb-1-bti-Rows.db");

	(void)state;
	assert_int_equal(rig_rule(&parts, "", 0), SL_RULE_EMPTY_COMPONENT);
	assert_int_equal(rig_rule(&wide, "", 0), SL_RULE_NONE);
}

struct real {
	struct rig_score cuts, flips;
};

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct real *r = arg;

	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	if (t->name.component != SL_COMP_PARTITIONS)
		return;
	assert_true(f.u.index.count > 0);
	/* The oldest fixtures are ByteOrdered. */
	if (strstr(t->path, "/snapshots/migrate1/"))
		assert_false(f.u.index.out_of_order);
	if (t->size > 8192)
		return;
	rig_cuts(t, 100, &r->cuts);
	rig_flips(t, 100, NULL, &r->flips);
}

static void test_fixtures(void **state)
{
	struct real r = {
		.cuts = { .what = "trie index cut short" },
		.flips = { .what = "trie index with a flipped bit" },
	};
	size_t n;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_PARTITIONS, check_file, &r);
	if (!n)
		skip();
	assert_true(n > 100);
	assert_true(sl_test_all_sstables(SL_COMP_ROWS, check_file, &r) > 100);
	rig_print(&r.cuts);
	rig_print(&r.flips);
	assert_int_equal(r.cuts.made, r.cuts.seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_long_keys),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_encrypted),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

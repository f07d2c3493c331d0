/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CompressionInfo.db, CRC.db and Digest.crc32: real ones are healthy and cut
 * anywhere; made-up ones, each with one thing wrong, are found by their rule.
 * And the lists behind the first two.
 */
#undef NDEBUG
#include "sstable_rig.h"

#include "sstable/chunk_table.h"

struct bytes {
	unsigned char b[4096];
	size_t n;
};

static void put(struct bytes *o, uint64_t v, unsigned n)
{
	while (n--)
		o->b[o->n++] = (unsigned char)(v >> 8 * n);
}

static void put_utf(struct bytes *o, const char *s)
{
	put(o, strlen(s), 2);
	memcpy(o->b + o->n, s, strlen(s));
	o->n += strlen(s);
}

/* A table of 3 chunks over 40000 bytes; a case changes what is not 0. */
struct table {
	const char *what, *class, *key;
	uint32_t options, chunk, max;
	uint64_t length;
	uint32_t chunks;
	uint64_t offsets[6];
	unsigned given;	   /* offsets */
	unsigned extra;	   /* bytes behind */
	enum sl_rule rule;
};
/* Where a case wants 0. */
#define ZERO 0xdead0000u

static uint64_t or_else(uint64_t v, uint64_t usual)
{
	return v == ZERO ? 0 : v ? v : usual;
}

static const struct table tables[] = {
	{ .what = "healthy", .rule = SL_RULE_NONE },
	{ .what = "an option", .options = 1, .key = "level" },
	{ .what = "an empty key", .options = 1 },
	{ .what = "a key of more", .options = 1, .key = "x.y-z_0" },
	{ .what = "a key that is none", .options = 1, .key = "le\x01vel",
	  .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "a key with a blank", .options = 1, .key = "le vel",
	  .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "an empty chunk", .chunks = 4, .given = 4 },
	{ .what = "three empty chunks", .chunks = 6, .given = 6 },
	{ .what = "shortest chunks", .offsets = { 0, 4, 8 } },
	{ .what = "with a package",
	      .class = "org.apache.cassandra.io.compress.ZstdCompressor" },
	{ .what = "another package", .class = "org.example.LZ4Compressor",
	      .rule = SL_RULE_COMPRESSOR },
	{ .what = "unknown", .class = "BrotliCompressor",
	      .rule = SL_RULE_COMPRESSOR },
	{ .what = "no class", .class = "", .rule = SL_RULE_COMPRESSOR },
	{ .what = "encrypted", .class = "EncryptingLZ4Compressor",
	      .rule = SL_RULE_ENCRYPTED },
	{ .what = "encrypted", .class = "com.datastax.Encryptor",
	      .rule = SL_RULE_ENCRYPTED },
	{ .what = "encrypted by a key", .options = 1,
	      .key = "cipher_algorithm", .rule = SL_RULE_ENCRYPTED },
	{ .what = "too many options", .options = 5000,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "chunk length 0", .chunk = ZERO,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "chunk length 16385", .chunk = 16385,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "chunk length 2^31", .chunk = 1u << 31,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "raw from 14895", .max = 14895 },
	{ .what = "raw from 0", .max = ZERO, .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "raw beyond a chunk", .max = 16385,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "no data", .length = ZERO,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "2^63 bytes of data", .length = UINT64_C(1) << 63,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "less data than chunks", .length = 100, .chunks = 3,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "more data than chunks", .length = 49153,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "no chunk", .chunks = ZERO, .given = ZERO,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "2^32-1 chunks", .chunks = UINT32_MAX,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "first chunk not at 0", .offsets = { 1, 1000, 2000 },
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "chunks of 3 bytes", .offsets = { 0, 3, 2000 },
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "backwards", .offsets = { 0, 2000, 1000 },
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "beyond 2^63", .offsets = { 0, 1000, UINT64_C(1) << 63 },
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "an offset short", .given = 2,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "a byte more", .extra = 1,
	      .rule = SL_RULE_COMPRESSION_INFO },
	{ .what = "an offset more", .given = 4,
	      .rule = SL_RULE_COMPRESSION_INFO },
};

static void make(const struct table *t, bool has_max, struct bytes *o)
{
	static const uint64_t offsets[] = { 0, 1000, 2000, 3000, 3009, 3018 };

	o->n = 0;
	put_utf(o, t->class ? t->class : "LZ4Compressor");
	put(o, t->options, 4);
	for (unsigned i = 0; i < t->options && i < 1; i++) {
		put_utf(o, t->key ? t->key : "");
		put_utf(o, "");
	}
	put(o, or_else(t->chunk, 16384), 4);
	if (has_max)
		put(o, or_else(t->max, INT32_MAX), 4);
	put(o, or_else(t->length, 40000), 8);
	put(o, or_else(t->chunks, 3), 4);
	for (unsigned i = 0; i < or_else(t->given, 3); i++)
		put(o, t->offsets[2] ? t->offsets[i] : offsets[i], 8);
	put(o, 0, t->extra);
}

static void check_table(const struct table *t, const char *name, bool has_max)
{
	struct sl_name n = sl_test_name(name);
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct bytes o;

	make(t, has_max, &o);
	sl_test_facts(&n, o.b, o.n, o.n, &f);
	if ((f.found_count ? f.found[0].rule : SL_RULE_NONE) != t->rule)
		fail_msg("%s of %s: %s", t->what, name,
			 f.found_count ? f.found[0].detail : "nothing");
	assert_true(t->rule == SL_RULE_NONE || f.found_count);
	rig_pieces(&n, o.b, o.n);
}

static void test_tables(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(tables); i++) {
		check_table(&tables[i], "nb-1-big-CompressionInfo.db", true);
		check_table(&tables[i], "aa-1-bti-CompressionInfo.db", true);
		if (!tables[i].max)
			check_table(&tables[i], "me-1-big-CompressionInfo.db",
				    false);
	}
}

/* Every cut of a table is found. */
static void test_cuts(void **state)
{
	struct sl_name n = sl_test_name("nb-1-big-CompressionInfo.db");
	struct bytes o;

	(void)state;
	make(&tables[1], true, &o);
	for (size_t i = 1; i < o.n; i++)
		assert_int_equal(rig_rule(&n, o.b, i),
				 SL_RULE_COMPRESSION_INFO);
}

struct sizes {
	size_t files;
};

static void check_real(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sizes *s = arg;

	sl_test_facts(&t->name, t->data, t->size, 4096, &f);
	rig_healthy(t, &f);
	if (t->size < 1 << 16)
		rig_pieces(&t->name, t->data, t->size);
	s->files++;
}

static void each_real(size_t (*walk)(enum sl_component, void *),
		      struct sizes *s)
{
	walk(SL_COMP_COMPRESSION_INFO, s);
	walk(SL_COMP_CRC, s);
	walk(SL_COMP_DIGEST, s);
}

static size_t walk_one(enum sl_component c, void *arg)
{
	return sl_test_sstables(SL_TEST_ARCHIVE, c, check_real, arg);
}

static size_t walk_all(enum sl_component c, void *arg)
{
	return sl_test_all_sstables(c, check_real, arg);
}

static void test_real(void **state)
{
	struct sizes s = { 0 };

	(void)state;
	each_real(walk_one, &s);
	assert_true(s.files > 100);
}

static void test_fixtures_all(void **state)
{
	struct sizes s = { 0 };

	(void)state;
	if (!getenv("SL_FIXTURES"))
		skip();
	each_real(walk_all, &s);
	print_message("# %zu files\n", s.files);
	assert_true(s.files > 1000);
}

static void test_crc(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		enum sl_rule rule;
		uint64_t count, hashed;
	} cases[] = {
		{ "\0\1\0\0\1\2\3\4", 8, SL_RULE_NONE, 1, 1 },
		{ "\0\1\0\0\1\2\3\4\0\0\0\0", 12, SL_RULE_NONE, 2, 1 },
		{ "\0\1\0\0\0\0\0\0\1\2\3\4", 12, SL_RULE_NONE, 2, 2 },
		{ "\0\1\0\0", 4, SL_RULE_CRC_DB, 0, 0 },
		{ "\0\1\0", 3, SL_RULE_CRC_DB, 0, 0 },
		{ "\0\1\0\0\1\2\3", 7, SL_RULE_CRC_DB, 0, 0 },
		{ "\0\0\0\0\1\2\3\4", 8, SL_RULE_CRC_DB, 1, 1 },
		{ "\x80\0\0\0\1\2\3\4", 8, SL_RULE_CRC_DB, 1, 1 },
	};
	struct sl_name n = sl_test_name("nb-1-big-CRC.db");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		sl_test_facts(&n, cases[i].bytes, cases[i].n, 0, &f);
		assert_int_equal(f.found_count ? f.found[0].rule : 0,
				 cases[i].rule);
		assert_int_equal(f.u.crc.count, cases[i].count);
		assert_int_equal(f.u.crc.hashed, cases[i].hashed);
		rig_pieces(&n, cases[i].bytes, cases[i].n);
	}
}

static void test_digest(void **state)
{
	static const struct {
		const char *text;
		enum sl_rule rule;
		uint32_t value;
	} cases[] = {
		{ "0", SL_RULE_NONE, 0 },
		{ "4294967295", SL_RULE_NONE, UINT32_MAX },
		{ "12\n", SL_RULE_NONE, 12 },
		{ "12\r\n", SL_RULE_NONE, 12 },
		{ "12\r", SL_RULE_NONE, 12 },
		{ "4294967296", SL_RULE_DIGEST, 0 },
		{ "00000000012", SL_RULE_DIGEST, 0 },
		{ "-1", SL_RULE_DIGEST, 0 },
		{ " 12", SL_RULE_DIGEST, 0 },
		{ "12 ", SL_RULE_DIGEST, 0 },
		{ "0x12", SL_RULE_DIGEST, 0 },
		{ "12\n\n", SL_RULE_DIGEST, 0 },
		{ "12\r3", SL_RULE_DIGEST, 0 },
		{ "\n", SL_RULE_DIGEST, 0 },
	};
	struct sl_name n = sl_test_name("nb-1-big-Digest.crc32");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		const char *s = cases[i].text;

		sl_test_facts(&n, s, strlen(s), 1, &f);
		if ((f.found_count ? f.found[0].rule : 0) != cases[i].rule ||
		    f.u.digest != cases[i].value)
			fail_msg("'%s': %u", s, f.u.digest);
	}
}

/* A part of a table is what a table of that part alone would be. */
static void test_parts(void **state)
{
	static const uint64_t lengths[] = { 5, 127, 128, 16384, 70000, 4,
					    UINT64_C(1) << 40 };
	struct sl_chunk_table *t = NULL;
	struct sl_chunk_part p;
	uint64_t hash = SL_LIST_HASH;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(lengths); i++)
		assert_int_equal(sl_chunk_table_add(&t, lengths[i]), 0);
	assert_int_equal(sl_chunk_table_part(t, 2, 4, &p), 0);
	for (size_t i = 2; i < 4; i++)
		hash = sl_list_hash(hash, lengths[i]);
	assert_int_equal(p.count, 3);
	assert_true(p.hash == hash);
	assert_int_equal(p.last_offset, 128 + 16384);
	assert_int_equal(p.length, 128 + 16384 + 70000);
	assert_int_equal(sl_chunk_table_part(t, 7, 7, &p), 0);
	assert_int_equal(p.length, 0);
	assert_int_equal(p.last_offset, 0);
	assert_int_equal(sl_chunk_table_part(t, 0, 7, &p), 0);
	assert_true(p.last_offset == 86648 + (UINT64_C(1) << 40));
	assert_int_equal(sl_chunk_table_part(t, 0, 8, &p), -ERANGE);
	assert_int_equal(sl_chunk_table_part(t, 3, 2, &p), -ERANGE);
	sl_chunk_table_unref(t);
	assert_int_equal(sl_tables_bytes(), 0);
}

/* Lists are bounded all together, and who finds no room does without. */
static void test_room(void **state)
{
	struct sl_name n = sl_test_name("nb-1-big-CompressionInfo.db");
	/* Ever smaller lists take what room there is. */
	struct sl_crc_words *w[64] = { NULL };
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct bytes o;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++)
		while (!sl_crc_words_add(&w[i], 7))
			;
	assert_true(sl_tables_bytes() <= SL_STREAM_TABLES);
	assert_true(sl_tables_bytes() > SL_STREAM_TABLES - 300);
	make(&tables[0], true, &o);
	sl_test_facts(&n, o.b, o.n, 0, &f);
	assert_int_equal(f.found_count, 0);
	assert_int_equal(f.u.compression.count, 3);
	assert_null(f.u.compression.table);
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++)
		sl_crc_words_unref(w[i]);
	assert_int_equal(sl_tables_bytes(), 0);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tables),
		cmocka_unit_test(test_cuts),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures_all),
		cmocka_unit_test(test_crc),
		cmocka_unit_test(test_digest),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_room),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

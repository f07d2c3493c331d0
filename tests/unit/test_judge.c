/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge on one SSTable, with facts made by hand: who is blamed when
 * components disagree, and what is kept, tried, dropped and asked for.
 */
#include "judge_scene.h"

/* --- one SSTable */

static void test_healthy(void **state)
{
	(void)state;
	put_sstable(S);
	assert_int_equal(said.n, 0);
	assert_int_equal(ask()->n, 0);
}

static void test_digest(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	/* The table proves the data: the digest is wrong. */
	f = changed(S "Digest.crc32");
	f.u.digest = 5;
	assert_int_equal(put_facts(S "Digest.crc32", &f), 0);
	only(&said, "reject digest-mismatch " S "Digest.crc32 (CRC32 of 6000 "
		    "bytes 1234, Digest.crc32 5)");
	only(ask(), "digest-mismatch " S "Digest.crc32");
	/* It does not: the data is. */
	f = changed(S "Data.db");
	f.u.data.mode = SL_DATA_UNSETTLED;
	sl_judge_drop(j, S "Digest.crc32");
	put(S "Digest.crc32");
	f.crc32 = 9;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "digest-mismatch " S "Data.db");
	only(ask(), "digest-mismatch " S "Data.db");
}

static void test_chunks(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	f = changed(S "CompressionInfo.db");
	f.u.compression.hash++;
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "reject chunk-table " S "CompressionInfo.db");
	f = changed(S "CompressionInfo.db");
	f.u.compression.last_offset = 5997;
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "reject chunk-table " S "CompressionInfo.db");
	/* The same without a digest: who is wrong is not known. */
	sl_judge_drop(j, S "Digest.crc32");
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "reject data-length " S "Data.db");
	f = changed(S "CompressionInfo.db");
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	f = changed(S "Data.db");
	f.u.data.mode = SL_DATA_UNSETTLED;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "warn chunk-table-unproven " S "CompressionInfo.db");
	f.u.data.mode = SL_DATA_CHUNKED;
	f.u.data.compressor = SL_COMPRESSOR_ZSTD;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject chunk-table " S "CompressionInfo.db (it names");
	f.u.data.compressor = SL_COMPRESSOR_LZ4;
	f.u.data.plain_chunk = 16384;
	f.u.data.plain_last = 20000 - 16384;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	assert_int_equal(said.n, 0);
	f.u.data.plain_last--;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject chunk-table " S "CompressionInfo.db (chunks say");
}

/* A chunk found bad by a wrong table is no damage of the data. */
static void test_wrong_table_first(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	sl_judge_drop(j, S "Digest.crc32");
	f = changed(S "CompressionInfo.db");
	f.u.compression.hash = 99;
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	lines_clear(&said);
	f = changed(S "Data.db");
	f.u.data.mode = SL_DATA_UNSETTLED;
	f.u.data.checked = true;
	f.u.data.checked_with = 99;
	sl_facts_found(&f, SL_RULE_DATA_CHUNK, "chunk 1 at byte 5000");
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject data-chunk " S "Data.db (chunk 1 at byte 5000)");
	assert_true(lines_have(ask(), "reject data-chunk " S "Data.db"));
	put(S "Digest.crc32");
	only(&said, "reject chunk-table " S "CompressionInfo.db (chunk 1 at");
	only(ask(), "reject chunk-table " S "CompressionInfo.db");
	/* With another table it has to be seen anew. */
	put(S "CompressionInfo.db");
	only(&said, "warn chunk-table-unproven " S "CompressionInfo.db");
	only(ask(), "warn chunk-table-unproven " S "CompressionInfo.db");
}

static void test_words(void **state)
{
	struct sl_facts d, c;

	(void)state;
	plain_facts(&d, &c);
	put_sstable(S);
	sl_judge_drop(j, S "CompressionInfo.db");
	sl_judge_drop(j, S "Data.db");
	assert_int_equal(put_facts(S "Data.db", &d), 0);
	assert_int_equal(put_facts(S "CRC.db", &c), 0);
	assert_int_equal(said.n, 0);
	c.u.crc.hash = 4;
	assert_int_equal(put_facts(S "CRC.db", &c), 0);
	only(&said, "reject crc-table " S "CRC.db");
	sl_judge_drop(j, S "Digest.crc32");
	assert_int_equal(put_facts(S "CRC.db", &c), 0);
	only(&said, "reject crc-table " S "Data.db");
	c.u.crc.hash = 3;
	c.u.crc.hashed = c.u.crc.count = 3;
	assert_int_equal(put_facts(S "CRC.db", &c), 0);
	only(&said, "reject data-length " S "Data.db");
	put(S "CompressionInfo.db");
	only(&said, "reject both-checksums " S "CRC.db");
}

static void test_index(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	f = changed(S "Summary.db");
	f.u.summary.last_key = 9;
	assert_int_equal(put_facts(S "Summary.db", &f), 0);
	only(&said, "reject index-summary " S "Summary.db");
	put(S "Summary.db");
	f = changed(S "Index.db");
	f.u.index.last_key = 9;
	f.u.index.count = 7;
	assert_int_equal(put_facts(S "Index.db", &f), 0);
	assert_true(lines_have(&said, "index-summary " S "Index.db"));
	assert_true(lines_have(&said, "partition-count " S "Index.db"));
	lines_clear(&said);
	f = changed(S "Index.db");
	f.u.index.last_position = 20000;
	assert_int_equal(put_facts(S "Index.db", &f), 0);
	only(&said, "reject index-data " S "Index.db");
	f = changed(S "Index.db");
	f.u.index.out_of_order = true;
	assert_int_equal(put_facts(S "Index.db", &f), 0);
	only(&said, "reject index " S "Index.db (keys are out of order");
	put(S "Index.db");
	f = changed(S "Statistics.db");
	f.u.statistics.partitions = 11;
	assert_int_equal(put_facts(S "Statistics.db", &f), 0);
	only(&said, "reject partition-count " S "Statistics.db");
}

static void test_filter(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	f = changed(S "Filter.db");
	f.u.filter.ones = 5;
	assert_int_equal(put_facts(S "Filter.db", &f), 0);
	only(&said, "reject filter-small " S "Filter.db");
	f.u.filter.words = 200;
	f.u.filter.ones = 3000;
	assert_int_equal(put_facts(S "Filter.db", &f), 0);
	only(&said, "warn filter-small " S "Filter.db");
}

static void test_encrypted(void **state)
{
	struct sl_facts f;

	(void)state;
	put(S "CompressionInfo.db");
	file_facts(S "Statistics.db", &f);
	f.u.statistics.opaque = true;
	assert_int_equal(put_facts(S "Statistics.db", &f), 0);
	only(&said, "reject encrypted-suspect " S "Statistics.db");
	f = changed(S "CompressionInfo.db");
	f.u.compression.encrypted = true;
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "reject encrypted " S "Statistics.db");
}

/* DSE's parts of an SSTable: what describes the whole is not compared. */
static void test_slice(void **state)
{
	static const char b[] = T "bb-1-bti-";
	static const char *const parts[] = {
		"Data.db", "Partitions.db", "Rows.db", "Filter.db",
		"CompressionInfo.db", "TOC.txt",
	};
	struct sl_facts f;
	char path[1024];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(parts); i++) {
		snprintf(path, sizeof(path), "%s%s", b, parts[i]);
		file_facts(path, &f);
		f.u.compression.last_offset = 1 << 30;
		if (i == 0 || i == 4)
			assert_int_equal(put_facts(path, &f), 0);
		else
			put(path);
	}
	file_facts(T "bb-1-bti-Statistics.db", &f);
	f.u.statistics.slice = true;
	f.u.statistics.partitions = 3;
	assert_int_equal(put_facts(T "bb-1-bti-Statistics.db", &f), 0);
	assert_int_equal(said.n, 0);
	assert_int_equal(ask()->n, 0);
	/* A whole one is compared, and lacks a digest. */
	f.u.statistics.slice = false;
	f.u.statistics.partitions = 10;
	assert_int_equal(put_facts(T "bb-1-bti-Statistics.db", &f), 0);
	only(&said, "reject data-length " T "bb-1-bti-Data.db");
	assert_true(lines_have(ask(), "warn no-digest " T "bb-1-bti-Digest"));
}

/* --- the interface */

static void test_try(void **state)
{
	struct sl_judge_counts before, after;
	struct sl_facts f;

	(void)state;
	put(S "Data.db");
	sl_judge_count(j, NULL, &before);
	file_facts(S "Digest.crc32", &f);
	f.u.digest = 1;
	assert_int_equal(sl_judge_try(j, S "Digest.crc32", &f, lines_found,
				      &said), 0);
	only(&said, "reject digest-mismatch");
	assert_null(sl_judge_facts(j, S "Digest.crc32"));
	file_facts("n3/ks/t-" ID2 "/snapshots/tag/nb-1-big-TOC.txt", &f);
	assert_int_equal(sl_judge_try(j, "n3/ks/t-" ID2
				      "/snapshots/tag/nb-1-big-TOC.txt", &f,
				      lines_found, &said), 0);
	only(&said, "reject second-table-id");
	sl_judge_count(j, NULL, &after);
	assert_memory_equal(&before, &after, sizeof(before));
}

/* What an older table said, nobody can hold against the data. */
static void test_older_table(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	sl_judge_drop(j, S "Digest.crc32");
	f = changed(S "Data.db");
	f.u.data.mode = SL_DATA_UNSETTLED;
	f.u.data.checked = true;
	f.u.data.checked_with = CHUNKED_HASH;
	sl_facts_found(&f, SL_RULE_DATA_CHUNK, "chunk 1");
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject data-chunk " S "Data.db");
	f = changed(S "CompressionInfo.db");
	f.u.compression.hash++;
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "warn chunk-table-unproven");
	assert_false(lines_have(ask(), "data-chunk"));
	/* Back again, it counts again. */
	put(S "CompressionInfo.db");
	assert_true(lines_have(ask(), "reject data-chunk " S "Data.db"));
}

/* What does not parse is compared with nothing. */
static void test_broken(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	f = changed(S "CompressionInfo.db");
	memset(&f.u, 0, sizeof(f.u));
	sl_facts_found(&f, SL_RULE_COMPRESSION_INFO, "cut off");
	assert_int_equal(put_facts(S "CompressionInfo.db", &f), 0);
	only(&said, "reject compression-info " S "CompressionInfo.db (cut");
	only(ask(), "reject compression-info " S "CompressionInfo.db (cut");
}

/* A second copy, when the chunk table is gone, takes nothing back. */
static void test_known_better(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	file_facts(S "Data.db", &f);
	f.u.data.mode = SL_DATA_UNSETTLED;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	f.unread = true;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	assert_int_equal(said.n, 0);
	assert_int_equal(ask()->n, 0);
}

static void test_prior(void **state)
{
	struct sl_prior p;
	struct sl_facts d, c;

	(void)state;
	assert_int_equal(sl_judge_prior(j, S "Data.db", &p), 0);
	assert_false(p.has_compression || p.has_crc);
	put(S "CompressionInfo.db");
	plain_facts(&d, &c);
	assert_int_equal(put_facts(S "CRC.db", &c), 0);
	assert_int_equal(sl_judge_prior(j, S "Data.db", &p), 0);
	assert_true(p.has_compression && p.has_crc);
	assert_int_equal(p.compression.hash, CHUNKED_HASH);
	assert_int_equal(p.crc.block, 65536);
	sl_prior_release(&p);
	assert_int_equal(sl_judge_prior(j, "n1/x", &p), -EINVAL);
}

static void test_of(void **state)
{
	struct sl_facts f;

	(void)state;
	put(S "Data.db");
	file_facts(S "Digest.crc32", &f);
	f.u.digest = 1;
	assert_int_equal(put_facts(S "Digest.crc32", &f), 0);
	lines_clear(&said);
	assert_int_equal(sl_judge_of(j, S "Data.db", lines_found, &said), 0);
	assert_true(lines_have(&said, "missing-component " S "Index.db"));
	assert_true(lines_have(&said, "digest-mismatch " S "Data.db"));
	lines_clear(&said);
	assert_int_equal(sl_judge_of(j, S "Digest.crc32", lines_found, &said),
			 0);
	assert_false(lines_have(&said, "digest-mismatch"));
}

static void test_policy(void **state)
{
	struct sl_policy p;
	struct sl_facts f;

	(void)state;
	sl_judge_free(j);
	sl_policy_init(&p);
	p.verdict[SL_RULE_DIGEST_MISMATCH] = SL_ACCEPT;
	p.verdict[SL_RULE_NO_TOC] = SL_REJECT;
	assert_int_equal(sl_judge_new(&p, &j), 0);
	put_sstable(S);
	sl_judge_drop(j, S "TOC.txt");
	file_facts(S "Digest.crc32", &f);
	f.u.digest = 1;
	assert_int_equal(put_facts(S "Digest.crc32", &f), 0);
	assert_int_equal(said.n, 0);
	only(ask(), "reject no-toc");
}

static void test_paths(void **state)
{
	static const char *const bad[] = {
		"", "x", "n1/ks/t-" ID1 "/snapshots/tag",
		"n1/ks/t/snapshots/tag/nb-1-big-Data.db",
		"n1/ks/t-" ID1 "/backups/tag/nb-1-big-Data.db",
		T ".idx/nb-1-big-Data.db", T "sub/nb-1-big-Data.db",
		"n1//t-" ID1 "/snapshots/tag/nb-1-big-Data.db",
	};
	struct sl_facts f;

	(void)state;
	file_facts(S "Data.db", &f);
	for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++)
		assert_int_equal(put_facts(bad[i], &f), -EINVAL);
	/* The facts are not of such a file. */
	assert_int_equal(put_facts(S "TOC.txt", &f), -EINVAL);
	put(T "nb-1-big-Strange.db");
	put(T "README");
	assert_non_null(sl_judge_facts(j, T "README"));
	assert_int_equal(ask()->n, 0);
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_healthy),
		TEST(test_digest),
		TEST(test_chunks),
		TEST(test_wrong_table_first),
		TEST(test_words),
		TEST(test_index),
		TEST(test_filter),
		TEST(test_encrypted),
		TEST(test_slice),
		TEST(test_try),
		TEST(test_older_table),
		TEST(test_broken),
		TEST(test_known_better),
		TEST(test_prior),
		TEST(test_of),
		TEST(test_policy),
		TEST(test_paths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TOC.txt: what Cassandra writes, what it may grow into, what it never is,
 * and every real one.
 */
#include "sstable_rig.h"

#define S(x) (x), sizeof(x) - 1
#define BIT(c) (1u << SL_COMP_##c)

static const struct row {
	const char *bytes;
	size_t n;
	uint32_t listed;
	const char *detail; /* NULL: healthy */
} rows[] = {
	{ S("Data.db\nIndex.db\nTOC.txt\n"),
	  BIT(DATA) | BIT(INDEX) | BIT(TOC), NULL },
	{ S("Summary.db\nPartitions.db\nRows.db\nFilter.db\n"
	    "CompressionInfo.db\nCRC.db\nStatistics.db\nDigest.crc32\n"),
	  BIT(SUMMARY) | BIT(PARTITIONS) | BIT(ROWS) | BIT(FILTER) |
		  BIT(COMPRESSION_INFO) | BIT(CRC) | BIT(STATISTICS) |
		  BIT(DIGEST),
	  NULL },
	{ S("SI_late_sasi.db\n"), 0, NULL },
	{ S("SAI+aa+i+TermsData.db\nSAI_GroupComplete.db\nData.db\nData.db\n"),
	  BIT(DATA), NULL },
	{ S("Data.db\nScylla.db\n"), BIT(DATA),
	  "line 2: 'Scylla.db' is no component" },
	{ S("Data.db\nIndex.d"), BIT(DATA), "its last line does not end" },
	{ S("Data.db\n\0\0\0\nIndex.db\n"), BIT(DATA) | BIT(INDEX),
	  "line 2: '\?\?\?' is no component" },
	{ S("Data.db\r\n"), 0, "line 1: 'Data.db?' is no component" },
	{ S("\n"), 0, "line 1: '' is no component" },
	{ S("manifest.json\n"), 0, "line 1: 'manifest.json' is no component" },
	{ S("SAI \n"), 0, "line 1: 'SAI ' is no component" },
	{ S("SAI\n"), 0, "line 1: 'SAI' is no component" },
};

static void test_rows(void **state)
{
	struct sl_name name = sl_test_name("nb-1-big-TOC.txt");

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *r = &rows[i];
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		rig_row(&name, r->bytes, r->n, SL_RULE_TOC, r->detail,
			&f);
		assert_int_equal(f.u.toc.listed, r->listed);
	}
}

static void test_bounds(void **state)
{
	struct sl_name name = sl_test_name("nb-1-big-TOC.txt");
	size_t n = SL_STREAM_TEXT + 1;
	SL_CLEANUP(free) char *p = malloc(n);

	(void)state;
	assert_non_null(p);
	memset(p, '\n', n);
	assert_int_equal(rig_rule(&name, p, n), SL_RULE_TOC);
	memset(p, 'S', n);
	memcpy(p, "SI_", 3);
	p[255] = '\n';
	assert_int_equal(rig_rule(&name, p, 256), SL_RULE_NONE);
	p[255] = 'S';
	p[256] = '\n';
	assert_int_equal(rig_rule(&name, p, 257), SL_RULE_TOC);
	assert_int_equal(rig_rule(&name, "", 0), SL_RULE_EMPTY_COMPONENT);
}

static void check_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	size_t *lying = arg;

	if (t->name.format == SL_FORMAT_BIG &&
	    !sl_version_from(&t->name, "ma", NULL))
		return; /* Digest.adler32 and the like */
	sl_test_facts(&t->name, t->data, t->size, t->size, &f);
	rig_healthy(t, &f);
	rig_pieces(&t->name, t->data, t->size);
	*lying += !(f.u.toc.listed & BIT(DATA));
}

static void test_real(void **state)
{
	size_t lying = 0;

	(void)state;
	assert_true(sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_TOC, check_file,
				     &lying) > 50);
	assert_int_equal(lying, 0);
}

static void test_fixtures(void **state)
{
	size_t n, lying = 0;

	(void)state;
	n = sl_test_all_sstables(SL_COMP_TOC, check_file, &lying);
	if (!n)
		skip();
	print_message("# %zu real lists, %zu without Data.db\n", n, lying);
	assert_true(n > 900 && lying > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_bounds),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

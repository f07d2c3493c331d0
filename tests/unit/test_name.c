/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of SSTable components, from real directories of every product, and
 * what the letters of a version mean.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "sstable/name.h"

static const struct {
	const char *name;
	bool sstable;
	enum sl_component component;
	const char *version, *id;
	enum sl_format format;
	const char *text;
} rows[] = {
	{ "nb-1-big-Data.db", true, SL_COMP_DATA, "nb", "1", SL_FORMAT_BIG,
	  "Data.db" },
	{ "ma-123456789012345678901234567890-big-Index.db", true,
	  SL_COMP_INDEX, "ma", "123456789012345678901234567890",
	  SL_FORMAT_BIG, "Index.db" },
	{ "cc-3gdv_0vos_4jbmo2l3kqtv0q1se8-bti-Partitions.db", true,
	  SL_COMP_PARTITIONS, "cc", "3gdv_0vos_4jbmo2l3kqtv0q1se8",
	  SL_FORMAT_BTI, "Partitions.db" },
	{ "cc-01GPNJ3D2RGJ4B5SV0CDTWVCPD-bti-Rows.db", true, SL_COMP_ROWS,
	  "cc", "01GPNJ3D2RGJ4B5SV0CDTWVCPD", SL_FORMAT_BTI, "Rows.db" },
	{ "nb-1-big-Summary.db", true, SL_COMP_SUMMARY, "nb", "1",
	  SL_FORMAT_BIG, "Summary.db" },
	{ "nb-1-big-Filter.db", true, SL_COMP_FILTER, "nb", "1",
	  SL_FORMAT_BIG, "Filter.db" },
	{ "nb-1-big-CompressionInfo.db", true, SL_COMP_COMPRESSION_INFO,
	  "nb", "1", SL_FORMAT_BIG, "CompressionInfo.db" },
	{ "nb-1-big-CRC.db", true, SL_COMP_CRC, "nb", "1", SL_FORMAT_BIG,
	  "CRC.db" },
	{ "nb-1-big-Statistics.db", true, SL_COMP_STATISTICS, "nb", "1",
	  SL_FORMAT_BIG, "Statistics.db" },
	{ "nb-1-big-Digest.crc32", true, SL_COMP_DIGEST, "nb", "1",
	  SL_FORMAT_BIG, "Digest.crc32" },
	{ "nb-1-big-TOC.txt", true, SL_COMP_TOC, "nb", "1", SL_FORMAT_BIG,
	  "TOC.txt" },
	{ "oa-1-big-Data.db", true, SL_COMP_DATA, "oa", "1", SL_FORMAT_BIG,
	  "Data.db" },
	{ "la-1-big-Data.db", true, SL_COMP_DATA, "la", "1", SL_FORMAT_BIG,
	  "Data.db" },
	/* Never by its end. */
	{ "nb-2-big-SAI+aa+emb_ann+TermsData.db", true, SL_COMP_OTHER, "nb",
	  "2", SL_FORMAT_BIG, "SAI+aa+emb_ann+TermsData.db" },
	{ "nb-2-big-SI_my-index.db", true, SL_COMP_OTHER, "nb", "2",
	  SL_FORMAT_BIG, "SI_my-index.db" },
	{ "nb-2-big-Digest.sha1", true, SL_COMP_OTHER, "nb", "2",
	  SL_FORMAT_BIG, "Digest.sha1" },
	{ "nb-2-big-data.db", true, SL_COMP_OTHER, "nb", "2", SL_FORMAT_BIG,
	  "data.db" },
	{ "nb-2-big-manifest.json", true, SL_COMP_OTHER, "nb", "2",
	  SL_FORMAT_BIG, "manifest.json" },
	{ "manifest.json", false, SL_COMP_MANIFEST, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "schema.cql", false, SL_COMP_SCHEMA, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "nb-1-big-", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "nb-1-big", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "nb-1-bib-Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "nb--big-Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "nb-1a-big-Data.db", false, SL_COMP_OTHER, "", NULL,
	  SL_FORMAT_BIG, NULL },
	{ "nb-3gdv-0vos_4jbmo2l3kqtv0q1se8-big-Data.db", false,
	  SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "nb-3gdv_0vos_4jbmo2l3kqtv0q1se-big-Data.db", false,
	  SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG, NULL },
	{ "nB-1-big-Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "n-1-big-Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "nbb-1-big-Data.db", false, SL_COMP_OTHER, "", NULL, SL_FORMAT_BIG,
	  NULL },
	{ "ks-cf-ka-1-Data.db", false, SL_COMP_OTHER, "", NULL,
	  SL_FORMAT_BIG, NULL },
};

static void part_is(struct sl_path_part p, const char *want)
{
	assert_int_equal(p.n, strlen(want));
	assert_memory_equal(p.p, want, p.n);
}

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_name n;

		sl_name_parse(rows[i].name, strlen(rows[i].name), &n);
		if (n.sstable != rows[i].sstable ||
		    n.component != rows[i].component)
			fail_msg("'%s': %d, component %d", rows[i].name,
				 n.sstable, (int)n.component);
		if (!n.sstable)
			continue;
		assert_string_equal(n.version, rows[i].version);
		assert_int_equal(n.format, rows[i].format);
		part_is(n.id, rows[i].id);
		part_is(n.text, rows[i].text);
	}
}

/* The name may lie within a longer string. */
static void test_length(void **state)
{
	static const char name[] = "nb-1-big-Data.db.tmp";
	struct sl_name n;

	(void)state;
	for (size_t i = 0; i < sizeof(name); i++) {
		sl_name_parse(name, i, &n);
		assert_int_equal(n.sstable, i > strlen("nb-1-big-"));
		assert_int_equal(n.component == SL_COMP_DATA,
				 i == strlen("nb-1-big-Data.db"));
	}
}

static void test_components(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SL_COMP_OTHER; i++) {
		const char *s = sl_component_name(i);

		assert_int_equal(sl_component_find(s, strlen(s)), i);
		assert_int_equal(sl_component_find(s, strlen(s) - 1),
				 SL_COMP_OTHER);
	}
	assert_string_equal(sl_component_name(SL_COMP_OTHER), "");
	assert_string_equal(sl_component_name(SL_COMP_DIGEST),
			    "Digest.crc32");
	assert_int_equal(sl_component_find("", 0), SL_COMP_OTHER);
}

static const char good_big[][3] = { "ma", "mb", "mc", "md", "me", "nb" };
static const char warn_big[][3] = { "na", "nc" };
static const char good_bti[][3] = { "aa", "ac", "ad", "ba", "bb", "ca", "cb",
				    "cc" };
static const char warn_bti[][3] = { "ab" };

static bool is_in(const char list[][3], size_t n, const char *v)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i], v))
			return true;
	return false;
}
#define IN(list, v) is_in(list, SL_ARRAY_LEN(list), v)

static enum sl_rule wanted(enum sl_format f, const char *v)
{
	bool big = f == SL_FORMAT_BIG;

	if (big ? IN(good_big, v) : IN(good_bti, v))
		return SL_RULE_NONE;
	if (big ? IN(warn_big, v) : IN(warn_bti, v))
		return SL_RULE_PRERELEASE;
	/* "ka" and "la" are old, "oa" and "da" new; so are gaps. */
	return big && v[0] < 'm' ? SL_RULE_OLD_VERSION : SL_RULE_NEW_VERSION;
}

static void test_every_version(void **state)
{
	(void)state;
	for (int f = SL_FORMAT_BIG; f <= SL_FORMAT_BTI; f++)
		for (int i = 0; i < 26 * 26; i++) {
			char v[3] = { (char)('a' + i / 26),
				      (char)('a' + i % 26), '\0' };

			if (sl_version_judge(f, v) != wanted(f, v))
				fail_msg("%s of format %d", v, f);
		}
}

static void test_from(void **state)
{
	static const struct {
		const char *name, *big, *bti;
		bool want;
	} t[] = {
		{ "nb-1-big-Data.db", "na", NULL, true },
		{ "na-1-big-Data.db", "na", NULL, true },
		{ "me-1-big-Data.db", "na", NULL, false },
		{ "nb-1-big-Data.db", NULL, "aa", false },
		{ "aa-1-bti-Data.db", "na", "aa", true },
		{ "aa-1-bti-Data.db", "na", NULL, false },
		{ "cb-1-bti-Data.db", "oa", "cb", true },
		{ "ca-1-bti-Data.db", "oa", "cb", false },
		{ "manifest.json", "aa", "aa", false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct sl_name n;

		sl_name_parse(t[i].name, strlen(t[i].name), &n);
		assert_int_equal(sl_version_from(&n, t[i].big, t[i].bti),
				 t[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_length),
		cmocka_unit_test(test_components),
		cmocka_unit_test(test_every_version),
		cmocka_unit_test(test_from),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.cql: what Cassandra writes is read, what is damaged is named with
 * its line, and what is written from a schema is read as the same. Then every
 * real one.
 */
#include "schema_rig.h"

#define ID "ba435bd0-e6e2-11f1-982c-275bacb0408c"
#define HEX "ba435bd0e6e211f1982c275bacb0408c"

static const struct good {
	const char *text, *shown;
} good[] = {
	{ "CREATE TABLE ks.t (k int PRIMARY KEY, v varchar);",
	  "ks.t ; k int P0; v text R0" },
	{ "create columnfamily T (K Int primary key) with id = " ID ";",
	  ".t " HEX "; k int P0" },
	{ "CREATE TABLE IF NOT EXISTS \"M C\".\"a\"\"b\" (\"Key\" int,\n"
	  "\"C 1\" text, key int, \"select\" int, PRIMARY KEY (\"Key\", "
	  "\"C 1\"));",
	  "M C.a\"b ; Key int P0; C 1 text C0; key int R0; select int R0" },
	{ "CREATE TABLE ks.t (a int, b int, c timestamp, d int, s text "
	  "static, v list<int>, PRIMARY KEY ((a, b), c, d)) WITH ID = " ID
	  " AND CLUSTERING ORDER BY (c DESC, d ASC) AND comment = 'it''s; "
	  "AND (' AND compaction = {'class': 'x', 'y': {'z': ['1']}} AND "
	  "gc = -1.5e+10 AND cdc = false AND extensions = {};",
	  "ks.t " HEX "; a int P0; b int P1; c timestamp C0 desc; d int C1; "
	  "s text S0; v list<int> R0" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY, gone text);\n"
	  "ALTER TABLE ks.t DROP gone USING TIMESTAMP 1;",
	  "ks.t ; k int P0; gone text R0 dropped" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY, v int);\n"
	  "ALTER TABLE ks.t DROP v USING TIMESTAMP 1;\n"
	  "ALTER TABLE ks.t ADD v text static;",
	  "ks.t ; k int P0; v text S0; v int R0 dropped" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY, v text) WITH ID = " ID
	  " AND DROPPED COLUMN RECORD \"Old\" map<text,int> static USING "
	  "TIMESTAMP 9 AND DROPPED COLUMN RECORD v int USING TIMESTAMP 2 AND "
	  "comment = '';",
	  "ks.t " HEX "; k int P0; v text R0; Old map<text, int> S0 dropped; "
	  "v int R0 dropped" },
	{ "CREATE TABLE t (k int PRIMARY KEY, v int, w int) WITH DROPPED "
	  "COLUMN RECORD v text; ALTER TABLE t DROP v; ALTER TABLE t DROP v;",
	  ".t ; k int P0; w int R0; v int R0 dropped" },
	{ "CREATE TABLE t (k int PRIMARY KEY); ALTER TABLE t DROP x; "
	  "ALTER TABLE t ADD x int static;",
	  ".t ; k int P0; x int S0; x int S0 dropped" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY);\n"
	  "ALTER TABLE ks.t DROP other;\nALTER TABLE ks.u DROP k;",
	  "ks.t ; k int P0; other  R0 dropped" },
	{ "/*\nWarning: Table ks.t omitted because it has constructs not "
	  "compatible with CQL (isn't it).\nApproximate structure:\n\n"
	  "CREATE TABLE IF NOT EXISTS ks.t (\n k int,\n v blob,\n PRIMARY "
	  "KEY (k)\n) WITH COMPACT STORAGE\n AND ID = " ID "\n AND "
	  "CLUSTERING ORDER BY (column1 ASC);\n*/\n"
	  "CREATE INDEX i ON ks.t (v);",
	  "ks.t compact index " HEX "; k int P0; v blob R0" },
	{ "/* Warning: the lines 'CREATE' */ -- a 'comment\n// \"another\n"
	  "CREATE TABLE t /* in \" it */ (k int PRIMARY KEY);",
	  ".t ; k int P0" },
	{ "CREATE MATERIALIZED VIEW IF NOT EXISTS ks.v AS\n SELECT a, b FROM "
	  "ks.t WHERE a IS NOT NULL PRIMARY KEY (a, b)\n WITH ID = " ID
	  " AND CLUSTERING ORDER BY (b ASC);",
	  "ks.v view " HEX },
	{ "CREATE TYPE ks.addr (street text, zip int);\n"
	  "CREATE TYPE ks.addr (street text, zip int);\n"
	  "CREATE TYPE IF NOT EXISTS ks.\"P\" (\"Home\" frozen<addr>);\n"
	  "CREATE TABLE ks.t (k int PRIMARY KEY, a frozen<\"P\">, v "
	  "vector<float, 8>, c 'org.apache.cassandra.db.marshal.PointType');",
	  "ks.t ; CREATE TYPE IF NOT EXISTS ks.addr (street text, zip int); "
	  "CREATE TYPE IF NOT EXISTS ks.\"P\" (\"Home\" frozen<addr>); "
	  "k int P0; a frozen<\"P\"> R0; v vector<float, 8> R0; "
	  "c 'PointType' R0" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY, v text MASKED WITH "
	  "system.mask_inner(1, null, '*'), s int static MASKED WITH DEFAULT"
	  ");",
	  "ks.t ; k int P0; v text R0; s int S0" },
	{ "CREATE TABLE ks.t (k int PRIMARY KEY);\nCREATE CUSTOM INDEX i ON "
	  "ks.t (v) USING 'sai' WITH OPTIONS = {'a': 'b'};",
	  "ks.t index ; k int P0" },
	/* What is behind the table and not understood does no harm. */
	{ "CREATE TABLE t (k int PRIMARY KEY);\nALTER TABLE t DROP 5;\n"
	  "GRANT x; CREATE TYPE (; ALTER TABLE t ADD v map<; 'open",
	  ".t ; k int P0" },
	{ "USE ks; CREATE KEYSPACE ks WITH replication = {};\n"
	  "CREATE TABLE t (k int PRIMARY KEY);", ".t ; k int P0" },
};

static void test_good(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
		SCHEMA *s = parse(good[i].text);

		show(s, &b);
		assert_string_equal(sl_buf_str(&b), good[i].shown);
	}
}

static void test_bad(void **state)
{
	static const struct {
		const char *text, *error;
	} bad[] = {
		{ "", "line 1: no CREATE TABLE, found the end" },
		{ "\n\nCREATE INDEX i ON t (v);\n", "line 4: no CREATE TABLE" },
		{ "CREATE TABLE t", "line 1: expected '(', found the end" },
		{ "CREATE TABLE t (k int PRIMARY KEY,\n v text",
		  "line 2: expected ',' or ')', found the end" },
		{ "CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'x'",
		  "expected ';', found the end" },
		{ "CREATE TABLE t (k int PRIMARY KEY) WITH comment = 'x;",
		  "a quote or comment never ends" },
		{ "CREATE TABLE t (k int PRIMARY KEY) /* ;",
		  "a quote or comment never ends" },
		{ "CREATE TABLE t (k int);", "no PRIMARY KEY" },
		{ "CREATE TABLE t (k int, PRIMARY KEY (x));",
		  "the PRIMARY KEY names no column" },
		{ "CREATE TABLE t (k int, PRIMARY KEY (k, k));",
		  "an odd PRIMARY KEY" },
		{ "CREATE TABLE t (k int PRIMARY KEY, v int PRIMARY KEY);",
		  "a second PRIMARY KEY" },
		{ "CREATE TABLE t (k int PRIMARY KEY, PRIMARY KEY (k));",
		  "a second PRIMARY KEY" },
		{ "CREATE TABLE t (k int PRIMARY KEY, v int, v text);",
		  "a column is there twice" },
		{ "CREATE TABLE t (k map<int> PRIMARY KEY);",
		  "expected a type, found '>'" },
		{ "CREATE TABLE t (\n5 int PRIMARY KEY);",
		  "line 2: expected a name, found '5'" },
		{ "CREATE TABLE t (k int PRIMARY KEY) WITH CLUSTERING ORDER "
		  "BY (k DESC;", "expected ')', found ';'" },
		{ "CREATE TYPE a (b);\nCREATE TABLE t (k int PRIMARY KEY);",
		  "line 1: expected a type, found ')'" },
		{ "CREATE MATERIALIZED VIEW v AS SELECT", "expected ';'" },
		{ "CREATE TABLE IF EXISTS t (k int PRIMARY KEY);",
		  "expected not, found 'EXISTS'" },
		{ "CREATE TABLE t (k int PRIMARY KEY) WITH DROPPED COLUMN v;",
		  "expected record" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
		struct sl_error e = { 0 };
		struct sl_schema *s = NULL;

		assert_int_equal(sl_schema_parse(bad[i].text,
						 strlen(bad[i].text), &s, &e),
				 -EPROTO);
		assert_null(s);
		if (!strstr(e.text, bad[i].error))
			fail_msg("%s: %s", bad[i].text, e.text);
	}
}

/* Each prefix of a schema is a failure, but for those that end in "; " . */
static void test_cut(void **state)
{
	const char *text = good[3].text;

	(void)state;
	for (size_t n = 0; n < strlen(text); n++) {
		SL_CLEANUP(free) char *cut = malloc(n + 1);
		struct sl_schema *s = NULL;

		memcpy(cut, text, n);
		assert_int_equal(sl_schema_parse(cut, n, &s, NULL), -EPROTO);
	}
}

/* Counts beyond the limits are named, not taken. */
static void test_limits(void **state)
{
	static const struct {
		const char *head, *each, *tail, *error;
		int count;
	} rows[] = {
		{ "CREATE TABLE t (k int PRIMARY KEY", ", c%d int", ");",
		  "more columns than can be read", 5000 },
		{ "CREATE TABLE t (k int, PRIMARY KEY (k", ", c%d", "));",
		  "a longer key than can be read", 300 },
		{ "", "CREATE TYPE t%d (a int);", "",
		  "more types than can be read", 2000 },
		{ "CREATE TYPE t (a int);", "CREATE TYPE t(a int);--%d\n", "",
		  "more types than can be read", 65536 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(8 << 20);
		struct sl_error e = { 0 };
		struct sl_schema *s = NULL;

		sl_buf_puts(&b, rows[i].head);
		for (int k = 0; k < rows[i].count; k++) {
			const char *p = strstr(rows[i].each, "%d");

			sl_buf_append(&b, rows[i].each,
				      (size_t)(p - rows[i].each));
			sl_buf_printf(&b, "%d%s", k, p + 2);
		}
		sl_buf_puts(&b, rows[i].tail);
		assert_int_equal(sl_schema_parse(b.data, b.len, &s, &e),
				 -EPROTO);
		assert_non_null(strstr(e.text, rows[i].error));
	}
}

static void test_written_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
		SCHEMA *s = parse(good[i].text);

		check_text(s);
		check_ddl(s);
	}
}

/* What a schema.cql of the fixtures must be found to be. */
static enum sl_rule expected(const char *path)
{
	if (strstr(path, "/mv_by_city-") ||
	    strstr(path, "/accounts_by_email-"))
		return SL_RULE_VIEW;
	return strstr(path, "/compact_st-") || strstr(path, "/compact_dense-") ?
			SL_RULE_COMPACT_STORAGE : SL_RULE_NONE;
}

static void real_file(void *arg, const struct sl_test_file *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	enum sl_rule found;
	size_t *tables = arg;

	sl_test_facts(&t->name, t->data, t->size, 1000, &f);
	found = f.found_count ? f.found[0].rule : SL_RULE_NONE;
	if (found != expected(t->path) || f.found_count > 1)
		fail_msg("%s: %zu findings, %s", t->path, f.found_count,
			 f.found[0].detail);
	assert_non_null(f.u.schema.schema);
	rig_pieces(&t->name, t->data, t->size);
	check_text(f.u.schema.schema);
	check_ddl(f.u.schema.schema);
	++*tables;
}

static void test_real(void **state)
{
	size_t n = 0;

	(void)state;
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_SCHEMA, real_file, &n);
	assert_int_equal(n, 6);
}

static void test_fixtures(void **state)
{
	size_t n = 0;

	(void)state;
	if (!sl_test_all_sstables(SL_COMP_SCHEMA, real_file, &n))
		skip();
	assert_true(n >= 100);
}

static void check_finding(const char *text, size_t n, enum sl_rule rule,
			  const char *detail)
{
	struct sl_name name = sl_test_name("schema.cql");
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	sl_test_facts(&name, text, n, n, &f);
	assert_int_equal(f.found_count, 1);
	assert_int_equal(f.found[0].rule, rule);
	assert_non_null(strstr(f.found[0].detail, detail));
	assert_int_equal(f.u.schema.schema == NULL, rule == SL_RULE_SCHEMA);
}

static void test_findings(void **state)
{
	static const struct {
		const char *text;
		enum sl_rule rule;
		const char *detail;
	} rows[] = {
		{ "CREATE MATERIALIZED VIEW ks.v AS SELECT *;", SL_RULE_VIEW,
		  "'v'" },
		{ "CREATE TABLE t (k int PRIMARY KEY) WITH COMPACT STORAGE;",
		  SL_RULE_COMPACT_STORAGE, "'t'" },
		{ "CREATE TABLE t (\n\nk);", SL_RULE_SCHEMA,
		  "line 3: expected a type, found ')'" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		check_finding(rows[i].text, strlen(rows[i].text), rows[i].rule,
			      rows[i].detail);
}

static void test_too_long_or_short(void **state)
{
	size_t size = SL_STREAM_TEXT + 1;
	SL_CLEANUP(free) char *p = calloc(1, size);

	(void)state;
	check_finding(p, size, SL_RULE_SCHEMA, "over 8388608 bytes");
	check_finding(p, 0, SL_RULE_SCHEMA, "no CREATE TABLE");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_good),
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_written_is_read),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_too_long_or_short),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

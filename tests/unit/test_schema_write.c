/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is made of schemas: the CQL for the target, out of schema.cql or out
 * of headers alone; whether two differ; whether one is a view of the other.
 */
#include "schema_rig.h"

#define ID "ba435bd0-e6e2-11f1-982c-275bacb0408c"

static void test_ddl(void **state)
{
	static const struct {
		const char *text, *ddl;
	} rows[] = {
		{ "CREATE TYPE ks.a (b int); CREATE TABLE ks.\"T\" (k int, c "
		  "int, d int, v frozen<a>, old int, PRIMARY KEY (k, c, d)) "
		  "WITH CLUSTERING ORDER BY (c ASC, d DESC) AND cdc = true;"
		  "ALTER TABLE ks.\"T\" DROP old USING TIMESTAMP 1;",
		  "-- keyspace ks must be there\n"
		  "CREATE TYPE IF NOT EXISTS ks.a (b int);\n"
		  "CREATE TABLE IF NOT EXISTS ks.\"T\" (\n"
		  "    k int,\n    c int,\n    d int,\n    v frozen<a>,\n"
		  "    old int,\n    PRIMARY KEY (k, c, d)\n"
		  ") WITH CLUSTERING ORDER BY (c ASC, d DESC);\n"
		  "ALTER TABLE ks.\"T\" DROP old;\n" },
		{ "CREATE TABLE ks.t (k int PRIMARY KEY, v text, column1 int) "
		  "WITH COMPACT STORAGE;",
		  "-- keyspace ks must be there\n"
		  "-- t had COMPACT STORAGE; hidden columns are shown\n"
		  "CREATE TABLE IF NOT EXISTS ks.t (\n"
		  "    k int,\n    v text static,\n    column1 int static,\n"
		  "    column2 text,\n    value blob,\n"
		  "    PRIMARY KEY (k, column2)\n);\n" },
		{ "CREATE MATERIALIZED VIEW ks.\"a\nb\" AS SELECT *;",
		  "-- a?b is a view: make it anew from its table\n" },
		{ "CREATE TABLE ks.t (k int PRIMARY KEY, v int);"
		  "ALTER TABLE ks.t DROP v; ALTER TABLE ks.t ADD v text;"
		  "ALTER TABLE ks.t DROP x;",
		  "-- keyspace ks must be there\n"
		  "CREATE TABLE IF NOT EXISTS ks.t (\n"
		  "    k int,\n    v text,\n    PRIMARY KEY (k)\n);\n"
		  "-- column v was dropped and added again\n"
		  "-- column x of an unknown type was dropped\n" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
		SCHEMA *s = parse(rows[i].text);

		assert_int_equal(sl_schema_ddl(s, &b), 0);
		assert_string_equal(sl_buf_str(&b), rows[i].ddl);
	}
}

static void test_ddl_of_headers(void **state)
{
	static const char *const clustering[] = { "ReversedType(TimestampType)",
						  "Int32Type" };
	static const struct sl_column one[] = {
		{ "s", "UTF8Type", true },
		{ "a", "FrozenType(UserType(old,70,68:UserType(old,6164,7a:"
		       "SetType(Int32Type))))", false },
	};
	static const struct sl_column two[] = {
		{ "Val", "MapType(UTF8Type,Int32Type)", false },
		{ "b", "FrozenType(UserType(old,6164,7a:SetType("
		       "Int32Type)))", false },
		{ "column1", "Int32Type", false },
		{ "s", "UTF8Type", true },
	};
	static const struct sl_header h1 = {
		1, "CompositeType(Int32Type,UTF8Type)", clustering, 2, one, 2
	};
	static const struct sl_header h2 = {
		1, "CompositeType(Int32Type,UTF8Type)", clustering, 2, two, 4
	};
	static const struct sl_header *const headers[] = { &h1, &h2 };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
	SCHEMA *s = NULL;

	(void)state;
	assert_int_equal(sl_schema_ddl_of_headers("ks", "T", headers, 2, &b),
			 0);
	assert_string_equal(sl_buf_str(&b),
		"-- no schema.cql of T: names of key columns are not known\n"
		"CREATE TYPE IF NOT EXISTS ks.ad (z frozen<set<int>>);\n"
		"CREATE TYPE IF NOT EXISTS ks.p (h frozen<ad>);\n"
		"CREATE TABLE IF NOT EXISTS ks.\"T\" (\n"
		"    key int,\n    key2 text,\n    column1_ timestamp,\n"
		"    column2 int,\n    \"Val\" map<text, int>,\n"
		"    a frozen<p>,\n    b frozen<ad>,\n    column1 int,\n"
		"    s text static,\n"
		"    PRIMARY KEY ((key, key2), column1_, column2)\n"
		") WITH CLUSTERING ORDER BY (column1_ DESC, column2 ASC);\n");
	s = parse(sl_buf_str(&b));
	assert_int_equal(s->column_count, 9);
}

static void test_differs(void **state)
{
	static const struct {
		const char *a, *b, *why; /* NULL: the same */
	} rows[] = {
		{ "CREATE TABLE t (k int PRIMARY KEY, a int, b int) WITH ID = "
		  ID ";", "create table t (b int, k int, a int, PRIMARY KEY "
		  "(k)) WITH cdc = true;", NULL },
		{ "CREATE TABLE t (k int PRIMARY KEY, a int);",
		  "CREATE TABLE t (k int PRIMARY KEY, a int, g int); ALTER "
		  "TABLE t DROP g;", NULL },
		{ "CREATE TABLE t (k int PRIMARY KEY, a tuple<int>);",
		  "CREATE TABLE t (k int PRIMARY KEY, a frozen<tuple<int>>);",
		  NULL },
		{ "CREATE TABLE t (k int PRIMARY KEY, a list<int>);",
		  "CREATE TABLE t (k int PRIMARY KEY, a frozen<list<int>>);",
		  "column 'a' is list<int> and frozen<list<int>>" },
		{ "CREATE TABLE t (k int PRIMARY KEY, a int);",
		  "CREATE TABLE t (k int PRIMARY KEY);",
		  "column 'a' is in one only" },
		{ "CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE TABLE t (k int PRIMARY KEY, a int);",
		  "column 'a' is in one only" },
		{ "CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE TABLE t (k text PRIMARY KEY);",
		  "column 'k' is int and text" },
		{ "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c));",
		  "CREATE TABLE t (k int, c int, PRIMARY KEY ((k, c)));",
		  "column 'c' has another place in the table" },
		{ "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c)) WITH "
		  "CLUSTERING ORDER BY (c DESC);",
		  "CREATE TABLE t (k int, c int, PRIMARY KEY (k, c));",
		  "column 'c' is ordered ASC and DESC" },
		{ "CREATE TYPE a (x int); CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE TYPE a (x text); CREATE TABLE t (k int PRIMARY "
		  "KEY);", "is in one only" },
		{ "CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE MATERIALIZED VIEW t AS SELECT *;",
		  "one is a view, one a table" },
		{ "CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE TABLE u (k int PRIMARY KEY);",
		  "it is '.t' and '.u'" },
		{ "CREATE TABLE t (k int PRIMARY KEY);",
		  "CREATE TABLE t (k int PRIMARY KEY) WITH COMPACT STORAGE;",
		  "one has COMPACT STORAGE" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SCHEMA *a = parse(rows[i].a), *b = parse(rows[i].b);
		char why[100] = "";

		assert_int_equal(sl_schema_differs(a, b, why, sizeof(why)),
				 rows[i].why != NULL);
		if (rows[i].why && !strstr(why, rows[i].why))
			fail_msg("%s", why);
	}
}

static void test_looks_like_view(void **state)
{
	static const char base[] =
		"CREATE TABLE ks.b (k int, c int, s int static, v int, w "
		"text, PRIMARY KEY (k, c));";
	static const struct {
		const char *text;
		bool is;
	} rows[] = {
		{ "CREATE TABLE ks.v (v int, k int, c int, PRIMARY KEY "
		  "(v, k, c));", true },
		{ "CREATE TABLE ks.v (k int, c int, w text, PRIMARY KEY "
		  "(c, k));", true },
		{ "CREATE TABLE ks.v (k int, c int, v int, PRIMARY KEY "
		  "(k, c));", false },
		{ "CREATE TABLE ks.v (v int, k int, PRIMARY KEY (v, k));",
		  false },
		{ "CREATE TABLE ks.v (v int, w text, k int, c int, PRIMARY "
		  "KEY (v, w, k, c));", false },
		{ "CREATE TABLE ks.v (v text, k int, c int, PRIMARY KEY "
		  "(v, k, c));", false },
		{ "CREATE TABLE ks.v (v int, k int, c int, z int, PRIMARY KEY "
		  "(v, k, c));", false },
		{ "CREATE TABLE ks.v (s int, k int, c int, PRIMARY KEY "
		  "(s, k, c));", false },
		{ "CREATE TABLE other.v (v int, k int, c int, PRIMARY KEY "
		  "(v, k, c));", false },
		{ "CREATE TABLE ks.b (v int, k int, c int, PRIMARY KEY "
		  "(v, k, c));", false },
	};
	SCHEMA *b = parse(base);

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SCHEMA *v = parse(rows[i].text);

		if (sl_schema_looks_like_view(v, b) != rows[i].is)
			fail_msg("%s", rows[i].text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_ddl),
		cmocka_unit_test(test_ddl_of_headers),
		cmocka_unit_test(test_differs),
		cmocka_unit_test(test_looks_like_view),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

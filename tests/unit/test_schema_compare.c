/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Headers against schema.cql: contradictions made by hand, each found and
 * named; shapes of healthy data that look odd, none refused; then every real
 * Statistics.db against the schema.cql of its table.
 */
#include "sstable_rig.h"

#include "sstable/schema.h"

#define MAX_KEYS 4
#define MAX_COLUMNS 5
#define MAX_FOUND 8

struct found {
	size_t count;
	enum sl_rule rule[MAX_FOUND];
	char detail[MAX_FOUND][SL_FACTS_DETAIL];
};

static void keep(void *arg, enum sl_rule rule, const char *detail)
{
	struct found *f = arg;

	if (f->count < MAX_FOUND) {
		f->rule[f->count] = rule;
		snprintf(f->detail[f->count], SL_FACTS_DETAIL, "%s", detail);
	}
	f->count++;
}

#define MISMATCH SL_RULE_SCHEMA_MISMATCH
#define DROPPED SL_RULE_DROPPED_COLUMN
#define UNFROZEN SL_RULE_UNFROZEN_TYPE
#define HEALTHY SL_RULE_NONE

#define TABLE "CREATE TABLE ks.t (a int, b text, c timestamp, d int, " \
	"s text static, v text, n int, l list<int>, PRIMARY KEY ((a, b), c, " \
	"d)) WITH CLUSTERING ORDER BY (c DESC, d ASC);"
#define KEY "CompositeType(Int32Type,UTF8Type)"
#define CLUST { "ReversedType(TimestampType)", "Int32Type" }
#define SMALL "CREATE TABLE ks.t (k int PRIMARY KEY, "
#define COMPACT_STATIC SMALL "v text, w int) WITH COMPACT STORAGE;"
#define COMPACT_DENSE "CREATE TABLE ks.t (k int, c text, v blob, " \
	"PRIMARY KEY (k, c)) WITH COMPACT STORAGE;"
#define UDT "UserType(ks,61646472,61:Int32Type)"

static const struct row {
	const char *name, *schema, *key;
	const char *clustering[MAX_KEYS];
	struct sl_column columns[MAX_COLUMNS];
	enum sl_rule rule;
	const char *detail;
} rows[] = {
	/* Contradictions. */
	{ "partition key type", SMALL "v int);", "UTF8Type", { NULL },
	  { { 0 } },
	  MISMATCH, "key column 'k' is int in schema.cql and text in" },
	{ "second partition key type", TABLE,
	  "CompositeType(Int32Type,BytesType)", CLUST, { { 0 } }, MISMATCH,
	  "key column 'b' is text in schema.cql and blob in" },
	{ "first partition key type", TABLE, "CompositeType(UTF8Type,UTF8Type)",
	  CLUST, { { 0 } }, MISMATCH, "key column 'a' is int" },
	{ "fewer partition keys", TABLE, "Int32Type", CLUST, { { 0 } },
	  MISMATCH, "the partition key has 2 columns in schema.cql and 1 in" },
	{ "more partition keys", SMALL "v int);", KEY, { NULL }, { { 0 } },
	  MISMATCH, "the partition key has 1 columns in schema.cql and 2 in" },
	{ "partition key of no sense", SMALL "v int);", "ListType(", { NULL },
	  { { 0 } }, MISMATCH, "the partition key has a type in Statistics.db "
	  "that makes no sense: 'ListType('" },
	{ "no clustering", TABLE, KEY, { NULL }, { { 0 } }, MISMATCH,
	  "2 clustering columns in schema.cql and 0 in" },
	{ "fewer clustering", TABLE, KEY, { "ReversedType(TimestampType)" },
	  { { 0 } }, MISMATCH, "2 clustering columns in schema.cql and 1 in" },
	{ "more clustering", SMALL "v int);", "Int32Type", { "UTF8Type" },
	  { { 0 } }, MISMATCH, "0 clustering columns in schema.cql and 1 in" },
	{ "clustering type", TABLE, KEY,
	  { "ReversedType(TimestampType)", "LongType" }, { { 0 } }, MISMATCH,
	  "key column 'd' is int in schema.cql and bigint in" },
	{ "ascending", TABLE, KEY, { "TimestampType", "Int32Type" }, { { 0 } },
	  MISMATCH, "key column 'c' is ordered DESC in schema.cql and ASC" },
	{ "descending", TABLE, KEY,
	  { "ReversedType(TimestampType)", "ReversedType(Int32Type)" },
	  { { 0 } }, MISMATCH, "key column 'd' is ordered ASC in schema.cql" },
	{ "unknown column", TABLE, KEY, CLUST, { { "x", "UTF8Type", false } },
	  MISMATCH, "column 'x' text is not in schema.cql" },
	{ "unknown static column", TABLE, KEY, CLUST,
	  { { "x", "Int32Type", true } }, MISMATCH, "column 'x' int is not" },
	{ "column of another case", TABLE, KEY, CLUST,
	  { { "V", "UTF8Type", false } }, MISMATCH, "column 'V' text is not" },
	{ "ascii and text", SMALL "v ascii);", "Int32Type", { NULL },
	  { { "v", "UTF8Type", false } }, MISMATCH,
	  "column 'v' is ascii in schema.cql and text in" },
	{ "key that sorts otherwise", "CREATE TABLE ks.t (k int, c varint, "
	  "PRIMARY KEY (k, c));", "Int32Type", { "Int32Type" }, { { 0 } },
	  MISMATCH, "key column 'c' is varint in schema.cql and int in" },
	{ "counter and blob", SMALL "v blob);", "Int32Type", { NULL },
	  { { "v", "CounterColumnType", false } }, MISMATCH,
	  "column 'v' is blob in schema.cql and counter in" },
	{ "int and bigint", TABLE, KEY, CLUST, { { "n", "LongType", false } },
	  MISMATCH, "column 'n' is int in schema.cql and bigint in" },
	{ "int and varint", TABLE, KEY, CLUST,
	  { { "n", "IntegerType", false } }, MISMATCH, "column 'n' is int" },
	{ "list and set", TABLE, KEY, CLUST,
	  { { "l", "SetType(Int32Type)", false } }, MISMATCH,
	  "column 'l' is list<int> in schema.cql and set<int> in" },
	{ "list of others", TABLE, KEY, CLUST,
	  { { "l", "ListType(UTF8Type)", false } }, MISMATCH,
	  "column 'l' is list<int> in schema.cql and list<text> in" },
	{ "frozen list", TABLE, KEY, CLUST,
	  { { "l", "FrozenType(ListType(Int32Type))", false } }, MISMATCH,
	  "column 'l' is list<int> in schema.cql and frozen<list<int>> in" },
	{ "list that is not frozen", SMALL "l frozen<list<int>>);",
	  "Int32Type", { NULL }, { { "l", "ListType(Int32Type)", false } },
	  MISMATCH, "column 'l' is frozen<list<int>> in schema.cql and list" },
	{ "static, not regular", TABLE, KEY, CLUST,
	  { { "v", "UTF8Type", true } }, MISMATCH,
	  "column 'v' is regular in schema.cql and static in" },
	{ "regular, not static", TABLE, KEY, CLUST,
	  { { "s", "UTF8Type", false } }, MISMATCH,
	  "column 's' is static in schema.cql and regular in" },
	{ "key among columns", TABLE, KEY, CLUST,
	  { { "d", "Int32Type", false } }, MISMATCH,
	  "column 'd' is part of the key in schema.cql only" },
	{ "counter", SMALL "n counter);", "Int32Type", { NULL },
	  { { "n", "LongType", false } }, MISMATCH, "column 'n' is counter" },
	{ "vector", SMALL "e vector<float, 8>);", "Int32Type", { NULL },
	  { { "e", "VectorType(FloatType , 16)", false } }, MISMATCH,
	  "is vector<float, 8> in schema.cql and vector<float, 16> in" },
	{ "tuple", SMALL "t frozen<tuple<int, text>>);", "Int32Type", { NULL },
	  { { "t", "TupleType(Int32Type,Int32Type)", false } }, MISMATCH,
	  "frozen<tuple<int, text>> in schema.cql and tuple<int, int> in" },
	{ "other user type", SMALL "a frozen<other>);", "Int32Type", { NULL },
	  { { "a", "FrozenType(" UDT ")", false } }, MISMATCH,
	  "is frozen<other> in schema.cql and frozen<addr> in" },
	{ "frozen user type", SMALL "a addr);", "Int32Type", { NULL },
	  { { "a", "FrozenType(" UDT ")", false } }, MISMATCH,
	  "is addr in schema.cql and frozen<addr> in" },
	{ "type of no sense", TABLE, KEY, CLUST,
	  { { "v", "UTF8Type)", false } }, MISMATCH, "that makes no sense" },
	{ "compact, another type", COMPACT_STATIC, "Int32Type", { "UTF8Type" },
	  { { "w", "UTF8Type", true } }, MISMATCH, "column 'w' is int" },
	{ "compact, another clustering", COMPACT_DENSE, "Int32Type",
	  { "LongType" }, { { 0 } }, MISMATCH, "key column 'c' is text" },
	{ "compact, more clustering", COMPACT_STATIC, "Int32Type",
	  { "UTF8Type", "UTF8Type" }, { { 0 } }, MISMATCH,
	  "0 clustering columns in schema.cql and 2 in" },
	{ "compact, unknown column", COMPACT_DENSE, "Int32Type",
	  { "UTF8Type" }, { { "x", "BytesType", false } }, MISMATCH,
	  "column 'x' blob is not in schema.cql" },

	/* Dropped. */
	{ "dropped", SMALL "g text); ALTER TABLE ks.t DROP g USING TIMESTAMP "
	  "1;", "Int32Type", { NULL }, { { "g", "UTF8Type", false } }, DROPPED,
	  "'g' text" },
	{ "dropped, by record", SMALL "v int) WITH DROPPED COLUMN RECORD g "
	  "text USING TIMESTAMP 1;", "Int32Type", { NULL },
	  { { "g", "UTF8Type", false } }, DROPPED, "'g' text" },
	{ "dropped with another type", SMALL "g text); ALTER TABLE ks.t DROP "
	  "g;", "Int32Type", { NULL }, { { "g", "Int32Type", true } }, DROPPED,
	  "'g' int" },
	{ "dropped, type not known", SMALL "v int); ALTER TABLE ks.t DROP g;",
	  "Int32Type", { NULL }, { { "g", UDT, false } }, DROPPED, "'g' addr" },
	{ "added again with another type", SMALL "g text); ALTER TABLE ks.t "
	  "DROP g; ALTER TABLE ks.t ADD g int;", "Int32Type", { NULL },
	  { { "g", "UTF8Type", false } }, DROPPED,
	  "column 'g' was dropped and added again as another" },

	/* As Cassandra 3.0 wrote it. */
	{ "unfrozen", SMALL "a frozen<addr>);", "Int32Type", { NULL },
	  { { "a", UDT, false } }, UNFROZEN,
	  "column 'a' is frozen<addr> in schema.cql and not frozen in" },
	{ "unfrozen within a list", SMALL "a list<frozen<addr>>);",
	  "Int32Type", { NULL }, { { "a", "ListType(" UDT ")", false } },
	  UNFROZEN, "column 'a' is list<frozen<addr>> in schema.cql" },
	{ "unfrozen key", "CREATE TABLE ks.t (k int, c frozen<addr>, PRIMARY "
	  "KEY (k, c));", "Int32Type", { UDT }, { { 0 } }, UNFROZEN,
	  "key column 'c' is frozen<addr>" },

	/* Healthy. */
	{ "all", TABLE, KEY, CLUST,
	  { { "s", "UTF8Type", true }, { "l", "ListType(Int32Type)", false },
	    { "n", "Int32Type", false }, { "v", "UTF8Type", false } },
	  HEALTHY, NULL },
	{ "no column was written", TABLE, KEY, CLUST, { { 0 } }, HEALTHY,
	  NULL },
	{ "types made wider", "CREATE TABLE ks.t (k text PRIMARY KEY, a text, "
	  "b blob, c varint, d uuid, e timestamp);", "AsciiType", { NULL },
	  { { "a", "AsciiType", false }, { "b", "DoubleType", false },
	    { "c", "Int32Type", false }, { "d", "TimeUUIDType", false },
	    { "e", "LongType", false } }, HEALTHY, NULL },
	{ "old timestamp", "CREATE TABLE ks.t (k timestamp PRIMARY KEY);",
	  "DateType", { NULL }, { { 0 } }, HEALTHY, NULL },
	{ "tuple in a frozen type", SMALL "t frozen<tuple<int>>);",
	  "Int32Type", { NULL },
	  { { "t", "FrozenType(TupleType(Int32Type))", false } }, HEALTHY,
	  NULL },
	{ "added again", SMALL "g int); ALTER TABLE ks.t DROP g; ALTER TABLE "
	  "ks.t ADD g int;", "Int32Type", { NULL },
	  { { "g", "Int32Type", false } }, HEALTHY, NULL },
	{ "added again, with the new type", SMALL "g text); ALTER TABLE ks.t "
	  "DROP g; ALTER TABLE ks.t ADD g int;", "Int32Type", { NULL },
	  { { "g", "Int32Type", false } }, HEALTHY, NULL },
	{ "compact static", COMPACT_STATIC, "Int32Type", { "UTF8Type" },
	  { { "v", "UTF8Type", true }, { "w", "Int32Type", true } }, HEALTHY,
	  NULL },
	{ "compact static with its value", COMPACT_STATIC, "Int32Type",
	  { "UTF8Type" }, { { "v", "UTF8Type", true },
			    { "value", "BytesType", false } }, HEALTHY, NULL },
	{ "compact static by bytes", COMPACT_STATIC, "Int32Type",
	  { "BytesType" }, { { "v", "UTF8Type", true } }, HEALTHY, NULL },
	{ "compact dense", COMPACT_DENSE, "Int32Type", { "UTF8Type" },
	  { { "v", "BytesType", false } }, HEALTHY, NULL },
	{ "compact dense of keys only", "CREATE TABLE ks.t (k int, c int, "
	  "PRIMARY KEY (k, c)) WITH COMPACT STORAGE;", "Int32Type",
	  { "Int32Type" }, { { "value1", "EmptyType", false } }, HEALTHY,
	  NULL },
	{ "super columns", "CREATE TABLE ks.t (key blob, column1 blob, "
	  "column2 blob, value blob, PRIMARY KEY (key, column1, column2)) "
	  "WITH COMPACT STORAGE;", "BytesType", { "BytesType" },
	  { { "", "MapType(BytesType,BytesType)", false } }, HEALTHY, NULL },
	{ "composite class as key", "CREATE TABLE ks.t (k 'CompositeType("
	  "Int32Type, UTF8Type)' PRIMARY KEY);", KEY, { NULL }, { { 0 } },
	  HEALTHY, NULL },
	{ "view", "CREATE MATERIALIZED VIEW ks.v AS SELECT *;", "Int32Type",
	  { "UTF8Type" }, { { "x", "Int32Type", false } }, HEALTHY, NULL },
};

static void header_of(const struct row *r, struct sl_header *h)
{
	*h = (struct sl_header){ .refs = 1,
				 .key_type = r->key,
				 .clustering = r->clustering,
				 .columns = r->columns };
	while (h->clusterings < MAX_KEYS && r->clustering[h->clusterings])
		h->clusterings++;
	while (h->column_count < MAX_COLUMNS &&
	       r->columns[h->column_count].name)
		h->column_count++;
}

static void check_row(const struct row *r)
{
	struct found f = { 0 };
	struct sl_schema *s;
	struct sl_header h;

	header_of(r, &h);
	assert_int_equal(sl_schema_parse(r->schema, strlen(r->schema), &s,
					 NULL), 0);
	assert_int_equal(sl_schema_compare(s, &h, keep, &f), 0);
	sl_schema_unref(s);
	if (f.count != (r->rule != HEALTHY))
		fail_msg("%s: %zu findings, %s", r->name, f.count,
			 f.detail[0]);
	if (f.count && (f.rule[0] != r->rule ||
			!strstr(f.detail[0], r->detail)))
		fail_msg("%s: %s", r->name, f.detail[0]);
}

static void test_rows(void **state)
{
	size_t contradictions = 0;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		check_row(&rows[i]);
		contradictions += rows[i].rule == MISMATCH;
	}
	print_message("# contradictions found: %zu of %zu\n", contradictions,
		      contradictions);
	assert_true(contradictions >= 30);
}

/* However many columns are wrong, what is told stays bounded. */
static void test_many(void **state)
{
	enum { MANY = 20000 };
	static struct sl_column columns[MANY];
	static char names[MANY][16];
	struct sl_header h = { .refs = 1, .key_type = "Int32Type",
			       .columns = columns, .column_count = MANY };
	static const char text[] = SMALL "v int);";
	struct found f = { 0 };
	struct sl_schema *s;

	(void)state;
	for (int i = 0; i < MANY; i++) {
		snprintf(names[i], sizeof(names[i]), "x%d", i);
		columns[i] = (struct sl_column){ names[i], "UTF8Type", false };
	}
	assert_int_equal(sl_schema_parse(text, strlen(text), &s, NULL), 0);
	assert_int_equal(sl_schema_compare(s, &h, keep, &f), 0);
	sl_schema_unref(s);
	assert_int_equal(f.count, 256);
}

/* A name of a foreign hand reaches no terminal as it is. */
static void test_clean(void **state)
{
	static const struct sl_column odd = { "\x1b[31m\n", "UTF8Type", false };
	struct sl_header h = { .refs = 1, .key_type = "Int32Type",
			       .columns = &odd, .column_count = 1 };
	static const char text[] = SMALL "v int);";
	struct found f = { 0 };
	struct sl_schema *s;

	(void)state;
	assert_int_equal(sl_schema_parse(text, strlen(text), &s, NULL), 0);
	assert_int_equal(sl_schema_compare(s, &h, keep, &f), 0);
	sl_schema_unref(s);
	assert_string_equal(f.detail[0],
			    "column '?[31m?' text is not in schema.cql");
}

/* Schemas of the fixtures, by their tables' directory. */
#define MAX_TABLES 400
struct tables {
	size_t count;
	struct {
		char *key;
		struct sl_schema *schema;
	} table[MAX_TABLES];
	size_t headers, dropped, views;
};

/* "TABLE-ID" of a path; borrowed. */
static const char *table_of(const char *path, size_t *ret_n)
{
	const char *p = path;

	for (; *p; p = strchr(p, '/') + 1) {
		size_t n = strcspn(p, "/");

		if (n > 33 && p[n - 33] == '-') {
			*ret_n = n;
			return p;
		}
		if (!p[n])
			break;
	}
	return NULL;
}

static struct sl_schema *find_table(struct tables *t, const char *path)
{
	size_t n;
	const char *p = table_of(path, &n);

	for (size_t i = 0; p && i < t->count; i++)
		if (strlen(t->table[i].key) == n &&
		    !memcmp(t->table[i].key, p, n))
			return t->table[i].schema;
	return NULL;
}

static void add_table(void *arg, const struct sl_test_file *f)
{
	SL_CLEANUP(facts) struct sl_facts facts = { 0 };
	struct tables *t = arg;
	size_t n;
	const char *p = table_of(f->path, &n);

	if (!p || find_table(t, f->path))
		return;
	assert_true(t->count < MAX_TABLES);
	sl_test_facts(&f->name, f->data, f->size, f->size, &facts);
	assert_non_null(facts.u.schema.schema);
	t->table[t->count].key = strndup(p, n);
	t->table[t->count].schema = sl_schema_ref(facts.u.schema.schema);
	t->count++;
}

static bool may_have_dropped(const char *path)
{
	return strstr(path, "/dropped_col-") || strstr(path, "/sessions-") ||
	       strstr(path, "/dropped-");
}

static void compare_file(void *arg, const struct sl_test_file *f)
{
	SL_CLEANUP(facts) struct sl_facts facts = { 0 };
	struct tables *t = arg;
	struct found found = { 0 };
	struct sl_schema *s = find_table(t, f->path);

	if (!s || f->hidden)
		return;
	sl_test_facts(&f->name, f->data, f->size, f->size, &facts);
	if (!facts.u.statistics.header)
		fail_msg("%s: no header", f->path);
	assert_int_equal(sl_schema_compare(s, facts.u.statistics.header, keep,
					   &found), 0);
	t->headers++;
	t->views += s->view;
	t->dropped += found.count != 0;
	for (size_t i = 0; i < found.count; i++)
		if (found.rule[i] != DROPPED || !may_have_dropped(f->path))
			fail_msg("%s: %s", f->path, found.detail[i]);
}

static void release(struct tables *t)
{
	for (size_t i = 0; i < t->count; i++) {
		free(t->table[i].key);
		sl_schema_unref(t->table[i].schema);
	}
}

/* Pairs that look like a table and its view: the one that is told as such. */
static void check_views(const struct tables *t)
{
	size_t seen = 0;

	for (size_t i = 0; i < t->count; i++)
		for (size_t k = 0; k < t->count; k++) {
			const struct sl_schema *v = t->table[i].schema;

			if (!sl_schema_looks_like_view(v, t->table[k].schema))
				continue;
			seen++;
			if (strcmp(v->table, "mv"))
				fail_msg("%s.%s", v->keyspace, v->table);
		}
	assert_int_equal(seen, 1);
}

static void test_real(void **state)
{
	struct tables t = { 0 };

	(void)state;
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_SCHEMA, add_table, &t);
	sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_STATISTICS, compare_file,
			 &t);
	release(&t);
	print_message("# headers compared: %zu\n", t.headers);
	assert_true(t.headers >= 15);
	assert_int_equal(t.dropped, 0);
}

static void test_fixtures(void **state)
{
	struct tables t = { 0 };

	(void)state;
	if (!sl_test_all_sstables(SL_COMP_SCHEMA, add_table, &t))
		skip();
	sl_test_all_sstables(SL_COMP_STATISTICS, compare_file, &t);
	check_views(&t);
	release(&t);
	print_message("# tables %zu, headers %zu, with dropped columns %zu\n",
		      t.count, t.headers, t.dropped);
	assert_true(t.headers > 300);
	assert_true(t.dropped > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_many),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

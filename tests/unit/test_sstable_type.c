/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types: classes as CQL, CQL as itself, and which of two are the same. The
 * rows of real classes are from Statistics.db of Cassandra 3.0 to 5.0.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sstable/schema.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

#define M "org.apache.cassandra.db.marshal."
#define ADDRESS M "UserType(oddities,61646472657373,737472656574:" M \
	"UTF8Type,7a6970:" M "Int32Type,70686f6e6573:" M "FrozenType(" M \
	"SetType(" M "UTF8Type)))"

static const struct row {
	const char *class, *cql; /* NULL: -EPROTO */
} rows[] = {
	{ M "AsciiType", "ascii" },
	{ M "BooleanType", "boolean" },
	{ M "ByteType", "tinyint" },
	{ M "BytesType", "blob" },
	{ M "CounterColumnType", "counter" },
	{ M "DateType", "timestamp" },
	{ M "DecimalType", "decimal" },
	{ M "DoubleType", "double" },
	{ M "DurationType", "duration" },
	{ M "EmptyType", "empty" },
	{ M "FloatType", "float" },
	{ M "InetAddressType", "inet" },
	{ M "Int32Type", "int" },
	{ M "IntegerType", "varint" },
	{ M "LongType", "bigint" },
	{ M "ShortType", "smallint" },
	{ M "SimpleDateType", "date" },
	{ M "TimeType", "time" },
	{ M "TimeUUIDType", "timeuuid" },
	{ M "TimestampType", "timestamp" },
	{ M "UTF8Type", "text" },
	{ M "UUIDType", "uuid" },
	{ "Int32Type", "int" },
	{ M "ListType(" M "Int32Type)", "list<int>" },
	{ M "SetType(" M "InetAddressType)", "set<inet>" },
	{ M "MapType(" M "UTF8Type," M "DoubleType)", "map<text, double>" },
	{ M "MapType(" M "Int32Type," M "FrozenType(" M "SetType(" M
	  "UUIDType)))", "map<int, frozen<set<uuid>>>" },
	{ M "TupleType(" M "Int32Type," M "UTF8Type," M "FloatType)",
	  "tuple<int, text, float>" },
	{ M "FrozenType(" M "TupleType(" M "Int32Type))",
	  "frozen<tuple<int>>" },
	{ M "ReversedType(" M "TimestampType)", "timestamp" },
	{ M "VectorType(" M "FloatType , 8)", "vector<float, 8>" },
	{ M "VectorType(" M "FloatType,1536)", "vector<float, 1536>" },
	{ ADDRESS, "address" },
	{ M "FrozenType(" ADDRESS ")", "frozen<address>" },
	{ M "UserType(ks,41646472,61:" M "Int32Type)", "\"Addr\"" },
	{ M "UserType(ks,74657874,61:" M "Int32Type)", "\"text\"" },
	{ M "UserType(ks,6122,61:" M "Int32Type)", "\"a\"\"\"" },
	{ M "CompositeType(" M "Int32Type," M "UTF8Type)",
	  "'CompositeType(Int32Type,UTF8Type)'" },
	{ M "DynamicCompositeType(b=>" M "BytesType,t=>" M "TimeUUIDType)",
	  "'DynamicCompositeType(b=>BytesType,t=>TimeUUIDType)'" },
	{ M "PointType", "'PointType'" },
	{ M "LexicalUUIDType", "'LexicalUUIDType'" },
	{ M "ListType(com.example.Money)", "list<'com.example.Money'>" },
	{ "com.example.Money(a,b(c))", "'com.example.Money(a,b(c))'" },
	{ "", NULL },
	{ M "ListType", NULL },
	{ M "ListType()", NULL },
	{ M "ListType(" M "Int32Type", NULL },
	{ M "ListType(" M "Int32Type," M "Int32Type)", NULL },
	{ M "MapType(" M "Int32Type)", NULL },
	{ M "Int32Type(" M "Int32Type)", NULL },
	{ M "Int32Type)", NULL },
	{ M "Int32Type," M "Int32Type", NULL },
	{ M "VectorType(" M "FloatType)", NULL },
	{ M "VectorType(" M "FloatType , x)", NULL },
	{ M "VectorType(" M "FloatType , 9999999999)", NULL },
	{ M "UserType(ks)", NULL },
	{ M "UserType(ks,6)", NULL },
	{ M "UserType(ks,zz,61:" M "Int32Type)", NULL },
	{ M "UserType(ks,00,61:" M "Int32Type)", NULL },
	{ M "UserType(ks,61,61=" M "Int32Type)", NULL },
	{ "Foo'Bar", NULL },
	{ "Foo((", NULL },
	{ M, NULL },
	{ M M "Int32Type", NULL },
	{ "Foo(a, " M "Int32Type)", "'Foo(a,Int32Type)'" },
	{ "Foo(org.apache.cassandra.\tdb.marshal.Bar)", "'Foo(Bar)'" },
};

static void test_class(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
		int r = sl_type_cql(rows[i].class, &b);

		if (r != (rows[i].cql ? 0 : -EPROTO))
			fail_msg("%s: %d %s", rows[i].class, r, sl_buf_str(&b));
		if (rows[i].cql)
			assert_string_equal(sl_buf_str(&b), rows[i].cql);
	}
}

static int read_cql(const char *text, struct sl_arena *a,
		    const struct sl_type **ret)
{
	struct sl_lex l;
	int r;

	sl_lex_init(&l, text, strlen(text));
	r = sl_type_of_cql(&l, a, ret);
	return !r && l.tok != SL_TOK_END ? -EPROTO : r;
}

/* What is printed is read, and printed again the same. */
static void test_printed_is_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(arena) struct sl_arena a =
			SL_ARENA_INIT(SL_TYPE_ROOM);
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
		const struct sl_type *t;

		if (!rows[i].cql)
			continue;
		assert_int_equal(read_cql(rows[i].cql, &a, &t), 0);
		assert_int_equal(sl_type_print(t, &b), 0);
		assert_string_equal(sl_buf_str(&b), rows[i].cql);
	}
}

static void test_cql(void **state)
{
	static const struct row cql[] = {
		{ "VarChar", "text" },
		{ "Map < Text,INT >", "map<text, int>" },
		{ "frozen<map<text, list<int>>>",
		  "frozen<map<text, list<int>>>" },
		{ "frozen<ks.\"My Type\">", "frozen<\"My Type\">" },
		{ "ks.text", "\"text\"" },
		{ "\"int\"", "\"int\"" },
		{ "list", "\"list\"" },
		{ "VECTOR<float,8>", "vector<float, 8>" },
		{ "'" M "EmptyType'", "empty" },
		{ "'org.apache.cassandra.db.marshal.DynamicCompositeType(a=>"
		  "Int32Type)'", "'DynamicCompositeType(a=>Int32Type)'" },
		{ "list<int", NULL },
		{ "list<>", NULL },
		{ "map<int>", NULL },
		{ "vector<float>", NULL },
		{ "vector<float, 1.5>", NULL },
		{ "ks.", NULL },
		{ "<int>", NULL },
		{ "", NULL },
		{ "'Foo(('", NULL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cql); i++) {
		SL_CLEANUP(arena) struct sl_arena a =
			SL_ARENA_INIT(SL_TYPE_ROOM);
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 16);
		const struct sl_type *t;
		int r = read_cql(cql[i].class, &a, &t);

		if (r != (cql[i].cql ? 0 : -EPROTO))
			fail_msg("%s: %d", cql[i].class, r);
		if (!cql[i].cql)
			continue;
		assert_int_equal(sl_type_print(t, &b), 0);
		assert_string_equal(sl_buf_str(&b), cql[i].cql);
	}
}

/* So deep that a reader without a limit would use up its stack. */
static void test_depth(void **state)
{
	static const char *const opens[] = { M "ListType(", "list<", "Foo(",
					     M "UserType(k,61,61:" };
	enum { DEEP = 100000 };
	char closes[DEEP + 1];

	(void)state;
	memset(closes, ')', DEEP);
	closes[DEEP] = '\0';
	for (size_t i = 0; i < SL_ARRAY_LEN(opens); i++) {
		SL_CLEANUP(arena) struct sl_arena a =
			SL_ARENA_INIT(SL_TYPE_ROOM);
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(DEEP * 50);
		bool cql = !strcmp(opens[i], "list<");
		const struct sl_type *t;
		int r;

		for (int k = 0; k < DEEP; k++)
			sl_buf_puts(&b, opens[i]);
		sl_buf_puts(&b, cql ? "int" : "Int32Type");
		sl_buf_puts(&b, closes);
		r = cql ? read_cql(sl_buf_str(&b), &a, &t) :
			  sl_type_of_class(sl_buf_str(&b), b.len, &a, &t);
		/* A class that is not known is only kept, not looked into. */
		assert_int_equal(r, opens[i][0] == 'F' ? 0 : -E2BIG);
	}
}

static void test_wide(void **state)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(8 << 20);
	const struct sl_type *t;

	(void)state;
	sl_buf_puts(&b, "TupleType(Int32Type");
	for (int i = 0; i < 200000; i++)
		sl_buf_puts(&b, ",Int32Type");
	sl_buf_puts(&b, ")");
	assert_int_equal(sl_type_of_class(b.data, b.len, &a, &t), -E2BIG);
}

static const struct {
	const char *class, *cql;
	bool key;
	enum sl_type_match match;
} pairs[] = {
	{ "UTF8Type", "varchar", false, SL_TYPE_SAME },
	{ "UTF8Type", "ascii", false, SL_TYPE_OTHER },
	{ "AsciiType", "text", false, SL_TYPE_OTHER },
	{ "DateType", "timestamp", false, SL_TYPE_SAME },
	{ "TimeUUIDType", "uuid", false, SL_TYPE_OTHER },
	{ "ListType(Int32Type)", "list<int>", false, SL_TYPE_SAME },
	{ "ListType(Int32Type)", "set<int>", false, SL_TYPE_OTHER },
	{ "ListType(Int32Type)", "list<bigint>", false,
	  SL_TYPE_OTHER },
	{ "FrozenType(ListType(Int32Type))", "list<int>", false,
	  SL_TYPE_OTHER },
	{ "ListType(Int32Type)", "frozen<list<int>>", false,
	  SL_TYPE_OTHER },
	{ "FrozenType(ListType(Int32Type))", "frozen<list<int>>",
	  true, SL_TYPE_SAME },
	{ "ListType(Int32Type)", "frozen<list<int>>", true,
	  SL_TYPE_SAME },
	{ "TupleType(Int32Type)", "frozen<tuple<int>>", false,
	  SL_TYPE_SAME },
	{ "FrozenType(TupleType(Int32Type))", "tuple<int>", false,
	  SL_TYPE_SAME },
	{ "TupleType(Int32Type)", "tuple<int, int>", false,
	  SL_TYPE_OTHER },
	{ "ListType(TupleType(Int32Type))",
	  "list<frozen<tuple<int>>>", false, SL_TYPE_SAME },
	{ "MapType(Int32Type,SetType(UUIDType))",
	  "map<int, frozen<set<uuid>>>", false, SL_TYPE_SAME },
	{ "FrozenType(MapType(Int32Type,FrozenType(SetType(UUIDType"
	  "))))", "frozen<map<int, set<uuid>>>", false, SL_TYPE_SAME },
	{ "UserType(k,61,62:Int32Type)", "a", false, SL_TYPE_SAME },
	{ "UserType(k,61,62:Int32Type)", "b", false, SL_TYPE_OTHER },
	{ "UserType(k,61,62:Int32Type)", "frozen<a>", false,
	  SL_TYPE_UNFROZEN },
	{ "UserType(k,61,62:Int32Type)", "frozen<a>", true,
	  SL_TYPE_UNFROZEN },
	{ "FrozenType(UserType(k,61,62:Int32Type))", "a", false,
	  SL_TYPE_OTHER },
	{ "FrozenType(UserType(k,61,62:Int32Type))", "frozen<a>",
	  false, SL_TYPE_SAME },
	{ "ListType(UserType(k,61,62:Int32Type))",
	  "list<frozen<a>>", false, SL_TYPE_UNFROZEN },
	{ "FrozenType(ListType(UserType(k,61,62:Int32Type)))",
	  "frozen<list<frozen<a>>>", false, SL_TYPE_SAME },
	{ "TupleType(UserType(k,61,62:Int32Type))",
	  "frozen<tuple<frozen<a>>>", false, SL_TYPE_SAME },
	{ "VectorType(FloatType , 8)", "vector<float, 8>", false,
	  SL_TYPE_SAME },
	{ "VectorType(FloatType , 8)", "vector<float, 9>", false,
	  SL_TYPE_OTHER },
	{ "EmptyType", "'" M "EmptyType'", false, SL_TYPE_SAME },
	{ M "PointType", "'com.datastax.PointType'", false,
	  SL_TYPE_SAME },
	{ "ReversedType(Int32Type)", "int", true, SL_TYPE_SAME },
};

static void test_compare(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(pairs); i++) {
		SL_CLEANUP(arena) struct sl_arena a =
			SL_ARENA_INIT(SL_TYPE_ROOM);
		const struct sl_type *h, *s;

		assert_int_equal(sl_type_of_class(pairs[i].class,
						  strlen(pairs[i].class), &a,
						  &h), 0);
		assert_int_equal(read_cql(pairs[i].cql, &a, &s), 0);
		if (sl_type_compare(h, s, pairs[i].key) != pairs[i].match)
			fail_msg("%s and %s", pairs[i].class, pairs[i].cql);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_class),
		cmocka_unit_test(test_printed_is_read),
		cmocka_unit_test(test_cql),
		cmocka_unit_test(test_depth),
		cmocka_unit_test(test_wide),
		cmocka_unit_test(test_compare),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HEADER of Statistics.db: what becomes of it, that it is bounded, and
 * which values of its types have a fixed length.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "sstable/statistics.h"
#include "tests/unit/statistics_rig.h"

static void add_text(struct text *t, const char *s, size_t n)
{
	add_int(t, n, 1);
	add(t, s, n);
}

static void header_of(struct text *t)
{
	add_int(t, 0, 3);
	add_text(t, "org.X(a,b)", 10);
	add_int(t, 2, 1);
	add_text(t, "A", 1);
	add_text(t, "R(B)", 4);
	add_int(t, 1, 1);
	add_text(t, "st\xc3\xa9", 4);
	add_text(t, "S", 1);
	add_int(t, 2, 1);
	add_text(t, "", 0);
	add_text(t, "E", 1);
	add_text(t, "\0\1", 2);
	add_text(t, "L", 1);
}

static void headers(void **state)
{
	struct sl_statistics_facts u = { 0 };
	struct sl_stats_reader r = { .facts = &u };
	struct text t = { .n = 0 };
	const struct sl_header *h;

	(void)state;
	header_of(&t);
	sl_bytes_init(&r.b, t.p, t.n);
	assert_int_equal(sl_stats_header(&r), 0);
	h = u.header;
	assert_string_equal(h->key_type, "org.X(a,b)");
	assert_int_equal(h->clusterings, 2);
	assert_string_equal(h->clustering[1], "R(B)");
	assert_int_equal(h->column_count, 3);
	assert_string_equal(h->columns[0].name, "st\xc3\xa9");
	assert_true(h->columns[0].is_static);
	assert_string_equal(h->columns[1].name, "");
	assert_false(h->columns[1].is_static);
	/* A name of Thrift's: the bytes of a number. */
	assert_string_equal(h->columns[2].name, "0x0001");
	assert_string_equal(h->columns[2].type, "L");
	assert_ptr_equal(sl_header_ref(u.header), h);
	sl_header_unref(u.header);
	sl_header_unref(u.header);
	for (size_t n = 0; n < t.n; n++) {
		memset(&r, 0, sizeof(r));
		r.facts = &u;
		sl_bytes_init(&r.b, t.p, n);
		assert_int_equal(sl_stats_header(&r), -EPROTO);
		assert_non_null(r.field);
		assert_non_null(r.wrong);
	}
}

/* Names of types are text with brackets in pairs. */
static void odd_types(void **state)
{
	static const char *const types[] = {
		"X(", "X)", ")X(", "", "\x7f", "X\n",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
		struct sl_statistics_facts u = { 0 };
		struct sl_stats_reader r = { .facts = &u };
		struct text t = { .n = 0 };

		add_int(&t, 0, 3);
		add_text(&t, types[i], strlen(types[i]));
		add_int(&t, 0, 3);
		sl_bytes_init(&r.b, t.p, t.n);
		assert_int_equal(sl_stats_header(&r), -EPROTO);
		assert_string_equal(r.field, "partition key type");
		assert_null(u.header);
	}
}

/* No memory is taken for what cannot be, however it is said. */
static void headers_are_bounded(void **state)
{
	struct sl_statistics_facts u = { 0 };
	struct sl_stats_reader r = { .facts = &u };
	static unsigned char p[5 + 3 + 3 + (5 << 20)];

	(void)state;
	memcpy(p + 3, "\x01X\x00\x00\x01", 5);
	/* One column, its name 4.9 MiB of 'n'. */
	memset(p + 8, 'n', sizeof(p) - 8);
	memcpy(p + 8, "\xf0\x00\x4f\xff\x00", 5);
	memcpy(p + 8 + 5 + 0x4fff00, "\x01T", 2);
	sl_bytes_init(&r.b, p, 8 + 5 + 0x4fff00 + 2);
	assert_int_equal(sl_stats_header(&r), -EPROTO);
	assert_non_null(strstr(r.wrong, "sensible"));
	/* As many columns as there are bytes. */
	memset(&r, 0, sizeof(r));
	r.facts = &u;
	memcpy(p + 7, "\xf0\x00\x40\x00\x00", 5);
	sl_bytes_init(&r.b, p, sizeof(p));
	assert_int_equal(sl_stats_header(&r), -EPROTO);
	assert_null(u.header);
}

#define M "org.apache.cassandra.db.marshal."

static void fixed_lengths(void **state)
{
	static const struct {
		const char *type;
		unsigned want;
	} rows[] = {
		{ M "Int32Type", 4 },
		{ "LongType", 8 },
		{ M "ReversedType(" M "TimeUUIDType)", 16 },
		{ M "FrozenType(" M "UTF8Type)", 0 },
		{ M "ByteType", 0 },
		{ M "SimpleDateType", 0 },
		{ M "VectorType(" M "FloatType , 8)", 32 },
		{ M "ReversedType(" M "VectorType(" M "DoubleType , 3))", 24 },
		{ M "VectorType(" M "UTF8Type , 3)", 0 },
		{ M "VectorType(", 0 },
		{ "ReversedType(", 0 },
		{ "", 0 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_stats_fixed_length(rows[i].type,
						       strlen(rows[i].type)),
				 rows[i].want);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(headers),
		cmocka_unit_test(odd_types),
		cmocka_unit_test(headers_are_bounded),
		cmocka_unit_test(fixed_lengths),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

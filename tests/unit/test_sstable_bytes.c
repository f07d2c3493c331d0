/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded reader: numbers, texts, and that an end is an end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "cleanup.h"
#include "sstable/bytes.h"

static void vints(void **state)
{
	static const struct {
		const char *bytes;
		size_t n;
		uint64_t want;
	} rows[] = {
		{ "\x00", 1, 0 },
		{ "\x7f", 1, 127 },
		{ "\x80\x80", 2, 128 },
		{ "\xbf\xff", 2, 16383 },
		{ "\xc0\x40\x00", 3, 16384 },
		{ "\xdf\xff\xff", 3, 0x1fffff },
		{ "\xe0\x20\x00\x00", 4, 0x200000 },
		{ "\xf0\x10\x00\x00\x00", 5, 0x10000000 },
		{ "\xf8\x08\x00\x00\x00\x00", 6, 0x800000000 },
		{ "\xfc\x04\x00\x00\x00\x00\x00", 7, 0x40000000000 },
		{ "\xfe\x02\x00\x00\x00\x00\x00\x00", 8, 0x2000000000000 },
		{ "\xff\x01\x00\x00\x00\x00\x00\x00\x00", 9,
		  0x100000000000000 },
		{ "\xff\xff\xff\xff\xff\xff\xff\xff\xff", 9, UINT64_MAX },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_bytes b;

		sl_bytes_init(&b, rows[i].bytes, rows[i].n);
		assert_true(sl_bytes_vint(&b) == rows[i].want);
		assert_true(sl_bytes_done(&b));
		for (size_t n = 0; n < rows[i].n; n++) {
			sl_bytes_init(&b, rows[i].bytes, n);
			assert_true(sl_bytes_vint(&b) == 0);
			assert_true(b.bad);
		}
	}
}

static void numbers(void **state)
{
	static const unsigned char p[] = {
		1, 2, 3, 4, 5, 6, 7, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff,
		0xff, 0xff, 0xff, 0xff, 0xfd, 0x3f, 0xf8, 0, 0, 0, 0, 0, 0,
	};
	struct sl_bytes b;

	(void)state;
	sl_bytes_init(&b, p, sizeof(p));
	assert_int_equal(sl_bytes_u8(&b), 1);
	assert_int_equal(sl_bytes_u16(&b), 0x203);
	assert_int_equal(sl_bytes_u32(&b), 0x4050607);
	assert_int_equal(sl_bytes_i32(&b), -2);
	assert_true(sl_bytes_i64(&b) == -3);
	assert_true(sl_bytes_f64(&b) == 1.5);
	assert_true(sl_bytes_done(&b));
}

static void an_error_sticks(void **state)
{
	static const unsigned char p[] = { 0, 5, 'a', 'b', 'c' };
	struct sl_bytes b;
	size_t n = 9;

	(void)state;
	sl_bytes_init(&b, p, sizeof(p));
	assert_null(sl_bytes_utf(&b, &n));
	assert_int_equal(n, 0);
	assert_true(b.bad);
	/* Three bytes are left, and still nothing more is read. */
	assert_int_equal(sl_bytes_left(&b), 3);
	assert_int_equal(sl_bytes_u8(&b), 0);
	assert_null(sl_bytes_take(&b, 0));
	assert_false(sl_bytes_done(&b));
}

static void lengths_do_not_overflow(void **state)
{
	static const unsigned char p[16] = { 0xff, 0xff, 0xff, 0xff, 0xff,
					     0xff, 0xff, 0xff, 0xff };
	struct sl_bytes b;
	size_t n;

	(void)state;
	sl_bytes_init(&b, p, sizeof(p));
	assert_null(sl_bytes_text(&b, &n));
	sl_bytes_init(&b, p, sizeof(p));
	assert_null(sl_bytes_take(&b, UINT64_MAX));
	sl_bytes_init(&b, p, sizeof(p));
	/* 2^61 * 8 would be 0. */
	assert_null(sl_bytes_array(&b, (uint64_t)1 << 61, 8));
	sl_bytes_init(&b, p, sizeof(p));
	assert_non_null(sl_bytes_array(&b, 2, 8));
	assert_true(sl_bytes_done(&b));
}

static void nothing_is_readable(void **state)
{
	struct sl_bytes b;

	(void)state;
	sl_bytes_init(&b, NULL, 7);
	assert_true(sl_bytes_done(&b));
	assert_non_null(sl_bytes_take(&b, 0));
	assert_int_equal(sl_bytes_u32(&b), 0);
	assert_true(b.bad);
}

static void texts(void **state)
{
	struct sl_bytes b;
	const char *s;
	size_t n;

	(void)state;
	sl_bytes_init(&b, "\x00\x02" "ab" "\x03" "cde" "\x00", 9);
	s = sl_bytes_utf(&b, &n);
	assert_int_equal(n, 2);
	assert_memory_equal(s, "ab", 2);
	s = sl_bytes_text(&b, &n);
	assert_int_equal(n, 3);
	assert_memory_equal(s, "cde", 3);
	assert_non_null(sl_bytes_text(&b, &n));
	assert_int_equal(n, 0);
	assert_true(sl_bytes_done(&b));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(vints),
		cmocka_unit_test(numbers),
		cmocka_unit_test(an_error_sticks),
		cmocka_unit_test(lengths_do_not_overflow),
		cmocka_unit_test(nothing_is_readable),
		cmocka_unit_test(texts),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

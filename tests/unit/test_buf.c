/* SPDX-License-Identifier: Apache-2.0 */
/* Bounded buffers: limits, sticking errors, ownership. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buf.h"

static void test_append(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1000);

	(void)state;
	assert_string_equal(sl_buf_str(&b), "");
	assert_int_equal(sl_buf_append(&b, NULL, 0), 0);
	assert_int_equal(sl_buf_puts(&b, "ab"), 0);
	assert_int_equal(sl_buf_append(&b, "c\0d", 3), 0);
	assert_int_equal(sl_buf_printf(&b, "%d-%s", 42, "x"), 0);
	assert_int_equal(b.len, 9);
	assert_memory_equal(b.data, "abc\0d42-x", 10);
	for (int i = 0; i < 100; i++)
		assert_int_equal(sl_buf_puts(&b, "12345"), 0);
	assert_int_equal(b.len, 509);
	assert_memory_equal(b.data, "abc\0d42-x12345", 14);
	assert_int_equal(b.data[b.len], 0);
	sl_buf_clear(&b);
	assert_int_equal(b.len, 0);
	assert_string_equal(sl_buf_str(&b), "");
}

static void test_limit(void **state)
{
	SL_CLEANUP(buf) struct sl_buf b;

	(void)state;
	sl_buf_init(&b, 5);
	assert_int_equal(sl_buf_puts(&b, "12345"), 0);
	assert_int_equal(sl_buf_puts(&b, "6"), -E2BIG);
	assert_string_equal(sl_buf_str(&b), "12345");
	/* It sticks, also for what would fit or is nothing. */
	assert_int_equal(sl_buf_append(&b, NULL, 0), -E2BIG);
	assert_int_equal(sl_buf_printf(&b, "%s", ""), -E2BIG);
	assert_int_equal(sl_buf_error(&b), -E2BIG);
	assert_null(sl_buf_steal(&b));
	/* Stealing empties. */
	assert_int_equal(sl_buf_puts(&b, "ok"), 0);
	assert_int_equal(sl_buf_append(&b, "x", SIZE_MAX), -E2BIG);
	sl_buf_clear(&b);
	assert_int_equal(sl_buf_error(&b), 0);
	sl_buf_release(&b);
	assert_int_equal(b.max, 5);
	assert_int_equal(sl_buf_printf(&b, "%06d", 1), -E2BIG);
}

static void test_steal(void **state)
{
	struct sl_buf b = SL_BUF_INIT(10);
	char *s;

	(void)state;
	s = sl_buf_steal(&b);
	assert_string_equal(s, "");
	free(s);
	assert_int_equal(sl_buf_puts(&b, "abc"), 0);
	s = sl_buf_steal(&b);
	assert_string_equal(s, "abc");
	free(s);
	assert_null(b.data);
	assert_int_equal(b.len, 0);
}

static void test_wipe(void **state)
{
	struct sl_buf b = SL_BUF_INIT(10);

	(void)state;
	sl_buf_wipe(&b);
	assert_int_equal(sl_buf_puts(&b, "secret"), 0);
	sl_buf_wipe(&b);
	assert_null(b.data);
	assert_int_equal(b.max, 10);
	sl_secret_free(NULL);
	sl_secret_free(strdup("x"));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_append),
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_steal),
		cmocka_unit_test(test_wipe),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

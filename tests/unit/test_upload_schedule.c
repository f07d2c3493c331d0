/* SPDX-License-Identifier: Apache-2.0 */
/* Part sizes: within every limit of the store, for every budget. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "upload/schedule.h"

#define MIB ((uint64_t)1 << 20)
#define GIB ((uint64_t)1 << 30)
#define TIB ((uint64_t)1 << 40)

static const struct sl_backend_limits s3 = {
	.min_part = 5 * MIB,
	.max_part = 5 * GIB,
	.max_parts = 10000,
	.max_put = 5 * GIB,
	.max_object = 5 * TIB,
	.max_key = 1024,
};

static void test_unknown(void **state)
{
	static const uint64_t memory[] = { 32 * MIB, 64 * MIB, 256 * MIB, GIB };

	(void)state;
	for (size_t i = 0; i < sizeof(memory) / sizeof(memory[0]); i++) {
		struct sl_schedule s;
		uint64_t at = 0, last = 0;
		uint32_t n = 0;

		assert_int_equal(sl_schedule_init(&s, &s3, memory[i], 0, NULL),
				 0);
		while (at < s.largest) {
			uint64_t p = sl_schedule_part(&s, 0, at);

			assert_true(p >= s3.min_part && p <= memory[i] / 4);
			assert_true(p >= last);
			last = p;
			at += p;
			n++;
		}
		assert_true(n <= s3.max_parts * 3 / 4);
	}
}

static void test_first(void **state)
{
	struct sl_schedule s;

	(void)state;
	assert_int_equal(sl_schedule_init(&s, &s3, 256 * MIB, 0, NULL), 0);
	assert_int_equal(sl_schedule_part(&s, 0, 0), 16 * MIB);
	assert_true(s.largest > 400 * GIB);
	assert_int_equal(sl_schedule_init(&s, &s3, 32 * MIB, 0, NULL), 0);
	assert_int_equal(sl_schedule_part(&s, 0, 0), 5 * MIB);
	assert_int_equal(sl_schedule_init(&s, &s3, 16 * MIB, 0, NULL),
			 -EINVAL);
}

static void test_known(void **state)
{
	static const uint64_t sizes[] = { 1, 16 * MIB, 100 * GIB, 700 * GIB,
					  1250 * GIB };
	struct sl_schedule s;

	(void)state;
	assert_int_equal(sl_schedule_init(&s, &s3, 256 * MIB, 0, NULL), 0);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		uint64_t p = sl_schedule_part(&s, sizes[i], 0);
		uint64_t n = (sizes[i] + p - 1) / p;

		assert_int_equal(sl_schedule_check(&s, sizes[i], NULL), 0);
		assert_true(p <= 128 * MIB);
		assert_true(n + sl_schedule_spare_parts(&s, sizes[i]) <=
			    10000);
	}
}

static void test_too_big(void **state)
{
	struct sl_schedule s;
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_schedule_init(&s, &s3, 256 * MIB, 0, NULL), 0);
	assert_int_equal(sl_schedule_check(&s, 2 * TIB, &e), -EFBIG);
	assert_non_null(strstr(e.text, "memory=420"));
	assert_int_equal(sl_schedule_check(&s, 6 * TIB, &e), -EFBIG);
	assert_null(strstr(e.text, "memory="));
	/* The memory it names does. */
	assert_int_equal(sl_schedule_init(&s, &s3, 420 * MIB, 0, NULL), 0);
	assert_int_equal(sl_schedule_check(&s, 2 * TIB, &e), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown),
		cmocka_unit_test(test_first),
		cmocka_unit_test(test_known),
		cmocka_unit_test(test_too_big),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

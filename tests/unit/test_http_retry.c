/* SPDX-License-Identifier: Apache-2.0 */
/* The retry policy, without a clock or a network. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>

#include "backends/http/retry.h"

static uint64_t most(uint64_t bound)
{
	return bound ? bound - 1 : 0;
}

static uint64_t least(uint64_t bound)
{
	(void)bound;
	return 0;
}

static struct sl_retry_in input(enum sl_verdict v, int64_t now)
{
	return (struct sl_retry_in){ .verdict = v, .errnum = EACCES,
				     .now_ms = now, .repeatable = true,
				     .has_creds = true, .generation = 1 };
}

static void plain_ends(void **state)
{
	static const struct {
		enum sl_verdict v;
		enum sl_retry_step step;
		int err;
	} rows[] = {
		{ SL_V_OK, SL_STEP_DONE, 0 },
		{ SL_V_RESTART_FILE, SL_STEP_FAIL, -ESTALE },
		{ SL_V_EXISTS, SL_STEP_FAIL, -EEXIST },
		{ SL_V_FATAL, SL_STEP_FAIL, -EACCES },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_retry_in in = input(rows[i].v, 0);
		struct sl_retry_plan p;
		struct sl_retry r;

		sl_retry_begin(&r, 0, 1000);
		p = sl_retry_decide(&r, &in, most);
		assert_int_equal(p.step, rows[i].step);
		assert_int_equal(p.err, rows[i].err);
	}
}

static void backs_off_to_a_cap(void **state)
{
	static const int64_t soft[] = { 100, 200, 400, 800, 1600, 3200, 6400,
					12800, 20000, 20000 };
	static const int64_t hard[] = { 1000, 2000, 4000, 8000, 16000, 20000 };
	struct sl_retry_in in = input(SL_V_RETRY, 0);
	struct sl_retry r;

	(void)state;
	sl_retry_begin(&r, 0, 1 << 30);
	for (size_t i = 0; i < SL_ARRAY_LEN(soft); i++)
		assert_int_equal(sl_retry_decide(&r, &in, most).wait_ms,
				 soft[i]);
	in.verdict = SL_V_THROTTLE;
	for (size_t i = 0; i < SL_ARRAY_LEN(hard); i++)
		assert_int_equal(sl_retry_decide(&r, &in, most).wait_ms,
				 hard[i]);
	assert_int_equal(sl_retry_decide(&r, &in, least).wait_ms, 0);
}

static void honours_retry_after_within_reason(void **state)
{
	struct sl_retry_in in = input(SL_V_THROTTLE, 0);
	struct sl_retry r;

	(void)state;
	sl_retry_begin(&r, 0, 1 << 30);
	in.retry_after_ms = 7000;
	assert_int_equal(sl_retry_decide(&r, &in, least).wait_ms, 7000);
	in.retry_after_ms = 86400000;
	assert_int_equal(sl_retry_decide(&r, &in, least).wait_ms, 300000);
}

static void deadline(void **state)
{
	struct sl_retry_in in = input(SL_V_RETRY, 990);
	struct sl_retry_plan p;
	struct sl_retry r;

	(void)state;
	sl_retry_begin(&r, 0, 1000);
	p = sl_retry_decide(&r, &in, most);
	assert_int_equal(p.step, SL_STEP_PARK);
	assert_int_equal(p.wait_ms, 10);
	in.now_ms = 1000;
	p = sl_retry_decide(&r, &in, most);
	assert_int_equal(p.step, SL_STEP_FAIL);
	assert_int_equal(p.err, -ETIMEDOUT);
	assert_true(p.gave_up);
	sl_retry_begin(&r, 0, 0);
	in.now_ms = 0;
	assert_int_equal(sl_retry_decide(&r, &in, most).err, -ETIMEDOUT);
}

static void unrepeatable_is_not_repeated(void **state)
{
	static const enum sl_verdict all[] = { SL_V_RETRY, SL_V_THROTTLE,
					       SL_V_REFRESH };
	struct sl_retry r;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(all); i++) {
		struct sl_retry_in in = input(all[i], 0);

		in.repeatable = false;
		sl_retry_begin(&r, 0, 100000);
		assert_int_equal(sl_retry_decide(&r, &in, most).step,
				 SL_STEP_FAIL);
	}
}

static void refresh_of_one_generation_is_bounded(void **state)
{
	struct sl_retry_in in = input(SL_V_REFRESH, 0);
	struct sl_retry_plan p;
	struct sl_retry r;
	int n = 0;

	(void)state;
	sl_retry_begin(&r, 0, 1 << 30);
	do {
		p = sl_retry_decide(&r, &in, most);
		in.now_ms += p.wait_ms + 1000;
		n++;
	} while (p.step != SL_STEP_FAIL);
	assert_int_equal(p.err, -EACCES);
	assert_true(in.now_ms >= 60000);
	assert_in_range(n, 4, 19);
}

static void new_generations_get_further(void **state)
{
	struct sl_retry_in in = input(SL_V_REFRESH, 0);
	struct sl_retry r;

	(void)state;
	sl_retry_begin(&r, 0, 1 << 30);
	assert_int_equal(sl_retry_decide(&r, &in, most).wait_ms, 0);
	for (int i = 0; i < 18; i++) {
		in.generation++;
		in.now_ms += 120000;
		/* The third, the fifth...: what is there is tried again. */
		assert_int_equal(sl_retry_decide(&r, &in, most).step,
				 i % 2 ? SL_STEP_PARK : SL_STEP_REFRESH);
	}
	in.generation++;
	assert_int_equal(sl_retry_decide(&r, &in, most).step, SL_STEP_FAIL);
}

static void region_changes_are_bounded(void **state)
{
	struct sl_retry_in in = input(SL_V_WRONG_REGION, 0);
	struct sl_retry r;

	(void)state;
	sl_retry_begin(&r, 0, 0);
	for (int i = 0; i < 5; i++)
		assert_int_equal(sl_retry_decide(&r, &in, most).step,
				 SL_STEP_AGAIN);
	assert_int_equal(sl_retry_decide(&r, &in, most).err, -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_ends),
		cmocka_unit_test(backs_off_to_a_cap),
		cmocka_unit_test(honours_retry_after_within_reason),
		cmocka_unit_test(deadline),
		cmocka_unit_test(unrepeatable_is_not_repeated),
		cmocka_unit_test(refresh_of_one_generation_is_bounded),
		cmocka_unit_test(new_generations_get_further),
		cmocka_unit_test(region_changes_are_bounded),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

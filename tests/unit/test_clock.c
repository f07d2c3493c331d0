/* SPDX-License-Identifier: Apache-2.0 */
/* Written forms of time, there and back, and what must not parse. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "clock.h"
#include "cleanup.h"

static const struct {
	const char *s;
	int64_t ms;
} good[] = {
	{ "1970-01-01T00:00:00Z", 0 },
	{ "1970-01-01T00:00Z", 0 },
	{ "2026-12-01T14:30Z", INT64_C(1796135400000) },
	{ "2026-12-01T14:30:05Z", INT64_C(1796135405000) },
	{ "2026-12-01T14:30:05.5Z", INT64_C(1796135405500) },
	{ "2026-12-01T14:30:05.123456789Z", INT64_C(1796135405123) },
	{ "2026-12-01t14:30:05z", INT64_C(1796135405000) },
	{ "2026-12-01T15:30:00+01:00", INT64_C(1796135400000) },
	{ "2026-12-01T09:00-05:30", INT64_C(1796135400000) },
	{ "2000-02-29T00:00:00Z", INT64_C(951782400000) },
	{ "2024-02-29T00:00:00Z", INT64_C(1709164800000) },
	{ "2016-12-31T23:59:60Z", INT64_C(1483228800000) },
	{ "1969-12-31T23:59:59.250Z", -750 },
};

static const char *const bad[] = {
	"", "2026", "2026-12-01", "2026-12-01T14:30", "2026-12-01 14:30Z",
	"2026-13-01T14:30Z", "2026-00-01T14:30Z", "2026-02-29T00:00Z",
	"1900-02-29T00:00Z", "2026-04-31T00:00Z", "2026-12-00T00:00Z",
	"2026-12-01T24:00Z", "2026-12-01T14:60Z", "2026-12-01T14:30:61Z",
	"2026-12-01T14:30Zx", " 2026-12-01T14:30Z", "2026-12-01T14:30:5Z",
	"2026-12-01T14:30:05.Z", "2026-12-01T14:30+0100", "+026-12-01T14:30Z",
	"2026-12-01T14:30+24:00", "2026-12-01T14:30:Z", "0000-01-01T00:00Z",
	"2026-12-01T14:30.5Z", "2026-1-1T14:30Z",
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
		int64_t ms = 42;

		assert_int_equal(sl_time_parse(good[i].s, &ms), 0);
		assert_int_equal(ms, good[i].ms);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
		int64_t ms = 42;

		assert_int_equal(sl_time_parse(bad[i], &ms), -EINVAL);
		assert_int_equal(ms, 42);
	}
}

static const char *const bad_http[] = {
	"", "Sun, 06 Nov 1994 08:49:37", "Mon, 06 Nov 1994 08:49:37 GMT",
	"Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994",
	"Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 nov 1994 08:49:37 GMT",
	"Sun, 06 Nov 1994 08:49:37 UTC", "Sun, 06 Nov 1994 25:49:37 GMT",
	"Sun, 06 Nov 1994 08:49:37 GMTx", "Sun, 31 Nov 1994 08:49:37 GMT",
	"un, 06 Nov 1994 08:49:37 GMT", "Sun, 06 ovD 1994 08:49:37 GMT",
};

static void test_parse_http(void **state)
{
	int64_t ms = 42;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(bad_http); i++) {
		assert_int_equal(sl_time_parse_http(bad_http[i], &ms),
				 -EINVAL);
		assert_int_equal(ms, 42);
	}
	assert_int_equal(
		sl_time_parse_http("Sun, 06 Nov 1994 08:49:37 GMT", &ms), 0);
	assert_int_equal(ms, INT64_C(784111777000));
	assert_int_equal(
		sl_time_parse_http("Sat, 31 Dec 2016 23:59:60 GMT", &ms), 0);
	assert_int_equal(ms, INT64_C(1483228800000));
}

static void test_format(void **state)
{
	char s[32];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
		int64_t back = 42, ms = good[i].ms;

		sl_time_format(s, sizeof(s), ms);
		assert_int_equal(sl_time_parse(s, &back), 0);
		assert_int_equal(back, ms - ((ms % 1000 + 1000) % 1000));
	}
	assert_string_equal(
		sl_time_format(s, sizeof(s), INT64_C(1796135400999)),
		"2026-12-01T14:30:00Z");
	/* Never past the end, however far the year. */
	sl_time_format(s, sizeof(s), INT64_MAX);
	assert_true(memchr(s, '\0', sizeof(s)) != NULL);
}

static void test_clocks(void **state)
{
	int64_t a = sl_mono_ms(&sl_clock_system);

	(void)state;
	assert_true(sl_mono_ms(&sl_clock_system) >= a);
	assert_true(sl_wall_ms(&sl_clock_system) > INT64_C(1577836800000));
}

static void test_random(void **state)
{
	unsigned seen = 0;
	uint64_t a, b;

	(void)state;
	assert_int_equal(sl_random_below(0), 0);
	for (int i = 0; i < 1000; i++) {
		assert_int_equal(sl_random_below(1), 0);
		a = sl_random_below(8);
		assert_true(a < 8);
		seen |= 1u << a;
	}
	assert_int_equal(seen, 0xff);
	a = sl_random_below(UINT64_MAX);
	b = sl_random_below(UINT64_MAX);
	assert_true(a != b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_http),
		cmocka_unit_test(test_format),
		cmocka_unit_test(test_clocks),
		cmocka_unit_test(test_random),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

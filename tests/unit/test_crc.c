/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32 against its check value and a bitwise computation. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "crc.h"

static uint32_t bitwise(const unsigned char *p, size_t n)
{
	uint32_t c = 0xffffffff;

	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0xedb88320 : 0);
	}
	return ~c;
}

static void fill(unsigned char *p, size_t n)
{
	uint32_t x = 12345;

	while (n--) {
		x = x * 1103515245 + 12345;
		*p++ = (unsigned char)(x >> 16);
	}
}

static void test_check(void **state)
{
	(void)state;
	assert_int_equal(sl_crc32(0, "123456789", 9), 0xcbf43926);
	assert_int_equal(sl_crc32(0, "", 0), 0);
	assert_int_equal(sl_crc32(0, NULL, 0), 0);
	assert_int_equal(sl_crc32(77, NULL, 0), 77);
}

static void test_lengths(void **state)
{
	static unsigned char buf[5000];

	(void)state;
	fill(buf, sizeof(buf));
	for (size_t n = 0; n < 600; n++)
		assert_int_equal(sl_crc32(0, buf + n % 7, n),
				 bitwise(buf + n % 7, n));
	assert_int_equal(sl_crc32(0, buf, sizeof(buf)),
			 bitwise(buf, sizeof(buf)));
}

static void test_continue_and_combine(void **state)
{
	static unsigned char buf[5000];
	static const size_t cuts[] = { 0, 1, 16, 1000, 4096, 4999, 5000 };
	uint32_t whole;

	(void)state;
	fill(buf, sizeof(buf));
	whole = bitwise(buf, sizeof(buf));
	for (size_t i = 0; i < sizeof(cuts) / sizeof(cuts[0]); i++) {
		size_t cut = cuts[i], rest = sizeof(buf) - cut;
		uint32_t a = sl_crc32(0, buf, cut);
		uint32_t b = sl_crc32(0, buf + cut, rest);

		assert_int_equal(sl_crc32(a, buf + cut, rest), whole);
		assert_int_equal(sl_crc32_combine(a, b, rest), whole);
	}
}

/* Lengths beyond 32 bits: joining zeros in halves equals joining at once. */
static void test_combine_huge(void **state)
{
	uint64_t half = UINT64_C(3) << 32;
	uint32_t a = sl_crc32(0, "abc", 3);
	uint32_t z = sl_crc32(0, "\0", 1), zh = z;

	(void)state;
	/* CRC of 2^33 zeros by doubling, then 3 * 2^32 = 2^33 + 2^32. */
	for (uint64_t n = 1; n < UINT64_C(1) << 32; n *= 2)
		z = sl_crc32_combine(z, z, n);
	zh = sl_crc32_combine(z, z, UINT64_C(1) << 32);
	zh = sl_crc32_combine(zh, z, UINT64_C(1) << 32);
	assert_int_equal(
		sl_crc32_combine(a, zh, half),
		sl_crc32_combine(
			sl_crc32_combine(sl_crc32_combine(a, z, half / 3), z,
					 half / 3),
			z, half / 3));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_continue_and_combine),
		cmocka_unit_test(test_combine_huge),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksums of the stores against published values and against a bitwise
 * computation: every short length at every alignment, continued and combined
 * at any place.
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cleanup.h"
#include "crc.h"
#include "../../fs/base/crc_internal.h"

#define SIZE 70000

static const struct {
	enum sl_sum kind;
	unsigned width;
	uint64_t poly;
} kinds[] = {
	{ SL_SUM_CRC32C, 32, SL_CRC32C_POLY },
	{ SL_SUM_CRC64, 64, SL_CRC64_POLY },
};

static unsigned char bytes[SIZE];

static uint64_t next(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

static void fill(void)
{
	uint64_t x = 88172645463325252;

	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(next(&x) >> 32);
}

static uint64_t bitwise(int k, const unsigned char *p, size_t n)
{
	uint64_t ones = UINT64_MAX >> (64 - kinds[k].width), c = ones;

	while (n--) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? kinds[k].poly : 0);
	}
	return c ^ ones;
}

/*
 * RFC 3720, B.4, and the NVM Command Set Specification 1.0, 5.2.1.3.5, for
 * 4 KiB; the check values of "123456789" are those of the CRC catalogue.
 */
static void test_published(void **state)
{
	static unsigned char zeros[4096], ones[4096], up[4096], down[4096];
	static unsigned char down32[32];
	static const struct {
		enum sl_sum kind;
		const unsigned char *p;
		size_t n;
		uint64_t sum;
	} rows[] = {
		{ SL_SUM_CRC32C, (const unsigned char *)"123456789", 9,
		  0xe3069283 },
		{ SL_SUM_CRC32C, zeros, 32, 0x8a9136aa },
		{ SL_SUM_CRC32C, ones, 32, 0x62a8ab43 },
		{ SL_SUM_CRC32C, up, 32, 0x46dd794e },
		{ SL_SUM_CRC32C, down32, 32, 0x113fdb5c },
		{ SL_SUM_CRC64, (const unsigned char *)"123456789", 9,
		  UINT64_C(0xae8b14860a799888) },
		{ SL_SUM_CRC64, zeros, 4096, UINT64_C(0x6482d367eb22b64e) },
		{ SL_SUM_CRC64, ones, 4096, UINT64_C(0xc0ddba7302eca3ac) },
		{ SL_SUM_CRC64, up, 4096, UINT64_C(0x3e729f5f6750449c) },
		{ SL_SUM_CRC64, down, 4096, UINT64_C(0x9a2df64b8e9e517e) },
		{ SL_SUM_NONE, ones, 32, 0 },
	};

	(void)state;
	memset(ones, 0xff, sizeof(ones));
	for (size_t i = 0; i < sizeof(up); i++) {
		up[i] = (unsigned char)i;
		down[i] = (unsigned char)~i;
	}
	for (unsigned char i = 0; i < 32; i++)
		down32[i] = (unsigned char)(31 - i);
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_true(sl_sum(rows[i].kind, 0, rows[i].p, rows[i].n) ==
			    rows[i].sum);
}

static void test_lengths(void **state)
{
	static const size_t more[] = { 1023, 4096, 65535, 65536, SIZE - 15 };

	(void)state;
	for (int k = 0; k < (int)SL_ARRAY_LEN(kinds); k++) {
		for (size_t n = 0; n < 700; n++)
			assert_true(sl_sum(kinds[k].kind, 0, bytes + n % 16,
					   n) ==
				    bitwise(k, bytes + n % 16, n));
		for (size_t i = 0; i < SL_ARRAY_LEN(more); i++)
			assert_true(sl_sum(kinds[k].kind, 0, bytes + i,
					   more[i]) ==
				    bitwise(k, bytes + i, more[i]));
	}
}

/* What processors without carry-less multiplication do. */
static void test_table(void **state)
{
	(void)state;
	for (size_t n = 0; n < 700; n++)
		assert_true(sl_crc64_by_table(n, bytes + n % 16, n) ==
			    sl_crc64(n, bytes + n % 16, n));
}

static void test_nothing(void **state)
{
	(void)state;
	for (int k = 0; k < SL_SUM__COUNT; k++)
		assert_true(sl_sum((enum sl_sum)k, 77, NULL, 0) == 77);
	assert_true(sl_sum_combine(SL_SUM_NONE, 1, 2, 3) == 0);
}

/* In any number of pieces, continued and combined. */
static void test_split(void **state)
{
	uint64_t x = 1;

	(void)state;
	for (int round = 0; round < 2000; round++) {
		int k = round & 1;
		size_t n = (size_t)(next(&x) % SIZE) >> next(&x) % 16;
		size_t at = n ? (size_t)(next(&x) % n) : 0;
		uint64_t a = sl_sum(kinds[k].kind, 0, bytes, at);
		uint64_t b = sl_sum(kinds[k].kind, 0, bytes + at, n - at);
		uint64_t ab = sl_sum(kinds[k].kind, 0, bytes, n);

		assert_true(sl_sum(kinds[k].kind, a, bytes + at, n - at) ==
			    ab);
		assert_true(sl_sum_combine(kinds[k].kind, a, b, n - at) == ab);
		/* The other way: what follows A, of the sums of A and AB. */
		assert_true(sl_sum_combine(kinds[k].kind, a, ab, n - at) == b);
	}
}

/* (AB)C = A(BC), with lengths that nobody can sum. */
static void test_huge(void **state)
{
	uint64_t x = 7;

	(void)state;
	for (int round = 0; round < 300; round++) {
		int k = round & 1;
		enum sl_sum kind = kinds[k].kind;
		uint64_t mask = UINT64_MAX >> (64 - kinds[k].width);
		uint64_t a = next(&x) & mask, b = next(&x) & mask;
		uint64_t c = next(&x) & mask;
		uint64_t n = next(&x) >> 2 >> next(&x) % 60;
		uint64_t m = next(&x) >> 2 >> next(&x) % 60;
		uint64_t left = sl_sum_combine(
			kind, sl_sum_combine(kind, a, b, n), c, m);
		uint64_t right = sl_sum_combine(
			kind, a, sl_sum_combine(kind, b, c, m), n + m);

		assert_true(left == right);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_published),
		cmocka_unit_test(test_lengths),
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_split),
		cmocka_unit_test(test_huge),
	};

	fill();
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

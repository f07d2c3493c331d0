/* SPDX-License-Identifier: Apache-2.0 */
/* Buckets of partition sizes, and beginnings of compressed chunks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "sstable/data.h"
#include "sstable/sizes.h"

static const struct {
	uint64_t size;
	unsigned bucket;
} buckets[] = {
	{ 0, 0 },	  { 1, 0 },	    { 2, 1 },
	{ 3, 2 },	  { 8, 7 },	    { 9, 8 },
	{ 10, 8 },	  { 11, 9 },	    { 12, 9 },
	{ 13, 10 },	  { 14, 10 },	    { 1109, 34 },
	{ 1110, 35 },	  { 1331, 35 },	    { 1332, 36 },
	{ 1414838745986ull, 149 },	    { 1414838745987ull, 150 },
	{ 3520571548412ull, 154 },	    { 3520571548413ull, 155 },
	{ UINT64_MAX, 155 },
};

static void test_buckets(void **state)
{
	struct sl_size_bounds b;

	(void)state;
	sl_size_bounds_init(&b);
	for (size_t i = 0; i < SL_ARRAY_LEN(buckets); i++)
		assert_int_equal(sl_size_bucket(&b, buckets[i].size),
				 buckets[i].bucket);
}

/* Equal sums for equal histograms in any order, others for others. */
static void test_sums(void **state)
{
	uint64_t a = sl_size_hash(3) + 2 * sl_size_hash(7);
	uint64_t b = sl_size_hash(7) + sl_size_hash(3) + sl_size_hash(7);

	(void)state;
	assert_true(a == b);
	assert_true(a != 2 * sl_size_hash(3) + sl_size_hash(7));
	assert_true(sl_size_hash(0) != 0);
}

#define LZ4 SL_COMPRESSOR_LZ4
#define SNAPPY SL_COMPRESSOR_SNAPPY
#define DEFLATE SL_COMPRESSOR_DEFLATE
#define ZSTD SL_COMPRESSOR_ZSTD
#define NOOP SL_COMPRESSOR_NOOP

static const struct {
	enum sl_compressor c;
	char head[SL_DATA_HEAD];
	uint64_t n, holds;
	bool right;
} begins[] = {
	{ LZ4, "\0\x40\0\0", 99, 16384, true },
	{ LZ4, "\0\x40\0\0", 99, 16383, false },
	{ LZ4, "\0\0\0\0\0", 5, 0, true },
	{ LZ4, "\0\0\0", 3, 0, false },
	{ SNAPPY, "\x80\x80\1", 99, 16384, true },
	{ SNAPPY, "\x80\x80\2", 99, 16384, false },
	{ SNAPPY, "\0", 1, 0, true },
	{ SNAPPY, "\x80", 1, 0, false },
	{ SNAPPY, "\x80\x80\x80\x80\x80\x80", 6, 0, false },
	{ DEFLATE, "\x78\x9c", 99, 16384, true },
	{ DEFLATE, "\x78\x9d", 99, 16384, false },
	{ DEFLATE, "", 0, 0, true },
	{ DEFLATE, "", 0, 1, false },
	{ DEFLATE, "\x78", 1, 0, false },
	{ ZSTD, "\x28\xb5\x2f\xfd\x24\0", 13, 0, true },
	{ ZSTD, "\x28\xb5\x2f\xfd\x24\1", 13, 0, false },
	{ ZSTD, "\x28\xb5\x2f\xfd\x64\0\x3f", 99, 16384, true },
	{ ZSTD, "\x28\xb5\x2f\xfd\x64\0\x3f", 99, 16383, false },
	{ ZSTD, "\x28\xb5\x2f\xfd\xa4\0\0\1", 99, 65536, true },
	{ ZSTD, "\x28\xb5\x2f\xfd\xa4\0\0\1", 99, 256, false },
	{ ZSTD, "\x28\xb5\x2f\xfd\4", 99, 16384, true },
	{ ZSTD, "\x28\xb5\x2f\xfc\x24", 13, 0, false },
	{ ZSTD, "\x28\xb5\x2f\xfd", 4, 0, false },
	{ NOOP, "abcd", 16384, 16384, true },
	{ NOOP, "abcd", 16383, 16384, false },
	{ SL_COMPRESSOR_UNKNOWN, "abcd", 9, 16384, true },
};

static void test_begins(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(begins); i++) {
		unsigned char head[SL_DATA_HEAD] = { 0 };
		size_t n = sizeof(head);

		if (begins[i].n < n)
			n = (size_t)begins[i].n;
		memcpy(head, begins[i].head, n);
		assert_int_equal(sl_data_begins(begins[i].c, head,
						begins[i].n, begins[i].holds),
				 begins[i].right);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_buckets),
		cmocka_unit_test(test_sums),
		cmocka_unit_test(test_begins),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums of neighbours become the checksum of both. A CRC is the message,
 * a polynomial over GF(2), modulo the generator. n bytes behind it multiply
 * it by x^(8n), and since the initial and the final inversion cancel,
 *
 *	crc(A || B) = crc(A) * x^(8 |B|) + crc(B)
 *
 * Powers are looked up by the bytes of the length: window[j][b] is
 * x^(8 * b * 256^j), so that a length of k bytes that are not 0 costs k
 * multiplications: one for 64 KiB, two for a chunk of a file. That is fast
 * enough to put a checksum together from those of pieces that somebody summed
 * anyway.
 *
 * A multiplication is 40 ns bit by bit, and 5 where the processor multiplies
 * without carry, for 32 bits. The product of two reflected numbers comes out
 * multiplied by x once more, so the powers are then kept divided by x; its
 * lower half is reduced by tables, as if it were four bytes of a message. All
 * tables are made at first use.
 */
#include <pthread.h>
#include <stdbool.h>

#include "crc.h"
#include "crc_internal.h"
#include "error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

enum { BY_CRC32, BY_CRC32C, BY_CRC64, KINDS };

static const struct field {
	unsigned width;
	uint64_t poly;
} fields[KINDS] = {
	[BY_CRC32] = { 32, SL_CRC32_POLY },
	[BY_CRC32C] = { 32, SL_CRC32C_POLY },
	[BY_CRC64] = { 64, SL_CRC64_POLY },
};

static uint64_t windows[KINDS][8][256];
/* Of the fields of 32 bits, when 'fast'. */
static uint32_t slices[BY_CRC64][4][256];
static bool fast;

uint64_t sl_crc_multiply(unsigned width, uint64_t poly, uint64_t a,
			 uint64_t b)
{
	uint64_t p = 0;

	for (unsigned i = width; i--;) {
		p ^= b & -(a >> i & 1);
		b = b >> 1 ^ (poly & -(b & 1));
	}
	return p;
}

uint64_t sl_crc_power(unsigned width, uint64_t poly, uint64_t n)
{
	uint64_t one = UINT64_C(1) << (width - 1), p = one, square = one >> 1;

	for (; n; n >>= 1) {
		if (n & 1)
			p = sl_crc_multiply(width, poly, square, p);
		square = sl_crc_multiply(width, poly, square, square);
	}
	return p;
}

static void make_windows(int k)
{
	const struct field *f = &fields[k];
	uint64_t step = sl_crc_power(f->width, f->poly, 8);

	for (int j = 0; j < 8; j++) {
		uint64_t p = UINT64_C(1) << (f->width - 1);

		for (int b = 0; b < 256; b++) {
			windows[k][j][b] = p;
			p = sl_crc_multiply(f->width, f->poly, p, step);
		}
		step = p;
	}
}

/* Back from a multiplication by x, of 32 bits. */
static uint32_t divide(uint32_t v, uint32_t poly)
{
	return v >> 31 ? (v ^ poly) << 1 | 1 : v << 1;
}

static void make_fast(int k)
{
	uint32_t poly = (uint32_t)fields[k].poly;

	for (int i = 0; i < 8 * 256; i++)
		windows[k][i / 256][i % 256] = divide(
			(uint32_t)windows[k][i / 256][i % 256], poly);
	for (uint32_t b = 0; b < 256; b++) {
		uint32_t c = b;

		for (int i = 0; i < 32; i++) {
			c = c >> 1 ^ (poly & -(c & 1));
			if (i % 8 == 7)
				slices[k][i / 8][b] = c;
		}
	}
}

static void make(void)
{
	for (int k = 0; k < KINDS; k++)
		make_windows(k);
#if defined(__x86_64__)
	__builtin_cpu_init();
	fast = __builtin_cpu_supports("pclmul");
#endif
	for (int k = 0; fast && k < BY_CRC64; k++)
		make_fast(k);
}

#if defined(__x86_64__)
__attribute__((target("pclmul,sse2")))
static uint64_t multiply_fast(int k, uint64_t a, uint64_t b)
{
	__m128i x = _mm_cvtsi64_si128((long long)a);
	__m128i y = _mm_cvtsi64_si128((long long)b);
	uint64_t v = (uint64_t)_mm_cvtsi128_si64(
		_mm_clmulepi64_si128(x, y, 0x00));

	return v >> 32 ^ slices[k][3][v & 0xff] ^
	       slices[k][2][v >> 8 & 0xff] ^ slices[k][1][v >> 16 & 0xff] ^
	       slices[k][0][v >> 24 & 0xff];
}
#else
static uint64_t multiply_fast(int k, uint64_t a, uint64_t b)
{
	return sl_crc_multiply(fields[k].width, fields[k].poly, a, b);
}
#endif

static uint64_t multiply(int k, uint64_t a, uint64_t b)
{
	if (fast && k < BY_CRC64)
		return multiply_fast(k, a, b);
	return sl_crc_multiply(fields[k].width, fields[k].poly, a, b);
}

static uint64_t combine(int kind, uint64_t a, uint64_t b, uint64_t len_b)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (!a)
		return b;
	if (pthread_once(&once, make))
		SL_BUG("pthread_once");
	for (int j = 0; len_b; len_b >>= 8, j++) {
		if (len_b & 0xff)
			a = multiply(kind, a, windows[kind][j][len_b & 0xff]);
	}
	return a ^ b;
}

uint32_t sl_crc32_combine(uint32_t a, uint32_t b, uint64_t len_b)
{
	return (uint32_t)combine(BY_CRC32, a, b, len_b);
}

uint64_t sl_sum_combine(enum sl_sum kind, uint64_t a, uint64_t b,
			uint64_t len_b)
{
	static const int kinds[SL_SUM__COUNT] = {
		[SL_SUM_CRC32C] = BY_CRC32C,
		[SL_SUM_CRC64] = BY_CRC64,
	};

	return kind == SL_SUM_NONE ? 0 : combine(kinds[kind], a, b, len_b);
}

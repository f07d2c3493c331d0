/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-64/NVME, which ISA-L has only in versions younger than those of the
 * systems that we are built on. Two ways to the same value, chosen when it is
 * first asked for: carry-less multiplication where the processor has it (some
 * 10 GB/s), else tables that take 8 bytes at a time (1 GB/s).
 *
 * Folding. The message so far is kept as 128 bits that are congruent to it.
 * To move L * x^64 + H forward by D bits is to multiply: L by x^(64 + D), H
 * by x^D, both modulo the generator. The bits of a reflected CRC run
 * backwards, and the product of two such numbers comes out one place too
 * low, so the constants are one power less: x^(D + 63) and x^(D - 1). Four
 * such registers side by side keep the multiplier busy (D = 512), are then
 * joined (D = 128), and the 16 bytes that remain go through the tables like a
 * message.
 */
#include <endian.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>

#include "crc_internal.h"
#include "error.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define WIDTH 64
/* Shorter ones are not worth the folding. */
#define LEAST_FOLDED 128

static struct {
	uint64_t slice[8][256];
	uint64_t by512[2], by128[2]; /* for the low and the high half */
	bool folds;
} made;

static void make_slices(void)
{
	for (unsigned b = 0; b < 256; b++) {
		uint64_t c = b;

		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (SL_CRC64_POLY & -(c & 1));
		made.slice[0][b] = c;
	}
	for (int k = 1; k < 8; k++) {
		for (unsigned b = 0; b < 256; b++) {
			uint64_t c = made.slice[k - 1][b];

			made.slice[k][b] = c >> 8 ^ made.slice[0][c & 0xff];
		}
	}
}

static void make(void)
{
	make_slices();
	made.by512[0] = sl_crc_power(WIDTH, SL_CRC64_POLY, 512 + 63);
	made.by512[1] = sl_crc_power(WIDTH, SL_CRC64_POLY, 512 - 1);
	made.by128[0] = sl_crc_power(WIDTH, SL_CRC64_POLY, 128 + 63);
	made.by128[1] = sl_crc_power(WIDTH, SL_CRC64_POLY, 128 - 1);
#if defined(__x86_64__)
	__builtin_cpu_init();
	made.folds = __builtin_cpu_supports("pclmul");
#endif
}

static void make_once(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	if (pthread_once(&once, make))
		SL_BUG("pthread_once");
}

static uint64_t load64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return le64toh(v);
}

/* Here and below the register is as it is inside, not inverted. */
static uint64_t by_table(uint64_t c, const unsigned char *p, size_t n)
{
	for (; n >= 8; n -= 8, p += 8) {
		uint64_t v = c ^ load64(p);

		c = 0;
		for (int k = 0; k < 8; k++)
			c ^= made.slice[7 - k][v >> 8 * k & 0xff];
	}
	for (; n; n--, p++)
		c = c >> 8 ^ made.slice[0][(c ^ *p) & 0xff];
	return c;
}

#if defined(__x86_64__)
#define FOLDS __attribute__((target("pclmul,sse2")))

FOLDS static inline __m128i load128(const unsigned char *p)
{
	return _mm_loadu_si128((const __m128i *)(const void *)p);
}

FOLDS static inline __m128i forward(__m128i x, __m128i by, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, by, 0x00);
	__m128i high = _mm_clmulepi64_si128(x, by, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* As many whole 16 bytes as there are, n >= 64; the rest is the tables'. */
FOLDS static uint64_t by_folding(uint64_t c, const unsigned char *p, size_t n)
{
	__m128i by512 = load128((const unsigned char *)made.by512);
	__m128i by128 = load128((const unsigned char *)made.by128);
	unsigned char left[16];
	__m128i x[4];

	for (int i = 0; i < 4; i++)
		x[i] = load128(p + 16 * i);
	x[0] = _mm_xor_si128(x[0], _mm_cvtsi64_si128((long long)c));
	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
		for (int i = 0; i < 4; i++)
			x[i] = forward(x[i], by512, load128(p + 16 * i));
	}
	for (int i = 1; i < 4; i++)
		x[i] = forward(x[i - 1], by128, x[i]);
	for (; n >= 16; p += 16, n -= 16)
		x[3] = forward(x[3], by128, load128(p));
	_mm_storeu_si128((__m128i *)(void *)left, x[3]);
	return by_table(by_table(0, left, sizeof(left)), p, n);
}
#else
static uint64_t by_folding(uint64_t c, const unsigned char *p, size_t n)
{
	return by_table(c, p, n);
}
#endif

uint64_t sl_crc64_by_table(uint64_t crc, const void *data, size_t n)
{
	make_once();
	return ~by_table(~crc, data, n);
}

uint64_t sl_crc64(uint64_t crc, const void *data, size_t n)
{
	make_once();
	if (n < LEAST_FOLDED || !made.folds)
		return ~by_table(~crc, data, n);
	return ~by_folding(~crc, data, n);
}

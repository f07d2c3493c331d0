/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Checksums at memory speed: ISA-L has the kernels for both CRC-32, with
 * carry-less multiplication; crc64.c is ours.
 */
#include "crc.h"

#include <isa-l/crc.h>

#include "crc_internal.h"

/* ISA-L counts the bytes of this one in an int, and inverts nothing. */
#define MOST ((size_t)1 << 30)

uint32_t sl_crc32(uint32_t crc, const void *data, size_t n)
{
	return n ? crc32_gzip_refl(crc, data, n) : crc;
}

static uint64_t crc32c(uint64_t sum, const void *data, size_t n)
{
	/* Read only, however ISA-L spells it. */
	unsigned char *p = (unsigned char *)(uintptr_t)data;
	uint32_t crc = ~(uint32_t)sum;

	for (size_t step; n; p += step, n -= step) {
		step = n < MOST ? n : MOST;
		crc = crc32_iscsi(p, (int)step, crc);
	}
	return (uint32_t)~crc;
}

static uint64_t none(uint64_t sum, const void *data, size_t n)
{
	(void)sum; /* nothing is summed */
	(void)data;
	(void)n;
	return 0;
}

uint64_t sl_sum(enum sl_sum kind, uint64_t sum, const void *data, size_t n)
{
	static uint64_t (*const kinds[SL_SUM__COUNT])(uint64_t, const void *,
						      size_t) = {
		[SL_SUM_NONE] = none,
		[SL_SUM_CRC32C] = crc32c,
		[SL_SUM_CRC64] = sl_crc64,
	};

	return n ? kinds[kind](sum, data, n) : sum;
}

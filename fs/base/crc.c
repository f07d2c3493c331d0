/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 at memory speed: ISA-L has the carry-less multiplication kernels for
 * the bytes, zlib the matrix arithmetic that joins checksums of neighbours.
 */
#include "crc.h"

#include <isa-l/crc.h>
#include <zlib.h>

_Static_assert(sizeof(z_off_t) == 8, "zlib needs 64-bit offsets");

uint32_t sl_crc32(uint32_t crc, const void *data, size_t n)
{
	return n ? crc32_gzip_refl(crc, data, n) : crc;
}

uint32_t sl_crc32_combine(uint32_t a, uint32_t b, uint64_t len_b)
{
	return (uint32_t)crc32_combine(a, b, (z_off_t)len_b);
}

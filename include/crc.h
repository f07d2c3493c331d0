/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksums of the stores. CRC-32 as zlib, Cassandra's Digest.crc32 and
 * S3's x-amz-checksum-crc32 have it (reflected 0x04C11DB7); CRC-32C
 * (Castagnoli, reflected 0x1EDC6F41) as Google's x-goog-hash; CRC-64/NVME
 * (reflected 0xAD93D23594C93659) as Azure's x-ms-content-crc64. All with
 * initial and final inversion. Pure; thread safe.
 */
#ifndef SL_CRC_H
#define SL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues 'crc' (0 to begin) over 'n' bytes. check("123456789")=cbf43926 */
uint32_t sl_crc32(uint32_t crc, const void *data, size_t n);

/*
 * CRC of A||B from the CRCs of A and B and the length of B in bytes; and, as
 * it is its own inverse, the CRC of B from those of A and of A||B. Costs some
 * 100 ns.
 */
uint32_t sl_crc32_combine(uint32_t a, uint32_t b, uint64_t len_b);

/* A second checksum that a store wants besides CRC-32. */
enum sl_sum {
	SL_SUM_NONE,   /* always 0 */
	SL_SUM_CRC32C, /* check("123456789")=e3069283 */
	SL_SUM_CRC64,  /* check("123456789")=ae8b14860a799888 */
	SL_SUM__COUNT,
};

/* As sl_crc32 and sl_crc32_combine, for any of them. */
uint64_t sl_sum(enum sl_sum kind, uint64_t sum, const void *data, size_t n);
uint64_t sl_sum_combine(enum sl_sum kind, uint64_t a, uint64_t b,
			uint64_t len_b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC-32 as zlib, Cassandra's Digest.crc32 and S3's x-amz-checksum-crc32 have
 * it (reflected 0x04C11DB7, initial and final inversion). ISA-L computes,
 * zlib combines. Pure; thread safe.
 */
#ifndef SL_CRC_H
#define SL_CRC_H

#include <stddef.h>
#include <stdint.h>

/* Continues 'crc' (0 to begin) over 'n' bytes. check("123456789")=cbf43926 */
uint32_t sl_crc32(uint32_t crc, const void *data, size_t n);

/* CRC of A||B from the CRCs of A and B and the length of B in bytes. */
uint32_t sl_crc32_combine(uint32_t a, uint32_t b, uint64_t len_b);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the checksums share. */
#ifndef SL_CRC_INTERNAL_H
#define SL_CRC_INTERNAL_H

#include <stddef.h>
#include <stdint.h>

/* Reflected, without the highest term. */
#define SL_CRC32_POLY UINT64_C(0xedb88320)
#define SL_CRC32C_POLY UINT64_C(0x82f63b78)
#define SL_CRC64_POLY UINT64_C(0x9a6c9329ac4bc9b5)

/* crc64.c */
uint64_t sl_crc64(uint64_t crc, const void *data, size_t n);
/* The same without the processor's help, as on others; for tests. */
uint64_t sl_crc64_by_table(uint64_t crc, const void *data, size_t n);

/* crc_combine.c */
/* a * b modulo the polynomial; bit 'width' - 1 is x^0. */
uint64_t sl_crc_multiply(unsigned width, uint64_t poly, uint64_t a,
			 uint64_t b);
/* x^n modulo the polynomial. */
uint64_t sl_crc_power(unsigned width, uint64_t poly, uint64_t n);

#endif

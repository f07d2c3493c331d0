/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small readers and writers of what is in headers, URLs and documents:
 * numbers, times, percent-encoding, base64, checksums in it. All pure.
 */
#ifndef SL_CLOUD_TEXT_H
#define SL_CLOUD_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "buf.h"
#include "cleanup.h"

#define SL_MD5_LEN 16
/* Room for the base64 of n bytes and its NUL. */
#define SL_BASE64_SIZE(n) (4 * (((n) + 2) / 3) + 1)

/* Decimal digits only, all of them. -EPROTO. */
int sl_cloud_number(const char *text, uint64_t *ret);
/* RFC 3339 ("2026-01-02T03:04:05.678Z") to wall ms; 0: not one. */
int64_t sl_cloud_time(const char *text);
/* HTTP's ("Fri, 02 Jan 2026 03:04:05 GMT") to wall ms; 0: not one. */
int64_t sl_cloud_http_time(const char *text);

/*
 * Appends 's' percent-encoded: A-Za-z0-9-._~ stay, and '/' if 'keep_slash';
 * hex digits in upper case.
 */
int sl_cloud_escape(struct sl_buf *b, const char *s, bool keep_slash);
/*
 * Decodes in place. false: malformed, or a NUL in it. 'plus': '+' is a
 * space, as S3 writes one.
 */
bool sl_cloud_unescape(char *s, bool plus);
/* Well-formed UTF-8, as stores of names want it. */
bool sl_cloud_utf8(const char *text);

/* Hex of n bytes, lower case; dst holds 2n+1. */
void sl_cloud_hex(char *dst, const unsigned char *p, size_t n);
/* dst holds SL_BASE64_SIZE(n). */
void sl_cloud_base64(char *dst, const void *p, size_t n);
/* Strict: padded, nothing else in it. Bytes written, or -EPROTO. */
ssize_t sl_cloud_unbase64(const char *b64, void *dst, size_t size);

/* A 32-bit checksum as base64 of its big-endian bytes (S3, Google). */
void sl_cloud_be32(char dst[16], uint32_t v);
bool sl_cloud_unbe32(const char *b64, uint32_t *ret);
/* A 64-bit one of its little-endian bytes (Azure). */
void sl_cloud_le64(char dst[16], uint64_t v);
bool sl_cloud_unle64(const char *b64, uint64_t *ret);

/* MD5 of a vector. -ENOMEM, -EIO. */
int sl_cloud_md5(const struct iovec *v, int n, unsigned char md[SL_MD5_LEN])
	SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What servers write and want to read in headers, URLs and documents. What
 * comes from a server is hostile: every reader here takes all of its text or
 * refuses it.
 */
#include "backends/cloud/text.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <string.h>

#include "clock.h"

int sl_cloud_number(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*text)
		return -EPROTO;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return -EPROTO;
	}
	*ret = v;
	return 0;
}

int64_t sl_cloud_time(const char *text)
{
	int64_t ms;

	return sl_time_parse(text, &ms) == 0 ? ms : 0;
}

int64_t sl_cloud_http_time(const char *text)
{
	int64_t ms;

	return sl_time_parse_http(text, &ms) == 0 ? ms : 0;
}

static bool is_plain(unsigned char c, bool keep_slash)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' ||
	       c == '~' || (keep_slash && c == '/');
}

int sl_cloud_escape(struct sl_buf *b, const char *s, bool keep_slash)
{
	while (*s) {
		size_t n = 0;

		while (is_plain((unsigned char)s[n], keep_slash))
			n++;
		sl_buf_append(b, s, n);
		s += n;
		if (*s)
			sl_buf_printf(b, "%%%02X", (unsigned char)*s++);
	}
	return sl_buf_error(b);
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - digits) : -1;
}

bool sl_cloud_unescape(char *s, bool plus)
{
	char *d = s;

	for (; *s; s++) {
		int hi, lo;

		if (*s != '%') {
			*d++ = plus && *s == '+' ? ' ' : *s;
			continue;
		}
		hi = hex_value(s[1]);
		lo = hi < 0 ? -1 : hex_value(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*d++ = (char)(hi * 16 + lo);
		s += 2;
	}
	*d = '\0';
	return true;
}

static bool is_utf8_tail(const unsigned char *s, int n)
{
	for (int i = 1; i <= n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return false;
	return true;
}

/* Bytes of the well-formed character at 's'; 0: there is none. */
static int utf8_length(const unsigned char *s)
{
	static const struct {
		unsigned char lo, hi, lo2, hi2;
		int n;
	} rows[] = {
		{ 0x01, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 },
		{ 0xe0, 0xe0, 0xa0, 0xbf, 3 }, { 0xe1, 0xec, 0x80, 0xbf, 3 },
		{ 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
		{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 },
		{ 0xf4, 0xf4, 0x80, 0x8f, 4 },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		if (*s < rows[i].lo || *s > rows[i].hi)
			continue;
		if (rows[i].n > 1 &&
		    (s[1] < rows[i].lo2 || s[1] > rows[i].hi2))
			return 0;
		return is_utf8_tail(s, rows[i].n - 1) ? rows[i].n : 0;
	}
	return 0;
}

bool sl_cloud_utf8(const char *text)
{
	const unsigned char *s = (const unsigned char *)text;

	while (*s) {
		int n = utf8_length(s);

		if (!n)
			return false;
		s += n;
	}
	return true;
}

void sl_cloud_hex(char *dst, const unsigned char *p, size_t n)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		*dst++ = digits[p[i] >> 4];
		*dst++ = digits[p[i] & 15];
	}
	*dst = '\0';
}

void sl_cloud_base64(char *dst, const void *p, size_t n)
{
	EVP_EncodeBlock((unsigned char *)dst, p, (int)n);
}

static int base64_value(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "abcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *p = c ? strchr(digits, c) : NULL;

	return p ? (int)(p - digits) : -1;
}

ssize_t sl_cloud_unbase64(const char *b64, void *dst, size_t size)
{
	size_t len = strlen(b64), digits = len, n = 0;
	unsigned char *out = dst;
	unsigned bits = 0, have = 0;

	while (digits && len - digits < 2 && b64[digits - 1] == '=')
		digits--;
	if (len % 4)
		return -EPROTO;
	for (size_t i = 0; i < digits; i++) {
		int v = base64_value(b64[i]);

		if (v < 0)
			return -EPROTO;
		bits = (bits << 6 | (unsigned)v) & 0xffff;
		have += 6;
		if (have < 8)
			continue;
		have -= 8;
		if (n == size)
			return -EPROTO;
		out[n++] = (unsigned char)(bits >> have);
	}
	return (ssize_t)n;
}

void sl_cloud_be32(char dst[16], uint32_t v)
{
	unsigned char be[4] = { (unsigned char)(v >> 24),
				(unsigned char)(v >> 16),
				(unsigned char)(v >> 8), (unsigned char)v };

	sl_cloud_base64(dst, be, sizeof(be));
}

bool sl_cloud_unbe32(const char *b64, uint32_t *ret)
{
	unsigned char be[4];

	if (sl_cloud_unbase64(b64, be, sizeof(be)) != sizeof(be))
		return false;
	*ret = (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 |
	       (uint32_t)be[2] << 8 | be[3];
	return true;
}

void sl_cloud_le64(char dst[16], uint64_t v)
{
	unsigned char le[8];

	for (size_t i = 0; i < sizeof(le); i++)
		le[i] = (unsigned char)(v >> (8 * i));
	sl_cloud_base64(dst, le, sizeof(le));
}

bool sl_cloud_unle64(const char *b64, uint64_t *ret)
{
	unsigned char le[8];
	uint64_t v = 0;

	if (sl_cloud_unbase64(b64, le, sizeof(le)) != sizeof(le))
		return false;
	for (size_t i = sizeof(le); i-- > 0;)
		v = v << 8 | le[i];
	*ret = v;
	return true;
}

int sl_cloud_md5(const struct iovec *v, int n, unsigned char md[SL_MD5_LEN])
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	if (!ctx)
		return -ENOMEM;
	ok = EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
	for (int i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, v[i].iov_base, v[i].iov_len);
	ok = ok && EVP_DigestFinal_ex(ctx, md, NULL);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

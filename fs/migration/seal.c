/* SPDX-License-Identifier: Apache-2.0 */
/* See seal.h. */
#include "migration/seal.h"

#include <inttypes.h>
#include <openssl/evp.h>
#include <string.h>

#define KEY_MAX 1100
#define VERSION "v1:"

struct sl_seal {
	EVP_MD_CTX *ctx;
	uint64_t files, bytes;
	char last[KEY_MAX]; /* key; "" before the first */
};

int sl_seal_new(struct sl_seal **ret)
{
	struct sl_seal *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->ctx = EVP_MD_CTX_new();
	if (!s->ctx || EVP_DigestInit_ex(s->ctx, EVP_sha256(), NULL) != 1) {
		sl_seal_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void sl_seal_free(struct sl_seal *s)
{
	if (!s)
		return;
	EVP_MD_CTX_free(s->ctx);
	free(s);
}

static bool update(struct sl_seal *s, const void *p, size_t n)
{
	return EVP_DigestUpdate(s->ctx, p, n) == 1;
}

static bool update_etag(struct sl_seal *s, const char *etag)
{
	size_t n = strlen(etag);
	bool bare = n && etag[0] != '"';

	return (!bare || update(s, "\"", 1)) && update(s, etag, n) &&
	       (!bare || update(s, "\"", 1)) && update(s, "\n", 1);
}

int sl_seal_add(struct sl_seal *s, const char *key, uint64_t size,
		const char *etag)
{
	size_t n = strlen(key);
	char number[24];
	int len = snprintf(number, sizeof(number), "%" PRIu64, size);

	if (!n || n >= sizeof(s->last) || strcmp(key, s->last) <= 0)
		return -EINVAL;
	memcpy(s->last, key, n + 1);
	if (__builtin_add_overflow(s->bytes, size, &s->bytes))
		return -EINVAL;
	s->files++;
	/* Key and number go in with their NUL. */
	return update(s, key, n + 1) && update(s, number, (size_t)len + 1) &&
	       update_etag(s, etag) ? 0 : -EIO;
}

int sl_seal_end(struct sl_seal *s, char *dst)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	size_t at;

	if (EVP_DigestFinal_ex(s->ctx, md, &n) != 1 || n * 2 != SL_SEAL_HEX)
		return -EIO;
	at = (size_t)snprintf(dst, SL_SEAL_SIZE, VERSION "%" PRIu64
			      ":%" PRIu64 ":", s->files, s->bytes);
	for (unsigned i = 0; i < n; i++)
		at += (size_t)snprintf(dst + at, SL_SEAL_SIZE - at, "%02x",
				       md[i]);
	return 0;
}

/* A decimal number as printf writes it, and the ':' behind it. */
static bool take_number(const char **s, uint64_t *ret)
{
	const char *p = *s;
	uint64_t n = 0;

	if (*p == '0' && p[1] != ':')
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		if (__builtin_mul_overflow(n, 10u, &n) ||
		    __builtin_add_overflow(n, (uint64_t)(*p - '0'), &n))
			return false;
	}
	if (p == *s || *p != ':')
		return false;
	*s = p + 1;
	*ret = n;
	return true;
}

int sl_seal_parse(const char *text, struct sl_seal_parts *ret)
{
	struct sl_seal_parts p = { 0 };

	if (strncmp(text, VERSION, strlen(VERSION)))
		return -EINVAL;
	text += strlen(VERSION);
	if (!take_number(&text, &p.files) || !take_number(&text, &p.bytes) ||
	    strlen(text) != SL_SEAL_HEX ||
	    strspn(text, "0123456789abcdef") != SL_SEAL_HEX)
		return -EINVAL;
	memcpy(p.hex, text, SL_SEAL_HEX);
	*ret = p;
	return 0;
}

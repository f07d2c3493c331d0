/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Encodings and hashes: hex, base64, percent-encoding, SHA-256, random
 * names. OpenSSL does the arithmetic.
 */
#include "util.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char digits[] = "0123456789abcdef";

void sim_hex(const void *data, size_t n, char *dst)
{
	const unsigned char *p = data;

	for (size_t i = 0; i < n; i++) {
		*dst++ = digits[p[i] >> 4];
		*dst++ = digits[p[i] & 15];
	}
	*dst = '\0';
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool sim_unhex(const char *s, size_t n, unsigned char *dst)
{
	for (size_t i = 0; i < n; i++) {
		int hi = nibble(s[2 * i]);
		int lo = hi < 0 ? -1 : nibble(s[2 * i + 1]);

		if (lo < 0)
			return false;
		dst[i] = (unsigned char)(hi << 4 | lo);
	}
	return true;
}

char *sim_b64(const void *data, size_t n)
{
	char *s = sim_alloc((n + 2) / 3 * 4 + 1);

	EVP_EncodeBlock((unsigned char *)s, data, (int)n);
	return s;
}

int sim_unb64(const char *s, unsigned char *dst, size_t size)
{
	size_t n = strlen(s);
	SIM_AUTOFREE unsigned char *tmp = sim_alloc(n + 4);
	int got;

	if (!n || n % 4)
		return -1;
	got = EVP_DecodeBlock(tmp, (const unsigned char *)s, (int)n);
	if (got < 0)
		return -1;
	got -= (s[n - 1] == '=') + (s[n - 2] == '=');
	if ((size_t)got > size)
		return -1;
	memcpy(dst, tmp, (size_t)got);
	return got;
}

static void must(int ok)
{
	if (!ok) {
		fputs("astra-sim: libcrypto failed\n", stderr);
		abort();
	}
}

void sim_sha256(const void *data, size_t n, unsigned char out[SIM_SHA256])
{
	must(EVP_Digest(data, n, out, NULL, EVP_sha256(), NULL));
}

void sim_hmac(const void *key, size_t klen, const char *data,
	      unsigned char out[SIM_SHA256])
{
	unsigned int n = 0;

	must(HMAC(EVP_sha256(), key, (int)klen, (const unsigned char *)data,
		  strlen(data), out, &n) != NULL);
}

void sim_random(void *dst, size_t n)
{
	must(RAND_bytes(dst, (int)n) == 1);
}

void sim_random_text(char *dst, size_t n, const char *alphabet)
{
	size_t len = strlen(alphabet);
	unsigned char r;

	for (size_t i = 0; i < n; i++) {
		sim_random(&r, 1);
		dst[i] = alphabet[r % len];
	}
	dst[n] = '\0';
}

void sim_uuid(char dst[37])
{
	unsigned char r[16];
	char hex[33];

	sim_random(r, sizeof(r));
	r[6] = (r[6] & 0x0f) | 0x40;
	r[8] = (r[8] & 0x3f) | 0x80;
	sim_hex(r, sizeof(r), hex);
	snprintf(dst, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", hex, hex + 8, hex + 12,
		 hex + 16, hex + 20);
}

bool sim_uuid_valid(const char *s)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (strlen(s) != sizeof(shape) - 1)
		return false;
	for (size_t i = 0; shape[i]; i++)
		if (shape[i] == '-' ? s[i] != '-' : nibble(s[i]) < 0)
			return false;
	return true;
}

static bool unreserved(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || (c && strchr("-_.~", c));
}

void sim_url_encode(struct sim_buf *b, const char *s, size_t n, bool slash)
{
	sim_buf_add(b, "", 0);
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)s[i];

		if (unreserved(c) || (slash && c == '/'))
			sim_buf_add(b, &s[i], 1);
		else
			sim_buf_printf(b, "%%%02X", c);
	}
}

bool sim_url_decode(const char *s, size_t n, bool plus, char **ret)
{
	SIM_AUTOFREE char *out = sim_alloc(n + 1);
	unsigned char c;
	size_t k = 0;

	for (size_t i = 0; i < n; i++) {
		if (s[i] != '%') {
			out[k++] = plus && s[i] == '+' ? ' ' : s[i];
			continue;
		}
		if (n - i < 3 || !sim_unhex(s + i + 1, 1, &c) || !c)
			return false;
		out[k++] = (char)c;
		i += 2;
	}
	*ret = out;
	out = NULL;
	return true;
}

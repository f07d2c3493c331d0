/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Request signing, our own: libcurl's CURLOPT_AWS_SIGV4 signs wrongly in the
 * versions that distributions carry (query order, removed headers, header
 * order). S3 differs from other AWS services in that the path is encoded
 * once and never normalised. Everything here is pure but for the key cache,
 * which saves four of five HMACs: the key changes with day, region, secret.
 * OpenSSL 3 looks an algorithm up by its name at each use, which takes longer
 * than to hash a request; so the digest is fetched once, and HMAC (RFC 2104)
 * is made of it, since OpenSSL's would look it up again.
 * See docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html.
 */
#include "backends/s3/sigv4.h"

#include <ctype.h>
#include <errno.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "backends/cloud/text.h"

#define SHA_LEN 32
#define SHA_BLOCK 64
#define MAX_HEADERS 32
#define MAX_TEXT (64 * 1024)

struct header {
	char name[64];	   /* lower case */
	const char *value; /* borrowed, not ended */
	size_t len;
};

static pthread_once_t fetch_once = PTHREAD_ONCE_INIT;
static EVP_MD *fetched; /* lives as long as the process */

static void fetch(void)
{
	fetched = EVP_MD_fetch(NULL, "SHA256", NULL);
}

static const EVP_MD *sha(void)
{
	return pthread_once(&fetch_once, fetch) || !fetched ? EVP_sha256() :
							      fetched;
}

static int sha256(unsigned char *dst, const void *p, size_t n)
{
	return EVP_Digest(p, n, dst, NULL, sha(), NULL) ? 0 : -EIO;
}

int sl_sigv4_sha256(char *dst, const void *p, size_t n)
{
	unsigned char md[SHA_LEN];
	int err = sha256(md, n ? p : "", n);

	if (!err)
		sl_cloud_hex(dst, md, sizeof(md));
	return err;
}

/* The hash of a block of the key, each byte changed by 'pad', and text. */
static int keyed(unsigned char *dst, const unsigned char *key,
		 unsigned char pad, const void *text, size_t n)
{
	unsigned char block[SHA_BLOCK];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;

	for (size_t i = 0; i < sizeof(block); i++)
		block[i] = key[i] ^ pad;
	ok = ctx && EVP_DigestInit_ex(ctx, sha(), NULL) &&
	     EVP_DigestUpdate(ctx, block, sizeof(block)) &&
	     EVP_DigestUpdate(ctx, text, n) &&
	     EVP_DigestFinal_ex(ctx, dst, NULL);
	EVP_MD_CTX_free(ctx); /* wipes */
	explicit_bzero(block, sizeof(block));
	return ok ? 0 : -EIO;
}

static int hmac(unsigned char *dst, const unsigned char *key, size_t key_len,
		const char *text)
{
	unsigned char block[SHA_BLOCK] = { 0 }, inner[SHA_LEN];
	int err = 0;

	if (key_len > sizeof(block))
		err = sha256(block, key, key_len);
	else
		memcpy(block, key, key_len);
	if (!err)
		err = keyed(inner, block, 0x36, text, strlen(text));
	if (!err)
		err = keyed(dst, block, 0x5c, inner, sizeof(inner));
	explicit_bzero(block, sizeof(block));
	explicit_bzero(inner, sizeof(inner));
	return err;
}

static int derive(struct sl_sigv4_key *k, const struct sl_sigv4 *s)
{
	SL_CLEANUP(secret) char *first = NULL;
	unsigned char a[SHA_LEN], b[SHA_LEN];
	int err = 0;

	if (asprintf(&first, "AWS4%s", s->secret) < 0) {
		first = NULL;
		return -ENOMEM;
	}
	if (hmac(a, (unsigned char *)first, strlen(first), k->day) ||
	    hmac(b, a, sizeof(a), s->region) ||
	    hmac(a, b, sizeof(b), "s3") ||
	    hmac(k->key, a, sizeof(a), "aws4_request"))
		err = -EIO;
	explicit_bzero(a, sizeof(a));
	explicit_bzero(b, sizeof(b));
	return err;
}

static int get_key(struct sl_sigv4_key *k, const struct sl_sigv4 *s,
		   const char *day)
{
	unsigned char hash[SHA_LEN];
	int err = sha256(hash, s->secret, strlen(s->secret));

	if (err)
		return err;
	if (k->valid && strcmp(k->day, day) == 0 &&
	    strcmp(k->region, s->region) == 0 &&
	    memcmp(k->secret_hash, hash, sizeof(hash)) == 0)
		return 0;
	k->valid = false;
	if (strlen(s->region) >= sizeof(k->region))
		return -EINVAL;
	memcpy(k->day, day, sizeof(k->day));
	memcpy(k->region, s->region, strlen(s->region) + 1);
	memcpy(k->secret_hash, hash, sizeof(hash));
	err = derive(k, s);
	k->valid = !err;
	return err;
}

static int add_own_headers(const struct sl_sigv4 *s, const char *stamp,
			   struct sl_buf *h)
{
	sl_buf_printf(h, "Host: %s\nX-Amz-Date: %s\n"
		      "X-Amz-Content-Sha256: %s\n",
		      s->host, stamp, s->payload);
	if (s->token && *s->token)
		sl_buf_printf(h, "X-Amz-Security-Token: %s\n", s->token);
	return sl_buf_error(h);
}

static int compare(const void *a, const void *b)
{
	return strcmp(((const struct header *)a)->name,
		      ((const struct header *)b)->name);
}

static int parse_header(const char *line, size_t len, struct header *ret)
{
	const char *colon = memchr(line, ':', len);
	size_t n = colon ? (size_t)(colon - line) : 0;

	if (!n || n >= sizeof(ret->name))
		return -EINVAL;
	for (size_t i = 0; i < n; i++)
		ret->name[i] = (char)tolower((unsigned char)line[i]);
	ret->name[n] = '\0';
	ret->value = colon + 1;
	ret->len = len - n - 1;
	return 0;
}

static int parse_headers(const char *text, struct header *h, size_t *ret_n)
{
	size_t n = 0;

	while (*text) {
		size_t len = strcspn(text, "\n");

		if (n == MAX_HEADERS || parse_header(text, len, &h[n]))
			return -EINVAL;
		n++;
		text += len + (text[len] == '\n');
	}
	qsort(h, n, sizeof(*h), compare);
	*ret_n = n;
	return 0;
}

/* Up to the next blank, or the blanks up to what follows. */
static size_t run(const struct header *h, size_t from, bool blank)
{
	size_t n = 0;

	while (from + n < h->len &&
	       (h->value[from + n] == ' ' || h->value[from + n] == '\t') ==
		       blank)
		n++;
	return n;
}

/* Trimmed, inner runs of spaces as one. */
static void put_value(struct sl_buf *b, const struct header *h)
{
	size_t at = run(h, 0, true);
	bool any = false;

	while (at < h->len) {
		size_t n = run(h, at, false);

		if (any)
			sl_buf_puts(b, " ");
		any = true;
		sl_buf_append(b, h->value + at, n);
		at += n;
		at += run(h, at, true);
	}
}

static int canonical(const struct sl_sigv4 *s, const char *headers,
		     struct sl_buf *b, struct sl_buf *names)
{
	struct header h[MAX_HEADERS];
	size_t n = 0;
	int err = parse_headers(headers, h, &n);

	if (err)
		return err;
	sl_buf_printf(b, "%s\n%s\n%s\n", s->method, s->path, s->query);
	for (size_t i = 0; i < n; i++) {
		sl_buf_printf(b, "%s:", h[i].name);
		put_value(b, &h[i]);
		sl_buf_puts(b, "\n");
		sl_buf_printf(names, "%s%s", i ? ";" : "", h[i].name);
	}
	sl_buf_printf(b, "\n%s\n%s", sl_buf_str(names), s->payload);
	return sl_buf_error(b) ? sl_buf_error(b) : sl_buf_error(names);
}

static int stamp_of(int64_t now_ms, char *dst, size_t size)
{
	time_t t = (time_t)(now_ms / 1000);
	struct tm tm;

	if (!gmtime_r(&t, &tm) || !strftime(dst, size, "%Y%m%dT%H%M%SZ", &tm))
		return -EINVAL;
	return 0;
}

static int signature(const struct sl_sigv4 *s, struct sl_sigv4_key *key,
		     const char *stamp, const struct sl_buf *text, char *hex)
{
	SL_CLEANUP(buf) struct sl_buf to_sign = SL_BUF_INIT(4096);
	unsigned char mac[SHA_LEN];
	char day[9], hash[2 * SHA_LEN + 1];
	int err;

	memcpy(day, stamp, 8);
	day[8] = '\0';
	err = sl_sigv4_sha256(hash, text->data, text->len);
	if (err)
		return err;
	sl_buf_printf(&to_sign,
		      "AWS4-HMAC-SHA256\n%s\n%s/%s/s3/aws4_request\n%s",
		      stamp, day, s->region, hash);
	if (sl_buf_error(&to_sign))
		return sl_buf_error(&to_sign);
	err = get_key(key, s, day);
	if (!err)
		err = hmac(mac, key->key, sizeof(key->key),
			   sl_buf_str(&to_sign));
	if (!err)
		sl_cloud_hex(hex, mac, sizeof(mac));
	return err;
}

static void cleanup_wiped(struct sl_buf *b)
{
	sl_buf_wipe(b);
}

int sl_sigv4_sign(const struct sl_sigv4 *s, struct sl_sigv4_key *cache,
		  struct sl_buf *headers)
{
	__attribute__((cleanup(cleanup_wiped)))
	struct sl_buf text = SL_BUF_INIT(MAX_TEXT);
	SL_CLEANUP(buf) struct sl_buf names = SL_BUF_INIT(4096);
	char stamp[20], hex[2 * SHA_LEN + 1];
	int err;

	if (!s->id || !s->secret)
		return -EINVAL;
	err = stamp_of(s->now_ms, stamp, sizeof(stamp));
	if (!err)
		err = add_own_headers(s, stamp, headers);
	if (!err)
		err = canonical(s, sl_buf_str(headers), &text, &names);
	if (!err)
		err = signature(s, cache, stamp, &text, hex);
	if (err)
		return err;
	return sl_buf_printf(headers,
		"Authorization: AWS4-HMAC-SHA256 "
		"Credential=%s/%.8s/%s/s3/aws4_request,SignedHeaders=%s,"
		"Signature=%s\n",
		s->id, stamp, s->region, sl_buf_str(&names), hex);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The assertion with which a service account asks for a token: a JSON Web
 * Token (RFC 7519, 7523), signed with RSA and SHA-256 (RS256 of RFC 7518).
 * Its strings were checked to need no escaping when the file was read.
 */
#include <errno.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <string.h>

#include "backends/gcs/internal_keys.h"

#define SIGNATURE_MAX 2048

static void free_ctx(EVP_MD_CTX **c)
{
	EVP_MD_CTX_free(*c);
}

static void free_key(EVP_PKEY **k)
{
	EVP_PKEY_free(*k);
}

static void free_bio(BIO **b)
{
	BIO_free_all(*b);
}

/* Base64 in the alphabet for URLs, without padding. */
static int put_base64url(struct sl_buf *b, const void *p, size_t n)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"abcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *s = p;

	for (size_t i = 0; i < n; i += 3) {
		size_t have = n - i < 3 ? n - i : 3;
		uint32_t v = (uint32_t)s[i] << 16;
		char four[4];

		if (have > 1)
			v |= (uint32_t)s[i + 1] << 8;
		if (have > 2)
			v |= s[i + 2];
		for (int k = 0; k < 4; k++)
			four[k] = digits[v >> (18 - 6 * k) & 63];
		sl_buf_append(b, four, have + 1);
	}
	return sl_buf_error(b);
}

static int put_header(const struct sl_gcs_keys *k, struct sl_buf *b)
{
	SL_CLEANUP(buf) struct sl_buf json = SL_BUF_INIT(1024);

	sl_buf_puts(&json, "{\"alg\":\"RS256\",\"typ\":\"JWT\"");
	if (k->private_key_id)
		sl_buf_printf(&json, ",\"kid\":\"%s\"", k->private_key_id);
	if (sl_buf_puts(&json, "}"))
		return sl_buf_error(&json);
	return put_base64url(b, json.data, json.len);
}

static int put_claims(const struct sl_gcs_keys *k, int64_t now_s,
		      struct sl_buf *b)
{
	SL_CLEANUP(buf) struct sl_buf json = SL_BUF_INIT(4096);

	if (sl_buf_printf(&json, "{\"iss\":\"%s\",\"scope\":\"%s\","
			  "\"aud\":\"%s\",\"iat\":%lld,\"exp\":%lld}",
			  k->client_email, SL_GCS_SCOPE, k->token_uri,
			  (long long)now_s,
			  (long long)now_s + SL_GCS_ASSERTION_S))
		return sl_buf_error(&json);
	return put_base64url(b, json.data, json.len);
}

/* A key that wants a passphrase must not make anybody type one. */
static int no_passphrase(char *buf, int size, int writing, void *arg)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)arg; /* nobody is asked, so nothing is given */
	return -1;
}

static EVP_PKEY *read_key(const char *pem)
{
	__attribute__((cleanup(free_bio)))
	BIO *bio = BIO_new_mem_buf(pem, (int)strlen(pem));
	EVP_PKEY *key;

	if (!bio)
		return NULL;
	key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
	if (key && EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA) {
		EVP_PKEY_free(key);
		key = NULL;
	}
	/* The queue belongs to this thread, which serves others too. */
	ERR_clear_error();
	return key;
}

static int sign(EVP_PKEY *key, const struct sl_buf *text, unsigned char *sig,
		size_t *size)
{
	__attribute__((cleanup(free_ctx)))
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	if (!ctx)
		return -ENOMEM;
	if (EVP_DigestSignInit(ctx, NULL, EVP_sha256(), NULL, key) != 1 ||
	    EVP_DigestSign(ctx, sig, size,
			   (const unsigned char *)text->data, text->len) != 1) {
		ERR_clear_error();
		return -EIO;
	}
	return 0;
}

int sl_gcs_jwt(const struct sl_gcs_keys *k, int64_t now_s, struct sl_buf *b,
	       struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(8192);
	__attribute__((cleanup(free_key))) EVP_PKEY *key = NULL;
	unsigned char sig[SIGNATURE_MAX];
	size_t size = sizeof(sig);
	int err;

	key = read_key(k->private_key);
	if (!key)
		return sl_error_set(e, EINVAL, "the 'private_key' of the "
				    "Google credentials is no RSA key");
	if ((size_t)EVP_PKEY_get_size(key) > sizeof(sig))
		return sl_error_set(e, EINVAL, "the 'private_key' of the "
				    "Google credentials is too long");
	err = put_header(k, &text);
	if (!err)
		err = sl_buf_puts(&text, ".");
	if (!err)
		err = put_claims(k, now_s, &text);
	if (!err)
		err = sign(key, &text, sig, &size);
	if (err)
		return sl_error_set(e, -err, "the token request cannot be "
				    "signed");
	sl_buf_puts(b, sl_buf_str(&text));
	sl_buf_puts(b, ".");
	return put_base64url(b, sig, size);
}

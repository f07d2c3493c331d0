/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A service account's key made by the test itself, its credentials file, and
 * the check of what was signed with it: by OpenSSL alone.
 */
#ifndef GCS_KEY_H
#define GCS_KEY_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct gcs_key {
	EVP_PKEY *pkey;
	char *pem; /* lines ended by the two bytes \n, as JSON has them */
};

static inline struct gcs_key gcs_key_new(void)
{
	struct gcs_key k = { .pkey = EVP_RSA_gen(2048) };
	BIO *bio = BIO_new(BIO_s_mem());
	char *p = NULL;
	size_t n, out = 0;

	if (!k.pkey || !bio ||
	    !PEM_write_bio_PKCS8PrivateKey(bio, k.pkey, NULL, NULL, 0, NULL,
					   NULL))
		abort();
	n = (size_t)BIO_get_mem_data(bio, &p);
	k.pem = calloc(2, n + 1);
	for (size_t i = 0; k.pem && i < n; i++) {
		if (p[i] == '\n')
			k.pem[out++] = '\\';
		k.pem[out++] = p[i] == '\n' ? 'n' : p[i];
	}
	BIO_free(bio);
	return k;
}

static inline void gcs_key_free(struct gcs_key *k)
{
	EVP_PKEY_free(k->pkey);
	free(k->pem);
}

/* A file of a service account; malloc'd. */
static inline char *gcs_key_file(const struct gcs_key *k, const char *id,
				 const char *token_uri)
{
	char *s = NULL;

	if (asprintf(&s, "{\"type\":\"service_account\","
		     "\"project_id\":\"p\",\"private_key_id\":\"%s\","
		     "\"private_key\":\"%s\","
		     "\"client_email\":\"up@p.iam.gserviceaccount.com\","
		     "\"token_uri\":\"%s\"}", id, k->pem, token_uri) < 0)
		abort();
	return s;
}

/* Decodes n bytes of base64url; the length. */
static inline size_t gcs_key_decode(const char *s, size_t n, char *dst)
{
	char buf[8192];
	size_t m = n, pad;

	if (n + 4 > sizeof(buf))
		abort();
	for (size_t i = 0; i < n; i++)
		buf[i] = s[i] == '-' ? '+' : s[i] == '_' ? '/' : s[i];
	while (m % 4)
		buf[m++] = '=';
	pad = m - n;
	if (EVP_DecodeBlock((unsigned char *)dst, (unsigned char *)buf,
			    (int)m) < 0)
		abort();
	dst[m / 4 * 3 - pad] = '\0';
	return m / 4 * 3 - pad;
}

/* Is "head.claims.signature" signed by the key? Fills both texts. */
static inline bool gcs_key_verifies(const struct gcs_key *k, const char *jwt,
				    char *head, char *claims)
{
	const char *a = strchr(jwt, '.'), *b = a ? strchr(a + 1, '.') : NULL;
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	char sig[1024];
	size_t n;
	bool ok;

	if (!b || !ctx)
		abort();
	gcs_key_decode(jwt, (size_t)(a - jwt), head);
	gcs_key_decode(a + 1, (size_t)(b - a - 1), claims);
	n = gcs_key_decode(b + 1, strcspn(b + 1, "&"), sig);
	ok = EVP_DigestVerifyInit(ctx, NULL, EVP_sha256(), NULL, k->pkey) ==
		     1 &&
	     EVP_DigestVerify(ctx, (unsigned char *)sig, n,
			      (const unsigned char *)jwt,
			      (size_t)(b - jwt)) == 1;
	EVP_MD_CTX_free(ctx);
	return ok;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API hands out when the bucket is Google's: a credentials file in
 * base64. Each set is a service account's key of its own, made here and known
 * by its private_key_id, or a user's refresh token (--gcs-creds).
 */
#include <cjson/cJSON.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdlib.h>
#include <string.h>

#include "gcs.h"

static void mint(struct sim *s, struct sim_migration *m, struct sim_cred *c)
{
	static const char digits[] = "0123456789", hex[] = "0123456789abcdef";
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789-_";
	struct sim_gcs_own *o = sim_alloc(sizeof(*o));
	char number[22];

	c->own = o;
	sim_random_text(number, 21, digits);
	snprintf(o->email, sizeof(o->email),
		 "mig-%.8s@astra-sim.iam.gserviceaccount.com", m->id);
	if (s->opt.gcs_creds == SIM_GCS_AUTHORIZED_USER) {
		snprintf(o->client_id, sizeof(o->client_id),
			 "%s.apps.googleusercontent.com", number);
		snprintf(c->key, sizeof(c->key), "%s", number);
		sim_random_text(c->secret, 35, all);
		memcpy(c->token, "1//0", 4);
		sim_random_text(c->token + 4, 100, all);
		return;
	}
	snprintf(o->client_id, sizeof(o->client_id), "%s", number);
	sim_random_text(c->key, 40, hex);
	o->key = EVP_RSA_gen(2048);
	if (!o->key) {
		fputs("astra-sim: no RSA key could be made\n", stderr);
		abort();
	}
}

static void forget(struct sim_cred *c)
{
	struct sim_gcs_own *o = c->own;

	while (o->tokens) {
		struct sim_gcs_token *t = o->tokens;

		o->tokens = t->next;
		explicit_bzero(t, sizeof(*t));
		free(t);
	}
	EVP_PKEY_free(o->key);
	free(o);
	c->own = NULL;
}

static char *bucket_dir(const struct sim *s, const struct sim_migration *m)
{
	return sim_format("gs://%s/%s/sstables/", s->bucket, m->id);
}

static char *private_key(EVP_PKEY *key)
{
	BIO *b = BIO_new(BIO_s_mem());
	char *p = NULL, *text;
	long n;

	if (!b || PEM_write_bio_PKCS8PrivateKey(b, key, NULL, NULL, 0, NULL,
						NULL) != 1)
		abort();
	n = BIO_get_mem_data(b, &p);
	text = sim_strndup(p, (size_t)n);
	BIO_free(b);
	return text;
}

static void service_account(cJSON *f, const struct sim_cred *c)
{
	const struct sim_gcs_own *o = c->own;
	char *pem = private_key(o->key);

	cJSON_AddStringToObject(f, "type", "service_account");
	cJSON_AddStringToObject(f, "project_id", "astra-sim");
	cJSON_AddStringToObject(f, "private_key_id", c->key);
	cJSON_AddStringToObject(f, "private_key", pem);
	cJSON_AddStringToObject(f, "client_email", o->email);
	cJSON_AddStringToObject(f, "client_id", o->client_id);
	cJSON_AddStringToObject(f, "auth_uri",
				"https://accounts.google.com/o/oauth2/auth");
	explicit_bzero(pem, strlen(pem));
	free(pem);
}

static void authorized_user(cJSON *f, const struct sim_cred *c)
{
	const struct sim_gcs_own *o = c->own;

	cJSON_AddStringToObject(f, "type", "authorized_user");
	cJSON_AddStringToObject(f, "client_id", o->client_id);
	cJSON_AddStringToObject(f, "client_secret", c->secret);
	cJSON_AddStringToObject(f, "refresh_token", c->token);
}

static void show(const struct sim *s, const struct sim_migration *m,
		 const struct sim_cred *c, cJSON *keys, cJSON *u)
{
	const struct sim_gcs_own *o = c->own;
	SIM_AUTOFREE char *uri = sim_format("http://%s:%d/token",
					    s->opt.listen, s->store_port);
	cJSON *f = cJSON_CreateObject();
	char *text, *b64;

	(void)m;
	(void)u;
	if (o->key)
		service_account(f, c);
	else
		authorized_user(f, c);
	cJSON_AddStringToObject(f, "token_uri", uri);
	cJSON_AddStringToObject(f, "universe_domain", "googleapis.com");
	text = cJSON_Print(f);
	cJSON_Delete(f);
	b64 = sim_b64(text, strlen(text));
	cJSON_AddStringToObject(keys, "file", b64);
	explicit_bzero(text, strlen(text));
	explicit_bzero(b64, strlen(b64));
	free(text);
	free(b64);
}

static void describe(const struct sim *s, struct sim_buf *b)
{
	sim_buf_printf(b, "export CLOUDSDK_API_ENDPOINT_OVERRIDES_STORAGE="
			  "http://%s:%d/storage/v1/\n",
		       s->opt.listen, s->store_port);
}

const struct sim_dialect sim_dialect_gcs = {
	.side = &sim_side_gcs,
	.sum = SIM_SUM_CRC32C,
	.creds_name = "TYPE_GOOGLE_CREDENTIALS_FILE",
	.mint = mint,
	.forget = forget,
	.bucket_dir = bucket_dir,
	.show = show,
	.endpoint_option = "gcs_endpoint",
	.describe = describe,
};

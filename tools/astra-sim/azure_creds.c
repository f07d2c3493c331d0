/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API hands out when the container is Azure's: a shared access
 * signature (SAS) that names a stored access policy. The signature says
 * nothing of expiry or rights, the policy does, on the server:
 *
 *   --creds half, mint  a new policy and so a new signature; the old policy
 *                       is taken away when its time is over
 *   --creds same        the policy is prolonged, the signature stays the same
 *
 * A change of a policy takes --policy-delay to act; till then the signature
 * is refused, as the vendor's pages warn. The account's key is in
 * DIR/azure-key (base64), so that a test can sign by itself; it is made once
 * and outlives a restart.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "azure.h"

#define KEY_BYTES 64
#define SAS_VERSION "2021-12-02"

static unsigned char account_key[KEY_BYTES];
static pthread_mutex_t key_lock = PTHREAD_MUTEX_INITIALIZER;

static bool read_key(const char *path)
{
	SIM_AUTOCLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[128] = "";

	if (fd < 0 || read(fd, text, sizeof(text) - 1) <= 0)
		return false;
	text[strcspn(text, "\n")] = '\0';
	return sim_unb64(text, account_key, KEY_BYTES) == KEY_BYTES;
}

static int write_key(struct sim *s, const char *path)
{
	SIM_AUTOFREE char *tmp = NULL, *b64 = NULL, *line = NULL;
	SIM_AUTOCLOSE int fd = sim_store_tmp(s, &tmp);
	int rc;

	if (fd < 0)
		return fd;
	sim_random(account_key, KEY_BYTES);
	b64 = sim_b64(account_key, KEY_BYTES);
	line = sim_format("%s\n", b64);
	rc = sim_write_all(fd, line, strlen(line));
	if (!rc && rename(tmp, path) < 0)
		rc = -errno;
	return rc;
}

/* The key, made or read by the first who needs it. */
static void load_key(struct sim *s)
{
	static bool loaded;
	SIM_AUTOFREE char *path = sim_format("%s/azure-key", s->opt.dir);
	int rc = 0;

	pthread_mutex_lock(&key_lock);
	if (!loaded && !read_key(path))
		rc = write_key(s, path);
	loaded = true;
	pthread_mutex_unlock(&key_lock);
	if (rc)
		fprintf(stderr, "astra-sim: '%s': %s\n", path, strerror(-rc));
}

char *sim_az_string_to_sign(const struct sim_az_sas *a, const char *container)
{
	return sim_format("%s\n%s\n%s\n/blob/%s/%s\n%s\n%s\n%s\n%s\n%s\n%s\n"
			  "%s\n%s\n%s\n%s\n%s\n%s",
			  a->permissions, a->start, a->expiry, SIM_AZ_ACCOUNT,
			  container, a->policy, a->ip, a->protocol,
			  a->version, a->resource, a->snapshot, a->scope,
			  a->overrides[0], a->overrides[1], a->overrides[2],
			  a->overrides[3], a->overrides[4]);
}

char *sim_az_sign(const char *text)
{
	unsigned char mac[SIM_SHA256];

	sim_hmac(account_key, KEY_BYTES, text, mac);
	return sim_b64(mac, sizeof(mac));
}

static void mint(struct sim *s, struct sim_migration *m, struct sim_cred *c)
{
	SIM_AUTOFREE char *container = sim_format(SIM_AZ_CONTAINER "%s", m->id);
	SIM_AUTOFREE char *text = NULL, *sig = NULL;
	SIM_AUTOBUF struct sim_buf enc = { 0 };
	struct sim_az_sas a = {
		"", "", "", c->key, "", "", SAS_VERSION, "c", "", "",
		{ "", "", "", "", "" },
	};

	load_key(s);
	memcpy(c->key, "upload-", 7);
	sim_random_text(c->key + 7, 16, "abcdefghijklmnopqrstuvwxyz0123456789");
	text = sim_az_string_to_sign(&a, container);
	sig = sim_az_sign(text);
	sim_url_encode(&enc, sig, strlen(sig), false);
	snprintf(c->token, sizeof(c->token),
		 "si=%s&sv=" SAS_VERSION "&sr=c&sig=%s", c->key, enc.p);
	explicit_bzero(enc.p, enc.n);
	explicit_bzero(sig, strlen(sig));
}

/* The same policy with a new time; whoever holds the signature goes on. */
static bool extend(struct sim *s, struct sim_migration *m, struct sim_cred *c)
{
	(void)m;
	if (s->opt.creds != SIM_CREDS_SAME)
		return false;
	c->generation = ++s->cred_generation;
	c->made_ms = sim_wall_ms();
	c->works_ms = c->made_ms + s->opt.creds_delay_ms;
	c->expires_ms = c->made_ms + s->opt.creds_life_ms;
	c->expired = false;
	return true;
}

static char *bucket_dir(const struct sim *s, const struct sim_migration *m)
{
	return sim_format("http://%s:%d/" SIM_AZ_ACCOUNT "/" SIM_AZ_CONTAINER
			  "%s/sstables/", s->opt.listen, s->store_port, m->id);
}

static void show(const struct sim *s, const struct sim_migration *m,
		 const struct sim_cred *c, cJSON *keys, cJSON *u)
{
	SIM_AUTOFREE char *dir = bucket_dir(s, m);
	SIM_AUTOFREE char *url = sim_format("%s?%s", dir, c->token);

	(void)u;
	cJSON_AddStringToObject(keys, "url", url);
	cJSON_AddStringToObject(keys, "urlSignature", c->token);
	explicit_bzero(url, strlen(url));
}

const struct sim_dialect sim_dialect_azure = {
	.side = &sim_side_azure,
	.sum = SIM_SUM_NONE,
	.creds_name = "URL signature",
	.mint = mint,
	.extend = extend,
	.bucket_dir = bucket_dir,
	.show = show,
};

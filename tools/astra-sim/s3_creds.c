/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the API hands out when the bucket is Amazon's: temporary keys with a
 * session token.
 */
#include <cjson/cJSON.h>
#include <string.h>

#include "cloud.h"
#include "http.h"

static void mint(struct sim *s, struct sim_migration *m, struct sim_cred *c)
{
	static const char upper[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
	static const char all[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "abcdefghijklmnopqrstuvwxyz0123456789+/";

	(void)s;
	(void)m;
	memcpy(c->key, "ASIA", 4);
	sim_random_text(c->key + 4, 16, upper);
	sim_random_text(c->secret, 40, all);
	sim_random_text(c->token, 240, all);
}

static char *bucket_dir(const struct sim *s, const struct sim_migration *m)
{
	return sim_format("s3://%s/%s/sstables/", s->bucket, m->id);
}

static void show(const struct sim *s, const struct sim_migration *m,
		 const struct sim_cred *c, cJSON *keys, cJSON *u)
{
	SIM_AUTOFREE char *hint = sim_format(
		"\nexport AWS_ACCESS_KEY_ID=%s\nexport "
		"AWS_SECRET_ACCESS_KEY=%s\nexport AWS_SESSION_TOKEN=%s\n",
		c->key, c->secret, c->token);

	(void)s;
	(void)m;
	cJSON_AddStringToObject(keys, "accessKeyID", c->key);
	cJSON_AddStringToObject(keys, "secretAccessKey", c->secret);
	cJSON_AddStringToObject(keys, "sessionToken", c->token);
	cJSON_AddStringToObject(u, "hint", hint);
}

static void describe(const struct sim *s, struct sim_buf *b)
{
	sim_buf_printf(b, "export AWS_ENDPOINT_URL_S3=http://%s:%d\n",
		       s->opt.listen, s->store_port);
	sim_buf_printf(b, "export AWS_REGION=%s\n", s->opt.region);
	sim_buf_printf(b, "export AWS_DEFAULT_REGION=%s\n", s->opt.region);
}

const struct sim_dialect sim_dialect_s3 = {
	.side = &sim_side_s3,
	.sum = SIM_SUM_NONE,
	.creds_name = "sessionToken",
	.mint = mint,
	.bucket_dir = bucket_dir,
	.show = show,
	.endpoint_option = "s3_endpoint",
	.describe = describe,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the backend of Google Cloud Storage: the URL, the
 * endpoint, the ops table. Credentials that cannot be used are told here, so
 * that a mount says so before anything is copied.
 */
#include "backends/gcs/gcs.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "backends/gcs/credentials.h"
#include "backends/gcs/internal.h"

#define MIB ((uint64_t)1024 * 1024)
#define GIB (1024 * MIB)
#define MAX_KEY 1024
#define VENDOR_URL "https://storage.googleapis.com"

static void release(struct sl_gcs *g)
{
	sl_gcs_tokens_free(g->tokens);
	free(g->base_url);
	sl_cloud_release(&g->c);
	free(g);
}

static void close_gcs(struct sl_backend *b)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	sl_cloud_drain(c);
	release(sl_container_of(c, struct sl_gcs, c));
}

static bool trouble(struct sl_backend *b, struct sl_error *ret)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);
	struct sl_gcs *g = sl_container_of(c, struct sl_gcs, c);

	return sl_gcs_tokens_trouble(g->tokens, ret);
}

/*
 * An op that ended for want of a token says what the token endpoint said,
 * which the request itself never saw.
 */
static void free_task(struct sl_cloud_task *t)
{
	struct sl_gcs_task *g = sl_gcs_task_of(t);
	struct sl_error e;

	if (t->op->err == -EKEYEXPIRED &&
	    sl_gcs_tokens_trouble(sl_gcs_of(t)->tokens, &e)) {
		t->op->error = e;
		t->op->error.errnum = EKEYEXPIRED;
	}
	sl_buf_release(&g->head);
	sl_buf_release(&g->tail);
	free(g->vec);
}

static const struct sl_cloud_dialect dialect = {
	.task_size = sizeof(struct sl_gcs_task),
	.build = sl_gcs_build,
	.read_error = sl_gcs_read_error,
	.reclassify = sl_gcs_reclassify,
	.object = sl_gcs_object_of,
	.name_refused = sl_gcs_name_refused,
	.head = &sl_gcs_head_step,
	.mpu = &sl_gcs_mpu,
	.free_task = free_task,
};

static const struct sl_backend_ops gcs_ops = {
	.name = "gcs",
	.put = sl_gcs_put,
	.upload_begin = sl_cloud_mpu_begin,
	.part = sl_cloud_mpu_part,
	.complete = sl_cloud_mpu_complete,
	.abort = sl_cloud_mpu_abort,
	.list_parts = sl_cloud_mpu_list_parts,
	.uploads = sl_cloud_mpu_uploads,
	.head = sl_cloud_head,
	.get = sl_cloud_get,
	.list = sl_gcs_list,
	.remove = sl_cloud_remove,
	.trouble = trouble,
	.cancel = sl_cloud_cancel,
	.close = close_gcs,
};

/* Names with dots may be longer, up to 222 bytes. */
static bool bucket_valid(const char *b, size_t n)
{
	if (n < 3 || n > 222 || !isalnum((unsigned char)b[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)b[i];

		if (!islower(c) && !isdigit(c) && !strchr("-_.", c))
			return false;
	}
	return true;
}

/* "gs://bucket/prefix/" */
static int parse_url(struct sl_gcs *g, const char *url, struct sl_error *e)
{
	static const char scheme[] = "gs://";
	const char *bucket = url + sizeof(scheme) - 1, *slash;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return sl_error_set(e, EINVAL, "'%s' is no gs:// URL", url);
	slash = strchr(bucket, '/');
	if (!slash || !bucket_valid(bucket, (size_t)(slash - bucket)))
		return sl_error_set(e, EINVAL,
				    "'%s' is not gs://BUCKET/[DIRECTORY/]",
				    url);
	g->c.place = strndup(bucket, (size_t)(slash - bucket));
	if (!g->c.place)
		return sl_error_set(e, ENOMEM, "out of memory");
	return sl_cloud_set_prefix(&g->c, slash + 1, MAX_KEY, e);
}

static int parse_endpoint(struct sl_gcs *g, const char *url,
			  struct sl_error *e)
{
	int err = sl_gcs_url_check(url);
	size_t n = strlen(url);

	if (err == -EPERM)
		return sl_error_set(e, EINVAL, "the Google endpoint '%s' is "
				    "not https; tokens would be sent in the "
				    "clear", url);
	if (err)
		return sl_error_set(e, EINVAL, "the Google endpoint '%s' is "
				    "malformed", url);
	while (n && url[n - 1] == '/')
		n--;
	g->base_url = strndup(url, n);
	return g->base_url ? 0 : sl_error_set(e, ENOMEM, "out of memory");
}

/* The first set may come later; then the first op tells. */
static int check_credentials(const struct sl_backend_config *cfg,
			     struct sl_error *e)
{
	SL_CLEANUP(cred) struct sl_cred *c = sl_cred_get(cfg->creds);
	SL_CLEANUP(gcs_keys) struct sl_gcs_keys *k = NULL;

	if (!c)
		return 0;
	if (c->kind != SL_CRED_GCS || !c->secret)
		return sl_error_set(e, EINVAL, "the credentials are not for "
				    "Google Cloud Storage");
	return sl_gcs_keys_parse(c->secret, &k, e);
}

static int set_up(struct sl_gcs *g, const struct sl_backend_config *cfg,
		  struct sl_error *e)
{
	int err = sl_cloud_init(&g->c, &dialect, cfg, e);

	if (!err)
		err = parse_url(g, cfg->url, e);
	if (!err)
		err = parse_endpoint(g, cfg->endpoint ? cfg->endpoint :
				     VENDOR_URL, e);
	if (!err)
		err = check_credentials(cfg, e);
	if (err)
		return err;
	if (sl_gcs_tokens_new(cfg->http, cfg->creds, g->c.clock, &g->tokens))
		return sl_error_set(e, ENOMEM, "out of memory");
	g->c.creds = sl_gcs_tokens_source(g->tokens);
	return 0;
}

int sl_gcs_backend_open(const struct sl_backend_config *cfg,
			struct sl_backend **ret, struct sl_error *e)
{
	struct sl_gcs *g = calloc(1, sizeof(*g));
	int err;

	if (!g)
		return sl_error_set(e, ENOMEM, "out of memory");
	g->c.b = (struct sl_backend){
		.ops = &gcs_ops,
		.caps = SL_CAP_READ | SL_CAP_LIST | SL_CAP_UPLOADS |
			SL_CAP_REMOVE | SL_CAP_CHECKSUM | SL_CAP_PARALLEL |
			SL_CAP_DURABLE | SL_CAP_ABORT,
		.limits = {
			.min_part = 5 * MIB,
			.max_part = 5 * GIB,
			.max_parts = 10000,
			.max_put = 5 * GIB,
			.max_object = 5 * 1024 * GIB,
		},
		.sum = SL_SUM_CRC32C,
		.proof = SL_PROOF_CRC32C,
	};
	err = set_up(g, cfg, e);
	if (err) {
		release(g);
		return err;
	}
	*ret = &g->c.b;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening and closing the S3 backend: the URL, the endpoint, the ops table.
 */
#include "backends/s3/s3.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

#define MIB ((uint64_t)1024 * 1024)
#define GIB (1024 * MIB)
#define MAX_KEY 1024

static void release(struct sl_s3 *s)
{
	sl_cloud_release(&s->cloud);
	free(s->authority);
	free(s->base_path);
	explicit_bzero(&s->key, sizeof(s->key));
	free(s);
}

static void close_s3(struct sl_backend *b)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	sl_cloud_drain(c);
	release(sl_s3_of(c));
}

static const struct sl_backend_ops s3_ops = {
	.name = "s3",
	.put = sl_s3_put,
	.upload_begin = sl_cloud_mpu_begin,
	.part = sl_cloud_mpu_part,
	.complete = sl_cloud_mpu_complete,
	.abort = sl_cloud_mpu_abort,
	.list_parts = sl_cloud_mpu_list_parts,
	.uploads = sl_cloud_mpu_uploads,
	.head = sl_cloud_head,
	.get = sl_cloud_get,
	.list = sl_s3_list,
	.remove = sl_cloud_remove,
	.cancel = sl_cloud_cancel,
	.close = close_s3,
};

static const struct sl_cloud_step *before(struct sl_cloud *c)
{
	SL_LOCK_SCOPE(&c->lock);
	return sl_s3_of(c)->region_known ? NULL : &sl_s3_discover;
}

static const struct sl_cloud_dialect dialect = {
	.task_size = sizeof(struct sl_s3_task),
	.before = before,
	.build = sl_s3_build,
	.read_error = sl_s3_read_error,
	.moved = sl_s3_moved,
	.object = sl_s3_object,
	.fill_head = sl_s3_fill_head,
	.is_our_body = sl_s3_is_our_body,
	.head = &sl_s3_head_step,
	.mpu = &sl_s3_mpu,
};

static bool bucket_valid(const char *b, size_t n)
{
	if (n < 3 || n > 63 || !isalnum((unsigned char)b[0]))
		return false;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)b[i];

		if (!islower(c) && !isdigit(c) && c != '-' && c != '.')
			return false;
	}
	return true;
}

/* "s3://bucket/prefix/" */
static int parse_url(struct sl_s3 *s, const char *url, struct sl_error *e)
{
	static const char scheme[] = "s3://";
	const char *bucket = url + sizeof(scheme) - 1, *slash;
	size_t n;

	if (strncmp(url, scheme, sizeof(scheme) - 1) != 0)
		return sl_error_set(e, EINVAL, "'%s' is no s3:// URL", url);
	slash = strchr(bucket, '/');
	n = strlen(bucket);
	if (!slash || bucket[n - 1] != '/' ||
	    !bucket_valid(bucket, (size_t)(slash - bucket)))
		return sl_error_set(e, EINVAL,
				    "'%s' is not s3://BUCKET/[DIRECTORY/]",
				    url);
	s->cloud.place = strndup(bucket, (size_t)(slash - bucket));
	if (!s->cloud.place)
		return sl_error_set(e, ENOMEM, "out of memory");
	return sl_cloud_set_prefix(&s->cloud, slash + 1, MAX_KEY, e);
}

static bool authority_valid(const char *a)
{
	size_t n = strspn(a, "abcdefghijklmnopqrstuvwxyz"
			     "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]");

	return n && !a[n];
}

/* The default port is not sent, so it must not be signed either. */
static void cut_default_port(char *authority, bool https)
{
	const char *port = https ? ":443" : ":80";
	size_t n = strlen(authority), m = strlen(port);

	if (n > m && strcmp(authority + n - m, port) == 0)
		authority[n - m] = '\0';
}

static int parse_endpoint(struct sl_s3 *s, const char *url, struct sl_error *e)
{
	const char *rest = NULL;
	size_t n;

	if (strncmp(url, "https://", 8) == 0) {
		s->https = true;
		rest = url + 8;
	} else if (strncmp(url, "http://", 7) == 0) {
		s->https = false;
		rest = url + 7;
	}
	if (!rest)
		return sl_error_set(e, EINVAL, "the S3 endpoint '%s' does not "
				    "begin with https:// or http://", url);
	n = strcspn(rest, "/");
	s->authority = strndup(rest, n);
	s->base_path = strdup(rest + n);
	if (!s->authority || !s->base_path)
		return sl_error_set(e, ENOMEM, "out of memory");
	cut_default_port(s->authority, s->https);
	n = strlen(s->base_path);
	while (n && s->base_path[n - 1] == '/')
		s->base_path[--n] = '\0';
	if (!authority_valid(s->authority) || strpbrk(s->base_path, "?#%"))
		return sl_error_set(e, EINVAL,
				    "the S3 endpoint '%s' is malformed", url);
	return 0;
}

static int parse_region(struct sl_s3 *s, const char *hint, struct sl_error *e)
{
	if (hint && *hint && !sl_s3_region_valid(hint))
		return sl_error_set(e, EINVAL, "the region '%s' is malformed",
				    hint);
	snprintf(s->region, sizeof(s->region), "%s",
		 hint && *hint ? hint : "us-east-1");
	s->region_known = !s->amazon || (hint && *hint);
	return 0;
}

static int set_up(struct sl_s3 *s, const struct sl_backend_config *cfg,
		  struct sl_error *e)
{
	int err;

	err = sl_cloud_init(&s->cloud, &dialect, cfg, e);
	if (!err)
		err = parse_url(s, cfg->url, e);
	if (err)
		return err;
	s->amazon = !cfg->endpoint;
	s->https = true;
	if (cfg->endpoint)
		err = parse_endpoint(s, cfg->endpoint, e);
	return err ? err : parse_region(s, cfg->region_hint, e);
}

int sl_s3_backend_open(const struct sl_backend_config *cfg,
		       struct sl_backend **ret, struct sl_error *e)
{
	struct sl_s3 *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return sl_error_set(e, ENOMEM, "out of memory");
	s->cloud.b = (struct sl_backend){
		.ops = &s3_ops,
		.caps = SL_CAP_READ | SL_CAP_LIST | SL_CAP_UPLOADS |
			SL_CAP_REMOVE | SL_CAP_CHECKSUM | SL_CAP_PARALLEL |
			SL_CAP_DURABLE | SL_CAP_ABORT,
		.limits = {
			.min_part = 5 * MIB,
			.max_part = 5 * GIB,
			.max_parts = 10000,
			.max_put = 5 * GIB,
			.max_object = 50000 * GIB,
		},
		.proof = SL_PROOF_CRC32,
	};
	err = set_up(s, cfg, e);
	if (err) {
		release(s);
		return err;
	}
	*ret = &s->cloud.b;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a step to a signed request: URL styles, escaping, headers. AWS gets
 * virtual-host addresses by region, every other endpoint path style.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static int put_host(struct sl_cloud_task *t, const char *region,
		    struct sl_buf *host)
{
	const struct sl_s3 *s = sl_s3_of(t->cloud);
	const char *bucket = s->cloud.place;

	if (!s->amazon)
		return sl_buf_puts(host, s->authority);
	if (t->step == &sl_s3_discover)
		return sl_buf_printf(host, "%s.s3.amazonaws.com", bucket);
	return sl_buf_printf(host, "%s.s3.%s.amazonaws.com", bucket, region);
}

static int put_path(struct sl_cloud_task *t, struct sl_buf *path)
{
	const struct sl_s3 *s = sl_s3_of(t->cloud);
	const struct sl_cloud_step *step = t->step;

	if (!s->amazon) {
		sl_buf_puts(path, s->base_path);
		sl_buf_puts(path, "/");
		sl_cloud_escape(path, s->cloud.place, false);
		if (step->place)
			return sl_buf_error(path);
	}
	sl_buf_puts(path, "/");
	if (step->place)
		return sl_buf_error(path);
	return sl_cloud_key_path(t->cloud, t->op->key, true, path);
}

static int sign(struct sl_cloud_task *t, const struct sl_cred *cred,
		struct sl_sigv4 *sig, struct sl_buf *headers)
{
	struct sl_s3 *s = sl_s3_of(t->cloud);
	struct sl_sigv4_key key;
	int err;

	if (!cred || cred->kind != SL_CRED_S3)
		return sl_error_set(&t->call.error, EACCES,
				    "the credentials are not for S3");
	sig->id = cred->id;
	sig->secret = cred->secret;
	sig->token = cred->token;
	sl_mutex_lock(&s->cloud.lock);
	key = s->key;
	sl_mutex_unlock(&s->cloud.lock);
	err = sl_sigv4_sign(sig, &key, headers);
	if (!err) {
		sl_mutex_lock(&s->cloud.lock);
		s->key = key;
		sl_mutex_unlock(&s->cloud.lock);
	}
	explicit_bzero(&key, sizeof(key));
	return err;
}

/* A body in chunks of the caller is not hashed: the checksums do that. */
static const char *payload(struct sl_cloud_task *t,
			   const struct sl_cloud_request *q)
{
	if (t->step->with_body)
		return SL_SIGV4_UNSIGNED;
	return q->body ? sl_s3_task_of(t)->hash : SL_SIGV4_EMPTY;
}

int sl_s3_build(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		struct sl_http_request *req, const struct sl_cred *cred)
{
	SL_CLEANUP(buf) struct sl_buf host = SL_BUF_INIT(1024);
	SL_CLEANUP(buf) struct sl_buf path = SL_BUF_INIT(8192);
	struct sl_s3 *s = sl_s3_of(t->cloud);
	char region[64];
	struct sl_sigv4 sig = {
		.region = region,
		.now_ms = sl_cloud_server_now(t->cloud),
		.method = req->method,
		.payload = payload(t, q),
	};

	sl_mutex_lock(&s->cloud.lock);
	memcpy(region, s->region, sizeof(region));
	sl_mutex_unlock(&s->cloud.lock);
	if (put_host(t, region, &host) || put_path(t, &path))
		return -ENOMEM;
	sig.host = sl_buf_str(&host);
	sig.path = sl_buf_str(&path);
	sig.query = sl_buf_str(&q->query);
	sl_buf_printf(&req->url, "%s://%s%s%s%s", s->https ? "https" : "http",
		      sig.host, sig.path, q->query.len ? "?" : "", sig.query);
	sl_buf_puts(&req->headers, sl_buf_str(&q->headers));
	if (t->step == &sl_s3_discover)
		return sl_buf_error(&req->headers);
	return sign(t, cred, &sig, &req->headers);
}

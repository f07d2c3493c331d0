/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a step to a signed request: URL styles, escaping, headers. AWS gets
 * virtual-host addresses by region, every other endpoint path style.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

#define MAX_QUERY (32 * 1024)

int sl_s3_query(struct sl_s3_query *q, const char *name, const char *value)
{
	if (q->query.len)
		sl_buf_puts(&q->query, "&");
	sl_buf_puts(&q->query, name);
	sl_buf_puts(&q->query, "=");
	return sl_sigv4_escape(&q->query, value, false);
}

int sl_s3_full_key(const struct sl_s3 *s, const char *key, struct sl_buf *b)
{
	sl_buf_puts(b, s->prefix);
	return sl_buf_puts(b, key);
}

static int put_host(const struct sl_s3_task *t, const char *region,
		    struct sl_buf *host)
{
	const struct sl_s3 *s = t->s3;

	if (!s->amazon)
		return sl_buf_puts(host, s->authority);
	if (t->step->discover)
		return sl_buf_printf(host, "%s.s3.amazonaws.com", s->bucket);
	return sl_buf_printf(host, "%s.s3.%s.amazonaws.com", s->bucket, region);
}

static int put_path(const struct sl_s3_task *t, struct sl_buf *path)
{
	const struct sl_s3 *s = t->s3;
	const struct sl_s3_step *step = t->step;

	if (!s->amazon) {
		sl_buf_puts(path, s->base_path);
		sl_buf_puts(path, "/");
		sl_sigv4_escape(path, s->bucket, false);
		if (step->bucket)
			return sl_buf_error(path);
	}
	sl_buf_puts(path, "/");
	if (step->bucket)
		return sl_buf_error(path);
	sl_sigv4_escape(path, s->prefix, true);
	return sl_sigv4_escape(path, t->op->key, true);
}

static int sign(struct sl_s3_task *t, const struct sl_cred *cred,
		struct sl_sigv4 *sig, struct sl_buf *headers)
{
	struct sl_s3 *s = t->s3;
	struct sl_sigv4_key key;
	int err;

	if (!cred || cred->kind != SL_CRED_S3)
		return sl_error_set(&t->call.error, EACCES,
				    "the credentials are not for S3");
	sig->id = cred->id;
	sig->secret = cred->secret;
	sig->token = cred->token;
	sl_mutex_lock(&s->lock);
	key = s->key;
	sl_mutex_unlock(&s->lock);
	err = sl_sigv4_sign(sig, &key, headers);
	if (!err) {
		sl_mutex_lock(&s->lock);
		s->key = key;
		sl_mutex_unlock(&s->lock);
	}
	explicit_bzero(&key, sizeof(key));
	return err;
}

static int sign_or_not(struct sl_s3_task *t, const struct sl_cred *cred,
		       struct sl_s3_query *q, struct sl_http_request *req)
{
	SL_CLEANUP(buf) struct sl_buf host = SL_BUF_INIT(1024);
	SL_CLEANUP(buf) struct sl_buf path = SL_BUF_INIT(8192);
	struct sl_s3 *s = t->s3;
	char region[64];
	struct sl_sigv4 sig = {
		.region = region,
		.now_ms = sl_s3_server_now(s),
		.method = req->method,
		.payload = q->payload,
	};

	sl_mutex_lock(&s->lock);
	memcpy(region, s->region, sizeof(region));
	sl_mutex_unlock(&s->lock);
	if (put_host(t, region, &host) || put_path(t, &path) ||
	    sl_buf_error(&q->query) || sl_buf_error(&q->headers))
		return -ENOMEM;
	sig.host = sl_buf_str(&host);
	sig.path = sl_buf_str(&path);
	sig.query = sl_buf_str(&q->query);
	sl_buf_printf(&req->url, "%s://%s%s%s%s", s->https ? "https" : "http",
		      sig.host, sig.path, q->query.len ? "?" : "", sig.query);
	sl_buf_puts(&req->headers, sl_buf_str(&q->headers));
	if (t->step->discover)
		return sl_buf_error(&req->headers);
	return sign(t, cred, &sig, &req->headers);
}

static void set_body(struct sl_s3_task *t, struct sl_http_request *req)
{
	if (t->step->with_body) {
		req->body = t->op->body;
		req->body_count = t->op->body_count;
		req->body_len = t->op->size;
	} else if (t->xml.len && strcmp(req->method, "POST") == 0) {
		t->xml_vec.iov_base = t->xml.data;
		t->xml_vec.iov_len = t->xml.len;
		req->body = &t->xml_vec;
		req->body_count = 1;
		req->body_len = t->xml.len;
	}
}

/* A duplicate part has the same bytes; a read changes nothing. */
static uint64_t hedge_bytes(const struct sl_s3_task *t)
{
	if (!t->step->hedge)
		return 0;
	return t->step->with_body ? t->op->size : t->op->length - t->got;
}

int sl_s3_prepare(struct sl_http_call *c, struct sl_http_request *req,
		  const struct sl_cred *cred)
{
	struct sl_s3_task *t = sl_container_of(c, struct sl_s3_task, call);
	struct sl_s3_query q = {
		.query = SL_BUF_INIT(MAX_QUERY),
		.headers = SL_BUF_INIT(8192),
		.payload = SL_SIGV4_EMPTY,
	};
	int err = 0;

	req->method = t->probe_get ? "GET" : t->step->method;
	req->patient = t->step->patient;
	req->expect = t->expect && t->step->with_body;
	req->max_response = SL_S3_MAX_XML;
	if (t->step->fill)
		err = t->step->fill(t, &q);
	set_body(t, req);
	c->hedge_bytes = hedge_bytes(t);
	req->fresh = req->method[0] == 'P' && !req->body_len;
	if (!err)
		err = sign_or_not(t, cred, &q, req);
	sl_buf_release(&q.query);
	sl_buf_release(&q.headers);
	return err;
}

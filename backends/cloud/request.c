/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a step to a request: what does not depend on the dialect. Its build()
 * then makes the URL and signs.
 */
#include <string.h>

#include "backends/cloud/internal.h"
#include "backends/cloud/text.h"

#define MAX_QUERY (32 * 1024)
#define MAX_HEADERS 8192

int sl_cloud_query(struct sl_cloud_request *q, const char *name,
		   const char *value)
{
	if (q->query.len)
		sl_buf_puts(&q->query, "&");
	sl_buf_puts(&q->query, name);
	sl_buf_puts(&q->query, "=");
	return sl_cloud_escape(&q->query, value, false);
}

int sl_cloud_full_key(const struct sl_cloud *c, const char *key,
		      struct sl_buf *b)
{
	sl_buf_puts(b, c->prefix);
	return sl_buf_puts(b, key);
}

int sl_cloud_key_path(const struct sl_cloud *c, const char *key,
		      bool keep_slash, struct sl_buf *b)
{
	sl_cloud_escape(b, c->prefix, keep_slash);
	return sl_cloud_escape(b, key, keep_slash);
}

void sl_cloud_send_text(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	t->text_vec.iov_base = t->text.data;
	t->text_vec.iov_len = t->text.len;
	q->body = &t->text_vec;
	q->body_count = 1;
	q->body_len = t->text.len;
}

/* A duplicate part has the same bytes; a read changes nothing. */
static uint64_t hedge_bytes(const struct sl_cloud_task *t)
{
	if (!t->step->hedge)
		return 0;
	return t->step->with_body ? t->op->size : t->op->length - t->got;
}

static int fill(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = 0;

	if (t->step->with_body) {
		q->body = t->op->body;
		q->body_count = t->op->body_count;
		q->body_len = t->op->size;
	}
	if (t->step->fill)
		err = t->step->fill(t, q);
	if (!err)
		err = sl_buf_error(&q->query);
	return err ? err : sl_buf_error(&q->headers);
}

int sl_cloud_prepare(struct sl_http_call *call, struct sl_http_request *req,
		     const struct sl_cred *cred)
{
	struct sl_cloud_task *t = sl_container_of(call, struct sl_cloud_task,
						  call);
	struct sl_cloud_request q = {
		.query = SL_BUF_INIT(MAX_QUERY),
		.headers = SL_BUF_INIT(MAX_HEADERS),
	};
	int err = fill(t, &q);

	req->method = t->method ? t->method : t->step->method;
	req->patient = t->step->patient;
	req->expect = t->expect && t->step->with_body;
	req->max_response = SL_CLOUD_MAX_ANSWER;
	req->body = q.body;
	req->body_count = q.body_count;
	req->body_len = q.body_len;
	req->fresh = req->method[0] == 'P' && !req->body_len;
	call->hedge_bytes = hedge_bytes(t);
	if (!err)
		err = t->step->local ? SL_CLOUD_NOTHING_SENT :
				       t->cloud->dialect->build(t, &q, req,
								cred);
	sl_buf_release(&q.query);
	sl_buf_release(&q.headers);
	return err;
}

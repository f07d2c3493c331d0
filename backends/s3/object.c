/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object: head and put, where S3 differs. A refusal to HEAD has no body
 * and so no reason; where it may hide one (400), the same is asked once by
 * GET of a single byte.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

int sl_s3_fill_head(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)t; /* every HEAD looks the same */
	return sl_buf_puts(&q->headers, "X-Amz-Checksum-Mode: ENABLED\n");
}

static int fill_head(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	if (t->method)
		sl_buf_puts(&q->headers, "Range: bytes=0-0\n");
	return sl_s3_fill_head(t, q);
}

/* Of a single byte no store tells the checksum: back to HEAD. */
static enum sl_verdict head_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	if (t->method) {
		t->method = NULL;
		return SL_CLOUD_AGAIN;
	}
	return sl_cloud_head_good(t, r);
}

static enum sl_verdict head_bad(struct sl_cloud_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	if (t->method && r->status == 416)
		return head_good(t, r);
	if (r->status == 400 && !t->method) {
		t->method = "GET";
		return SL_CLOUD_AGAIN;
	}
	t->method = NULL;
	return c.verdict;
}

const struct sl_cloud_step sl_s3_head_step = {
	.method = "HEAD",
	.fill = fill_head,
	.good = head_good,
	.bad = head_bad,
};

static int fill_put(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	return sl_s3_body_checks(t, q);
}

static enum sl_verdict put_good(struct sl_cloud_task *t,
				const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;

	o->size = t->op->size;
	/* Who answers 200 to everything is not a store. */
	if (!sl_http_header(r, "etag", o->etag, sizeof(o->etag)))
		return sl_cloud_fatal(t, EPROTO, "the store gave no ETag");
	return sl_s3_check_echo(t, r);
}

bool sl_s3_is_our_body(struct sl_cloud_task *t, struct sl_object *o)
{
	char etag[40];

	if (o->has_crc32)
		return o->crc32 == t->op->crc32;
	if (!t->md5 || sl_cloud_md5_body(t))
		return false;
	o->proof = SL_PROOF_MD5;
	snprintf(etag, sizeof(etag), "\"%s\"", t->md5_hex);
	return strcmp(etag, o->etag) == 0;
}

static const struct sl_cloud_step put_step = {
	.method = "PUT",
	.with_body = true,
	.fill = fill_put,
	.good = put_good,
	.bad = sl_cloud_put_bad,
};

void sl_s3_put(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &put_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole object in one request. If the answer is lost after the body went
 * out, HEAD tells whether the object is there already; it is only sent again
 * when it is not.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static const struct sl_s3_step put_step, probe_step;

static int fill_put(struct sl_s3_task *t, struct sl_s3_query *q)
{
	q->payload = SL_SIGV4_UNSIGNED;
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	return sl_s3_body_checks(t, q);
}

static enum sl_verdict put_good(struct sl_s3_task *t,
				const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;

	o->size = t->op->size;
	/* Who answers 200 to everything is not a store. */
	if (!sl_http_header(r, "etag", o->etag, sizeof(o->etag)))
		return sl_s3_fatal(t, EPROTO, "the store gave no ETag");
	return sl_s3_check_echo(t, r);
}

static enum sl_verdict put_bad(struct sl_s3_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c)
{
	if (c.errnum == EBADMSG)
		return sl_s3_bad_digest(t);
	if (c.errnum == ENOENT)
		return sl_s3_fatal(t, EIO, "the store does not know the place");
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_s3_lost(t, &probe_step);
	return c.verdict;
}

static int fill_probe(struct sl_s3_task *t, struct sl_s3_query *q)
{
	(void)t; /* every HEAD looks the same */
	return sl_buf_puts(&q->headers, "X-Amz-Checksum-Mode: ENABLED\n");
}

static bool is_ours(struct sl_s3_task *t, const struct sl_object *o)
{
	char etag[40];

	if (o->size != t->op->size)
		return false;
	if (o->has_crc32)
		return o->crc32 == t->op->crc32;
	if (!t->md5 || sl_s3_md5_body(t))
		return false;
	snprintf(etag, sizeof(etag), "\"%s\"", t->md5_hex);
	return strcmp(etag, o->etag) == 0;
}

static enum sl_verdict probe_good(struct sl_s3_task *t,
				  const struct sl_http_response *r)
{
	struct sl_object o;

	sl_s3_object(r, &o);
	if (!is_ours(t, &o))
		return sl_s3_lost(t, &put_step);
	if (!o.has_crc32)
		o.proof = SL_PROOF_MD5;
	t->op->obj = o;
	return SL_V_OK;
}

/* What the probe cannot see is sent again: that is always right. */
static enum sl_verdict probe_bad(struct sl_s3_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_FATAL)
		return sl_s3_lost(t, &put_step);
	return c.verdict;
}

static const struct sl_s3_step put_step = {
	.method = "PUT",
	.with_body = true,
	.fill = fill_put,
	.good = put_good,
	.bad = put_bad,
};

static const struct sl_s3_step probe_step = {
	.method = "HEAD",
	.fill = fill_probe,
	.good = probe_good,
	.bad = probe_bad,
};

void sl_s3_put(struct sl_backend *b, struct sl_op *op)
{
	sl_s3_run(b, op, &put_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object: head, get, remove. A refusal to HEAD has no body and so no
 * reason; where it may hide one (400), the same is asked once by GET of a
 * single byte. A get that breaks goes on where it stopped, and only if the
 * object is still the same version.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static int fill_head(struct sl_s3_task *t, struct sl_s3_query *q)
{
	if (t->probe_get)
		sl_buf_puts(&q->headers, "Range: bytes=0-0\n");
	return sl_buf_puts(&q->headers, "X-Amz-Checksum-Mode: ENABLED\n");
}

/* Of a single byte no store tells the checksum: back to HEAD. */
static enum sl_verdict head_good(struct sl_s3_task *t,
				 const struct sl_http_response *r)
{
	if (t->probe_get) {
		t->probe_get = false;
		return SL_S3_AGAIN;
	}
	sl_s3_object(r, &t->op->obj);
	return SL_V_OK;
}

static enum sl_verdict head_bad(struct sl_s3_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	if (t->probe_get && r->status == 416)
		return head_good(t, r);
	if (r->status == 400 && !t->probe_get) {
		t->probe_get = true;
		return SL_S3_AGAIN;
	}
	t->probe_get = false;
	return c.verdict;
}

static const struct sl_s3_step head_step = {
	.method = "HEAD",
	.fill = fill_head,
	.good = head_good,
	.bad = head_bad,
};

void sl_s3_head(struct sl_backend *b, struct sl_op *op)
{
	sl_s3_run(b, op, &head_step);
}

static int fill_get(struct sl_s3_task *t, struct sl_s3_query *q)
{
	uint64_t from = t->op->offset + t->got;
	uint64_t last = t->op->offset + t->op->length - 1;

	if (last < from)
		last = from; /* all is there; the answer is looked at once */
	t->skip = 0;
	t->looked = false;
	if (!t->etag[0] && t->op->if_match)
		snprintf(t->etag, sizeof(t->etag), "%s", t->op->if_match);
	if (t->etag[0])
		sl_buf_printf(&q->headers, "If-Match: %s\n", t->etag);
	return sl_buf_printf(&q->headers, "Range: bytes=%llu-%llu\n",
			     (unsigned long long)from,
			     (unsigned long long)last);
}

static enum sl_verdict get_good(struct sl_s3_task *t,
				const struct sl_http_response *r)
{
	uint64_t want;

	sl_s3_object(r, &t->op->obj);
	/* Both answers say how long it is, so a short one shows. */
	want = t->op->obj.size > t->op->offset ?
		       t->op->obj.size - t->op->offset : 0;
	if (want > t->op->length)
		want = t->op->length;
	if (t->got >= want)
		return SL_V_OK;
	sl_error_set(&t->call.error, ETIMEDOUT, "the answer was cut");
	return SL_V_RETRY;
}

static enum sl_verdict get_bad(struct sl_s3_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c)
{
	char range[64];

	if (r->status == 416) {
		/* Past the end; the error's own length is not the object's. */
		sl_s3_object(r, &t->op->obj);
		t->more = !sl_http_header(r, "content-range", range,
					  sizeof(range));
		return SL_V_OK;
	}
	if (c.verdict == SL_V_EXISTS)
		return sl_s3_fatal(t, ESTALE, "it changed while being read");
	if (t->got && !t->etag[0])
		sl_http_header(r, "etag", t->etag, sizeof(t->etag));
	return c.verdict;
}

static const struct sl_s3_step *after_get(struct sl_s3_task *t)
{
	return t->more ? &head_step : NULL;
}

static const struct sl_s3_step get_step = {
	.method = "GET",
	.sink = true,
	.hedge = true,
	.fill = fill_get,
	.good = get_good,
	.bad = get_bad,
	.next = after_get,
};

void sl_s3_get(struct sl_backend *b, struct sl_op *op)
{
	uint64_t end;
	bool nothing = !op->length ||
		       __builtin_add_overflow(op->offset, op->length, &end);

	sl_s3_run(b, op, nothing ? &head_step : &get_step);
}

static enum sl_verdict remove_bad(struct sl_s3_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	(void)t;
	(void)r;
	return c.errnum == ENOENT ? SL_V_OK : c.verdict;
}

static const struct sl_s3_step remove_step = {
	.method = "DELETE",
	.bad = remove_bad,
};

void sl_s3_remove(struct sl_backend *b, struct sl_op *op)
{
	sl_s3_run(b, op, &remove_step);
}

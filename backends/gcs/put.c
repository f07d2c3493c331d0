/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole object in one request: its name and checksum as JSON and its bytes
 * behind, as multipart/related (RFC 2387). The store checks the CRC32C
 * before the object exists. The boundary is 128 random bits, so no data can
 * hold it but by knowing it.
 */
#include <errno.h>
#include <openssl/rand.h>
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/gcs/internal.h"

static const struct sl_cloud_step put_step, probe_step;

/* Of a key that sl_gcs_name_refused() took. */
static void put_json_text(struct sl_buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			sl_buf_puts(b, "\\");
		if (c < 0x20)
			sl_buf_printf(b, "\\u%04x", c);
		else
			sl_buf_append(b, s, 1);
	}
}

static int make_head(struct sl_gcs_task *g)
{
	char crc[16];

	sl_cloud_be32(crc, (uint32_t)g->t.op->sum);
	sl_buf_printf(&g->head, "--%s\r\n"
		      "Content-Type: application/json; charset=UTF-8\r\n\r\n"
		      "{\"name\":\"", g->boundary);
	put_json_text(&g->head, g->t.cloud->prefix);
	put_json_text(&g->head, g->t.op->key);
	sl_buf_printf(&g->head, "\",\"contentType\":"
		      "\"application/octet-stream\",\"crc32c\":\"%s\"}\r\n"
		      "--%s\r\nContent-Type: application/octet-stream\r\n\r\n",
		      crc, g->boundary);
	sl_buf_printf(&g->tail, "\r\n--%s--\r\n", g->boundary);
	return sl_buf_error(&g->head) ? sl_buf_error(&g->head) :
					sl_buf_error(&g->tail);
}

/* Once: an attempt that is repeated sends the same bytes. */
static int make_body(struct sl_gcs_task *g)
{
	const struct sl_op *op = g->t.op;
	unsigned char random[16];
	int n = op->body_count;

	if (g->vec)
		return 0;
	if (RAND_bytes(random, sizeof(random)) != 1)
		return -EIO;
	sl_cloud_hex(g->boundary, random, sizeof(random));
	sl_buf_init(&g->head, 16384);
	sl_buf_init(&g->tail, 256);
	if (make_head(g))
		return -ENOMEM;
	g->vec = calloc((size_t)n + 2, sizeof(*g->vec));
	if (!g->vec)
		return -ENOMEM;
	g->vec[0] = (struct iovec){ g->head.data, g->head.len };
	for (int i = 0; i < n; i++)
		g->vec[i + 1] = op->body[i];
	g->vec[n + 1] = (struct iovec){ g->tail.data, g->tail.len };
	return 0;
}

static int fill_put(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	struct sl_gcs_task *g = sl_gcs_task_of(t);
	int err = sl_cloud_check_name(t);

	if (!err)
		err = sl_cloud_sum_body(t);
	if (!err)
		err = make_body(g);
	if (err)
		return err;
	q->body = g->vec;
	q->body_count = t->op->body_count + 2;
	q->body_len = g->head.len + t->op->size + g->tail.len;
	sl_buf_printf(&q->headers,
		      "Content-Type: multipart/related; boundary=%s\n",
		      g->boundary);
	sl_cloud_query(q, "fields", SL_GCS_OBJECT_FIELDS);
	return sl_cloud_query(q, "uploadType", "multipart");
}

static bool is_ours(const struct sl_op *op, const struct sl_gcs_object *x)
{
	return x->o.size == op->size && x->has_crc32c &&
	       x->crc32c == (uint32_t)op->sum;
}

static enum sl_verdict put_good(struct sl_cloud_task *t,
				const struct sl_http_response *r)
{
	struct sl_gcs_object x;

	/* Who answers 200 to everything is not a store. */
	if (sl_gcs_object_json(r->body.data, r->body.len, &x))
		return sl_cloud_fatal(t, EPROTO, "the store's answer makes no "
				      "sense");
	if (!x.has_crc32c)
		return sl_cloud_fatal(t, EPROTO, "the store told no CRC32C");
	if (!is_ours(t->op, &x))
		return sl_cloud_fatal(t, EBADMSG, "the store computed another "
				      "checksum");
	t->op->obj = x.o;
	return SL_V_OK;
}

static enum sl_verdict put_bad(struct sl_cloud_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c)
{
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_cloud_lost(t, &probe_step);
	return sl_cloud_put_bad(t, r, c);
}

static enum sl_verdict probe_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	struct sl_gcs_object x;

	if (sl_gcs_object_read(r, &x) || !is_ours(t->op, &x))
		return sl_cloud_lost(t, &put_step);
	t->op->obj = x.o;
	return SL_V_OK;
}

/* What the probe cannot see is sent again: that is always right. */
static enum sl_verdict probe_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	return c.verdict == SL_V_FATAL ? sl_cloud_lost(t, &put_step) :
					 c.verdict;
}

static const struct sl_cloud_step put_step = {
	.method = "POST",
	.own = SL_GCS_UPLOAD,
	.with_body = true,
	.fill = fill_put,
	.good = put_good,
	.bad = put_bad,
};

static const struct sl_cloud_step probe_step = {
	.method = "HEAD",
	.good = probe_good,
	.bad = probe_bad,
};

void sl_gcs_put(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &put_step);
}

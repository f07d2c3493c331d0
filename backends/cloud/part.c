/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of an upload, and giving an upload up. After a lost answer the
 * stored part is looked up (a page of one) before it is sent again.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/mpu_internal.h"
#include "backends/cloud/text.h"
#include "backends/cloud/xml.h"

static const struct sl_cloud_step part_step, probe_step;

static int fill_part(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char n[16];

	snprintf(n, sizeof(n), "%u", t->op->part_number);
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	sl_cloud_query(q, "partNumber", n);
	sl_cloud_query(q, "uploadId", t->op->upload_id);
	return t->cloud->dialect->mpu->fill_part(t, q);
}

static void set_part(struct sl_cloud_task *t)
{
	t->op->part.number = t->op->part_number;
	t->op->part.size = t->op->size;
	t->op->part.crc32 = t->op->crc32;
	t->op->part.sum = t->op->sum;
}

static enum sl_verdict part_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	struct sl_part *p = &t->op->part;

	set_part(t);
	if (!sl_http_header(r, "etag", p->etag, sizeof(p->etag)))
		return sl_cloud_fatal(t, EPROTO, "the store gave no ETag");
	return t->cloud->dialect->mpu->part_good(t, r);
}

static enum sl_verdict part_bad(struct sl_cloud_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	if (c.errnum == EBADMSG)
		return sl_cloud_bad_digest(t);
	if (c.errnum == ENOENT)
		return SL_V_RESTART_FILE;
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_cloud_lost(t, &probe_step);
	return c.verdict;
}

static int fill_probe(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char n[16];

	snprintf(n, sizeof(n), "%u", t->op->part_number - 1);
	sl_cloud_query(q, "max-parts", "1");
	sl_cloud_query(q, "part-number-marker", n);
	return sl_cloud_query(q, "uploadId", t->op->upload_id);
}

static int on_stored(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListPartsResult/Part/";
	struct sl_cloud_stored *s = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strcmp(path, "PartNumber") == 0)
		return sl_cloud_number(text, &s->number);
	if (strcmp(path, "Size") == 0)
		return sl_cloud_number(text, &s->size);
	if (strcmp(path, "ETag") == 0)
		sl_text_clean(s->etag, sizeof(s->etag), text, strlen(text));
	if (strcmp(path, "ChecksumCRC32") == 0)
		s->has_crc32 = sl_cloud_unbe32(text, &s->crc32);
	return 0;
}

static bool is_ours(struct sl_cloud_task *t, const struct sl_cloud_stored *s)
{
	const struct sl_cloud_mpu *mpu = t->cloud->dialect->mpu;

	if (s->number != t->op->part_number || s->size != t->op->size ||
	    !s->etag[0])
		return false;
	return mpu->is_our_part && mpu->is_our_part(t, s);
}

static enum sl_verdict probe_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = { .element = on_stored };
	struct sl_cloud_stored s = { .number = 0 };

	if (sl_xml_parse(r->body.data, r->body.len, &h, &s) || !is_ours(t, &s))
		return sl_cloud_lost(t, &part_step);
	set_part(t);
	snprintf(t->op->part.etag, sizeof(t->op->part.etag), "%s", s.etag);
	return SL_V_OK;
}

static enum sl_verdict probe_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_FATAL && c.errnum != ENOENT)
		return sl_cloud_lost(t, &part_step);
	return c.errnum == ENOENT ? SL_V_RESTART_FILE : c.verdict;
}

static const struct sl_cloud_step part_step = {
	.method = "PUT",
	.with_body = true,
	.hedge = true,
	.fill = fill_part,
	.good = part_good,
	.bad = part_bad,
};

static const struct sl_cloud_step probe_step = {
	.method = "GET",
	.fill = fill_probe,
	.good = probe_good,
	.bad = probe_bad,
};

void sl_cloud_mpu_part(struct sl_backend *b, struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);

	/* A resumed upload becomes known; without memory it just does not. */
	if (sl_cloud_id_add(c, op->upload_id) == -ENOMEM)
		errno = ENOMEM;
	sl_cloud_run(b, op, &part_step);
}

static int fill_abort(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	return sl_cloud_query(q, "uploadId", t->op->upload_id);
}

static enum sl_verdict abort_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	(void)r;
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return SL_V_OK;
}

static enum sl_verdict abort_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	if (c.verdict == SL_V_RESTART_FILE ||
	    (c.errnum == ENOENT && r->status == 404))
		return abort_good(t, r);
	return c.verdict;
}

const struct sl_cloud_step sl_cloud_mpu_abort_step = {
	.method = "DELETE",
	.fill = fill_abort,
	.good = abort_good,
	.bad = abort_bad,
};

void sl_cloud_mpu_abort(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &sl_cloud_mpu_abort_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One part of an upload, and giving an upload up. After a lost answer the
 * stored part is looked up (a page of one) before it is sent again.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static const struct sl_s3_step part_step, probe_step;

static int fill_part(struct sl_s3_task *t, struct sl_s3_query *q)
{
	char n[16];

	snprintf(n, sizeof(n), "%u", t->op->part_number);
	q->payload = SL_SIGV4_UNSIGNED;
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	sl_s3_query(q, "partNumber", n);
	sl_s3_query(q, "uploadId", t->op->upload_id);
	return sl_s3_body_checks(t, q);
}

static void set_part(struct sl_s3_task *t)
{
	t->op->part.number = t->op->part_number;
	t->op->part.size = t->op->size;
	t->op->part.crc32 = t->op->crc32;
}

static enum sl_verdict part_good(struct sl_s3_task *t,
				 const struct sl_http_response *r)
{
	struct sl_part *p = &t->op->part;

	set_part(t);
	if (!sl_http_header(r, "etag", p->etag, sizeof(p->etag)))
		return sl_s3_fatal(t, EPROTO, "the store gave no ETag");
	return sl_s3_check_echo(t, r);
}

static enum sl_verdict part_bad(struct sl_s3_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	if (c.errnum == EBADMSG)
		return sl_s3_bad_digest(t);
	if (c.errnum == ENOENT)
		return SL_V_RESTART_FILE;
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_s3_lost(t, &probe_step);
	return c.verdict;
}

static int fill_probe(struct sl_s3_task *t, struct sl_s3_query *q)
{
	char n[16];

	snprintf(n, sizeof(n), "%u", t->op->part_number - 1);
	sl_s3_query(q, "max-parts", "1");
	sl_s3_query(q, "part-number-marker", n);
	return sl_s3_query(q, "uploadId", t->op->upload_id);
}

struct stored {
	uint64_t number, size;
	bool has_crc;
	uint32_t crc;
	char etag[96];
};

static int on_stored(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListPartsResult/Part/";
	struct stored *s = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strcmp(path, "PartNumber") == 0)
		return sl_s3_number(text, &s->number);
	if (strcmp(path, "Size") == 0)
		return sl_s3_number(text, &s->size);
	if (strcmp(path, "ETag") == 0)
		sl_text_clean(s->etag, sizeof(s->etag), text, strlen(text));
	if (strcmp(path, "ChecksumCRC32") == 0)
		s->has_crc = sl_s3_crc_decode(text, &s->crc);
	return 0;
}

static bool is_ours(struct sl_s3_task *t, const struct stored *s)
{
	const char *e = s->etag + (s->etag[0] == '"');

	if (s->number != t->op->part_number || s->size != t->op->size ||
	    !s->etag[0])
		return false;
	if (s->has_crc)
		return s->crc == t->op->crc32;
	return t->md5 && sl_s3_md5_body(t) == 0 &&
	       strncmp(e, t->md5_hex, strlen(t->md5_hex)) == 0;
}

static enum sl_verdict probe_good(struct sl_s3_task *t,
				  const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = { on_stored };
	struct stored s = { 0 };

	if (sl_xml_parse(r->body.data, r->body.len, &h, &s) || !is_ours(t, &s))
		return sl_s3_lost(t, &part_step);
	set_part(t);
	snprintf(t->op->part.etag, sizeof(t->op->part.etag), "%s", s.etag);
	return SL_V_OK;
}

static enum sl_verdict probe_bad(struct sl_s3_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_FATAL && c.errnum != ENOENT)
		return sl_s3_lost(t, &part_step);
	return c.errnum == ENOENT ? SL_V_RESTART_FILE : c.verdict;
}

static const struct sl_s3_step part_step = {
	.method = "PUT",
	.with_body = true,
	.hedge = true,
	.fill = fill_part,
	.good = part_good,
	.bad = part_bad,
};

static const struct sl_s3_step probe_step = {
	.method = "GET",
	.fill = fill_probe,
	.good = probe_good,
	.bad = probe_bad,
};

void sl_s3_part(struct sl_backend *b, struct sl_op *op)
{
	struct sl_s3 *s = sl_container_of(b, struct sl_s3, b);

	/* A resumed upload becomes known; without memory it just does not. */
	if (sl_s3_id_add(s, op->upload_id) == -ENOMEM)
		errno = ENOMEM;
	sl_s3_run(b, op, &part_step);
}

static int fill_abort(struct sl_s3_task *t, struct sl_s3_query *q)
{
	return sl_s3_query(q, "uploadId", t->op->upload_id);
}

static enum sl_verdict abort_good(struct sl_s3_task *t,
				  const struct sl_http_response *r)
{
	(void)r;
	sl_s3_id_drop(t->s3, t->op->upload_id);
	return SL_V_OK;
}

static enum sl_verdict abort_bad(struct sl_s3_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	if (c.verdict == SL_V_RESTART_FILE ||
	    (c.errnum == ENOENT && r->status == 404))
		return abort_good(t, r);
	return c.verdict;
}

const struct sl_s3_step sl_s3_abort_step = {
	.method = "DELETE",
	.fill = fill_abort,
	.good = abort_good,
	.bad = abort_bad,
};

void sl_s3_abort(struct sl_backend *b, struct sl_op *op)
{
	sl_s3_run(b, op, &sl_s3_abort_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An upload's beginning, its parts and its being given up. Only the parts are
 * requests: an upload is a random number in the ids of its blocks (id.h), and
 * blocks that nobody commits are dropped by Azure a week after the last one.
 * Nothing removes them sooner without making something visible: an emptied
 * list, committed, is an empty blob until it is deleted, and Put Blob is one
 * too. So abort leaves them, and SL_CAP_ABORT is not ours.
 *
 * All blocks of a blob must have ids of one length, those of others that were
 * never committed included. Azure answers InvalidBlobOrBlock then, and the
 * list tells the length:
 *
 *   Put Block --InvalidBlobOrBlock--> Get Block List --another length--> Put
 *                                                    --ours, or none--> again,
 *                                                      three times, then EIO
 *
 * An empty part is not sent, as Azure takes no empty block; the completion
 * leaves it out.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"

#define ODD_TRIES 3

static const struct sl_cloud_step part_step, lengths_step;

size_t sl_azure_odd_get(struct sl_azure *a, const char *upload)
{
	SL_LOCK_SCOPE(&a->c.lock);
	for (size_t i = 0; i < SL_ARRAY_LEN(a->odd); i++)
		if (strcmp(a->odd[i].upload, upload) == 0)
			return a->odd[i].len;
	return SL_AZURE_ID_MIN;
}

void sl_azure_odd_set(struct sl_azure *a, const char *upload, size_t len)
{
	struct sl_azure_odd *o = NULL;

	SL_LOCK_SCOPE(&a->c.lock);
	for (size_t i = 0; i < SL_ARRAY_LEN(a->odd); i++)
		if (strcmp(a->odd[i].upload, upload) == 0)
			o = &a->odd[i];
	if (!o)
		o = &a->odd[a->odd_at++ % SL_ARRAY_LEN(a->odd)];
	snprintf(o->upload, sizeof(o->upload), "%s", upload);
	o->len = len;
}

static int begin(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char id[SL_AZURE_UPLOAD_HEX + 1];
	int err = sl_cloud_check_name(t);

	(void)q; /* nothing is sent */
	if (!err)
		err = sl_azure_upload_new(id);
	if (!err)
		err = sl_cloud_id_add(t->cloud, id);
	if (err)
		return err;
	t->op->new_upload_id = strdup(id);
	return t->op->new_upload_id ? 0 : -ENOMEM;
}

static const struct sl_cloud_step begin_step = {
	.method = "PUT",
	.no_creds = true,
	.local = true,
	.fill = begin,
};

void sl_azure_upload_begin(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &begin_step);
}

/* Sets op->part, its ETag being the block's id. */
static int set_part(struct sl_cloud_task *t)
{
	struct sl_part *p = &t->op->part;
	struct sl_azure_id id = {
		.len = sl_azure_odd_get(sl_azure_of(t), t->op->upload_id),
		.crc32 = t->op->crc32,
		.number = t->op->part_number,
	};

	*p = (struct sl_part){ .number = t->op->part_number,
			       .size = t->op->size,
			       .crc32 = t->op->crc32,
			       .sum = t->op->sum };
	if (strlen(t->op->upload_id) != SL_AZURE_UPLOAD_HEX)
		return -ESTALE;
	memcpy(id.upload, t->op->upload_id, sizeof(id.upload));
	/* An id that is none of ours has no upload. */
	return sl_azure_block_id(&id, p->etag) ? -ESTALE : 0;
}

static int fill_part(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = set_part(t);

	if (err)
		return err;
	sl_buf_puts(&q->headers, "Content-Type: application/octet-stream\n");
	sl_cloud_query(q, "blockid", t->op->part.etag);
	sl_cloud_query(q, "comp", "block");
	return sl_azure_body_checks(t, q);
}

static enum sl_verdict part_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	t->op->part.sum = t->op->sum;
	return sl_azure_check_echo(t, r);
}

static enum sl_verdict part_bad(struct sl_cloud_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	enum sl_verdict v;

	if (sl_azure_checks_failed(t, r, &c, &v))
		return v;
	if (r->status == 400 && strcmp(t->code, "InvalidBlobOrBlock") == 0)
		return sl_cloud_turn(t, &lengths_step);
	if (c.errnum == ENOENT)
		return sl_cloud_fatal(t, EIO,
				      "the store does not know the place");
	return c.verdict;
}

static int fill_lengths(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)t; /* the key says all */
	sl_cloud_query(q, "blocklisttype", "all");
	return sl_cloud_query(q, "comp", "blocklist");
}

/* Uncommitted blocks come after the committed ones, and count more. */
static int on_length(void *arg, const struct sl_azure_block *b)
{
	struct sl_azure_id id;

	if (sl_azure_block_parse(b->name, &id))
		*(size_t *)arg = id.len;
	return 0;
}

static enum sl_verdict lengths_good(struct sl_cloud_task *t,
				    const struct sl_http_response *r)
{
	struct sl_azure *a = sl_azure_of(t);
	size_t len = 0, ours = sl_azure_odd_get(a, t->op->upload_id);

	if (sl_azure_blocks_read(r, on_length, &len))
		return sl_cloud_fatal(t, EPROTO,
				      "the list of blocks makes no sense");
	if (len && len < SL_AZURE_ID_MIN)
		return sl_cloud_fatal(t, EIO, "another program left an "
				      "unfinished upload of it with short "
				      "block ids: Azure drops it within a "
				      "week; or upload it once by that "
				      "program");
	if (len && len != ours) {
		sl_azure_odd_set(a, t->op->upload_id, len);
		return sl_cloud_turn(t, &part_step);
	}
	if (++sl_azure_task_of(t)->odd_tries >= ODD_TRIES)
		return sl_cloud_fatal(t, EIO, "the store refuses the block");
	return sl_cloud_lost(t, &part_step);
}

static enum sl_verdict lengths_bad(struct sl_cloud_task *t,
				   const struct sl_http_response *r,
				   struct sl_classified c)
{
	(void)r;
	if (c.errnum != ENOENT)
		return c.verdict;
	if (++sl_azure_task_of(t)->odd_tries >= ODD_TRIES)
		return sl_cloud_fatal(t, EIO, "the store refuses the block");
	return sl_cloud_lost(t, &part_step);
}

static const struct sl_cloud_step part_step = {
	.method = "PUT",
	.with_body = true,
	.hedge = true,
	.fill = fill_part,
	.good = part_good,
	.bad = part_bad,
};

static const struct sl_cloud_step lengths_step = {
	.method = "GET",
	.fill = fill_lengths,
	.good = lengths_good,
	.bad = lengths_bad,
};

/* An empty part: what would be sent, checked all the same. */
static int empty_part(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)q; /* nothing is sent */
	if (t->op->crc32)
		return -EBADMSG;
	return set_part(t);
}

static const struct sl_cloud_step empty_step = {
	.method = "PUT",
	.no_creds = true,
	.local = true,
	.fill = empty_part,
};

void sl_azure_part(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, op->size ? &part_step : &empty_step);
}

static int forget(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)q; /* nothing is sent */
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return 0;
}

static const struct sl_cloud_step abort_step = {
	.method = "DELETE",
	.no_creds = true,
	.local = true,
	.fill = forget,
};

void sl_azure_abort(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &abort_step);
}

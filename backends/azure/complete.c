/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Put Block List: makes the blob of its blocks, named as <Latest>, so that
 * after a lost answer the same request finds them committed and succeeds
 * again. It discards all other uncommitted blocks of that name, ours and
 * others', so of two uploads of one name the later completion finds nothing
 * (InvalidBlockList: -ESTALE, the file is sent anew).
 *
 * The store keeps no checksum of the whole; that the parts make it is
 * computed here, and each id names its block by content.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"

/* The id under which the part was stored; its default if none was kept. */
static int block_of(struct sl_cloud_task *t, const struct sl_part *p,
		    char dst[SL_AZURE_ID_SIZE])
{
	struct sl_azure_id id;

	if (!sl_azure_block_parse(p->etag, &id) || id.number != p->number ||
	    id.crc32 != p->crc32 || strcmp(id.upload, t->op->upload_id) != 0) {
		id = (struct sl_azure_id){
			.len = sl_azure_odd_get(sl_azure_of(t),
						t->op->upload_id),
			.crc32 = p->crc32,
			.number = p->number,
		};
		snprintf(id.upload, sizeof(id.upload), "%s",
			 t->op->upload_id);
	}
	return sl_azure_block_id(&id, dst) ? -ESTALE : 0;
}

static int build_list(struct sl_cloud_task *t)
{
	struct sl_buf *b = &t->text;
	char id[SL_AZURE_ID_SIZE];

	if (b->len)
		return 0;
	sl_buf_puts(b, "<?xml version=\"1.0\" encoding=\"utf-8\"?>"
		       "<BlockList>");
	for (uint32_t i = 0; i < t->op->part_count; i++) {
		int err;

		if (!t->op->parts[i].size)
			continue;
		err = block_of(t, &t->op->parts[i], id);
		if (err)
			return err;
		sl_buf_printf(b, "<Latest>%s</Latest>", id);
	}
	return sl_buf_puts(b, "</BlockList>");
}

static int fill_complete(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = sl_cloud_whole_of_parts(t->op, SL_SUM_NONE);

	if (err)
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the parts "
				    "do not make the whole", t->op->key);
	err = build_list(t);
	if (err)
		return err;
	sl_cloud_send_text(t, q);
	sl_buf_puts(&q->headers,
		    "Content-Type: application/xml\n"
		    "X-Ms-Blob-Content-Type: application/octet-stream\n");
	sl_azure_put_crc(&q->headers, t->op->crc32);
	sl_cloud_query(q, "comp", "blocklist");
	return sl_azure_text_checks(t, q);
}

static enum sl_verdict complete_good(struct sl_cloud_task *t,
				     const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;
	struct sl_object said;

	sl_azure_object(r, &said);
	if (!said.etag[0])
		return sl_cloud_fatal(t, EPROTO, "the store gave no ETag");
	if (!sl_azure_text_arrived(t, r))
		return sl_cloud_fatal(t, EBADMSG, "the store had another list "
				      "of blocks than was sent");
	*o = said;
	o->size = t->op->size;
	o->has_crc32 = true;
	o->crc32 = t->op->crc32;
	o->proof = sl_backend_proof(&t->cloud->b);
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return SL_V_OK;
}

static enum sl_verdict complete_bad(struct sl_cloud_task *t,
				    const struct sl_http_response *r,
				    struct sl_classified c)
{
	enum sl_verdict v;

	if (sl_azure_checks_failed(t, r, &c, &v))
		return v;
	if (c.verdict == SL_V_RESTART_FILE || c.errnum == ENOENT) {
		sl_cloud_id_drop(t->cloud, t->op->upload_id);
		sl_error_set(&t->call.error, ESTALE, "'%s': the upload does "
			     "not exist any more", t->op->key);
		return SL_V_RESTART_FILE;
	}
	return c.verdict;
}

static const struct sl_cloud_step complete_step = {
	.method = "PUT",
	.patient = true,
	.fill = fill_complete,
	.good = complete_good,
	.bad = complete_bad,
};

void sl_azure_complete(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &complete_step);
}

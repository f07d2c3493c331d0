/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Google's multipart uploads have of their own. Each part goes with its
 * CRC32C, which the store checks. Complete takes none for the whole, but its
 * answer (or else the object's resource) tells the one that the store has
 * computed: that must be the sum of what was given to us. If it is not, that
 * very version of the object is removed again.
 */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "backends/cloud/text.h"
#include "backends/gcs/internal.h"

static int fill_part(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = sl_cloud_sum_body(t);
	char crc[16];

	if (err)
		return err;
	sl_cloud_be32(crc, (uint32_t)t->op->sum);
	return sl_buf_printf(&q->headers, "x-goog-hash: crc32c=%s\n", crc);
}

static enum sl_verdict part_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	uint32_t crc;

	if (sl_gcs_hash(r, &crc) && crc != (uint32_t)t->op->sum)
		return sl_cloud_fatal(t, EBADMSG, "the store computed another "
				      "checksum");
	return SL_V_OK;
}

/*
 * The listing of parts tells no CRC32C, but their ETags look like MD5s: one
 * that is ours proves the bytes, any other proves nothing and they are sent
 * again. So the MD5 is only made after a lost answer.
 */
static bool is_our_part(struct sl_cloud_task *t,
			const struct sl_cloud_stored *s)
{
	const char *e = s->etag + (s->etag[0] == '"');

	return strcspn(e, "\"") == 2 * SL_MD5_LEN &&
	       sl_cloud_md5_body(t) == 0 &&
	       strncasecmp(e, t->md5_hex, strlen(t->md5_hex)) == 0;
}

static int fill_complete(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)q; /* nothing but the parts can be said */
	if (sl_cloud_whole_of_parts(t->op, SL_SUM_CRC32C))
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the parts "
				    "do not make the whole", t->op->key);
	return 0;
}

static int made(struct sl_cloud_task *t, const struct sl_http_response *r,
		const struct sl_cloud_made *m)
{
	struct sl_gcs_task *g = sl_gcs_task_of(t);
	struct sl_object *o = &t->op->obj;
	uint64_t generation;
	uint32_t crc;

	(void)m; /* its ETag is another one than the listing's */
	if (!sl_http_header(r, "x-goog-generation", g->made,
			    sizeof(g->made)) ||
	    sl_cloud_number(g->made, &generation)) {
		g->made[0] = '\0';
		return 0;
	}
	if (!sl_gcs_hash(r, &crc))
		return 0;
	*o = (struct sl_object){ .size = t->op->size,
				 .proof = SL_PROOF_CRC32C };
	snprintf(o->etag, sizeof(o->etag), "%s", g->made);
	return crc == (uint32_t)t->op->sum ? 1 : -EBADMSG;
}

static int compare(struct sl_cloud_task *t, const struct sl_http_response *r,
		   bool confirming)
{
	struct sl_gcs_task *g = sl_gcs_task_of(t);
	struct sl_gcs_object x;

	/* Of what is no resource nothing can be said, nor be taken away. */
	if (sl_gcs_object_read(r, &x) || !x.o.etag[0])
		return -EPROTO;
	/* Another version than ours is nothing to take away. */
	if (confirming && !g->made[0])
		snprintf(g->made, sizeof(g->made), "%s", x.o.etag);
	if (x.o.size != t->op->size || !x.has_crc32c ||
	    x.crc32c != (uint32_t)t->op->sum)
		return -EBADMSG;
	t->op->obj = x.o;
	return 0;
}

static int fill_undo(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	return sl_cloud_query(q, "ifGenerationMatch", sl_gcs_task_of(t)->made);
}

static enum sl_verdict undo_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	(void)r;
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return sl_cloud_fatal(t, EBADMSG, "the store computed another checksum "
			      "of the whole; the object was removed again");
}

static enum sl_verdict undo_bad(struct sl_cloud_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	if (c.errnum == ENOENT || c.verdict == SL_V_EXISTS)
		return undo_good(t, r);
	if (c.verdict != SL_V_FATAL)
		return c.verdict;
	sl_cloud_id_drop(t->cloud, t->op->upload_id);
	return sl_cloud_fatal(t, EBADMSG, "the store computed another checksum "
			      "of the whole, and does not remove the object");
}

static const struct sl_cloud_step undo_step = {
	.method = "DELETE",
	.fill = fill_undo,
	.good = undo_good,
	.bad = undo_bad,
};

static enum sl_verdict wrong(struct sl_cloud_task *t, bool confirming)
{
	(void)confirming; /* in either case 'made' is the version */
	sl_error_set(&t->call.error, EBADMSG,
		     "'%s': the store computed another checksum", t->op->key);
	return sl_cloud_turn(t, &undo_step);
}

const struct sl_cloud_mpu sl_gcs_mpu = {
	.fill_part = fill_part,
	.part_good = part_good,
	.is_our_part = is_our_part,
	.fill_complete = fill_complete,
	.made = made,
	.compare = compare,
	.wrong = wrong,
};

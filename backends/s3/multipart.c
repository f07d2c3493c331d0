/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How S3 vouches for multipart uploads: the CRC32 of each part and of the
 * whole, in headers and in Complete's document. A store that ignores them
 * believes whatever it is told, so that is checked here first, and what it
 * says of the whole is its size and its ETag.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static int fill_create(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)t; /* every Create looks the same */
	return sl_buf_puts(&q->headers,
			   "X-Amz-Checksum-Algorithm: CRC32\n"
			   "X-Amz-Checksum-Type: FULL_OBJECT\n");
}

static bool is_our_part(struct sl_cloud_task *t,
			const struct sl_cloud_stored *s)
{
	const char *e = s->etag + (s->etag[0] == '"');

	if (s->has_crc32)
		return s->crc32 == t->op->crc32;
	return t->md5 && sl_cloud_md5_body(t) == 0 &&
	       strncmp(e, t->md5_hex, strlen(t->md5_hex)) == 0;
}

static bool ignores_crc32(struct sl_cloud_task *t)
{
	return sl_backend_proof(&t->cloud->b) == SL_PROOF_MD5;
}

/* A store that ignores checksums knows of none that its parts have. */
static bool names_crc32(struct sl_cloud_task *t)
{
	return !ignores_crc32(t);
}

static int fill_complete(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char crc[16];
	int err = 0;

	if (ignores_crc32(t))
		err = sl_cloud_whole_of_parts(t->op, SL_SUM_NONE);
	if (err)
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the parts "
				    "do not make the whole", t->op->key);
	err = sl_sigv4_sha256(sl_s3_task_of(t)->hash, t->text.data,
			      t->text.len);
	if (err)
		return err;
	sl_cloud_be32(crc, t->op->crc32);
	return sl_buf_printf(&q->headers,
			     "X-Amz-Checksum-Crc32: %s\n"
			     "X-Amz-Checksum-Type: FULL_OBJECT\n"
			     "X-Amz-Mp-Object-Size: %llu\n",
			     crc, (unsigned long long)t->op->size);
}

/* A checksum as told: 1 it fits, 0 it tells nothing, -EBADMSG. */
static int check_crc(const struct sl_op *op, const char *text)
{
	char first[16];
	uint32_t crc;

	if (!*text)
		return 0;
	if (sl_cloud_unbe32(text, &crc))
		return crc == op->crc32 ? 1 : -EBADMSG;
	/* "BASE64-N": the store made a COMPOSITE one of the parts' sums. */
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "-"), text);
	if (!sl_cloud_unbe32(first, &crc))
		return 0;
	return crc == sl_s3_composite(op->parts, op->part_count) ? 1 : -EBADMSG;
}

/* Without a sum of the whole, each part's own proof is what there is. */
static void set_object(struct sl_cloud_task *t, const char *etag,
		       const char *crc)
{
	struct sl_op *op = t->op;
	struct sl_object *o = &op->obj;
	uint32_t v;

	o->size = op->size;
	if (etag != o->etag)
		snprintf(o->etag, sizeof(o->etag), "%s", etag);
	o->has_crc32 = sl_cloud_unbe32(crc, &v);
	o->crc32 = o->has_crc32 ? v : 0;
	o->proof = *crc ? SL_PROOF_CRC32 : sl_backend_proof(&t->cloud->b);
}

/* Only a sum of the whole confirms it; of the parts' sums HEAD says more. */
static int made(struct sl_cloud_task *t, const struct sl_http_response *r,
		const struct sl_cloud_made *m)
{
	int fits = check_crc(t->op, m->crc32);

	(void)r; /* all is in the document */
	if (fits < 0)
		return fits;
	set_object(t, m->etag, m->crc32);
	return t->op->obj.has_crc32 ? 1 : 0;
}

/* Without checksums the ETag is the word on the whole, if it is an MD5. */
static bool etags_tell(struct sl_cloud_task *t)
{
	if (!ignores_crc32(t))
		return false;
	SL_LOCK_SCOPE(&t->cloud->lock);
	return !sl_s3_of(t->cloud)->etag_opaque;
}

/* Any object may be there where the answer was lost: the ETag must fit. */
static int compare(struct sl_cloud_task *t, const struct sl_http_response *r,
		   bool confirming)
{
	bool etag_needed = !confirming || etags_tell(t);
	struct sl_op *op = t->op;
	struct sl_object o;
	char crc[64], etag[64];
	int fits;

	sl_s3_object(r, &o);
	if (o.size != op->size)
		return -EBADMSG;
	sl_http_header(r, "x-amz-checksum-crc32", crc, sizeof(crc));
	fits = check_crc(op, crc);
	if (fits < 0)
		return fits;
	if (!fits && etag_needed) {
		int err = sl_s3_multipart_etag(op->parts, op->part_count, etag,
					       sizeof(etag));

		if (err || strcmp(etag, o.etag) != 0)
			return -EBADMSG;
	}
	op->obj = o;
	set_object(t, op->obj.etag, crc);
	return 0;
}

static enum sl_verdict wrong(struct sl_cloud_task *t, bool confirming)
{
	if (!confirming)
		return sl_cloud_fatal(t, EBADMSG,
				      "the store computed another checksum");
	/*
	 * A store that checks whole objects and yet said nothing of this one
	 * found the upload gone and some object there (versitygw does so).
	 */
	if (sl_backend_proof(&t->cloud->b) == SL_PROOF_CRC32)
		return sl_cloud_mpu_gone(t);
	return sl_cloud_fatal(t, EBADMSG, "the stored object is not what was "
			      "sent: other size, checksum or ETag");
}

const struct sl_cloud_mpu sl_s3_mpu = {
	.fill_create = fill_create,
	.fill_part = sl_s3_body_checks,
	.part_good = sl_s3_check_echo,
	.is_our_part = is_our_part,
	.names_crc32 = names_crc32,
	.fill_complete = fill_complete,
	.made = made,
	.compare = compare,
	.wrong = wrong,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the object from its parts. The answer may take minutes, may be 200
 * with an error inside, may be empty, or may be lost; the upload is gone once
 * it happened, so "no such upload" may mean success.
 *
 *   complete --ok, checksum told--------------------------> done
 *            --ok, checksum not told--> confirm (HEAD) ---> done / -EBADMSG,
 *                                                           -ESTALE
 *            --lost---------> look (HEAD) --same object---> abort -> done
 *                                         --other, none---> complete again
 *            --500----------> look        --same object---> abort -> done
 *                                         --other, none---> ask for its parts
 *                                            --there--> complete again
 *                                            --not----> no such upload
 *            --no such upload-> look      --same object---> done
 *                                         --other, none---> -ESTALE
 *
 * The abort after a lost answer is for an older object that happens to be
 * the same: then Complete may not have happened and the upload would remain.
 * 500 is asked about because Ceph gives it for an upload that is gone, each
 * time anew.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

static const struct sl_s3_step complete_step, look_step, confirm_step,
	exists_step;

/* A store that ignores checksums knows of none that its parts have. */
static void put_part_crc(const struct sl_s3_task *t, const struct sl_part *p,
			 struct sl_buf *b)
{
	char crc[16];

	if (sl_backend_proof(&t->s3->b) == SL_PROOF_MD5)
		return;
	sl_s3_crc_encode(crc, p->crc32);
	sl_buf_printf(b, "<ChecksumCRC32>%s</ChecksumCRC32>", crc);
}

static int build_xml(struct sl_s3_task *t)
{
	struct sl_buf *b = &t->xml;

	if (b->len)
		return 0;
	sl_buf_puts(b, "<CompleteMultipartUpload xmlns="
		       "\"http://s3.amazonaws.com/doc/2006-03-01/\">");
	for (uint32_t i = 0; i < t->op->part_count; i++) {
		const struct sl_part *p = &t->op->parts[i];

		sl_buf_puts(b, "<Part><ETag>");
		for (const char *e = p->etag; *e; e++) {
			if (*e == '"')
				sl_buf_puts(b, "&quot;");
			else if (!strchr("<>&", *e))
				sl_buf_append(b, e, 1);
		}
		sl_buf_printf(b, "</ETag><PartNumber>%u</PartNumber>",
			      p->number);
		put_part_crc(t, p, b);
		sl_buf_puts(b, "</Part>");
	}
	return sl_buf_puts(b, "</CompleteMultipartUpload>");
}

static int fill_complete(struct sl_s3_task *t, struct sl_s3_query *q)
{
	char crc[16];
	int err = 0;

	/* Such a store believes whatever it is told. */
	if (sl_backend_proof(&t->s3->b) == SL_PROOF_MD5)
		err = sl_s3_whole_of_parts(t->op);
	if (err)
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the parts "
				    "do not make the whole", t->op->key);
	err = build_xml(t);
	if (err)
		return err;
	err = sl_sigv4_sha256(q->hash, t->xml.data, t->xml.len);
	if (err)
		return err;
	q->payload = q->hash;
	sl_s3_crc_encode(crc, t->op->crc32);
	sl_buf_printf(&q->headers,
		      "Content-Type: application/xml\n"
		      "X-Amz-Checksum-Crc32: %s\n"
		      "X-Amz-Checksum-Type: FULL_OBJECT\n"
		      "X-Amz-Mp-Object-Size: %llu\n",
		      crc, (unsigned long long)t->op->size);
	return sl_s3_query(q, "uploadId", t->op->upload_id);
}

struct result {
	char etag[96];
	char crc[64];
	bool seen;
};

static int on_result(void *arg, const char *path, const char *text)
{
	static const char root[] = "CompleteMultipartUploadResult";
	struct result *d = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	d->seen = true;
	path += sizeof(root) - 1;
	if (strcmp(path, "/ETag") == 0)
		sl_text_clean(d->etag, sizeof(d->etag), text, strlen(text));
	if (strcmp(path, "/ChecksumCRC32") == 0)
		sl_text_clean(d->crc, sizeof(d->crc), text, strlen(text));
	return 0;
}

/* A checksum as told: 1 it fits, 0 it tells nothing, -EBADMSG. */
static int check_crc(const struct sl_op *op, const char *text)
{
	char first[16];
	uint32_t crc;

	if (!*text)
		return 0;
	if (sl_s3_crc_decode(text, &crc))
		return crc == op->crc32 ? 1 : -EBADMSG;
	/* "BASE64-N": the store made a COMPOSITE one of the parts' sums. */
	snprintf(first, sizeof(first), "%.*s", (int)strcspn(text, "-"), text);
	if (!sl_s3_crc_decode(first, &crc))
		return 0;
	return crc == sl_s3_composite(op->parts, op->part_count) ? 1 : -EBADMSG;
}

/* Without a sum of the whole, each part's own proof is what there is. */
static void set_object(struct sl_s3_task *t, const char *etag, const char *crc)
{
	struct sl_op *op = t->op;
	struct sl_object *o = &op->obj;
	uint32_t v;

	o->size = op->size;
	if (etag != o->etag)
		snprintf(o->etag, sizeof(o->etag), "%s", etag);
	o->has_crc32 = sl_s3_crc_decode(crc, &v);
	o->crc32 = o->has_crc32 ? v : 0;
	o->proof = *crc ? SL_PROOF_CRC32 : sl_backend_proof(&t->s3->b);
}

static enum sl_verdict complete_good(struct sl_s3_task *t,
				     const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = { on_result };
	struct result d = { .seen = false };
	int fits;

	if (sl_xml_parse(r->body.data, r->body.len, &h, &d) || !d.seen)
		return sl_s3_lost(t, &look_step);
	fits = check_crc(t->op, d.crc);
	if (fits < 0)
		return sl_s3_fatal(t, EBADMSG,
				   "the store computed another checksum");
	set_object(t, d.etag, d.crc);
	sl_s3_id_drop(t->s3, t->op->upload_id);
	return SL_V_OK;
}

static const struct sl_s3_step *after_complete(struct sl_s3_task *t)
{
	return t->op->obj.has_crc32 ? NULL : &confirm_step;
}

static enum sl_verdict complete_bad(struct sl_s3_task *t,
				    const struct sl_http_response *r,
				    struct sl_classified c)
{
	if (c.verdict == SL_V_RESTART_FILE ||
	    (c.verdict == SL_V_FATAL && c.errnum == ENOENT)) {
		t->gone = true;
		t->step = &look_step;
		return SL_S3_AGAIN;
	}
	t->failed = r->status == 500;
	if (c.verdict == SL_V_RETRY &&
	    (sl_classify_ambiguous(r) || r->status == 200))
		return sl_s3_lost(t, &look_step);
	/* The list of parts or the size is not what the store has. */
	if (r->status == 400 && (strcmp(t->code, "InvalidPart") == 0 ||
				 strcmp(t->code, "InvalidRequest") == 0))
		t->call.error.errnum = EBADMSG;
	return c.verdict;
}

static int fill_look(struct sl_s3_task *t, struct sl_s3_query *q)
{
	(void)t; /* every HEAD looks the same */
	return sl_buf_puts(&q->headers, "X-Amz-Checksum-Mode: ENABLED\n");
}

/* Is the stored object what the parts make? */
static int compare(struct sl_s3_task *t, const struct sl_http_response *r,
		   bool etag_needed)
{
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

static enum sl_verdict not_there(struct sl_s3_task *t)
{
	if (!t->gone)
		return sl_s3_lost(t, t->failed ? &exists_step : &complete_step);
	sl_s3_id_drop(t->s3, t->op->upload_id);
	sl_error_set(&t->call.error, ESTALE,
		     "'%s': the upload does not exist any more", t->op->key);
	return SL_V_RESTART_FILE;
}

static enum sl_verdict look_good(struct sl_s3_task *t,
				 const struct sl_http_response *r)
{
	if (compare(t, r, true))
		return not_there(t);
	if (t->gone)
		sl_s3_id_drop(t->s3, t->op->upload_id);
	return SL_V_OK;
}

static enum sl_verdict look_bad(struct sl_s3_task *t,
				const struct sl_http_response *r,
				struct sl_classified c)
{
	(void)r;
	if (c.errnum == ENOENT || (c.verdict == SL_V_FATAL && !t->gone))
		return not_there(t);
	return c.verdict;
}

static int fill_exists(struct sl_s3_task *t, struct sl_s3_query *q)
{
	sl_s3_query(q, "max-parts", "1");
	return sl_s3_query(q, "uploadId", t->op->upload_id);
}

static enum sl_verdict exists_good(struct sl_s3_task *t,
				   const struct sl_http_response *r)
{
	(void)r;
	return sl_s3_lost(t, &complete_step);
}

/* It may have become the object since we looked: once more, then. */
static enum sl_verdict exists_bad(struct sl_s3_task *t,
				  const struct sl_http_response *r,
				  struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_RESTART_FILE || c.errnum == ENOENT) {
		t->gone = true;
		t->step = &look_step;
		return SL_S3_AGAIN;
	}
	if (c.verdict == SL_V_FATAL)
		return sl_s3_lost(t, &complete_step);
	return c.verdict;
}

static const struct sl_s3_step *after_look(struct sl_s3_task *t)
{
	return t->gone ? NULL : &sl_s3_abort_step;
}

/* Without checksums the ETag is the word on the whole, if it is an MD5. */
static bool etags_tell(struct sl_s3 *s)
{
	if (sl_backend_proof(&s->b) != SL_PROOF_MD5)
		return false;
	SL_LOCK_SCOPE(&s->lock);
	return !s->etag_opaque;
}

static enum sl_verdict confirm_good(struct sl_s3_task *t,
				    const struct sl_http_response *r)
{
	if (!compare(t, r, etags_tell(t->s3)))
		return SL_V_OK;
	/*
	 * A store that checks whole objects and yet said nothing of this one
	 * found the upload gone and some object there (versitygw does so).
	 */
	if (sl_backend_proof(&t->s3->b) == SL_PROOF_CRC32) {
		t->gone = true;
		return not_there(t);
	}
	return sl_s3_fatal(t, EBADMSG, "the stored object is not what was "
			   "sent: other size, checksum or ETag");
}

static const struct sl_s3_step complete_step = {
	.method = "POST",
	.patient = true,
	.fill = fill_complete,
	.good = complete_good,
	.bad = complete_bad,
	.next = after_complete,
};

static const struct sl_s3_step look_step = {
	.method = "HEAD",
	.fill = fill_look,
	.good = look_good,
	.bad = look_bad,
	.next = after_look,
};

static const struct sl_s3_step exists_step = {
	.method = "GET",
	.fill = fill_exists,
	.good = exists_good,
	.bad = exists_bad,
};

static const struct sl_s3_step confirm_step = {
	.method = "HEAD",
	.fill = fill_look,
	.good = confirm_good,
};

void sl_s3_complete(struct sl_backend *b, struct sl_op *op)
{
	struct sl_s3 *s = sl_container_of(b, struct sl_s3, b);

	/* A resumed upload becomes known; without memory it just does not. */
	if (sl_s3_id_add(s, op->upload_id) == -ENOMEM)
		errno = ENOMEM;
	sl_s3_run(b, op, &complete_step);
}

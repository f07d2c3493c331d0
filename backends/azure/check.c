/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How Azure vouches for bytes: each request carries the CRC64 of its body,
 * which the server checks and says back (CRC-64/NVME, its 8 bytes little-endian
 * where every other store writes checksums big-endian). A server that says it
 * cannot, or does not say it back, is met with Content-MD5, which from then on
 * goes with every body. A blob has no checksum of its own: what it is made of
 * was checked, and which blocks it is made of is told by content (id.h).
 *
 * Beside each blob its CRC32 is written as metadata. That is this program's
 * word, not the store's proof; whoever writes the blob by other means takes
 * the metadata away with it.
 */
#include <errno.h>
#include <string.h>

#include "backends/azure/internal.h"
#include "crc.h"

#define TEXT_TRIES 3
#define CRC64_HEADER "x-ms-content-crc64"

static int put_crc64(struct sl_cloud_request *q, uint64_t sum)
{
	char b64[16];

	sl_cloud_le64(b64, sum);
	return sl_buf_printf(&q->headers, CRC64_HEADER ": %s\n", b64);
}

int sl_azure_body_checks(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err;

	if (sl_backend_proof(&t->cloud->b) == SL_PROOF_MD5)
		t->md5 = true;
	if (!t->md5) {
		err = sl_cloud_sum_body(t);
		return err ? err : put_crc64(q, t->op->sum);
	}
	err = sl_cloud_md5_body(t);
	if (err)
		return err;
	return sl_buf_printf(&q->headers, "Content-MD5: %s\n", t->md5_b64);
}

int sl_azure_text_checks(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	unsigned char md[SL_MD5_LEN];
	int err;

	if (sl_backend_proof(&t->cloud->b) == SL_PROOF_MD5)
		t->md5 = true;
	if (!t->md5)
		return put_crc64(q, sl_sum(SL_SUM_CRC64, 0, t->text.data,
					   t->text.len));
	err = sl_cloud_md5(q->body, q->body_count, md);
	if (err)
		return err;
	sl_cloud_base64(t->md5_b64, md, sizeof(md));
	return sl_buf_printf(&q->headers, "Content-MD5: %s\n", t->md5_b64);
}

bool sl_azure_text_arrived(struct sl_cloud_task *t,
			   const struct sl_http_response *r)
{
	uint64_t sum;
	char v[64];

	if (t->md5)
		return !sl_http_header(r, "content-md5", v, sizeof(v)) ||
		       strcmp(v, t->md5_b64) == 0;
	return !sl_http_header(r, CRC64_HEADER, v, sizeof(v)) ||
	       (sl_cloud_unle64(v, &sum) &&
		sum == sl_sum(SL_SUM_CRC64, 0, t->text.data, t->text.len));
}

static enum sl_verdict fall_to_md5(struct sl_cloud_task *t, const char *why)
{
	sl_cloud_set_proof(t->cloud, SL_PROOF_MD5);
	t->md5 = true;
	sl_error_set(&t->call.error, EIO, "%s", why);
	return SL_CLOUD_AGAIN;
}

enum sl_verdict sl_azure_check_echo(struct sl_cloud_task *t,
				    const struct sl_http_response *r)
{
	uint64_t sum;
	char v[64];

	t->op->obj.proof = t->md5 ? SL_PROOF_MD5 : SL_PROOF_CRC64;
	if (t->md5) {
		if (!sl_http_header(r, "content-md5", v, sizeof(v)) ||
		    strcmp(v, t->md5_b64) == 0)
			return SL_V_OK;
	} else {
		if (!sl_http_header(r, CRC64_HEADER, v, sizeof(v)))
			return fall_to_md5(t, "the store ignores CRC64 "
					   "checksums");
		if (sl_cloud_unle64(v, &sum) && sum == t->op->sum)
			return SL_V_OK;
	}
	return sl_cloud_fatal(t, EBADMSG,
			      "the store computed another checksum");
}

/* Does the refusal speak of the header, and not of what is in it? */
static bool cannot_crc64(const struct sl_cloud_task *t,
			 const struct sl_http_response *r)
{
	static const char *const codes[] = {
		"FeatureNotSupported", "UnsupportedHeader", "NotImplemented",
		"InvalidHeaderValue", "BothCrc64AndMd5HeaderPresent",
	};

	if (strcmp(t->code, codes[0]) == 0)
		return true;
	for (size_t i = 1; i < SL_ARRAY_LEN(codes); i++)
		if (strcmp(t->code, codes[i]) == 0)
			return r->body.len &&
			       memmem(r->body.data, r->body.len, CRC64_HEADER,
				      sizeof(CRC64_HEADER) - 1);
	return false;
}

bool sl_azure_checks_failed(struct sl_cloud_task *t,
			    const struct sl_http_response *r,
			    const struct sl_classified *c, enum sl_verdict *v)
{
	/* Azurite has no code of its own for a wrong MD5. */
	bool md5_wrong = t->md5 && r->status == 400 &&
			 strcmp(t->code, "InvalidOperation") == 0;

	if (!t->md5 && cannot_crc64(t, r)) {
		*v = fall_to_md5(t, "the store cannot check CRC64");
		return true;
	}
	if (c->errnum != EBADMSG && !md5_wrong)
		return false;
	t->call.error.errnum = EBADMSG;
	if (t->step->with_body)
		*v = sl_cloud_bad_digest(t);
	else /* a document made here */
		*v = t->corrupted++ < TEXT_TRIES ? SL_V_RETRY : SL_V_FATAL;
	return true;
}

int sl_azure_put_crc(struct sl_buf *headers, uint32_t crc)
{
	return sl_buf_printf(headers, "X-Ms-Meta-Crc32: %08x\n", crc);
}

bool sl_azure_get_crc(const char *text, uint32_t *ret)
{
	if (strlen(text) != 8 ||
	    strspn(text, "0123456789abcdefABCDEF") != 8)
		return false;
	*ret = (uint32_t)strtoul(text, NULL, 16);
	return true;
}

void sl_azure_etag(char *dst, size_t size, const char *etag)
{
	size_t n = strlen(etag);
	char clean[96];

	if (n > 1 && etag[0] == '"' && etag[n - 1] == '"') {
		etag++;
		n -= 2;
	}
	sl_text_clean(clean, sizeof(clean) - 2, etag, n);
	if (clean[0])
		snprintf(dst, size, "\"%s\"", clean);
	else
		*dst = '\0';
}

void sl_azure_object(const struct sl_http_response *r, struct sl_object *o)
{
	char v[96];

	sl_cloud_object_headers(r, o);
	if (sl_http_header(r, "etag", v, sizeof(v)))
		sl_azure_etag(o->etag, sizeof(o->etag), v);
	if (sl_http_header(r, "x-ms-meta-crc32", v, sizeof(v)))
		o->has_crc32 = sl_azure_get_crc(v, &o->crc32);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the store vouches for bytes. S3 keeps the CRC32 of the whole object,
 * the number that Cassandra's Digest.crc32 holds, and says it back; a store
 * that does not say it back has ignored it, and from then on every body goes
 * with Content-MD5, which it must check. Such a store has no use for the
 * CRC32 that came with the body, so that is checked here, where the MD5 is
 * made; and what it says of a whole object is its size and the MD5 of the
 * parts' MD5s, which are held against our own.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"
#include "crc.h"

static int unhex(const char *s, unsigned char *dst)
{
	for (int i = 0; i < SL_MD5_LEN; i++) {
		unsigned int v;
		char two[3] = { s[2 * i], s[2 * i + 1], '\0' };

		if (strspn(two, "0123456789abcdefABCDEF") != 2 ||
		    sscanf(two, "%2x", &v) != 1)
			return -EINVAL;
		dst[i] = (unsigned char)v;
	}
	return 0;
}

int sl_s3_multipart_etag(const struct sl_part *parts, uint32_t n, char *dst,
			 size_t size)
{
	SL_CLEANUP(free) unsigned char *all = calloc(n ? n : 1, SL_MD5_LEN);
	unsigned char md[SL_MD5_LEN];
	char hex[2 * SL_MD5_LEN + 1];
	struct iovec v = { .iov_base = all, .iov_len = (size_t)n * SL_MD5_LEN };

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const char *e = parts[i].etag;

		e += *e == '"';
		if (strcspn(e, "\"") != 2 * SL_MD5_LEN ||
		    unhex(e, all + (size_t)i * SL_MD5_LEN))
			return -EINVAL;
	}
	if (sl_cloud_md5(&v, 1, md))
		return -EIO;
	sl_cloud_hex(hex, md, sizeof(md));
	snprintf(dst, size, "\"%s-%u\"", hex, n);
	return 0;
}

uint32_t sl_s3_composite(const struct sl_part *parts, uint32_t n)
{
	uint32_t crc = 0;

	for (uint32_t i = 0; i < n; i++) {
		uint32_t c = parts[i].crc32;
		unsigned char be[4] = { (unsigned char)(c >> 24),
					(unsigned char)(c >> 16),
					(unsigned char)(c >> 8),
					(unsigned char)c };

		crc = sl_crc32(crc, be, sizeof(be));
	}
	return crc;
}

void sl_s3_object(const struct sl_http_response *r, struct sl_object *ret)
{
	char v[64];

	sl_cloud_object_headers(r, ret);
	if (sl_http_header(r, "x-amz-checksum-crc32", v, sizeof(v)))
		ret->has_crc32 = sl_cloud_unbe32(v, &ret->crc32);
	ret->proof = ret->has_crc32 ? SL_PROOF_CRC32 : SL_PROOF_NONE;
}

int sl_s3_body_checks(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char crc[16];
	int err;

	sl_cloud_be32(crc, t->op->crc32);
	sl_buf_printf(&q->headers, "X-Amz-Checksum-Crc32: %s\n", crc);
	if (sl_backend_proof(&t->cloud->b) == SL_PROOF_MD5)
		t->md5 = true;
	if (!t->md5)
		return sl_buf_error(&q->headers);
	err = sl_cloud_md5_body(t);
	if (err)
		return err;
	return sl_buf_printf(&q->headers, "Content-MD5: %s\n", t->md5_b64);
}

/* Of bytes that Content-MD5 proved we know which ETag an MD5 would be. */
static void learn_etags(struct sl_cloud_task *t,
			const struct sl_http_response *r)
{
	char v[96];
	const char *e = v;

	if (!sl_http_header(r, "etag", v, sizeof(v)))
		return;
	e += *e == '"';
	SL_LOCK_SCOPE(&t->cloud->lock);
	if (strncasecmp(e, t->md5_hex, strlen(t->md5_hex)) != 0)
		sl_s3_of(t->cloud)->etag_opaque = true;
}

enum sl_verdict sl_s3_check_echo(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	uint32_t crc;
	char v[64];

	if (sl_http_header(r, "x-amz-checksum-crc32", v, sizeof(v))) {
		if (!sl_cloud_unbe32(v, &crc) || crc != t->op->crc32)
			return sl_cloud_fatal(t, EBADMSG, "the store "
					      "computed another checksum");
		t->op->obj.proof = t->md5 ? SL_PROOF_MD5 : SL_PROOF_CRC32;
		t->op->obj.has_crc32 = true;
		t->op->obj.crc32 = crc;
		return SL_V_OK;
	}
	t->op->obj.has_crc32 = false;
	t->op->obj.proof = SL_PROOF_MD5;
	if (t->md5) {
		learn_etags(t, r);
		return SL_V_OK;
	}
	sl_cloud_set_proof(t->cloud, SL_PROOF_MD5);
	t->md5 = true;
	sl_error_set(&t->call.error, EIO, "the store ignores CRC32 checksums");
	return SL_CLOUD_AGAIN;
}

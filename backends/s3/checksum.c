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
#include <openssl/evp.h>
#include <string.h>

#include "backends/s3/internal.h"
#include "crc.h"

#define MD5_LEN 16
#define CORRUPTED_MAX 3

void sl_s3_crc_encode(char dst[16], uint32_t crc)
{
	unsigned char be[4] = { (unsigned char)(crc >> 24),
				(unsigned char)(crc >> 16),
				(unsigned char)(crc >> 8),
				(unsigned char)crc };

	EVP_EncodeBlock((unsigned char *)dst, be, sizeof(be));
}

bool sl_s3_crc_decode(const char *b64, uint32_t *ret)
{
	unsigned char be[6];

	if (strlen(b64) != 8 || b64[5] == '=' || strcmp(b64 + 6, "==") != 0)
		return false;
	if (EVP_DecodeBlock(be, (const unsigned char *)b64, 8) != 6)
		return false;
	*ret = (uint32_t)be[0] << 24 | (uint32_t)be[1] << 16 |
	       (uint32_t)be[2] << 8 | be[3];
	return true;
}

static int md5_vector(const struct iovec *v, int n, unsigned char *md)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	int ok;

	if (!ctx)
		return -ENOMEM;
	ok = EVP_DigestInit_ex(ctx, EVP_md5(), NULL);
	for (int i = 0; ok && i < n; i++)
		ok = EVP_DigestUpdate(ctx, v[i].iov_base, v[i].iov_len);
	ok = ok && EVP_DigestFinal_ex(ctx, md, NULL);
	EVP_MD_CTX_free(ctx);
	return ok ? 0 : -EIO;
}

static bool body_is_whole(const struct sl_op *op)
{
	uint32_t crc = 0;

	for (int i = 0; i < op->body_count; i++)
		crc = sl_crc32(crc, op->body[i].iov_base, op->body[i].iov_len);
	return crc == op->crc32;
}

int sl_s3_md5_body(struct sl_s3_task *t)
{
	unsigned char md[MD5_LEN];
	int err;

	if (t->md5_hex[0])
		return 0;
	if (!body_is_whole(t->op))
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the bytes "
				    "to send do not have their checksum",
				    t->op->key);
	err = md5_vector(t->op->body, t->op->body_count, md);
	if (err)
		return err;
	EVP_EncodeBlock((unsigned char *)t->md5_b64, md, sizeof(md));
	sl_sigv4_hex(t->md5_hex, md, sizeof(md));
	return 0;
}

static int unhex(const char *s, unsigned char *dst)
{
	for (int i = 0; i < MD5_LEN; i++) {
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
	SL_CLEANUP(free) unsigned char *all = calloc(n ? n : 1, MD5_LEN);
	unsigned char md[MD5_LEN];
	char hex[2 * MD5_LEN + 1];
	struct iovec v = { .iov_base = all, .iov_len = (size_t)n * MD5_LEN };

	if (!all)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		const char *e = parts[i].etag;

		e += *e == '"';
		if (strcspn(e, "\"") != 2 * MD5_LEN ||
		    unhex(e, all + (size_t)i * MD5_LEN))
			return -EINVAL;
	}
	if (md5_vector(&v, 1, md))
		return -EIO;
	sl_sigv4_hex(hex, md, sizeof(md));
	snprintf(dst, size, "\"%s-%u\"", hex, n);
	return 0;
}

int sl_s3_whole_of_parts(const struct sl_op *op)
{
	uint64_t size = 0;
	uint32_t crc = 0;

	for (uint32_t i = 0; i < op->part_count; i++) {
		crc = sl_crc32_combine(crc, op->parts[i].crc32,
				       op->parts[i].size);
		size += op->parts[i].size;
	}
	return size == op->size && crc == op->crc32 ? 0 : -EBADMSG;
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
	char v[96];
	uint64_t n;

	*ret = (struct sl_object){ 0 };
	if (sl_http_header(r, "content-length", v, sizeof(v)) &&
	    sl_s3_number(v, &n) == 0)
		ret->size = n;
	/* "bytes 0-9/100", "bytes * /0": the size of the whole */
	if (sl_http_header(r, "content-range", v, sizeof(v)) &&
	    strrchr(v, '/') && sl_s3_number(strrchr(v, '/') + 1, &n) == 0)
		ret->size = n;
	sl_http_header(r, "etag", ret->etag, sizeof(ret->etag));
	if (sl_http_header(r, "last-modified", v, sizeof(v)) &&
	    sl_time_parse_http(v, &ret->mtime_ms))
		ret->mtime_ms = 0;
	if (sl_http_header(r, "x-amz-checksum-crc32", v, sizeof(v)))
		ret->has_crc32 = sl_s3_crc_decode(v, &ret->crc32);
	ret->proof = ret->has_crc32 ? SL_PROOF_CRC32 : SL_PROOF_NONE;
}

void sl_s3_set_proof(struct sl_s3 *s, enum sl_proof proof)
{
	__atomic_store_n(&s->b.proof, (int)proof, __ATOMIC_RELEASE);
}

int sl_s3_body_checks(struct sl_s3_task *t, struct sl_s3_query *q)
{
	char crc[16];
	int err;

	sl_s3_crc_encode(crc, t->op->crc32);
	sl_buf_printf(&q->headers, "X-Amz-Checksum-Crc32: %s\n", crc);
	if (sl_backend_proof(&t->s3->b) == SL_PROOF_MD5)
		t->md5 = true;
	if (!t->md5)
		return sl_buf_error(&q->headers);
	err = sl_s3_md5_body(t);
	if (err)
		return err;
	return sl_buf_printf(&q->headers, "Content-MD5: %s\n", t->md5_b64);
}

/* Of bytes that Content-MD5 proved we know which ETag an MD5 would be. */
static void learn_etags(struct sl_s3_task *t, const struct sl_http_response *r)
{
	char v[96];
	const char *e = v;

	if (!sl_http_header(r, "etag", v, sizeof(v)))
		return;
	e += *e == '"';
	SL_LOCK_SCOPE(&t->s3->lock);
	if (strncasecmp(e, t->md5_hex, strlen(t->md5_hex)) != 0)
		t->s3->etag_opaque = true;
}

enum sl_verdict sl_s3_check_echo(struct sl_s3_task *t,
				 const struct sl_http_response *r)
{
	uint32_t crc;
	char v[64];

	if (sl_http_header(r, "x-amz-checksum-crc32", v, sizeof(v))) {
		if (!sl_s3_crc_decode(v, &crc) || crc != t->op->crc32)
			return sl_s3_fatal(t, EBADMSG, "the store computed "
					   "another checksum");
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
	sl_s3_set_proof(t->s3, SL_PROOF_MD5);
	t->md5 = true;
	sl_error_set(&t->call.error, EIO, "the store ignores CRC32 checksums");
	return SL_S3_AGAIN;
}

enum sl_verdict sl_s3_bad_digest(struct sl_s3_task *t)
{
	if (body_is_whole(t->op) && t->corrupted++ < CORRUPTED_MAX)
		return SL_V_RETRY; /* damaged on the way */
	return SL_V_FATAL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes that we send, held against the checksums that the caller gave
 * with them. A store that checks only an MD5 has no use for the CRC32 that
 * came with the body, so that is checked here, where the MD5 is made.
 */
#include <errno.h>
#include <openssl/evp.h>

#include "backends/cloud/cloud.h"
#include "backends/cloud/text.h"
#include "crc.h"

#define CORRUPTED_MAX 3

bool sl_cloud_body_is_whole(const struct sl_op *op, enum sl_sum kind)
{
	uint32_t crc = 0;
	uint64_t sum = 0;

	for (int i = 0; i < op->body_count; i++) {
		const struct iovec *v = &op->body[i];

		crc = sl_crc32(crc, v->iov_base, v->iov_len);
		if (kind != SL_SUM_NONE)
			sum = sl_sum(kind, sum, v->iov_base, v->iov_len);
	}
	return crc == op->crc32 && (kind == SL_SUM_NONE || sum == op->sum);
}

int sl_cloud_md5_body(struct sl_cloud_task *t)
{
	unsigned char md[SL_MD5_LEN];
	int err;

	if (t->md5_hex[0])
		return 0;
	if (!sl_cloud_body_is_whole(t->op, SL_SUM_NONE))
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the bytes "
				    "to send do not have their checksum",
				    t->op->key);
	err = sl_cloud_md5(t->op->body, t->op->body_count, md);
	if (err)
		return err;
	sl_cloud_base64(t->md5_b64, md, sizeof(md));
	sl_cloud_hex(t->md5_hex, md, sizeof(md));
	return 0;
}

int sl_cloud_sum_body(struct sl_cloud_task *t)
{
	struct sl_op *op = t->op;

	if (op->sum || !op->size)
		return 0;
	if (!sl_cloud_body_is_whole(op, SL_SUM_NONE))
		return sl_error_set(&t->call.error, EBADMSG, "'%s': the bytes "
				    "to send do not have their checksum",
				    op->key);
	for (int i = 0; i < op->body_count; i++)
		op->sum = sl_sum((enum sl_sum)t->cloud->b.sum, op->sum,
				 op->body[i].iov_base, op->body[i].iov_len);
	return 0;
}

enum sl_verdict sl_cloud_bad_digest(struct sl_cloud_task *t)
{
	if (sl_cloud_body_is_whole(t->op, t->cloud->b.sum) &&
	    t->corrupted++ < CORRUPTED_MAX)
		return SL_V_RETRY; /* damaged on the way */
	return SL_V_FATAL;
}

int sl_cloud_whole_of_parts(const struct sl_op *op, enum sl_sum kind)
{
	uint64_t size = 0, sum = 0;
	uint32_t crc = 0;

	for (uint32_t i = 0; i < op->part_count; i++) {
		const struct sl_part *p = &op->parts[i];

		crc = sl_crc32_combine(crc, p->crc32, p->size);
		if (kind != SL_SUM_NONE)
			sum = sl_sum_combine(kind, sum, p->sum, p->size);
		size += p->size;
	}
	if (kind != SL_SUM_NONE && sum != op->sum)
		return -EBADMSG;
	return size == op->size && crc == op->crc32 ? 0 : -EBADMSG;
}

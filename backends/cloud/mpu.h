/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads as S3 shaped them and Google's XML API speaks them too:
 * ?uploads, ?partNumber=&uploadId=, ?uploadId=, and their documents. The
 * flows are here, after lost answers too (create.c, part.c, complete.c,
 * uploads.c); what differs is in the table that the dialect gives. The steps
 * address op->key, or the bucket with step->place; hooks add headers only.
 */
#ifndef SL_CLOUD_MPU_H
#define SL_CLOUD_MPU_H

#include "backends/cloud/cloud.h"

/* A part as ListParts shows it. */
struct sl_cloud_stored {
	uint64_t number, size;
	bool has_crc32;	 /* ChecksumCRC32 was told */
	uint32_t crc32;
	char etag[96];
};

/* What CompleteMultipartUploadResult says; "" where it does not. */
struct sl_cloud_made {
	char etag[96];
	char crc32[64]; /* ChecksumCRC32's text */
};

/* Slots may be NULL where not said otherwise. */
struct sl_cloud_mpu {
	/* Headers of Create. */
	int (*fill_create)(struct sl_cloud_task *t,
			   struct sl_cloud_request *q);
	/* Required. Headers that make the store check op->body. */
	int (*fill_part)(struct sl_cloud_task *t, struct sl_cloud_request *q);
	/* Required. What the answer says of the checksum; etag is there. */
	enum sl_verdict (*part_good)(struct sl_cloud_task *t,
				     const struct sl_http_response *r);
	/* Number and size fit: are they op->body? NULL: never, send again. */
	bool (*is_our_part)(struct sl_cloud_task *t,
			    const struct sl_cloud_stored *s);
	/* Does Complete name each part's ChecksumCRC32? NULL: no. */
	bool (*names_crc32)(struct sl_cloud_task *t);
	/*
	 * Headers of Complete; t->text is its document. The place to refuse
	 * (sl_error_set, -EBADMSG) parts that do not make the whole.
	 */
	int (*fill_complete)(struct sl_cloud_task *t,
			     struct sl_cloud_request *q);
	/*
	 * Required. Complete succeeded: 1 and op->obj filled, it confirms the
	 * whole; 0, op->obj may be filled, HEAD must confirm; -EBADMSG.
	 */
	int (*made)(struct sl_cloud_task *t, const struct sl_http_response *r,
		    const struct sl_cloud_made *m);
	/*
	 * Required. Does the answer to HEAD show what the parts make? 0 and
	 * op->obj filled, or -EBADMSG; -EPROTO: it shows no object of the
	 * store's, and is asked again. 'confirming': Complete said it
	 * happened; else its answer was lost, and any older object may be
	 * there.
	 */
	int (*compare)(struct sl_cloud_task *t,
		       const struct sl_http_response *r, bool confirming);
	/*
	 * made() or, if 'confirming', compare() found another object: sets
	 * the error and gives the verdict; may turn to a step that removes
	 * it. NULL: -EBADMSG.
	 */
	enum sl_verdict (*wrong)(struct sl_cloud_task *t, bool confirming);
};

/* For the slots of sl_backend_ops. */
sl_backend_start_fn sl_cloud_mpu_begin, sl_cloud_mpu_part,
	sl_cloud_mpu_complete, sl_cloud_mpu_abort, sl_cloud_mpu_list_parts,
	sl_cloud_mpu_uploads;

/* Complete found neither the upload nor our object: -ESTALE. */
enum sl_verdict sl_cloud_mpu_gone(struct sl_cloud_task *t);

#endif

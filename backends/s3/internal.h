/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/s3: S3's own part of the frame that is in
 * backends/cloud.
 */
#ifndef SL_S3_INTERNAL_H
#define SL_S3_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "backends/cloud/cloud.h"
#include "backends/cloud/mpu.h"
#include "backends/cloud/text.h"
#include "backends/s3/sigv4.h"

struct sl_s3 {
	struct sl_cloud cloud;	/* cloud.place: the bucket */
	bool https;
	bool amazon;		/* virtual-host style, by region */
	char *authority;	/* custom endpoint: host[:port] */
	char *base_path;	/* custom endpoint: "" or "/path" */
	/* by cloud.lock */
	char region[64];
	bool region_known;
	bool etag_opaque;	/* some ETag was not the MD5 */
	struct sl_sigv4_key key;
};

struct sl_s3_task {
	struct sl_cloud_task task;
	char hash[65]; /* SHA-256 of the document that is sent, in hex */
};

static inline struct sl_s3 *sl_s3_of(struct sl_cloud *c)
{
	return sl_container_of(c, struct sl_s3, cloud);
}

static inline struct sl_s3_task *sl_s3_task_of(struct sl_cloud_task *t)
{
	return sl_container_of(t, struct sl_s3_task, task);
}

/* request.c */
int sl_s3_build(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		struct sl_http_request *req, const struct sl_cred *cred);

/* judge.c */
void sl_s3_read_error(const struct sl_http_response *r,
		      struct sl_cloud_error *d);
bool sl_s3_moved(struct sl_cloud_task *t, const struct sl_http_response *r,
		 const struct sl_cloud_error *d);
bool sl_s3_region_valid(const char *region);
extern const struct sl_cloud_step sl_s3_discover;

/* checksum.c */
/* "\"hex-N\"" that stores give a multipart object; -EINVAL: not MD5 ETags. */
int sl_s3_multipart_etag(const struct sl_part *parts, uint32_t n, char *dst,
			 size_t size);
/* CRC32 of the parts' CRC32s, as a COMPOSITE checksum has it. */
uint32_t sl_s3_composite(const struct sl_part *parts, uint32_t n);
void sl_s3_object(const struct sl_http_response *r, struct sl_object *ret);
/* Adds the headers that make the store check op->body. */
int sl_s3_body_checks(struct sl_cloud_task *t, struct sl_cloud_request *q);
/* What an answer to put or part says of the checksum. */
enum sl_verdict sl_s3_check_echo(struct sl_cloud_task *t,
				 const struct sl_http_response *r);

/* object.c */
int sl_s3_fill_head(struct sl_cloud_task *t, struct sl_cloud_request *q);
bool sl_s3_is_our_body(struct sl_cloud_task *t, struct sl_object *o);
extern const struct sl_cloud_step sl_s3_head_step;

/* multipart.c */
extern const struct sl_cloud_mpu sl_s3_mpu;

/* the ops that are S3's own */
sl_backend_start_fn sl_s3_put, sl_s3_list;

#endif

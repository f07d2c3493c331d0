/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/gcs: a dialect of backends/cloud.
 *
 * Two APIs of one store: objects, listings and small files go by JSON, the
 * multipart uploads by XML, which is S3-shaped. The ETag that callers see is
 * the object's generation, a number that changes with every write and that
 * both APIs and the listing tell alike.
 */
#ifndef SL_GCS_INTERNAL_H
#define SL_GCS_INTERNAL_H

#include "backends/cloud/cloud.h"
#include "backends/cloud/mpu.h"
#include "backends/cloud/page.h"
#include "backends/gcs/token.h"

/* A step's 'own': which door of the JSON API. Shared steps have 0. */
enum sl_gcs_door {
	SL_GCS_BY_STEP, /* XML for multipart uploads, else the object */
	SL_GCS_UPLOAD,
	SL_GCS_LIST,
};

/* The members of an object's JSON that are read. */
#define SL_GCS_OBJECT_FIELDS "name,size,updated,crc32c,generation"

struct sl_gcs {
	struct sl_cloud c;
	struct sl_gcs_tokens *tokens;
	char *base_url; /* without a slash at its end */
};

struct sl_gcs_task {
	struct sl_cloud_task t;
	uint64_t generation;  /* of the token that the attempt used */
	/* put: head, the body, tail */
	struct sl_buf head, tail;
	struct iovec *vec;
	char boundary[40];
	char made[96];	      /* complete: the generation that it made */
};

struct sl_gcs_object {
	struct sl_object o;
	bool has_crc32c;
	uint32_t crc32c;
};

static inline struct sl_gcs *sl_gcs_of(struct sl_cloud_task *t)
{
	return sl_container_of(t->cloud, struct sl_gcs, c);
}

static inline struct sl_gcs_task *sl_gcs_task_of(struct sl_cloud_task *t)
{
	return sl_container_of(t, struct sl_gcs_task, t);
}

/* request.c */
int sl_gcs_build(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		 struct sl_http_request *req, const struct sl_cred *cred);
const char *sl_gcs_name_refused(const char *name);

/* judge.c */
void sl_gcs_read_error(const struct sl_http_response *r,
		       struct sl_cloud_error *d);
void sl_gcs_reclassify(struct sl_cloud_task *t,
		       const struct sl_http_response *r,
		       const struct sl_cloud_error *d, enum sl_cred_age age,
		       struct sl_classified *c);

/* meta.c: of an object's JSON, or of the headers with its bytes. -EPROTO. */
int sl_gcs_object_json(const char *text, size_t n, struct sl_gcs_object *ret);
int sl_gcs_object_read(const struct sl_http_response *r,
		       struct sl_gcs_object *ret);
/* The crc32c of x-goog-hash, which may come more than once. */
bool sl_gcs_hash(const struct sl_http_response *r, uint32_t *ret);
/* A page of a listing. -EPROTO, -ENOMEM. */
int sl_gcs_page_json(const char *text, size_t n, struct sl_cloud_page *p);

/* put.c, object.c, list.c, mpu.c */
sl_backend_start_fn sl_gcs_put, sl_gcs_list;
extern const struct sl_cloud_step sl_gcs_head_step;
void sl_gcs_object_of(const struct sl_http_response *r, struct sl_object *o);
extern const struct sl_cloud_mpu sl_gcs_mpu;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Google Cloud Storage's part of a request, and what its files see of each
 * other. There are two APIs on one port, as at Google: JSON under
 * /storage/v1 (with /upload and /download before it), XML at /BUCKET/KEY; and
 * the token endpoint, which a credentials file may name anywhere.
 */
#ifndef SIM_GCS_H
#define SIM_GCS_H

#include "cloud.h"
#include "http.h"
#include "intake.h"
#include "store.h"
#include "uploads.h"

enum sim_gcs_route {
	SIM_GCS_NONE,
	SIM_GCS_TOKEN,	  /* /token */
	SIM_GCS_BUCKET,	  /* /storage/v1/b/B */
	SIM_GCS_LIST,	  /* /storage/v1/b/B/o */
	SIM_GCS_OBJECT,	  /* /storage/v1/b/B/o/KEY */
	SIM_GCS_DOWNLOAD, /* /download/storage/v1/b/B/o/KEY */
	SIM_GCS_UPLOAD,	  /* /upload/storage/v1/b/B/o */
	SIM_GCS_XML_BUCKET,
	SIM_GCS_XML_OBJECT,
};

struct sim_gcs_op {
	const char *method;
	enum sim_gcs_route route;
	const char *param; /* must be there; NULL: no selecting one */
	const char *value; /* and be this, if not NULL */
	enum sim_kind kind;
	unsigned deny;	   /* right that --deny takes away */
	bool file;	   /* the body goes to a file, else to memory */
	void (*prepare)(struct sim_req *r); /* after auth, before the body */
	void (*finish)(struct sim_req *r);
};

struct sim_gcs {
	const struct sim_gcs_op *op;
	enum sim_gcs_route route;
	char *bucket;
	char *key;	 /* decoded; "" when the path has none */
	char scope[64];	 /* MIGID/sstables/ */
	bool taking;	 /* the intake was begun */
	struct sim_intake in;
	struct sim_meta meta; /* of the object at hand */
	char *upload;	 /* directory of the multipart upload */
	int64_t part;
};

/* An access token, of the credentials it was given for. */
struct sim_gcs_token {
	struct sim_gcs_token *next;
	char text[160];
	int64_t expires_ms;
};

/* sim_cred.own; sim_cred.key is private_key_id, or client_id's beginning. */
struct sim_gcs_own {
	struct evp_pkey_st *key; /* NULL for an authorized user */
	char email[96];
	char client_id[96];
	struct sim_gcs_token *tokens; /* newest first */
};

/* gcs.c: an error in the dialect of the route; NULL: what is usual. */
void sim_gcs_fail(struct sim_req *r, int status, const char *code,
		  const char *text);
void sim_gcs_errno(struct sim_req *r, int rc);
void sim_gcs_xml(struct sim_req *r, struct sim_buf *b);
struct cJSON;
/* Answers with it and frees it. */
void sim_gcs_json(struct sim_req *r, int status, struct cJSON *o);
bool sim_gcs_is_xml(const struct sim_req *r);

/* gcs_auth.c: true, or the answer is made. */
bool sim_gcs_auth(struct sim_req *r);
bool sim_gcs_in_scope(struct sim_req *r, const char *key);
bool sim_gcs_key_valid(struct sim_req *r, const char *key);
/* Whether an object of that name may be replaced, if it is there. */
bool sim_gcs_may_replace(struct sim_req *r, const char *key);

/* gcs_token.c */
void sim_gcs_token(struct sim_req *r);
/* gcs_jwt.c: the credentials that signed it, or NULL and why; lock held. */
struct sim_cred *sim_gcs_jwt(struct sim *s, const char *jwt,
			     struct sim_migration **m, const char **why);

/* gcs_object.c */
struct cJSON *sim_gcs_resource(struct sim_req *r, const char *key,
			       const struct sim_meta *m);
void sim_gcs_get_resource(struct sim_req *r);
void sim_gcs_get(struct sim_req *r);
void sim_gcs_delete(struct sim_req *r);
void sim_gcs_bucket(struct sim_req *r);
/* x-goog-hash and x-goog-generation. */
void sim_gcs_hash_headers(struct sim_req *r, const struct sim_meta *m);
/* ifGenerationMatch and the like hold for what is there now. */
bool sim_gcs_conditions(struct sim_req *r, const char *key);
/* Only where nothing is: ifGenerationMatch=0. */
bool sim_gcs_absent(const struct sim_req *r);

/* gcs_list.c */
void sim_gcs_list(struct sim_req *r);

/* gcs_related.c */
void sim_gcs_upload_multipart(struct sim_req *r);

/* gcs_upload.c */
/* The object's resource as sent, and its bytes. */
void sim_gcs_upload_parts(struct sim_req *r, const char *json,
			  const char *content_type, const void *data, size_t n);
void sim_gcs_upload_media(struct sim_req *r);
void sim_gcs_xml_put(struct sim_req *r);
char *sim_gcs_kept_headers(const struct sim_req *r);
/* Content-MD5 and x-goog-hash of the request against the body. */
bool sim_gcs_digests(struct sim_req *r, const struct sim_intake *k);
bool sim_gcs_sums(struct sim_req *r, const struct sim_meta *m,
		  const char *crc32c, const char *md5);
/* Makes the file the object and answers with its resource. */
void sim_gcs_store(struct sim_req *r, const char *tmp, const char *key);
/* What a client says in JSON of an object. */
struct sim_gcs_said {
	char *name;
	char *crc32c;
	char *md5;
	char *headers;
};
/* Fills it from the resource and name=; false: answered. */
bool sim_gcs_said(struct sim_req *r, const char *json,
		  const char *content_type, struct sim_gcs_said *said);
void sim_gcs_said_clear(struct sim_gcs_said *said);

/* gcs_resumable.c */
void sim_gcs_resumable(struct sim_req *r);
void sim_gcs_chunk_prepare(struct sim_req *r);
void sim_gcs_chunk(struct sim_req *r);
#define SIM_GCS_RESUMABLE "x-sim-resumable: "

/* gcs_multipart.c */
void sim_gcs_create(struct sim_req *r);
void sim_gcs_part_prepare(struct sim_req *r);
void sim_gcs_part(struct sim_req *r);
void sim_gcs_complete(struct sim_req *r);
void sim_gcs_abort(struct sim_req *r);
/* The upload named in the request, or the answer is made. */
bool sim_gcs_upload_load(struct sim_req *r, struct sim_upload *u);

/* gcs_uploads.c */
void sim_gcs_parts(struct sim_req *r);
void sim_gcs_uploads(struct sim_req *r);

#endif

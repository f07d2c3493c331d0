/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 side's part of a request, and what its files see of each other.
 */
#ifndef SIM_S3_H
#define SIM_S3_H

#include "http.h"
#include "intake.h"
#include "store.h"
#include "uploads.h"
#include "xml.h"

struct sim_s3_op {
	const char *method;
	const char *param;  /* must be there; NULL: none of the listed ones */
	bool object;	    /* on a key, else on the bucket */
	enum sim_kind kind;
	unsigned deny;	    /* right that --deny takes away */
	bool body;	    /* to a file, else to memory */
	void (*prepare)(struct sim_req *r); /* after auth, before the body */
	void (*finish)(struct sim_req *r);
};

/* How x-amz-content-sha256 says the body is signed. */
enum sim_payload {
	SIM_PAY_HEX,
	SIM_PAY_UNSIGNED,
	SIM_PAY_CHUNKED,	  /* STREAMING-AWS4-HMAC-SHA256-PAYLOAD */
	SIM_PAY_CHUNKED_TRAILER,  /* ...-TRAILER */
	SIM_PAY_UNSIGNED_TRAILER, /* STREAMING-UNSIGNED-PAYLOAD-TRAILER */
};

struct sim_signature {
	enum sim_payload payload;
	char sha256[65];  /* announced, for SIM_PAY_HEX */
	char date[17];	  /* x-amz-date */
	char scope[96];	  /* 20260102/us-east-1/s3/aws4_request */
	unsigned char key[SIM_SHA256];
	char previous[65]; /* signature of headers, then of the last chunk */
};

struct sim_sink;

struct sim_s3 {
	const struct sim_s3_op *op;
	char *bucket;
	char *key;	 /* decoded, "" for the bucket */
	char scope[64];	 /* MIGID/sstables/ */
	char request_id[17];
	struct sim_signature sig;
	struct sim_sink *sink;
	struct sim_meta meta; /* of the object at hand */
	char *upload;	 /* directory of the multipart upload */
	int64_t part;
};

void sim_s3_fail(struct sim_req *r, int status, const char *code,
		 const char *text);
/* A store error: ENOENT, ENOSPC... */
void sim_s3_errno(struct sim_req *r, int rc);
void sim_s3_xml(struct sim_req *r, struct sim_buf *b);

/* s3_auth.c: true, or the answer is made. */
bool sim_s3_auth(struct sim_req *r);
bool sim_s3_in_scope(struct sim_req *r, const char *key);

/* s3_body.c: the body as it comes in. */
struct sim_sink {
	struct sim_intake in;
	struct evp_md_ctx_st *sha_ctx, *chunk_ctx;
	char *sum_want;	/* announced, in a header or the trailer */
	bool whole;	/* the announced sum is that of the body */
	/* aws-chunked */
	int state;
	uint64_t left;
	struct sim_buf line;
	char chunk_sig[65];
	struct sim_buf trailer; /* canonical */
};
/* algo: what to compute; SIM_SUM_NONE: as the headers say, else CRC64NVME. */
bool sim_sink_begin(struct sim_req *r, bool file, enum sim_algo algo);
void sim_sink_data(struct sim_req *r, const void *p, size_t n);
/* Checks everything that was announced; false: the answer is made. */
bool sim_sink_end(struct sim_req *r);
void sim_sink_free(struct sim_sink *k);
/* The algorithm in the headers; false: answered (more than one, or bad). */
bool sim_sum_announced(struct sim_req *r, enum sim_algo *algo, char **value);
/* s3_chunked.c */
void sim_sink_chunked(struct sim_req *r, const char *p, size_t n);
void sim_sink_take(struct sim_req *r, const void *p, size_t n);
bool sim_sink_chunked_done(const struct sim_sink *k);

/* Adds x-amz-checksum-ALGO of the meta; lies when told to. */
void sim_s3_sum_header(struct sim_req *r, const struct sim_meta *m);
/* The same, and x-amz-checksum-type. */
void sim_s3_sum_headers(struct sim_req *r, const struct sim_meta *m);
const char *sim_s3_sum_shown(struct sim_req *r, const char *sum, char *tmp);

/* s3_object.c */
void sim_s3_put_prepare(struct sim_req *r);
void sim_s3_put(struct sim_req *r);
void sim_s3_get(struct sim_req *r);
void sim_s3_delete(struct sim_req *r);
void sim_s3_multidelete(struct sim_req *r);
char *sim_s3_kept_headers(const struct sim_req *r);

/* s3_multipart.c */
void sim_s3_create(struct sim_req *r);
void sim_s3_part_prepare(struct sim_req *r);
void sim_s3_part(struct sim_req *r);
void sim_s3_abort(struct sim_req *r);
/* The upload named in the request, or the answer is made. */
bool sim_upload_load(struct sim_req *r, struct sim_upload *u);

/* s3_uploads.c */
void sim_s3_parts(struct sim_req *r);
void sim_s3_uploads(struct sim_req *r);

/* s3_complete.c */
void sim_s3_complete_prepare(struct sim_req *r);
void sim_s3_complete(struct sim_req *r);

/* s3_list.c */
void sim_s3_list(struct sim_req *r);
void sim_s3_head_bucket(struct sim_req *r);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/s3. The frame (task.c) runs an op as a
 * chain of HTTP calls; the ops are tables of steps.
 */
#ifndef SL_S3_INTERNAL_H
#define SL_S3_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "backends/http/classify.h"
#include "backends/s3/sigv4.h"
#include "backends/s3/xml.h"
#include "lock.h"

/*
 * "Again at once": what judge() changed lets the next attempt differ. The
 * client bounds it, which a plain retry's back-off would not.
 */
#define SL_S3_AGAIN SL_V_WRONG_REGION

#define SL_S3_PAGE 1000
#define SL_S3_MAX_XML ((size_t)8 * 1024 * 1024)

struct sl_s3_task;

struct sl_s3_query {
	struct sl_buf query;	/* canonical: encoded, sorted by name */
	struct sl_buf headers;	/* to be signed and sent */
	const char *payload;	/* of sl_sigv4 */
	char hash[65];		/* room for payload */
};

struct sl_s3_step {
	const char *method;
	bool bucket;	   /* about the bucket, not the key */
	bool discover;	   /* unsigned, to the global endpoint */
	bool patient;
	bool with_body;	   /* sends op->body */
	bool sink;	   /* streams a 2xx body to on_data */
	bool hedge;	   /* may be under way twice, late copies included */
	int (*fill)(struct sl_s3_task *t, struct sl_s3_query *q);
	/* Judges an answer that is no error. */
	enum sl_verdict (*good)(struct sl_s3_task *t,
				const struct sl_http_response *r);
	/* May overrule the verdict on an error; NULL: as classified. */
	enum sl_verdict (*bad)(struct sl_s3_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c);
	/* The step after success; NULL slot or result: the op is done. */
	const struct sl_s3_step *(*next)(struct sl_s3_task *t);
};

struct sl_s3_id {
	struct sl_s3_id *next;
	char id[];
};

struct sl_s3 {
	struct sl_backend b;
	struct sl_http *http;	      /* borrowed */
	struct sl_cred_source *creds; /* borrowed */
	const struct sl_clock *clock;
	char *bucket;
	char *prefix;		      /* "" or "dir/" */
	bool https;
	bool amazon;		      /* virtual-host style, by region */
	char *authority;	      /* custom endpoint: host[:port] */
	char *base_path;	      /* custom endpoint: "" or "/path" */
	struct sl_mutex lock;	      /* before http's, never held in calls */
	struct sl_cond idle;
	bool closing;
	int running;		      /* ops without their last done() */
	struct sl_s3_task *tasks;
	struct sl_op *oom;	      /* found no memory; chained by impl */
	struct sl_http_call oom_call; /* gives their done() a thread */
	bool oom_under_way;
	char region[64];
	bool region_known;
	int64_t skew_ms;	      /* server minus local */
	bool skew_seen;
	bool skew_apply;	      /* asked for by RequestTimeTooSkewed */
	uint64_t accepted_generation;
	int64_t accepted_ms;
	bool etag_opaque;	      /* some ETag was not the MD5 */
	struct sl_sigv4_key key;
	struct sl_s3_id *ids;	      /* uploads in use here */
};

/* One op under way; op->impl. Used by one thread at a time. */
struct sl_s3_task {
	struct sl_http_call call;
	struct sl_s3 *s3;
	struct sl_op *op;
	struct sl_s3_task *next, *prev; /* s3->lock */
	bool cancelled;			/* s3->lock */
	bool asking;			/* s3->lock: a Create without answer */
	const struct sl_s3_step *step, *first;
	int64_t started_ms;		/* server's clock */
	int64_t deadline_ms;		/* 0: the client's own */
	char code[64];
	char new_region[64];
	bool expect;	 /* ask before sending the body again */
	bool md5;	 /* this op sends Content-MD5 */
	bool gone;	 /* complete: the upload no longer exists */
	bool failed;	 /* complete: the server failed (500) */
	bool probe_get;	 /* head: learn the reason by a GET */
	int corrupted;	 /* bad digests although our bytes are right */
	char md5_b64[32];
	char md5_hex[33];
	struct sl_buf xml; /* complete's body */
	struct iovec xml_vec;
	/* paging */
	bool more;
	char *marker, *marker2; /* owned */
	char *last;	   /* list: the last key told; owned */
	unsigned idle;	   /* list: pages in a row that brought nothing */
	uint32_t part_marker;
	/* get */
	uint64_t got, skip;
	bool looked; /* this attempt's version was looked at */
	char etag[96];
	void *page; /* list.c's, while a page is read */
};

/* task.c */
void sl_s3_run(struct sl_backend *b, struct sl_op *op,
	       const struct sl_s3_step *first);
void sl_s3_cancel(struct sl_backend *b, struct sl_op *op);
/* Sets the error and returns FATAL. */
enum sl_verdict sl_s3_fatal(struct sl_s3_task *t, int errnum,
			    const char *text);
enum sl_verdict sl_s3_lost(struct sl_s3_task *t,
			   const struct sl_s3_step *next);

/* request.c */
int sl_s3_prepare(struct sl_http_call *c, struct sl_http_request *req,
		  const struct sl_cred *cred);
int sl_s3_query(struct sl_s3_query *q, const char *name, const char *value);
/* The full key (prefix and key) is appended. */
int sl_s3_full_key(const struct sl_s3 *s, const char *key, struct sl_buf *b);

/* judge.c */
enum sl_verdict sl_s3_judge(struct sl_http_call *c,
			    const struct sl_http_response *r,
			    const struct sl_cred *cred);
int64_t sl_s3_server_now(struct sl_s3 *s);
bool sl_s3_region_valid(const char *region);
extern const struct sl_s3_step sl_s3_discover;

/* checksum.c */
void sl_s3_crc_encode(char dst[16], uint32_t crc);
bool sl_s3_crc_decode(const char *b64, uint32_t *ret);
int sl_s3_md5_body(struct sl_s3_task *t) SL_MUST_CHECK;
/* "\"hex-N\"" that stores give a multipart object; -EINVAL: not MD5 ETags. */
int sl_s3_multipart_etag(const struct sl_part *parts, uint32_t n, char *dst,
			 size_t size);
/* Do the parts make the whole that complete names? 0 or -EBADMSG. */
int sl_s3_whole_of_parts(const struct sl_op *op);
/* CRC32 of the parts' CRC32s, as a COMPOSITE checksum has it. */
uint32_t sl_s3_composite(const struct sl_part *parts, uint32_t n);
void sl_s3_object(const struct sl_http_response *r, struct sl_object *ret);
void sl_s3_set_proof(struct sl_s3 *s, enum sl_proof proof);
/* Adds the headers that make the store check op->body. */
int sl_s3_body_checks(struct sl_s3_task *t, struct sl_s3_query *q);
/* What an answer to put or part says of the checksum. */
enum sl_verdict sl_s3_check_echo(struct sl_s3_task *t,
				 const struct sl_http_response *r);
/* BadDigest: our own bytes decide whose fault it is. */
enum sl_verdict sl_s3_bad_digest(struct sl_s3_task *t);

/* ids.c: uploads in use, so that a lost Create adopts no other's. */
int sl_s3_id_add(struct sl_s3 *s, const char *id);
void sl_s3_id_drop(struct sl_s3 *s, const char *id);
bool sl_s3_id_known(struct sl_s3 *s, const char *id);

/* list.c */
bool sl_s3_url_decode(char *s);
int64_t sl_s3_time(const char *text);
int sl_s3_number(const char *text, uint64_t *ret);

/* the ops */
sl_backend_start_fn sl_s3_put, sl_s3_upload_begin, sl_s3_part, sl_s3_complete,
	sl_s3_abort, sl_s3_list_parts, sl_s3_uploads, sl_s3_head, sl_s3_get,
	sl_s3_list, sl_s3_remove;
extern const struct sl_s3_step sl_s3_abort_step;

#endif

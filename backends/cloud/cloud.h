/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame that the cloud stores share: an op is a task that goes through
 * steps, each one HTTP call. A dialect (s3, gcs, azure) gives tables: its
 * steps, and how a request of its kind is built and an answer is read.
 *
 *   sl_cloud_run --> [before] --> first step --> next() ... --> op->done()
 *
 * A dialect's backend begins with a struct sl_cloud, its task with a struct
 * sl_cloud_task; both are found again with sl_container_of. Tasks are made
 * by the frame with dialect->task_size zeroed bytes.
 *
 * Within one call, a step's good() or bad() may exchange t->step for another
 * and ask for a retry: so a lost answer is cleared up (PUT -> HEAD and
 * compare -> PUT again only if needed) under one deadline and one back-off.
 * A step that succeeded is followed by next() in a new call (pages).
 *
 * Threads: a task is used by the thread that runs its call's callbacks, one
 * at a time. cloud->lock guards the list of tasks, cancelling and what the
 * ops learn together (clock, ids); it is taken before the HTTP client's lock
 * and is never held in a callback.
 */
#ifndef SL_CLOUD_H
#define SL_CLOUD_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "backends/http/classify.h"
#include "buf.h"
#include "lock.h"

/*
 * "Again at once": what the judging changed lets the next attempt differ.
 * The client bounds it, which a plain retry's back-off would not.
 */
#define SL_CLOUD_AGAIN SL_V_WRONG_REGION

#define SL_CLOUD_MAX_ANSWER ((size_t)8 * 1024 * 1024)

struct sl_cloud_task;
struct sl_cloud_mpu;

/* What a step's fill() says of its request; build() makes it one. */
struct sl_cloud_request {
	struct sl_buf query;   /* "name=value&...", escaped; by name */
	struct sl_buf headers; /* "Name: value\n" */
	/*
	 * op->body of a step with with_body, else nothing; fill() may set
	 * another, which lives as long as the task.
	 */
	const struct iovec *body;
	int body_count;
	uint64_t body_len;
};

struct sl_cloud_step {
	const char *method;
	bool place;	 /* about the bucket or container, not the key */
	bool any_answer; /* good() sees every answer, errors too */
	bool no_creds;	 /* sent without credentials */
	/*
	 * Sends nothing: fill() is the whole step. Needs no_creds.
	 */
	bool local;
	bool patient;	 /* may take minutes */
	bool with_body;	 /* sends op->body */
	bool sink;	 /* streams a 2xx body to on_data */
	bool hedge;	 /* may be under way twice, late copies included */
	unsigned own;	 /* the dialect's flags; 0 in the shared steps */
	/* Adds query and headers; -errno ends the op. May be NULL. */
	int (*fill)(struct sl_cloud_task *t, struct sl_cloud_request *q);
	/* Judges an answer that is no error; NULL: it is fine. */
	enum sl_verdict (*good)(struct sl_cloud_task *t,
				const struct sl_http_response *r);
	/*
	 * May overrule the verdict on an error; t->call.error and t->code are
	 * filled. NULL: as classified.
	 */
	enum sl_verdict (*bad)(struct sl_cloud_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c);
	/* The step after success; NULL slot or result: the op is done. */
	const struct sl_cloud_step *(*next)(struct sl_cloud_task *t);
};

/* An error as the answer tells it: cleaned texts, "" where it does not. */
struct sl_cloud_error {
	char code[64];
	char message[256];
	char request_id[96];
	char region[64];
	bool skewed; /* it complains of the clock: correct it from now on */
};

struct sl_cloud;

/* Slots may be NULL where not said otherwise. */
struct sl_cloud_dialect {
	size_t task_size; /* of the dialect's task */
	/* A step to be taken before any other, now; or NULL. */
	const struct sl_cloud_step *(*before)(struct sl_cloud *c);
	/*
	 * Required. Fills req->url and req->headers from the step, the key
	 * and 'q', signed; everything else of 'req' is set already (the
	 * method too: it may differ from the step's). -errno ends the op.
	 */
	int (*build)(struct sl_cloud_task *t, const struct sl_cloud_request *q,
		     struct sl_http_request *req, const struct sl_cred *cred);
	/*
	 * Required. Reads an error out of any answer, 200 too (S3's Complete);
	 * 'd' comes empty and stays empty for an answer that is none.
	 */
	void (*read_error)(const struct sl_http_response *r,
			   struct sl_cloud_error *d);
	/*
	 * Changes what the common table made of an error; 'age' is what was
	 * known of the credentials then, FRESH after a refresh.
	 */
	void (*reclassify)(struct sl_cloud_task *t,
			   const struct sl_http_response *r,
			   const struct sl_cloud_error *d,
			   enum sl_cred_age age, struct sl_classified *c);
	/* The answer pointed to another place and it was adopted: again. */
	bool (*moved)(struct sl_cloud_task *t,
		      const struct sl_http_response *r,
		      const struct sl_cloud_error *d);
	/* Required. All of 'o' from the headers of HEAD and GET. */
	void (*object)(const struct sl_http_response *r, struct sl_object *o);
	/*
	 * Why the store has no such full name; NULL: it may. Never sent: an
	 * object of such a name is not there, nor can one be made.
	 */
	const char *(*name_refused)(const char *name);
	/* What HEAD needs besides, e.g. to be told checksums. */
	int (*fill_head)(struct sl_cloud_task *t, struct sl_cloud_request *q);
	/* What GET needs besides If-Match and Range. */
	int (*fill_get)(struct sl_cloud_task *t, struct sl_cloud_request *q);
	/* Is the object, read by object(), made of op->body? See put.c. */
	bool (*is_our_body)(struct sl_cloud_task *t, struct sl_object *o);
	/* Of ops that need the object's headers: after 416, empty gets. */
	const struct sl_cloud_step *head; /* required */
	const struct sl_cloud_mpu *mpu;	  /* of S3-shaped uploads */
	void (*free_task)(struct sl_cloud_task *t); /* its own members */
};

struct sl_cloud_id {
	struct sl_cloud_id *next;
	char id[];
};

/* First member of a dialect's backend. */
struct sl_cloud {
	struct sl_backend b;
	const struct sl_cloud_dialect *dialect;
	struct sl_http *http;	      /* borrowed */
	/* Borrowed; a dialect may put its own source here before any op. */
	struct sl_cred_source *creds;
	const struct sl_clock *clock;
	char *place;		      /* owned; the bucket, for texts */
	char *prefix;		      /* owned; "" or "dir/" */
	struct sl_mutex lock;	      /* before http's, never held in calls */
	struct sl_cond idle;
	bool closing;
	int running;		      /* ops without their last done() */
	struct sl_cloud_task *tasks;
	struct sl_op *oom;	      /* found no memory; chained by impl */
	struct sl_http_call oom_call; /* gives their done() a thread */
	bool oom_under_way;
	int64_t skew_ms;	      /* server minus local */
	bool skew_seen;
	bool skew_apply;	      /* asked for by the server */
	uint64_t accepted_generation;
	int64_t accepted_ms;
	struct sl_cloud_id *ids;      /* uploads in use here */
};

/* First member of a dialect's task: one op under way; op->impl. */
struct sl_cloud_task {
	struct sl_http_call call;
	struct sl_cloud *cloud;
	struct sl_op *op;
	struct sl_cloud_task *next, *prev; /* cloud->lock */
	bool cancelled;			   /* cloud->lock */
	bool asking;			   /* cloud->lock: mpu's Create */
	const struct sl_cloud_step *step, *first;
	int64_t started_ms;		   /* server's clock */
	int64_t deadline_ms;		   /* by op->retry_for_ms */
	char code[64];			   /* of the last error, or "" */
	bool expect;	  /* ask before sending the body again */
	const char *method; /* instead of the step's, until reset to NULL */
	int corrupted;	  /* bad digests although our bytes are right */
	bool md5;	  /* this op sends Content-MD5 */
	char md5_b64[32]; /* see sl_cloud_md5_body() */
	char md5_hex[33];
	struct sl_buf text; /* a document to send; kept for repetitions */
	struct iovec text_vec;
	/* paging */
	bool more;
	char *marker, *marker2; /* owned */
	char *last;	  /* list: the last key told; owned */
	unsigned idle;	  /* list: pages in a row that brought nothing */
	uint32_t part_marker;
	/* get */
	uint64_t got, skip;
	bool looked;	  /* this attempt's version was looked at */
	char etag[96];	  /* of the version being read; or "" */
	/* mpu's Complete */
	bool gone;	  /* the upload no longer exists */
	bool failed;	  /* the server failed (500) */
	bool confirmed;	  /* the answer vouched for the whole */
};

/*
 * After the dialect filled b.ops, caps, limits, sum and proof: sets up all
 * other members. -EINVAL: no client or no credentials given. sl_cloud_release
 * is due in either case.
 */
int sl_cloud_init(struct sl_cloud *c, const struct sl_cloud_dialect *d,
		  const struct sl_backend_config *cfg, struct sl_error *e)
	SL_MUST_CHECK;
/* Cancels every op and waits for the last done(). */
void sl_cloud_drain(struct sl_cloud *c);
/* Frees the members (not 'c'); nothing may be under way. */
void sl_cloud_release(struct sl_cloud *c);
/*
 * Sets c->prefix and b.limits.max_key of a store whose keys have at most
 * 'max_key' bytes: 'prefix' is "" or "dir/.../". -EINVAL, -ENOMEM.
 */
int sl_cloud_set_prefix(struct sl_cloud *c, const char *prefix,
			uint32_t max_key, struct sl_error *e) SL_MUST_CHECK;

/* Runs an op from its first step; never calls done() itself. */
void sl_cloud_run(struct sl_backend *b, struct sl_op *op,
		  const struct sl_cloud_step *first);
/* For the slot of sl_backend_ops. */
void sl_cloud_cancel(struct sl_backend *b, struct sl_op *op);

/* Sets the error (positive errnum) and returns FATAL. */
enum sl_verdict sl_cloud_fatal(struct sl_cloud_task *t, int errnum,
			       const char *text);
/* The answer was lost: look, or do it again, by another step. */
enum sl_verdict sl_cloud_lost(struct sl_cloud_task *t,
			      const struct sl_cloud_step *next);
/* Goes on with another step in the same call, at once. */
enum sl_verdict sl_cloud_turn(struct sl_cloud_task *t,
			      const struct sl_cloud_step *next);
/* What the server's clock shows now, as far as is known. */
int64_t sl_cloud_server_now(struct sl_cloud *c);
void sl_cloud_set_proof(struct sl_cloud *c, enum sl_proof proof);

/* request.c: adds "name=value", the value escaped. */
int sl_cloud_query(struct sl_cloud_request *q, const char *name,
		   const char *value);
/* The full key (prefix and key) is appended. */
int sl_cloud_full_key(const struct sl_cloud *c, const char *key,
		      struct sl_buf *b);
/* The same escaped for a URL's path; 'keep_slash' as sl_cloud_escape(). */
int sl_cloud_key_path(const struct sl_cloud *c, const char *key,
		      bool keep_slash, struct sl_buf *b);
/* Sends t->text as the request's body. */
void sl_cloud_send_text(struct sl_cloud_task *t, struct sl_cloud_request *q);

/* object.c: ops that every dialect has alike. */
sl_backend_start_fn sl_cloud_head, sl_cloud_get, sl_cloud_remove;
/* Before something is made: 0, or -EOPNOTSUPP and why. */
int sl_cloud_check_name(struct sl_cloud_task *t) SL_MUST_CHECK;
/*
 * What every store says alike of an object: its size (of the whole, also in
 * answers to ranges), ETag and time; the rest of 'o' is zero.
 */
void sl_cloud_object_headers(const struct sl_http_response *r,
			     struct sl_object *o);
/* For the dialect's 'head' step, besides .method and .fill. */
enum sl_verdict sl_cloud_head_good(struct sl_cloud_task *t,
				   const struct sl_http_response *r);

/*
 * put.c: the whole object in one request, the task's first step. Its bad()
 * is sl_cloud_put_bad: after a lost answer HEAD is asked and
 * dialect->is_our_body() decides whether the first step is taken again.
 */
enum sl_verdict sl_cloud_put_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c);

/* body.c: the hex and base64 MD5 of op->body, once its CRC32 was verified. */
int sl_cloud_md5_body(struct sl_cloud_task *t) SL_MUST_CHECK;
/* op->sum of a caller that gave none, of bytes whose CRC32 was verified. */
int sl_cloud_sum_body(struct sl_cloud_task *t) SL_MUST_CHECK;
/* The store says the digest is bad: our own bytes decide whose fault. */
enum sl_verdict sl_cloud_bad_digest(struct sl_cloud_task *t);
/* Does op->body have op->crc32, and op->sum by 'kind'? */
bool sl_cloud_body_is_whole(const struct sl_op *op, enum sl_sum kind);
/*
 * Do the parts make the whole that complete names: its size, CRC32 and, by
 * 'kind', sum? 0 or -EBADMSG.
 */
int sl_cloud_whole_of_parts(const struct sl_op *op, enum sl_sum kind);

/* ids.c: uploads in use, so that a lost Create adopts no other's. */
int sl_cloud_id_add(struct sl_cloud *c, const char *id);
void sl_cloud_id_drop(struct sl_cloud *c, const char *id);
bool sl_cloud_id_known(struct sl_cloud *c, const char *id);

#endif

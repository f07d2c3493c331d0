/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The contract of an object store: what the upload engine, the listing and
 * the gate may ask of s3, gcs, azure, file and null.
 *
 * Shape. A request is a struct sl_op: the caller fills the inputs, calls the
 * wrapper of the same name, and gets op->done(op) exactly once, on a thread
 * of the backend, never inside the wrapper. So a wrapper may be called with
 * locks held; done() must not block. Memory of the op, its key and its body
 * is the caller's and must stay as it is until done(). op->err is then 0 or
 * -errno, op->error says more.
 *
 * Keys are relative to the migration directory given to open: no leading
 * '/', no empty, "." or ".." segment, no NUL, at most limits.max_key bytes.
 * The wrappers assert that (program error), and check the postconditions.
 *
 * Every store op retries, refreshes credentials and survives a lost answer
 * by itself: 0 means it happened, and for put/complete that the store
 * confirmed size and checksum. All ops are idempotent in effect: repeated
 * with the same inputs they end in the same state.
 *
 * errno of every op: -EACCES forbidden · -EKEYEXPIRED credentials cannot be
 * renewed · -EROFS the migration takes no files · -ETIMEDOUT gave up on the
 * network · -ECANCELED cancelled or shutting down · -ENOMEM · -EPROTO the
 * server's answer makes no sense · -EOPNOTSUPP the store takes no such name
 * (put, upload_begin) · -EIO anything else. More at each op.
 */
#ifndef SL_BACKEND_H
#define SL_BACKEND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "cleanup.h"
#include "crc.h"
#include "credentials.h"
#include "error.h"
#include "http.h"

enum sl_backend_caps {
	SL_CAP_READ = 1 << 0,	     /* get, head with true contents */
	SL_CAP_LIST = 1 << 1,	     /* list */
	SL_CAP_UPLOADS = 1 << 2,     /* uploads: unfinished ones, list_parts */
	SL_CAP_REMOVE = 1 << 3,	     /* remove */
	SL_CAP_CHECKSUM = 1 << 4,    /* vouches for the bytes: a proof */
	SL_CAP_PARALLEL = 1 << 5,    /* parts of one upload side by side */
	SL_CAP_DURABLE = 1 << 6,     /* keeps what was put */
	/*
	 * abort frees the parts at once. Without it they are invisible and
	 * the store drops them in its own time (Azure: a week).
	 */
	SL_CAP_ABORT = 1 << 7,
};

struct sl_backend_limits {
	uint64_t min_part;  /* bytes; every part but the last */
	uint64_t max_part;
	uint32_t max_parts;
	uint64_t max_put;   /* largest single put */
	uint64_t max_object;
	uint32_t max_key;   /* bytes, without the directory prefix */
};

/* How a store's answer vouched for the bytes. */
enum sl_proof {
	SL_PROOF_NONE,
	SL_PROOF_CRC32,	 /* the store computed and returned our CRC32 */
	SL_PROOF_MD5,	 /* it checked Content-MD5 of every request */
	SL_PROOF_CRC32C, /* it returned the CRC32C of the whole object */
	SL_PROOF_CRC64,	 /* it checked the CRC64 of every request */
};

struct sl_object {
	uint64_t size;
	bool has_crc32;
	uint32_t crc32;	   /* whole object, valid if has_crc32 */
	char etag[96];	   /* as the store gives it, quotes kept; or "" */
	int64_t mtime_ms;  /* the store's time; 0: unknown */
	enum sl_proof proof;
};

/* A finished part, as complete needs it again and the ledger keeps it. */
struct sl_part {
	uint32_t number;   /* 1..max_parts, consecutive */
	uint64_t size;
	uint32_t crc32;
	uint64_t sum;	   /* the same bytes by the backend's 'sum'; or 0 */
	char etag[96];
};

struct sl_list_entry {
	const char *key;   /* relative to the directory; borrowed */
	bool is_prefix;	   /* "a/b/": a common prefix, ends in '/' */
	struct sl_object obj; /* valid unless is_prefix */
};

struct sl_upload_entry {
	const char *key;       /* borrowed */
	const char *upload_id; /* borrowed */
	int64_t started_ms;    /* 0: unknown */
};

struct sl_backend;

struct sl_op {
	/* inputs, by op */
	const char *key;	     /* all but list, uploads */
	const char *upload_id;	     /* part complete abort list_parts */
	const struct iovec *body;    /* put part */
	int body_count;
	uint64_t size;		     /* put part: of body; complete: whole */
	uint32_t crc32;		     /* put part: of body; complete: whole */
	uint64_t sum;		     /* of the same bytes, by b->sum; or 0 */
	uint32_t part_number;	     /* part */
	const struct sl_part *parts; /* complete: all, in order */
	uint32_t part_count;
	uint64_t offset;	     /* get */
	uint64_t length;	     /* get: most bytes */
	const char *if_match;	     /* get: only this ETag; NULL: any */
	const char *prefix;	     /* list uploads: "" or "dir/..." */
	bool recursive;		     /* list: no common prefixes */
	int priority;		     /* as struct sl_http_call */
	int64_t retry_for_ms;	     /* -1: the client's; 0: one attempt */

	/*
	 * list: one entry at a time, byte order of keys, on a backend thread;
	 * nonzero (-errno) ends the op with it.
	 */
	int (*on_entry)(struct sl_op *op, const struct sl_list_entry *e);
	int (*on_upload)(struct sl_op *op, const struct sl_upload_entry *e);
	int (*on_part)(struct sl_op *op, const struct sl_part *p);
	/* get: bytes in order, on a backend thread. */
	int (*on_data)(struct sl_op *op, const void *p, size_t n);

	void (*done)(struct sl_op *op);
	void *arg;		     /* the caller's */

	/* outputs */
	int err;
	struct sl_error error;
	struct sl_object obj;	     /* put complete head */
	struct sl_part part;	     /* part */
	char *new_upload_id;	     /* upload_begin: malloc'd, caller frees */

	void *impl;		     /* the backend's while it runs */
	/* the wrappers' while it runs */
	void (*callers_done)(struct sl_op *op);
	unsigned promises;
};

typedef void sl_backend_start_fn(struct sl_backend *b, struct sl_op *op);

struct sl_backend_ops {
	const char *name;
	/*
	 * The object 'key' becomes exactly 'body' (atomically: readers see the
	 * old object, none, or the new). Confirms size and CRC32. More errno:
	 * -EFBIG over max_put, -EBADMSG the store computed another checksum,
	 * -ENOSPC.
	 */
	sl_backend_start_fn *put;
	/* Starts a multipart upload: new_upload_id. Nothing is visible. */
	sl_backend_start_fn *upload_begin;
	/*
	 * One part; any order, side by side if SL_CAP_PARALLEL. Repeating a
	 * number replaces it. Fills op->part. -ESTALE: no such upload.
	 */
	sl_backend_start_fn *part;
	/*
	 * Makes the object from 'parts'; size and crc32 are of the whole and
	 * are confirmed. -ESTALE: no such upload, and the object is not what
	 * was to be completed. -EBADMSG: checksum differs, nothing committed.
	 */
	sl_backend_start_fn *complete;
	/* Forgets an upload and its parts. Unknown upload: success. */
	sl_backend_start_fn *abort;
	/*
	 * The parts stored so far: on_part in number order. -ESTALE. A
	 * checksum that the store does not tell is 0; a part without one is
	 * only recognised by what was noted of it if it has an ETag that is
	 * another for other bytes, and is else sent again.
	 */
	sl_backend_start_fn *list_parts;
	/* Unfinished uploads below 'prefix'. -EACCES where not granted. */
	sl_backend_start_fn *uploads;
	/* Fills obj, with crc32 where the store has one. -ENOENT. */
	sl_backend_start_fn *head;
	/*
	 * Bytes [offset, offset+length) as far as they exist; offset at or
	 * past the end: no data, success. obj.size as in head; size and etag
	 * are there before the first on_data. -ENOENT. -ESTALE: another
	 * version than if_match, or than the bytes before.
	 */
	sl_backend_start_fn *get;
	/*
	 * Objects whose key starts with 'prefix', in pages, memory bounded by
	 * a page; unless recursive, keys with a further '/' are folded into
	 * common prefixes. Nothing there: success without entries.
	 */
	sl_backend_start_fn *list;
	/* Removes the object. Absent: success. -EACCES where not granted. */
	sl_backend_start_fn *remove;
	/*
	 * Why ops have to wait now for something besides the store itself (a
	 * token that cannot be had); false: they need not. May be NULL.
	 */
	bool (*trouble)(struct sl_backend *b, struct sl_error *ret);
	/* Best effort; done() still comes, with -ECANCELED or the outcome. */
	void (*cancel)(struct sl_backend *b, struct sl_op *op);
	/* Cancels everything, waits for the last done(), frees. */
	void (*close)(struct sl_backend *b);
};

struct sl_backend {
	const struct sl_backend_ops *ops;
	unsigned caps;		       /* enum sl_backend_caps */
	struct sl_backend_limits limits;
	/* The store's own checksum, given with every body and the whole. */
	enum sl_sum sum;
	/*
	 * What this store turned out to do with checksums: starts as the
	 * capability says, falls to MD5 when an answer reveals that they are
	 * ignored. Atomic; read with sl_backend_proof().
	 */
	int proof;		       /* enum sl_proof */
};

struct sl_backend_config {
	/*
	 * "s3://bucket/prefix/", "gs://bucket/prefix/", Azure's
	 * "https://host/container/prefix/", "file:///dir/", "null:"; ends in
	 * '/'.
	 */
	const char *url;
	/* -o s3_endpoint= or gcs_endpoint=; NULL: the cloud's own. */
	const char *endpoint;
	const char *region_hint; /* NULL: discover */
	struct sl_cred_source *creds; /* borrowed; NULL for file, null */
	struct sl_http *http;	 /* borrowed; NULL for file, null */
	int threads;		 /* file: worker threads; 0: 4 */
};

/*
 * Opens the backend for a URL by the registry. No network. -EINVAL malformed
 * URL, -EPROTONOSUPPORT unknown scheme, -ENOENT file:// root absent.
 */
int sl_backend_open(const struct sl_backend_config *cfg,
		    struct sl_backend **ret, struct sl_error *e) SL_MUST_CHECK;
/* NULL is fine. Must not be called from done(). */
void sl_backend_close(struct sl_backend *b);

/* The checked wrappers; an op without its capability is a program error. */
void sl_backend_put(struct sl_backend *b, struct sl_op *op);
void sl_backend_upload_begin(struct sl_backend *b, struct sl_op *op);
void sl_backend_part(struct sl_backend *b, struct sl_op *op);
void sl_backend_complete(struct sl_backend *b, struct sl_op *op);
void sl_backend_abort(struct sl_backend *b, struct sl_op *op);
void sl_backend_list_parts(struct sl_backend *b, struct sl_op *op);
void sl_backend_uploads(struct sl_backend *b, struct sl_op *op);
void sl_backend_head(struct sl_backend *b, struct sl_op *op);
void sl_backend_get(struct sl_backend *b, struct sl_op *op);
void sl_backend_list(struct sl_backend *b, struct sl_op *op);
void sl_backend_remove(struct sl_backend *b, struct sl_op *op);
void sl_backend_cancel(struct sl_backend *b, struct sl_op *op);
/* As the op says; never blocks. */
bool sl_backend_trouble(struct sl_backend *b, struct sl_error *ret);
enum sl_proof sl_backend_proof(const struct sl_backend *b);

/* Is 'key' one the contract above allows (without the length limit)? */
bool sl_key_valid(const char *key);

/*
 * Runs an op and waits for it: for tools, tests and threads that may block.
 * Sets and uses op->done and op->arg. Returns op->err.
 */
int sl_backend_wait(struct sl_backend *b,
		    void (*start)(struct sl_backend *, struct sl_op *),
		    struct sl_op *op);

#endif

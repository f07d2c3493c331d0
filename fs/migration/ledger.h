/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger: what this node has sent and what must outlive a crash. One
 * SQLite database per migration and node: STATE/DATABASE/MIGRATION/NODE.db,
 * WAL, synchronous=NORMAL, commits in groups. One thread owns the connection;
 * every function but open, load and close only queues (bounded memory: a
 * row is a few hundred bytes; the queue holds at most 64 MiB, then the caller
 * of put waits for the thread, never for the network). It never holds a
 * secret. Thread safe.
 */
#ifndef SL_LEDGER_H
#define SL_LEDGER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "backend.h"
#include "error.h"
#include "wait.h"

enum sl_file_state {
	SL_FILE_COMMITTED,
	SL_FILE_OPEN,	     /* being written, or settled before its rename */
	SL_FILE_QUEUED,
	SL_FILE_INTERRUPTED, /* parts kept for resume; not in the bucket */
	SL_FILE_UNPROVEN,
	SL_FILE_FAILED,
	SL_FILE_SKIPPED,
	SL_FILE_DIR,	     /* a directory's times, mode and owner */
	SL_FILE__COUNT,
};
/* "committed" ... : as in .status and xattrs. */
const char *sl_file_state_name(enum sl_file_state s);

struct sl_ledger_row {
	const char *path;    /* NODE/...; relative to the directory */
	enum sl_file_state state;
	uint64_t size;
	int64_t mtime_ns;
	uint32_t mode;	     /* with file type bits */
	uint32_t uid, gid;
	bool has_crc32;
	uint32_t crc32;
	const char *etag;    /* "" when none */
	const char *note;    /* why skipped, failed ...; "" when none */
};

struct sl_ledger;

/*
 * Opens or creates 'path' and its directories (0700), takes the lock
 * "PATH.lock" (-EBUSY names the pid that holds it). *ret_unclean: the last
 * holder did not close. A database of a newer schema: -EPROTO. A damaged
 * one: -EUCLEAN, and the text says how to set it aside.
 */
int sl_ledger_open(const char *path, struct sl_ledger **ret,
		   bool *ret_unclean, struct sl_error *e) SL_MUST_CHECK;
/* Writes out, marks clean when 'clean', closes. NULL is fine. */
int sl_ledger_close(struct sl_ledger *l, bool clean, struct sl_error *e);

/* All rows in byte order of path. Call before the first put. */
int sl_ledger_load(struct sl_ledger *l,
		   int (*row)(void *arg, const struct sl_ledger_row *r),
		   void *arg, struct sl_error *e) SL_MUST_CHECK;

/* Insert or replace by path. Strings are copied. */
int sl_ledger_put(struct sl_ledger *l, const struct sl_ledger_row *r);
int sl_ledger_remove(struct sl_ledger *l, const char *path);

/*
 * What was learned of the file's content, as bytes of the caller's; goes with
 * the file's row. p NULL: forgotten.
 */
int sl_ledger_facts_put(struct sl_ledger *l, const char *path, const void *p,
			size_t n);
/* All of them, in byte order of path. Call before the first put. */
int sl_ledger_facts(struct sl_ledger *l,
		    int (*one)(void *arg, const char *path, const void *p,
			       size_t n),
		    void *arg, struct sl_error *e) SL_MUST_CHECK;

/* An upload id for 'key' exists; durable before w->done(0). */
int sl_ledger_upload_begin(struct sl_ledger *l, const char *key,
			   const char *upload_id, struct sl_wait *w)
	SL_MUST_CHECK; /* SL_PARKED */
int sl_ledger_upload_part(struct sl_ledger *l, const char *upload_id,
			  const struct sl_part *p);
int sl_ledger_upload_end(struct sl_ledger *l, const char *upload_id);
/* Upload ids with their keys that never ended, after open, before puts. */
int sl_ledger_uploads(struct sl_ledger *l,
		      int (*up)(void *arg, const char *key,
				const char *upload_id),
		      void *arg, struct sl_error *e) SL_MUST_CHECK;

/*
 * The parts that were noted of an upload id, in order of their numbers, at
 * any time. What is still queued is not among them.
 */
int sl_ledger_parts(struct sl_ledger *l, const char *upload_id,
		    int (*one)(void *arg, const struct sl_part *p), void *arg,
		    struct sl_error *e) SL_MUST_CHECK;

/* A line of history: launches, overrides, errors. Kept, newest 10,000. */
int sl_ledger_event(struct sl_ledger *l, int64_t wall_ms, int errnum,
		    const char *path, const char *text);

/* Small facts by name ("launched", "agreed"); value NULL removes. */
int sl_ledger_meta_set(struct sl_ledger *l, const char *name,
		       const char *value);
/* malloc'd, or NULL; before the first put only (synchronous). */
char *sl_ledger_meta_get(struct sl_ledger *l, const char *name);

/* done(0) when all that was queued before is on disk. SL_PARKED. */
int sl_ledger_barrier(struct sl_ledger *l, struct sl_wait *w) SL_MUST_CHECK;

/* The first write error since open; 0: none. .status shows it, the gate
 * closes on it. */
int sl_ledger_error(struct sl_ledger *l, struct sl_error *ret);

/*
 * The migration last initialised or joined by this database and node list:
 * STATE/DATABASE/joined/NODES (one line). get: malloc'd UUID or NULL.
 */
char *sl_state_joined_get(const char *state_dir, const char *db_id,
			  const char *nodes);
int sl_state_joined_set(const char *state_dir, const char *db_id,
			const char *nodes, const char *migration_id,
			struct sl_error *e) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mounted filesystem as a whole: what main() builds, the FUSE operations
 * work on, and the control files show.
 *
 * Life of the store. Before the migration receives files there is none:
 * control files work, the rest says EROFS. When the migration says
 * ReceivingFiles and gives its directory, the store is opened (backend,
 * engine, ledgers, the rows of earlier runs). It is replaced only when
 * another migration is begun or joined.
 *
 * Lock order: file.mu -> tree.mu; mount.mu and the locks of events, verdicts,
 * ledgers, engine and migration are leaves. Engine, backends and migration
 * never call back inside a call, so they may be called with file.mu held. No
 * lock is held across the network.
 */
#ifndef SL_MOUNT_H
#define SL_MOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "buf.h"
#include "error.h"
#include "http.h"
#include "lock.h"
#include "migration/ledger.h"
#include "migration/migration.h"
#include "options.h"
#include "sstable/path.h"
#include "upload/upload.h"

struct sl_mount;
struct sl_tree;
struct sl_clear;
struct sl_controls;
struct sl_metrics;
struct sl_readers;
struct sl_fh;
struct sl_node;
struct sl_verdicts;
struct fuse_session;

#define SL_VERDICTS 4 /* of enum sl_judgement */

/* Files of ours. */
struct sl_counts {
	uint64_t n[SL_FILE__COUNT];  /* by state */
	uint64_t bytes[SL_FILE__COUNT];
	/* In the bucket, skipped, or refused: by verdict. */
	uint64_t verdict[SL_VERDICTS];
};

/* Reference counted; everything in it is fixed after it was opened. */
struct sl_store {
	int refs;
	struct sl_store *next_dead; /* mount.mu; without references */
	struct sl_mount *mount;
	char migration_id[37];
	char *url;		     /* uploadBucketDir */
	struct sl_backend *backend;
	struct sl_engine *engine;
	struct sl_ledgers *ledgers;
	struct sl_verdicts *verdicts;
	bool unclean;		     /* a ledger was not closed last time */
	int delete_ok;		     /* atomic: -1 unknown, 0 refused, 1 yes */
};

struct sl_mount {
	const struct sl_options *opt;
	struct sl_path_rules rules;
	struct fuse_session *session;
	struct sl_http *http;
	struct sl_migration *migration;
	struct sl_tree *tree;
	struct sl_controls *controls; /* control.c's own state */
	struct sl_clear *clear;	      /* clear.c's own */
	struct sl_readers *readers;
	struct sl_metrics *metrics;
	struct sl_mutex mu;
	struct sl_store *store SL_GUARDED_BY(mu);
	struct sl_store *dead_stores SL_GUARDED_BY(mu); /* to be freed */
	/* Why there is no store although there should be one. */
	struct sl_error store_error SL_GUARDED_BY(mu);
	/* The newest events, for .errors. */
	struct sl_events *events;
	int64_t started_mono_ms;
	struct sl_fh *handles SL_GUARDED_BY(mu);
	int watchers;		     /* atomic: threads of signals.c */
	int telling;		     /* atomic: of these, those that tell */
	bool ending;		     /* atomic: nobody is told any more */
	int open_files;		     /* atomic: handles open for writing */
	bool store_waits;	     /* atomic: opened when there are none */
	int refused;		     /* atomic: names refused at create */
	struct {		     /* the control worker's; verify.c */
		struct sl_counts counts;
		int64_t since_ms;
		bool told;
	} quiet;
};

/*
 * Builds all but the FUSE session: http, migration (joined by migration=, or
 * remembered), tree, controls. 'opt' with token is borrowed for the life.
 */
int sl_mount_new(const struct sl_options *opt, struct sl_mount **ret,
		 struct sl_error *e) SL_MUST_CHECK;
/* Gives up what is open, writes the ledgers out, frees. */
void sl_mount_free(struct sl_mount *m);

/* Mounts at opt->mountpoint and makes the FUSE session (fs/mount/ops.c). */
int sl_mount_attach(struct sl_mount *m, struct sl_error *e) SL_MUST_CHECK;
/* Serves until unmounted or a signal; 0 or -errno. */
int sl_mount_serve(struct sl_mount *m) SL_MUST_CHECK;
/*
 * Ends what is under way: open versions become interrupted, parked requests
 * are answered. Detach does it before the session goes; idempotent.
 */
void sl_mount_quiesce(struct sl_mount *m);
/* ops_read.c: the readers, and the metrics that they count in. */
int sl_mount_make_readers(struct sl_mount *m) SL_MUST_CHECK;
/* handle.c: for quiesce, once no operation runs any more. */
void sl_mount_interrupt_handles(struct sl_mount *m);
void sl_mount_drop_handles(struct sl_mount *m);
/* signals.c: from now on no watcher passes an interrupt on. */
void sl_mount_silence_watchers(struct sl_mount *m);
/* Until the threads that look at signals have gone. */
void sl_mount_await_watchers(struct sl_mount *m);
/* Quiesces, unmounts and ends the session. */
void sl_mount_detach(struct sl_mount *m);

/* The present store with a reference; NULL: none, 'e' says why (EROFS). */
struct sl_store *sl_mount_store(struct sl_mount *m, struct sl_error *e);
void sl_store_unref(struct sl_store *s);
static inline void sl_cleanup_store(struct sl_store **s)
{
	sl_store_unref(*s);
}
/* -EROFS with the reason unless the migration takes files. */
int sl_mount_may_write(struct sl_mount *m, struct sl_error *e) SL_MUST_CHECK;

void sl_mount_counts(struct sl_mount *m, struct sl_counts *ret);

/* A handle open for writing is gone: was a new store waiting for that? */
void sl_mount_writer_went(struct sl_mount *m);

/*
 * An earlier run ended uncleanly and the copy has not been run again since:
 * what was under way then may be missing without a trace.
 */
bool sl_mount_unclean(struct sl_mount *m);

/*
 * Calls row() for a snapshot of every file of our own nodes (no
 * directories); no lock is held meanwhile; the row is borrowed.
 */
int sl_mount_rows(struct sl_mount *m,
		  int (*row)(void *arg, const struct sl_ledger_row *r),
		  void *arg) SL_MUST_CHECK;
/* Is the first segment of 'path' a node this mount may write? */
bool sl_mount_owns(const struct sl_mount *m, const char *path);
/* Names of own nodes, with node=* those that have rows: malloc'd array of
 * malloc'd strings. */
int sl_mount_own_nodes(struct sl_mount *m, char ***ret, int *ret_count)
	SL_MUST_CHECK;

/*
 * Something the user should know: kept for .errors (newest 1,000), logged,
 * and put into the ledger. errnum 0: a note. path may be NULL. 'detail' may
 * be NULL; its code and request id are shown.
 */
void sl_mount_event(struct sl_mount *m, int errnum, const char *path,
		    const char *text, const struct sl_error *detail);
/*
 * A name that a rule refuses: an event with the sentence and the cure, which
 * go into 'e' (or NULL) too. Returns -EOPNOTSUPP.
 */
int sl_mount_refuse(struct sl_mount *m, const char *path, enum sl_rule why,
		    struct sl_error *e);
/* ops_attr.c: the kernel is to forget what it knows of 'n' (pinned). */
void sl_mount_attr_changed(struct sl_mount *m, struct sl_node *n);
/* The text of .errors and .skipped, appended to 'out'. */
int sl_mount_errors(struct sl_mount *m, struct sl_buf *out);
int sl_mount_skipped(struct sl_mount *m, struct sl_buf *out);

#endif

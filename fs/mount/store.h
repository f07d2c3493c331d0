/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store behind the mount: backend and engine of one migration, the
 * ledgers of our nodes, and the upload ids that were begun and not ended.
 */
#ifndef SL_STORE_H
#define SL_STORE_H

#include "mount/mount.h"

struct sl_node;

/*
 * Opens backend, engine and ledgers for the migration in 'v' and fills the
 * tree with what earlier runs left. Local disk only; probes the right to
 * delete in the background.
 */
int sl_store_open(struct sl_mount *m, const struct sl_migration_view *v,
		  struct sl_store **ret, struct sl_error *e) SL_MUST_CHECK;
struct sl_store *sl_store_ref(struct sl_store *s);
/*
 * Frees the stores that nobody holds any more. Who drops the last reference
 * may be a thread that closing a backend waits for; this is called from none
 * of those.
 */
void sl_store_bury(struct sl_mount *m);
/* Stops the engine; afterwards nothing of the store runs any more. */
void sl_store_stop(struct sl_store *s);

/* The ledger for a path below one of our nodes; opened when needed. */
struct sl_ledger *sl_store_ledger(struct sl_store *s, const char *path,
				  struct sl_error *e);
/* Writes a row of the present state of 'n' at 'path' (tree.mu not held by
 * the ledger, which only queues). Failures show in .status and the gate. */
void sl_store_put(struct sl_store *s, const struct sl_ledger_row *r);
void sl_store_forget(struct sl_store *s, const char *path);
/* The first ledger that failed to write; 0: none. */
int sl_store_ledger_error(struct sl_store *s, struct sl_error *ret);
void sl_store_event(struct sl_store *s, int errnum, const char *path,
		    const char *text);

/* leftovers.c: upload ids begun and not ended. */
struct sl_leftovers;
int sl_leftovers_new(struct sl_leftovers **ret) SL_MUST_CHECK;
void sl_leftovers_free(struct sl_leftovers *l);
int sl_leftovers_add(struct sl_leftovers *l, const char *key,
		     const char *id, struct sl_upload *owner);
void sl_leftovers_remove(struct sl_leftovers *l, const char *id);
/* The upload was given up but its parts stay. */
/* Nothing of it is on its way any more: the next copy may have it. */
void sl_leftovers_kept(struct sl_leftovers *l, const char *id);
/* 'up' goes on with the newest idle one of 'key', if there is one. */
void sl_leftovers_resume(struct sl_store *s, const char *key,
			 struct sl_upload *up);
/* Is it one that a ledger of ours recorded? */
bool sl_leftovers_has(struct sl_leftovers *l, const char *id);
void sl_leftovers_orphan(struct sl_leftovers *l, struct sl_upload *owner);
/* Aborts, in the background, what is left over of 'key'; NULL: of all. */
void sl_leftovers_abort(struct sl_store *s, const char *key);
struct sl_leftovers *sl_store_leftovers(struct sl_store *s);

#endif

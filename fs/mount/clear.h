/* SPDX-License-Identifier: Apache-2.0 */
/*
 * May the snapshot on the origin be cleared? Yes once the migration was seen
 * to be done and this node's files were all whole when the import began.
 * That moment is kept in the ledger, so that a mount made later knows. After
 * a failed import it tells what of this node was whole, so that a new
 * migration and the same copy again are all that is needed.
 */
#ifndef SL_CLEAR_H
#define SL_CLEAR_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "migration/migration.h"

struct sl_mount;
struct sl_store;
struct sl_gate;
struct sl_clear;

int sl_clear_new(struct sl_clear **ret) SL_MUST_CHECK;
void sl_clear_free(struct sl_clear *c);

/* The gate is open and the service is about to be asked: kept. */
void sl_clear_launched(struct sl_store *s, const struct sl_gate *g);
/*
 * The migration has changed: when it stops taking files, what is known of
 * our nodes is kept, or read from their ledgers. Local disk only.
 */
void sl_clear_changed(struct sl_mount *m, const struct sl_migration_view *v);

struct sl_clear_node {
	const char *node;
	uint64_t files, bytes; /* committed */
	bool safe;
	const char *why;
};
/* Each of our nodes that has files; borrowed for the call. */
int sl_clear_each(struct sl_mount *m, const struct sl_migration_view *v,
		  int (*each)(void *arg, const struct sl_clear_node *n),
		  void *arg) SL_MUST_CHECK;

#endif

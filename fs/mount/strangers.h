/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unfinished uploads that are none of ours: another node is still copying, or
 * a copy was given up there. No listing of objects shows it.
 */
#ifndef SL_STRANGERS_H
#define SL_STRANGERS_H

#include "migration/gate.h"
#include "mount/mount.h"

struct sl_strangers;

/* 'own' are the nodes of this mount; not kept. */
int sl_strangers_new(struct sl_store *s, char *const *own, int own_count,
		     struct sl_strangers **ret) SL_MUST_CHECK;
void sl_strangers_free(struct sl_strangers *st);
/* One at a time; does not block. */
int sl_strangers_seen(struct sl_strangers *st,
		      const struct sl_upload_entry *u) SL_MUST_CHECK;
/* A finding for each node, with its count. */
int sl_strangers_tell(struct sl_strangers *st,
		      struct sl_gate *g) SL_MUST_CHECK;

#endif

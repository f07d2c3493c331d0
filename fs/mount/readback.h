/* SPDX-License-Identifier: Apache-2.0 */
/*
 * 'echo verify > .verify': what lies in the bucket and never passed here (it
 * came by another tool, from another node, or the ledger was lost) is read
 * back as far as it is small, and judged like the rest.
 */
#ifndef SL_READBACK_H
#define SL_READBACK_H

#include "error.h"
#include "wait.h"

struct sl_mount;
struct sl_controls;
struct sl_readback;

/* The act of .verify: "verify" or "verify NODE...". */
int sl_act_verify(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e);
/* The mount goes, or the writer: it ends soon. cs->mu is held. */
void sl_readback_cancel_locked(struct sl_controls *cs);
/* Paths of other nodes that were judged; controls_free's. */
void sl_readback_forget(char **paths, size_t count);

#endif

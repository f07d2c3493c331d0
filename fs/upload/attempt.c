/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One try to make an object, and its end. An attempt outlives the interest in
 * it: a restarted, failed or abandoned upload detaches it, its ops are
 * cancelled, and when the last one is back it is kept in the store for a
 * later resume or aborted there. An upload id that the journal does not know,
 * and one without a single part, is worth nothing and is always aborted; what
 * an earlier copy left is kept when its parts could not be listed in time.
 *
 *   attached --detach--> waits for flying == 0 --reap--> abort op? --> freed
 */
#include "upload/internal.h"

struct sl_attempt *sl_attempt_new_locked(struct sl_upload *u)
{
	struct sl_attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	a->u = u;
	u->refs++;
	TAILQ_INIT(&a->sealed);
	u->a = a;
	return a;
}

void sl_attempt_queue_locked(struct sl_attempt *a, int queue)
{
	if (a->queued[queue] || a->dead)
		return;
	a->queued[queue] = true;
	TAILQ_INSERT_TAIL(&a->u->e->queue[queue], a, link[queue]);
}

void sl_attempt_unqueue_locked(struct sl_attempt *a)
{
	for (int q = 0; q < SL_QUEUE__COUNT; q++) {
		if (a->queued[q])
			TAILQ_REMOVE(&a->u->e->queue[q], a, link[q]);
		a->queued[q] = false;
	}
}

static void drop_sealed_locked(struct sl_attempt *a)
{
	struct sl_part_buf *p;

	while ((p = TAILQ_FIRST(&a->sealed))) {
		TAILQ_REMOVE(&a->sealed, p, link);
		a->u->e->unsent--;
		a->u->bytes_gone = true;
		sl_file_free_part_locked(a->u, p);
	}
}

void sl_attempt_kill_locked(struct sl_attempt *a)
{
	struct sl_engine *e = a->u->e;
	struct sl_xfer *x;

	if (a->dead)
		return;
	a->dead = true;
	sl_attempt_unqueue_locked(a);
	/* A put or complete that waited for a connection never will be. */
	if (a->urgent == SL_JOB_PUT || a->urgent == SL_JOB_COMPLETE)
		a->u->finals--;
	a->urgent = SL_JOB_NONE;
	drop_sealed_locked(a);
	/* An id whose answer is not awaited would stay in the store. */
	TAILQ_FOREACH(x, &e->flying, link) {
		if (x->a == a && (x->job != SL_JOB_BEGIN || e->stopping))
			sl_backend_cancel(e->backend, &x->op);
	}
}

void sl_attempt_detach_locked(struct sl_upload *u, enum sl_fate fate)
{
	struct sl_attempt *a = sl_steal(&u->a);

	if (!a)
		return;
	a->fate = fate;
	sl_attempt_kill_locked(a);
	/* The bytes of a put in flight go with it. */
	if (a->body && a->body == u->cur)
		u->cur = NULL;
	sl_attempt_reap_locked(a);
}

static bool worth_keeping(const struct sl_attempt *a)
{
	if (a->fate != SL_FATE_KEEP)
		return false;
	/* Not listed yet, or not to the end: nothing is known against it. */
	if (a->resumed && !a->ready)
		return true;
	if (!a->ready)
		return false;
	return a->acked || a->old_count || a->u->e->stopping;
}

void sl_attempt_reap_locked(struct sl_attempt *a)
{
	struct sl_upload *u = a->u;

	if (a->fate == SL_FATE_LIVE || a->flying)
		return;
	if (a->upload_id && !a->ended && !worth_keeping(a)) {
		if (a->urgent == SL_JOB_ABORT)
			return;
		a->dead = false;
		a->urgent = SL_JOB_ABORT;
		sl_attempt_queue_locked(a, SL_QUEUE_URGENT);
		return;
	}
	sl_attempt_unqueue_locked(a);
	sl_file_free_part_locked(u, a->body);
	if (a->upload_id && !a->ended && a->u->e->journal)
		a->u->e->journal->kept(a->u->e->journal_arg, a->upload_id);
	free(a->parts);
	free(a->old);
	free(a->known);
	free(a->upload_id);
	free(a);
	sl_upload_advance_locked(u);
	sl_upload_unref_locked(u);
}

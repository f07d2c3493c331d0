/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the queues to the backend and back. At most 'connections' ops are in
 * flight. Puts, begins, completes and aborts go before parts, since they end
 * files and free memory; parts are taken from the attempts in turn, one each,
 * so that one large file does not hold up many.
 *
 * A done() runs on a thread of the backend: it tells the journal first,
 * without the lock and before anything can free the attempt, then takes the
 * lock for the bookkeeping, and delivers answers after it.
 */
#include <string.h>

#include "upload/internal.h"

/* How each job starts, what its answer does, its place among requests. */
static const struct job {
	void (*start)(struct sl_backend *b, struct sl_op *op);
	void (*back)(struct sl_xfer *x);
	int priority;
} jobs[SL_JOB__COUNT];

static void build_iov(struct sl_xfer *x, const struct sl_part_buf *p)
{
	for (struct sl_piece *q = p->head; q; q = q->next)
		x->iov[x->op.body_count++] = (struct iovec){ q->data, q->len };
	x->op.size = p->size;
	x->op.crc32 = p->crc;
	x->op.sum = p->sum;
}

static void xfer_done(struct sl_op *op);

static struct sl_xfer *new_xfer(struct sl_attempt *a, enum sl_job job,
				struct sl_part_buf *p)
{
	struct sl_xfer *x = calloc(1, sizeof(*x));

	if (x)
		x->iov = calloc(p ? p->pieces + 1 : 1, sizeof(*x->iov));
	if (!x || !x->iov) {
		free(x);
		return NULL;
	}
	x->op.body = x->iov; /* an empty object has a body of no bytes */
	x->a = a;
	x->job = job;
	x->part = p;
	x->op.key = a->u->key;
	x->op.upload_id = a->upload_id;
	x->op.priority = jobs[job].priority;
	x->op.retry_for_ms = -1;
	x->op.on_part = sl_resume_on_part;
	x->op.done = xfer_done;
	x->op.arg = x;
	if (p)
		build_iov(x, p);
	return x;
}

/* Wrappers of the backend may be called with locks held (backend.h). */
static void start_locked(struct sl_engine *e, struct sl_xfer *x)
{
	TAILQ_INSERT_TAIL(&e->flying, x, link);
	e->in_flight++;
	e->stalled_since = 0;
	x->a->flying++;
	jobs[x->job].start(e->backend, &x->op);
}

static void start_urgent_locked(struct sl_engine *e, struct sl_attempt *a)
{
	enum sl_job job = a->urgent;
	struct sl_xfer *x = new_xfer(a, job, a->body);

	if (!x && job == SL_JOB_ABORT) {
		a->ended = true; /* the listing of uploads will show it */
		sl_attempt_reap_locked(a);
		return;
	}
	if (!x) {
		sl_upload_fail_locked(a->u, -ENOMEM, NULL);
		return;
	}
	a->urgent = SL_JOB_NONE;
	if (job == SL_JOB_COMPLETE) {
		x->op.parts = a->parts;
		x->op.part_count = a->acked;
		x->op.size = a->u->sealed_size;
		x->op.crc32 = a->u->sealed_crc;
		x->op.sum = a->u->sealed_sum;
	}
	if (e->stopping)
		x->op.retry_for_ms = 0;
	start_locked(e, x);
}

static void start_part_locked(struct sl_engine *e, struct sl_attempt *a)
{
	struct sl_part_buf *p = TAILQ_FIRST(&a->sealed);
	struct sl_xfer *x = new_xfer(a, SL_JOB_PART, p);

	if (!x) {
		sl_upload_fail_locked(a->u, -ENOMEM, NULL);
		return;
	}
	TAILQ_REMOVE(&a->sealed, p, link);
	e->unsent--;
	a->u->bytes_gone = true;
	a->parts_flying++;
	x->op.part_number = p->number;
	start_locked(e, x);
	if (TAILQ_FIRST(&a->sealed) && (e->backend->caps & SL_CAP_PARALLEL))
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
}

void sl_send_pump_locked(struct sl_engine *e)
{
	static void (*const start[])(struct sl_engine *,
				     struct sl_attempt *) = {
		[SL_QUEUE_URGENT] = start_urgent_locked,
		[SL_QUEUE_BULK] = start_part_locked,
	};

	for (int q = 0; q < SL_QUEUE__COUNT; q++) {
		struct sl_attempt *a;

		while (e->in_flight < e->connections &&
		       (a = TAILQ_FIRST(&e->queue[q]))) {
			TAILQ_REMOVE(&e->queue[q], a, link[q]);
			a->queued[q] = false;
			start[q](e, a);
		}
	}
}

/* What the store says about the whole against what we handed it. */
static int check_object(struct sl_upload *u, const struct sl_op *op,
			struct sl_error *err)
{
	const struct sl_object *o = &op->obj;

	if (o->size != op->size)
		return sl_error_set(err, EBADMSG,
				    "the store holds %llu bytes of '%s', sent "
				    "were %llu",
				    (unsigned long long)o->size, u->key,
				    (unsigned long long)op->size);
	if (o->has_crc32 && o->crc32 != op->crc32)
		return sl_error_set(err, EBADMSG,
				    "the store's checksum of '%s' is %08x, "
				    "sent was %08x", u->key, o->crc32,
				    op->crc32);
	if (o->proof == SL_PROOF_CRC32 && !o->has_crc32)
		return sl_error_set(err, EPROTO,
				    "the store did not say its checksum of "
				    "'%s'", u->key);
	if (o->proof == SL_PROOF_NONE &&
	    (u->e->backend->caps & SL_CAP_CHECKSUM))
		return sl_error_set(err, EPROTO,
				    "the store did not confirm the checksum of "
				    "'%s'", u->key);
	return 0;
}

/* A put or complete of the attached attempt came back. */
static void final_back(struct sl_xfer *x)
{
	struct sl_attempt *a = x->a;
	struct sl_upload *u = a->u;
	int err = x->op.err;

	u->finals--;
	if (err == 0 || err == -ESTALE)
		a->ended = true;
	if (u->a != a || u->err)
		return;
	u->final = false;
	if (!err)
		err = check_object(u, &x->op, &x->op.error);
	a->body = NULL; /* still u->cur */
	if (err) {
		sl_upload_fail_locked(u, err, &x->op.error);
		return;
	}
	u->e->bytes_sent += x->job == SL_JOB_PUT ? x->op.size : 0;
	u->sent = x->op.size;
	u->a = NULL;
	a->fate = SL_FATE_KEEP;
	sl_upload_committed_locked(u, &x->op.obj);
}

static void begin_back(struct sl_xfer *x)
{
	struct sl_attempt *a = x->a;

	if (x->op.err) {
		if (a->u->a == a)
			sl_upload_fail_locked(a->u, x->op.err, &x->op.error);
		return;
	}
	a->upload_id = sl_steal(&x->op.new_upload_id);
	if (a->dead)
		return;
	if (!a->u->e->journal) {
		a->ready = true;
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
		return;
	}
	/* Counts as an op until ready() was called; see tell_begun(). */
	a->flying++;
	a->u->e->journaling++;
}

static void part_back(struct sl_xfer *x)
{
	struct sl_attempt *a = x->a;
	struct sl_upload *u = a->u;
	struct sl_part_buf *p = sl_steal(&x->part);

	a->parts_flying--;
	if (!x->op.err) {
		struct sl_part *slot = &a->parts[p->number - 1];

		*slot = x->op.part;
		slot->number = p->number;
		slot->size = p->size;
		slot->crc32 = p->crc;
		slot->sum = p->sum;
		a->acked++;
		u->e->bytes_sent += p->size;
		if (u->a == a)
			u->sent += p->size;
	}
	sl_file_free_part_locked(u, p);
	if (u->a != a)
		return;
	if (x->op.err && !a->dead)
		sl_upload_fail_locked(u, x->op.err, &x->op.error);
	if (TAILQ_FIRST(&a->sealed))
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
}

static void abort_back(struct sl_xfer *x)
{
	/*
	 * The engine's end cancels what may be retried for hours; an abort
	 * gets one more request, so that nothing is left behind.
	 */
	if (x->op.err == -ECANCELED && x->op.retry_for_ms &&
	    x->a->u->e->stopping)
		return;
	/* What could not be aborted shows up in the listing of uploads. */
	x->a->ended = true;
}

static const struct job jobs[SL_JOB__COUNT] = {
	[SL_JOB_LIST] = { sl_backend_list_parts, sl_resume_back, 1 },
	[SL_JOB_PUT] = { sl_backend_put, final_back, 1 },
	[SL_JOB_BEGIN] = { sl_backend_upload_begin, begin_back, 1 },
	[SL_JOB_COMPLETE] = { sl_backend_complete, final_back, 1 },
	[SL_JOB_ABORT] = { sl_backend_abort, abort_back, 1 },
	[SL_JOB_PART] = { sl_backend_part, part_back, 2 },
};

/* Parts and ends, before the lock: the attempt lives while its op does. */
static void tell_journal(struct sl_engine *e, const struct sl_xfer *x)
{
	const struct sl_op *op = &x->op;
	bool gone = op->err == 0 || op->err == -ESTALE;

	if (!e->journal)
		return;
	if (x->job == SL_JOB_PART && op->err == 0) {
		struct sl_part p = op->part;

		p.number = x->part->number;
		p.size = x->part->size;
		p.crc32 = x->part->crc;
		p.sum = x->part->sum;
		e->journal->part(e->journal_arg, x->a->u, op->upload_id, &p);
	} else if ((gone && (x->job == SL_JOB_COMPLETE ||
			     x->job == SL_JOB_ABORT)) ||
		   (x->job == SL_JOB_LIST && op->err == -ESTALE)) {
		e->journal->ended(e->journal_arg, x->a->u, op->upload_id);
	}
}

static void journal_ready(void *arg, int err)
{
	struct sl_attempt *a = arg;
	struct sl_upload *u = a->u;
	struct sl_engine *e = u->e;

	sl_mutex_lock(&e->lock);
	e->journaling--;
	a->flying--;
	/* Only what the journal knows may be left behind in the store. */
	a->ready = err == 0;
	if (err && u->a == a)
		sl_upload_fail_locked(u, err, NULL);
	if (a->ready && TAILQ_FIRST(&a->sealed))
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
	sl_attempt_reap_locked(a);
	sl_engine_turn_locked(e);
	if (e->answers)
		sl_cond_signal(&e->wake);
	sl_mutex_unlock(&e->lock);
}

static void xfer_done(struct sl_op *op)
{
	struct sl_xfer *x = op->arg;
	struct sl_attempt *a = x->a;
	struct sl_upload *u = a->u;
	struct sl_engine *e = u->e;
	bool begun;

	tell_journal(e, x);
	sl_mutex_lock(&e->lock);
	e->callbacks++;
	e->deliverers++;
	u->refs++;
	TAILQ_REMOVE(&e->flying, x, link);
	e->in_flight--;
	jobs[x->job].back(x);
	a->flying--; /* it kept the attempt alive until here */
	begun = x->job == SL_JOB_BEGIN && a->flying;
	if (!begun) {
		sl_attempt_reap_locked(a);
		sl_upload_advance_locked(u);
	}
	sl_upload_unref_locked(u);
	sl_engine_turn_locked(e);
	sl_mutex_unlock(&e->lock);
	free(op->new_upload_id);
	free(x->iov);
	free(x);
	if (begun)
		e->journal->begun(e->journal_arg, u, a->upload_id,
				  journal_ready, a);
	sl_engine_deliver(e);
	sl_mutex_lock(&e->lock);
	e->callbacks--;
	/* Whoever left an answer meanwhile counted on us. */
	if (!--e->deliverers && e->answers)
		sl_cond_signal(&e->wake);
	sl_cond_signal(&e->idle);
	sl_mutex_unlock(&e->lock);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one upload above its parts: made, settled, committed, opened
 * again, restarted, given up. Everything that may make the next step
 * possible ends in sl_upload_advance_locked(), the one place that decides
 * what an upload does next, so no event can be missed.
 */
#include <string.h>

#include "crc.h"
#include "upload/internal.h"

int sl_upload_new(struct sl_engine *e, const char *key, uint64_t size_hint,
		  void *arg, struct sl_upload **ret, struct sl_error *err)
{
	SL_CLEANUP(free) struct sl_upload *u = NULL;
	int r = size_hint ? sl_schedule_check(&e->schedule, size_hint, err) : 0;

	if (r)
		return r;
	u = calloc(1, sizeof(*u));
	if (u)
		u->key = strdup(key);
	if (!u || !u->key)
		return sl_error_set(err, ENOMEM, "out of memory for '%s'", key);
	u->e = e;
	u->arg = arg;
	u->hint = size_hint;
	u->refs = 1;
	u->early_left = sl_schedule_spare_parts(&e->schedule, size_hint);
	SL_LOCK_SCOPE(&e->lock);
	u->serial = ++e->serial;
	TAILQ_INSERT_TAIL(&e->uploads, u, link);
	e->upload_count++;
	*ret = sl_steal(&u);
	return 0;
}

int sl_upload_expect(struct sl_upload *u, uint64_t size,
		     struct sl_error *err)
{
	const struct sl_schedule *sch = &u->e->schedule;
	int r = size ? sl_schedule_check(sch, size, err) : 0;

	if (r)
		return r;
	SL_LOCK_SCOPE(&u->e->lock);
	/* Later it would count early parts twice. */
	if (u->sealed_size || (u->a && !u->a->resumed))
		return 0;
	u->hint = size;
	u->early_left = sl_schedule_spare_parts(sch, size);
	return 0;
}

void *sl_upload_arg(struct sl_upload *u)
{
	return u->arg;
}

const char *sl_upload_key(struct sl_upload *u)
{
	return u->key;
}

void sl_upload_set_tap(struct sl_upload *u, struct sl_tap *t)
{
	SL_LOCK_SCOPE(&u->e->lock);
	u->tap = t;
}

void sl_upload_unref_locked(struct sl_upload *u)
{
	struct sl_engine *e = u->e;

	if (--u->refs)
		return;
	sl_file_drop_locked(u);
	sl_budget_shut(&e->budget, &u->share);
	TAILQ_REMOVE(&e->uploads, u, link);
	e->upload_count--;
	sl_cond_signal(&e->idle);
	if (u->tap)
		u->tap->end(u->tap);
	free(u->key);
	free(u);
}

void sl_upload_unref(struct sl_upload *u)
{
	struct sl_engine *e;

	if (!u)
		return;
	e = u->e;
	SL_LOCK_SCOPE(&e->lock);
	u->released = true;
	if (u->err)
		sl_attempt_detach_locked(u, SL_FATE_KEEP);
	else if (!u->commit_want)
		sl_upload_abandon_locked(u, true);
	sl_upload_unref_locked(u);
	sl_engine_turn_locked(e);
}

static void start_commit_locked(struct sl_upload *u)
{
	struct sl_attempt *a;

	/* Nothing of what an earlier copy left is wanted. */
	if (u->a && u->a->resumed && !u->a->cut && !u->cur)
		sl_attempt_detach_locked(u, SL_FATE_ABORT);
	a = u->a;
	if (a && u->cur) {
		sl_file_seal_locked(u);
		if (u->err)
			return;
	}
	if (a && a->acked < a->cut)
		return;
	if (!a)
		a = sl_attempt_new_locked(u);
	if (!a) {
		sl_upload_fail_locked(u, -ENOMEM, NULL);
		return;
	}
	a->urgent = a->cut ? SL_JOB_COMPLETE : SL_JOB_PUT;
	if (a->urgent == SL_JOB_PUT)
		a->body = u->cur; /* NULL: an empty object */
	u->final = true;
	u->finals++;
	sl_attempt_queue_locked(a, SL_QUEUE_URGENT);
}

static bool is_settled(const struct sl_upload *u)
{
	return !u->writers && (!u->a || u->a->acked == u->a->cut);
}

void sl_upload_advance_locked(struct sl_upload *u)
{
	struct sl_engine *e = u->e;

	if (u->filling)
		return;
	if (u->err) {
		sl_engine_answer_all_locked(e, &u->commits, u->err);
		sl_engine_answer_all_locked(e, &u->settles, u->err);
		return;
	}
	if (u->writers)
		return;
	if (u->closed)
		sl_budget_shut(&e->budget, &u->share);
	if (is_settled(u))
		sl_engine_answer_all_locked(e, &u->settles, 0);
	if (u->commit_want && !u->committed && !u->final && !u->finals &&
	    !sl_resume_waits(u))
		start_commit_locked(u);
}

void sl_upload_committed_locked(struct sl_upload *u,
				const struct sl_object *obj)
{
	u->committed = true;
	u->obj = *obj;
	if (u->reopen)
		u->commit_want = false;
	u->reopen = false;
	sl_engine_answer_all_locked(u->e, &u->commits, 0);
}

static void end_writers_locked(struct sl_upload *u, int err)
{
	struct sl_engine *e = u->e;
	struct sl_ask *a, *next;

	for (a = TAILQ_FIRST(&e->budget.asks); a; a = next) {
		struct sl_writer *wr = sl_writer_of(a);

		next = TAILQ_NEXT(a, link);
		if (wr->u != u)
			continue;
		sl_budget_withdraw(&e->budget, a);
		sl_file_end_writer_locked(wr, err);
	}
}

void sl_upload_fail_locked(struct sl_upload *u, int err,
			   const struct sl_error *error)
{
	if (u->err)
		return;
	u->err = err;
	if (error && error->errnum)
		u->error = *error;
	else
		/* The code is u->err; only the text is wanted here. */
		(void)sl_error_set(&u->error, -err, "upload of '%s' failed",
				   u->key);
	u->refs++;
	u->committed = false;
	if (u->a) {
		bool body = u->a->body && u->a->body == u->cur;

		sl_attempt_kill_locked(u->a);
		/* What a put in flight still reads goes with the attempt. */
		if (body)
			u->cur = NULL;
	}
	sl_file_drop_locked(u);
	if (!u->filling)
		sl_budget_shut(&u->e->budget, &u->share);
	end_writers_locked(u, err);
	if (u->released)
		sl_attempt_detach_locked(u, SL_FATE_KEEP);
	sl_upload_advance_locked(u);
	sl_upload_unref_locked(u);
}

int sl_upload_settle(struct sl_upload *u, struct sl_wait *w)
{
	struct sl_engine *e = u->e;

	SL_LOCK_SCOPE(&e->lock);
	if (u->err)
		return u->err;
	u->closed = true;
	sl_upload_advance_locked(u);
	if (is_settled(u) && !u->filling) {
		sl_engine_turn_locked(e);
		return 0;
	}
	sl_engine_park_locked(e, u, &u->settles, w);
	sl_engine_turn_locked(e);
	return SL_PARKED;
}

int sl_upload_commit(struct sl_upload *u, struct sl_wait *w)
{
	struct sl_engine *e = u->e;

	SL_LOCK_SCOPE(&e->lock);
	if (u->err)
		return u->err;
	if (e->stopping)
		return -ECANCELED;
	u->closed = true;
	u->commit_want = true;
	if (u->committed && !u->writers && !u->filling)
		return 0;
	sl_engine_park_locked(e, u, &u->commits, w);
	sl_upload_advance_locked(u);
	sl_engine_turn_locked(e);
	return SL_PARKED;
}

int sl_upload_reopen(struct sl_upload *u)
{
	SL_LOCK_SCOPE(&u->e->lock);
	if (u->err)
		return u->err;
	if (!u->commit_want)
		return 0;
	/* Under way, and its bytes are all still here: writes will wait. */
	if (!u->committed && !(u->a && u->a->cut)) {
		u->reopen = true;
		return 0;
	}
	if (!u->committed || u->sealed_size || u->bytes_gone)
		return -EIO;
	u->commit_want = false;
	u->closed = false;
	return 0;
}

int sl_upload_restart(struct sl_upload *u)
{
	struct sl_engine *e = u->e;

	SL_LOCK_SCOPE(&e->lock);
	if (e->stopping)
		return -ECANCELED;
	if (u->filling || u->writers)
		return -EBUSY;
	sl_attempt_detach_locked(u, SL_FATE_ABORT);
	sl_engine_answer_all_locked(e, &u->commits, -ECANCELED);
	sl_engine_answer_all_locked(e, &u->settles, 0);
	sl_file_drop_locked(u);
	sl_budget_shut(&e->budget, &u->share);
	u->sealed_size = 0;
	u->sealed_crc = 0;
	u->sealed_sum = 0;
	u->sent = 0;
	u->early_left = sl_schedule_spare_parts(&e->schedule, u->hint);
	u->closed = u->commit_want = u->final = u->reopen = false;
	u->committed = u->bytes_gone = u->short_tail = false;
	u->err = 0;
	sl_error_clear(&u->error);
	if (u->tap)
		u->tap->restart(u->tap);
	sl_engine_turn_locked(e);
	return 0;
}

void sl_upload_abandon_locked(struct sl_upload *u, bool keep)
{
	struct sl_error err = { 0 };

	if (u->committed) {
		sl_file_forget_locked(u);
		return;
	}
	u->refs++;
	sl_upload_fail_locked(u, sl_error_set(&err, ECANCELED,
		"upload of '%s' was given up", u->key), &err);
	sl_attempt_detach_locked(u, keep ? SL_FATE_KEEP : SL_FATE_ABORT);
	sl_upload_unref_locked(u);
}

void sl_upload_abandon(struct sl_upload *u, bool keep)
{
	struct sl_engine *e = u->e;

	SL_LOCK_SCOPE(&e->lock);
	sl_upload_abandon_locked(u, keep);
	sl_engine_turn_locked(e);
}

void sl_upload_get(struct sl_upload *u, struct sl_upload_state *ret)
{
	SL_LOCK_SCOPE(&u->e->lock);
	*ret = (struct sl_upload_state){
		.size = sl_file_size_locked(u),
		.sent = u->sent,
		.crc32 = u->sealed_crc,
		.parts = u->a ? u->a->acked : 0,
		.multipart = u->a && u->a->cut,
		.committed = u->committed,
		.committing = u->commit_want && !u->committed && !u->err,
		.err = u->err,
		.error = u->error,
		.obj = u->obj,
	};
	if (u->cur)
		ret->crc32 = sl_crc32_combine(u->sealed_crc, u->cur->crc,
					      u->cur->size);
}

ssize_t sl_upload_peek(struct sl_upload *u, uint64_t offset, void *dst,
		       size_t n)
{
	SL_LOCK_SCOPE(&u->e->lock);
	uint64_t size = sl_file_size_locked(u);
	struct sl_piece *p;
	size_t done = 0;

	if (u->bytes_gone || u->sealed_size)
		return -ENODATA;
	if (offset >= size)
		return 0;
	if (n > size - offset)
		n = (size_t)(size - offset);
	p = u->cur->head;
	for (; offset >= p->len; p = p->next)
		offset -= p->len;
	for (; done < n; p = p->next) {
		size_t k = p->len - (size_t)offset;

		if (k > n - done)
			k = n - done;
		memcpy((char *)dst + done, p->data + offset, k);
		done += k;
		offset = 0;
	}
	return (ssize_t)done;
}

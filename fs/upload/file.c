/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes become parts. A write is taken in steps: each gets memory (pieces, or
 * the writer's own, lent) for bytes of the part that is being filled, then
 * the bytes are copied and summed without the engine's lock, and only the new
 * lengths are published under it. While 'filling' is set, nobody else touches
 * the part: it is not cut, sent or freed. What finds no memory is parked with
 * its bytes, and the engine's thread does its steps as memory comes.
 */
#include <string.h>

#include "crc.h"
#include "upload/internal.h"

/* Smaller writes are copied when they must wait: lent memory is large. */
#define LEAST_LENT ((uint64_t)256 << 10)

void sl_file_free_part_locked(struct sl_upload *u, struct sl_part_buf *p)
{
	if (!p)
		return;
	sl_budget_give(&u->e->budget, &u->share, p->head);
	free(p);
}

void sl_file_drop_locked(struct sl_upload *u)
{
	if (u->filling)
		return; /* end_fill() comes back to it */
	if (u->cur)
		u->bytes_gone = true;
	sl_file_free_part_locked(u, sl_steal(&u->cur));
}

/* The bytes before those that are being gathered have these as well. */
static void add_sealed_locked(struct sl_upload *u, const struct sl_part_buf *p)
{
	u->sealed_crc = sl_crc32_combine(u->sealed_crc, p->crc, p->size);
	u->sealed_sum = sl_sum_combine(u->e->backend->sum, u->sealed_sum,
				       p->sum, p->size);
	u->sealed_size += p->size;
}

void sl_file_forget_locked(struct sl_upload *u)
{
	if (!u->cur || u->filling)
		return;
	add_sealed_locked(u, u->cur);
	sl_file_drop_locked(u);
}

/*
 * Many files at once get smaller parts, so that sending begins in time.
 * *early: that is so here.
 */
static uint64_t target_of(const struct sl_upload *u, bool *early)
{
	const struct sl_engine *e = u->e;
	uint64_t full = sl_schedule_part(&e->schedule, u->hint,
					 u->sealed_size);
	int open = e->budget.admitted > 0 ? e->budget.admitted : 1;
	uint64_t fair = e->budget.limit / 2 / (unsigned)open;

	if (fair < e->schedule.least)
		fair = e->schedule.least;
	*early = fair < full && u->early_left;
	return *early ? fair : full;
}

static struct sl_part_buf *new_part(const struct sl_upload *u)
{
	struct sl_part_buf *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->target = sl_resume_target(u);
	if (!p->target)
		p->target = target_of(u, &p->early);
	return p;
}

static bool grow_parts(struct sl_attempt *a)
{
	uint32_t cap = a->parts_cap ? a->parts_cap * 2 : 8;
	struct sl_part *parts;

	if (a->cut < a->parts_cap)
		return true;
	parts = reallocarray(a->parts, cap, sizeof(*parts));
	if (!parts)
		return false;
	a->parts = parts;
	a->parts_cap = cap;
	return true;
}

/* The attempt that may take one more part; NULL: the upload has failed. */
static struct sl_attempt *attempt_for_part(struct sl_upload *u)
{
	struct sl_error err = { 0 };
	struct sl_attempt *a = u->a ? u->a : sl_attempt_new_locked(u);

	if (a && a->cut >= u->e->schedule.max_parts) {
		sl_upload_fail_locked(u, sl_error_set(&err, EFBIG,
			"'%s' needs more than the %u parts that the store "
			"takes: mount with more memory=", u->key,
			u->e->schedule.max_parts), &err);
		return NULL;
	}
	if (a && grow_parts(a))
		return a;
	sl_upload_fail_locked(u, -ENOMEM, NULL);
	return NULL;
}

void sl_file_seal_locked(struct sl_upload *u)
{
	struct sl_attempt *a = attempt_for_part(u);
	struct sl_part_buf *p = u->cur;

	if (!a)
		return;
	u->cur = NULL;
	add_sealed_locked(u, p);
	u->short_tail = p->size < u->e->schedule.least;
	p->number = ++a->cut;
	if (sl_resume_has(a, p)) {
		sl_resume_adopt(a, p);
		u->sent += p->size;
		u->bytes_gone = true;
		sl_file_free_part_locked(u, p);
		return;
	}
	TAILQ_INSERT_TAIL(&a->sealed, p, link);
	u->e->unsent++;
	if (a->ready) {
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
	} else if (p->number == 1) {
		a->urgent = SL_JOB_BEGIN;
		sl_attempt_queue_locked(a, SL_QUEUE_URGENT);
	}
}

static size_t room_in_tail(const struct sl_part_buf *p)
{
	return p->tail ? p->tail->cap - p->tail->len : 0;
}

/*
 * Memory that holds the bytes already is kept as it is, if the part goes on
 * at a piece's end: only the last piece of a part may have room.
 */
static struct sl_piece *adopt_locked(struct sl_upload *u,
				     const struct sl_part_buf *part,
				     struct sl_source *src, bool general)
{
	struct sl_piece *p;

	if (!src->lent || src->left != SL_WRITE_MAX || room_in_tail(part) ||
	    part->target - part->size < src->left)
		return NULL;
	p = sl_budget_adopt(src->data, src->left, src->lent);
	if (!p)
		return NULL;
	if (!sl_budget_charge(&u->e->budget, &u->share, src->left, general)) {
		free(p);
		return NULL;
	}
	src->lent = NULL;
	return p;
}

static void link_pieces(struct sl_part_buf *p, struct sl_piece *list)
{
	while (list) {
		*(p->tail ? &p->tail->next : &p->head) = list;
		p->tail = list;
		p->pieces++;
		list = list->next;
	}
}

/* Memory for as much of 'src' as goes into the part, or can be had. */
static enum sl_grant find_memory_locked(struct sl_upload *u,
					struct sl_part_buf *part,
					struct sl_source *src, bool general,
					struct sl_step *st)
{
	size_t piece = u->e->budget.piece, room = room_in_tail(part);
	uint64_t n = part->target - part->size;
	struct sl_piece *more = adopt_locked(u, part, src, general);
	size_t want = 0, got = 0;

	if (n > src->left)
		n = src->left;
	if (!more && n > room) {
		want = (n - room + piece - 1) / piece;
		got = sl_budget_take(&u->e->budget, &u->share, want, general,
				     &more);
		if (n > room + (uint64_t)got * piece)
			n = room + (uint64_t)got * piece;
	}
	st->n = n;
	st->crc = part->crc;
	st->sum = part->sum;
	st->kind = u->e->backend->sum;
	st->first = room ? part->tail : more;
	link_pieces(part, more);
	if (!n)
		return SL_GRANT_NONE;
	return got < want ? SL_GRANT_SOME : SL_GRANT_ALL;
}

/* If memory is granted, the upload is being filled until end_step_locked(). */
static enum sl_grant begin_step_locked(struct sl_upload *u,
				       struct sl_source *src, bool general,
				       struct sl_step *st)
{
	SL_CLEANUP(free) struct sl_part_buf *fresh = NULL;
	enum sl_grant g;

	if (!u->cur)
		fresh = new_part(u);
	if (!u->cur && !fresh)
		return SL_GRANT_NONE; /* asked again at the next tick */
	g = find_memory_locked(u, fresh ? fresh : u->cur, src, general, st);
	if (g == SL_GRANT_NONE)
		return g;
	if (fresh) {
		u->early_left -= fresh->early;
		u->cur = sl_steal(&fresh);
	}
	u->filling = true;
	u->committed = u->closed = false;
	u->refs++;
	return g;
}

static void publish_locked(struct sl_upload *u, const struct sl_step *st)
{
	struct sl_piece *p = st->first;
	uint64_t n = st->n;

	for (; n; p = p->next) {
		size_t k = p->cap - p->len < n ? p->cap - p->len : (size_t)n;

		p->len += k;
		n -= k;
	}
	u->cur->size += st->n;
	u->cur->crc = st->crc;
	u->cur->sum = st->sum;
	if (u->cur->size == u->cur->target)
		sl_file_seal_locked(u);
}

static void end_step_locked(struct sl_upload *u, const struct sl_step *st)
{
	u->filling = false;
	if (u->err) {
		sl_file_drop_locked(u);
		sl_budget_shut(&u->e->budget, &u->share);
	} else {
		publish_locked(u, st);
	}
	sl_upload_advance_locked(u);
	sl_engine_turn_locked(u->e);
}

static int check_write_locked(struct sl_upload *u, uint64_t n)
{
	const struct sl_schedule *s = &u->e->schedule;
	struct sl_error err = { 0 };
	uint64_t size;

	if (u->err)
		return u->err;
	if (u->e->stopping)
		return -ECANCELED;
	if (u->commit_want && !u->reopen)
		return -EPIPE;
	if (__builtin_add_overflow(sl_file_size_locked(u), n, &size) ||
	    size > s->max_object)
		sl_upload_fail_locked(u, sl_error_set(&err, EFBIG,
			"'%s' is larger than the store takes (%llu bytes)",
			u->key, (unsigned long long)s->max_object), &err);
	else if (u->short_tail)
		sl_upload_fail_locked(u, sl_error_set(&err, EIO,
			"'%s' was written to after it was closed and sent for "
			"lack of memory: copy it again", u->key), &err);
	return u->err;
}

/* 1: a step has begun; 0: the write must wait; -errno. */
static int try_step(struct sl_upload *u, struct sl_source *src,
		    struct sl_step *st)
{
	int err;

	SL_LOCK_SCOPE(&u->e->lock);
	err = check_write_locked(u, src->left);
	if (err)
		return err;
	if (u->writers || u->filling || u->final || sl_resume_waits(u))
		return 0;
	return begin_step_locked(u, src, !u->e->budget.asking, st) !=
	       SL_GRANT_NONE;
}

static int end_step(struct sl_upload *u, const struct sl_step *st)
{
	int err;

	SL_LOCK_SCOPE(&u->e->lock);
	end_step_locked(u, st);
	err = u->err;
	sl_upload_unref_locked(u);
	return err;
}

/* 0: all is taken; 1: what is left must wait; -errno. */
static int take_now(struct sl_upload *u, struct sl_source *src)
{
	while (src->left) {
		struct sl_step st;
		int r = try_step(u, src, &st);

		if (r <= 0)
			return r ? r : 1;
		sl_step_run(&st, src, u->tap);
		r = end_step(u, &st);
		if (r)
			return r;
	}
	return 0;
}

static void free_writer(struct sl_writer *wr)
{
	if (wr->src.lent)
		wr->src.lent->give_back(wr->src.lent);
	free(wr->copy);
	free(wr);
}

static struct sl_writer *new_writer(struct sl_upload *u,
				    const struct sl_source *src,
				    struct sl_wait *w)
{
	struct sl_writer *wr = calloc(1, sizeof(*wr));

	if (!wr)
		return NULL;
	wr->u = u;
	wr->w = w;
	wr->src = *src;
	wr->src.lent = NULL; /* until it is parked */
	if (!src->data || (src->lent && src->left >= LEAST_LENT))
		return wr;
	wr->src.data = wr->copy = malloc(src->left);
	if (!wr->copy) {
		free(wr);
		return NULL;
	}
	memcpy(wr->copy, src->data, src->left);
	return wr;
}

static void ask_locked(struct sl_writer *wr, bool again)
{
	wr->ask.share = &wr->u->share;
	wr->ask.serial = wr->u->serial;
	sl_budget_ask(&wr->u->e->budget, &wr->ask, again);
}

static int park_write(struct sl_upload *u, struct sl_source *src,
		      struct sl_wait *w, bool taken)
{
	struct sl_engine *e = u->e;
	struct sl_writer *wr = new_writer(u, src, w);
	int err;

	if (!wr)
		return -ENOMEM;
	SL_LOCK_SCOPE(&e->lock);
	err = check_write_locked(u, src->left);
	if (err) {
		free_writer(wr);
		return err;
	}
	if (!wr->copy)
		wr->src.lent = sl_steal(&src->lent);
	wr->taken = taken;
	u->closed = false;
	u->refs++;
	u->writers++;
	w->owner = u;
	sl_engine_hold_locked(e, w);
	ask_locked(wr, false);
	sl_engine_turn_locked(e);
	return SL_PARKED;
}

void sl_file_end_writer_locked(struct sl_writer *wr, int err)
{
	struct sl_upload *u = wr->u;

	sl_engine_drop_locked(u->e, wr->w);
	wr->w->left = wr->src.left;
	/* A short write: what was taken stays taken. */
	if (err == -EINTR && wr->taken && wr->src.data)
		err = 0;
	sl_engine_answer_locked(u->e, wr->w, wr->src.left ? err : u->err);
	free_writer(wr);
	u->writers--;
	sl_upload_advance_locked(u);
	sl_upload_unref_locked(u);
}

enum sl_grant sl_file_grant_locked(struct sl_ask *a, bool general)
{
	struct sl_writer *wr = sl_writer_of(a);
	struct sl_upload *u = wr->u;

	if (u->filling || u->final || sl_resume_waits(u))
		return SL_GRANT_NOT_NOW;
	return begin_step_locked(u, &wr->src, general, &wr->step);
}

void sl_file_run_writer(struct sl_writer *wr)
{
	struct sl_upload *u = wr->u;
	struct sl_engine *e = u->e;

	sl_step_run(&wr->step, &wr->src, u->tap);
	SL_LOCK_SCOPE(&e->lock);
	e->running = NULL;
	wr->taken = true;
	end_step_locked(u, &wr->step);
	if (wr->src.left && !u->err && !wr->stop)
		ask_locked(wr, wr->src.data != NULL);
	else
		sl_file_end_writer_locked(wr, u->err ? u->err : wr->stop);
	sl_engine_turn_locked(e);
	sl_upload_unref_locked(u);
}

static int write_any(struct sl_upload *u, struct sl_source *src,
		     struct sl_wait *w)
{
	uint64_t n = src->left;
	int r = take_now(u, src);

	return r > 0 ? park_write(u, src, w, src->left < n) : r;
}

int sl_upload_write_lent(struct sl_upload *u, const void *data, size_t n,
			 struct sl_lent **lent, struct sl_wait *w)
{
	struct sl_source src = {
		/* Read only, however it is spelled here. */
		.data = (unsigned char *)(uintptr_t)data,
		.left = n,
		.lent = *lent,
	};
	int r;

	if (!n || n > SL_WRITE_MAX)
		return -EINVAL;
	r = write_any(u, &src, w);
	*lent = src.lent;
	return r;
}

int sl_upload_write(struct sl_upload *u, const void *data, size_t n,
		    struct sl_wait *w)
{
	struct sl_lent *none = NULL;

	return sl_upload_write_lent(u, data, n, &none, w);
}

int sl_upload_zeros(struct sl_upload *u, uint64_t n, struct sl_wait *w)
{
	struct sl_source src = { .left = n };

	if (!n)
		return 0;
	if (n <= SL_WRITE_MAX)
		return write_any(u, &src, w);
	return park_write(u, &src, w, false);
}

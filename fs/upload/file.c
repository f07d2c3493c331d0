/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes become parts. A write first gets all the pieces it needs (or is
 * parked whole, so that an interrupted write is one that did not happen),
 * then its bytes are copied and summed without the engine's lock, and only
 * the new length is published under it. While 'filling' is set, nobody else
 * touches the part: it is not cut, sent or freed.
 */
#include <string.h>

#include "crc.h"
#include "upload/internal.h"

#define LARGEST_WRITE ((uint64_t)1 << 20)

struct cursor {
	struct sl_piece *piece;
	size_t at;
};

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

/* Many files at once get smaller parts, so that sending begins in time. */
static uint64_t target_of(struct sl_upload *u)
{
	const struct sl_engine *e = u->e;
	uint64_t full = sl_schedule_part(&e->schedule, u->hint,
					 u->sealed_size);
	int open = e->budget.admitted > 0 ? e->budget.admitted : 1;
	uint64_t fair = e->budget.limit / 2 / (unsigned)open;

	if (fair < e->schedule.least)
		fair = e->schedule.least;
	if (fair >= full || !u->early_left)
		return full;
	u->early_left--;
	return fair;
}

static struct sl_part_buf *current_locked(struct sl_upload *u)
{
	if (u->cur)
		return u->cur;
	u->cur = calloc(1, sizeof(*u->cur));
	if (u->cur)
		u->cur->target = target_of(u);
	return u->cur;
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
	u->sealed_crc = sl_crc32_combine(u->sealed_crc, p->crc, p->size);
	u->sealed_size += p->size;
	u->short_tail = p->size < u->e->schedule.least;
	p->number = ++a->cut;
	TAILQ_INSERT_TAIL(&a->sealed, p, link);
	u->e->unsent++;
	if (a->ready) {
		sl_attempt_queue_locked(a, SL_QUEUE_BULK);
	} else if (p->number == 1) {
		a->urgent = SL_JOB_BEGIN;
		sl_attempt_queue_locked(a, SL_QUEUE_URGENT);
	}
}

/*
 * Pieces for n more bytes whatever happens to the current part meanwhile. No
 * part is smaller than the largest write, so it crosses one border at most.
 */
static size_t most_pieces(const struct sl_upload *u, uint64_t n)
{
	return (size_t)(n / u->e->budget.piece) + 2;
}

static bool fits_tail(const struct sl_upload *u, uint64_t n)
{
	const struct sl_part_buf *p = u->cur;

	return p && p->size + n < p->target &&
	       p->size + n <= (uint64_t)p->pieces * u->e->budget.piece;
}

/* Links pieces for the next step of at most n bytes; 0: no memory. */
static uint64_t plan_locked(struct sl_upload *u, uint64_t n, struct cursor *c)
{
	size_t piece = u->e->budget.piece;
	struct sl_part_buf *p = current_locked(u);
	uint64_t have;

	if (!p)
		return 0;
	if (n > p->target - p->size)
		n = p->target - p->size;
	have = (uint64_t)p->pieces * piece;
	*c = (struct cursor){ .piece = have > p->size ? p->tail : NULL,
			      .at = p->size % piece };
	for (; have < p->size + n; have += piece) {
		struct sl_piece *q = u->spare;

		u->spare = q->next;
		q->next = NULL;
		*(p->tail ? &p->tail->next : &p->head) = q;
		p->tail = q;
		p->pieces++;
		if (!c->piece)
			c->piece = q;
	}
	return n;
}

static uint32_t copy_in(struct cursor c, size_t piece, uint32_t crc,
			const unsigned char *src, uint64_t n)
{
	while (n) {
		size_t k = piece - c.at < n ? piece - c.at : (size_t)n;

		if (src) {
			memcpy(c.piece->data + c.at, src, k);
			src += k;
		} else {
			memset(c.piece->data + c.at, 0, k);
		}
		crc = sl_crc32(crc, c.piece->data + c.at, k);
		n -= k;
		c.piece = c.piece->next;
		c.at = 0;
	}
	return crc;
}

/* The pieces are in u->spare, u->filling is set. Without the lock. */
static void fill(struct sl_upload *u, const unsigned char *src, uint64_t n)
{
	struct sl_engine *e = u->e;

	while (n) {
		struct cursor c = { 0 };
		uint64_t step;
		uint32_t crc = 0;

		sl_mutex_lock(&e->lock);
		step = u->err ? 0 : plan_locked(u, n, &c);
		if (step)
			crc = u->cur->crc;
		else if (!u->err)
			sl_upload_fail_locked(u, -ENOMEM, NULL);
		sl_mutex_unlock(&e->lock);
		if (!step)
			return;
		crc = copy_in(c, e->budget.piece, crc, src, step);
		sl_mutex_lock(&e->lock);
		u->cur->size += step;
		u->cur->crc = crc;
		if (!u->err && u->cur->size == u->cur->target)
			sl_file_seal_locked(u);
		sl_send_pump_locked(e);
		sl_mutex_unlock(&e->lock);
		n -= step;
		src = src ? src + step : NULL;
	}
}

static void begin_fill_locked(struct sl_upload *u, struct sl_piece *pieces)
{
	u->filling = true;
	u->committed = false;
	u->spare = pieces;
	u->refs++;
}

static void end_fill_locked(struct sl_upload *u)
{
	sl_budget_give(&u->e->budget, &u->share, sl_steal(&u->spare));
	u->filling = false;
	if (u->err) {
		sl_file_drop_locked(u);
		sl_budget_shut(&u->e->budget, &u->share);
	}
	sl_upload_advance_locked(u);
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

/* 1: pieces are taken, go on; 0: must wait; -errno. */
static int try_begin(struct sl_upload *u, uint64_t n)
{
	struct sl_engine *e = u->e;
	struct sl_piece *pieces = NULL;
	size_t need;
	int err;

	SL_LOCK_SCOPE(&e->lock);
	err = check_write_locked(u, n);
	if (err)
		return err;
	if (u->writers || u->filling || u->final)
		return 0;
	need = fits_tail(u, n) ? 0 : most_pieces(u, n);
	if (!sl_budget_take(&e->budget, &u->share, need, !e->budget.asking,
			    &pieces))
		return 0;
	u->closed = false;
	begin_fill_locked(u, pieces);
	return 1;
}

static int end_write(struct sl_upload *u)
{
	struct sl_engine *e = u->e;
	int err;

	SL_LOCK_SCOPE(&e->lock);
	end_fill_locked(u);
	err = u->err;
	sl_engine_turn_locked(e);
	sl_upload_unref_locked(u);
	return err;
}

static void ask_locked(struct sl_writer *wr)
{
	uint64_t n = wr->left < LARGEST_WRITE ? wr->left : LARGEST_WRITE;

	wr->ask.share = &wr->u->share;
	wr->ask.serial = wr->u->serial;
	wr->ask.pieces = most_pieces(wr->u, n);
	sl_budget_ask(&wr->u->e->budget, &wr->ask);
}

static void free_writer(struct sl_writer *wr)
{
	free(wr->data);
	free(wr);
}

static int park_write(struct sl_upload *u, const void *data, uint64_t n,
		      struct sl_wait *w)
{
	struct sl_engine *e = u->e;
	struct sl_writer *wr = calloc(1, sizeof(*wr));
	int err;

	if (wr && data)
		wr->data = malloc(n);
	if (!wr || (data && !wr->data)) {
		free(wr);
		return -ENOMEM;
	}
	if (data)
		memcpy(wr->data, data, n);
	wr->u = u;
	wr->w = w;
	wr->left = n;
	SL_LOCK_SCOPE(&e->lock);
	err = check_write_locked(u, n);
	if (err) {
		free_writer(wr);
		return err;
	}
	u->closed = false;
	u->refs++;
	u->writers++;
	w->owner = u;
	e->parked++;
	ask_locked(wr);
	sl_engine_turn_locked(e);
	return SL_PARKED;
}

void sl_file_end_writer_locked(struct sl_writer *wr, int err)
{
	struct sl_upload *u = wr->u;

	u->e->parked--;
	sl_engine_answer_locked(u->e, wr->w, err);
	free_writer(wr);
	u->writers--;
	sl_upload_advance_locked(u);
	sl_upload_unref_locked(u);
}

void sl_file_run_writer(struct sl_writer *wr)
{
	struct sl_upload *u = wr->u;
	struct sl_engine *e = u->e;
	uint64_t n = wr->left < LARGEST_WRITE ? wr->left : LARGEST_WRITE;

	sl_mutex_lock(&e->lock);
	begin_fill_locked(u, wr->ask.got);
	sl_mutex_unlock(&e->lock);
	fill(u, wr->data, n);
	SL_LOCK_SCOPE(&e->lock);
	wr->left -= n;
	end_fill_locked(u);
	if (wr->left && !u->err && !wr->stop)
		ask_locked(wr);
	else
		sl_file_end_writer_locked(wr, u->err ? u->err : wr->stop);
	sl_engine_turn_locked(e);
	sl_upload_unref_locked(u);
}

static int write_any(struct sl_upload *u, const void *data, uint64_t n,
		     struct sl_wait *w)
{
	int r = try_begin(u, n);

	if (r < 0)
		return r;
	if (!r)
		return park_write(u, data, n, w);
	fill(u, data, n);
	return end_write(u);
}

int sl_upload_write(struct sl_upload *u, const void *data, size_t n,
		    struct sl_wait *w)
{
	if (!n || n > LARGEST_WRITE)
		return -EINVAL;
	return write_any(u, data, n, w);
}

int sl_upload_zeros(struct sl_upload *u, uint64_t n, struct sl_wait *w)
{
	if (!n)
		return 0;
	if (n <= LARGEST_WRITE)
		return write_any(u, NULL, n, w);
	return park_write(u, NULL, n, w);
}

ssize_t sl_upload_peek(struct sl_upload *u, uint64_t offset, void *dst,
		       size_t n)
{
	SL_LOCK_SCOPE(&u->e->lock);
	size_t piece = u->e->budget.piece;
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
	for (; offset >= piece; offset -= piece)
		p = p->next;
	while (done < n) {
		size_t k = piece - offset;

		if (k > n - done)
			k = n - done;
		memcpy((char *)dst + done, p->data + offset, k);
		done += k;
		offset = 0;
		p = p->next;
	}
	return (ssize_t)done;
}

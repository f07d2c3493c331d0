/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading ahead. The kernel asks for 128 KiB or so at a time, a few at once,
 * and each request to a store costs a round trip; so a reader that goes from
 * front to back is served from ranges of up to 4 MiB that are fetched side
 * by side before it asks.
 *
 * When. A read at offset 0 fetches up to 1 MiB, which is all of a small file
 * in one request. From then on, twice as much is fetched ahead as was read in
 * order, up to 16 MiB or the fair share of the memory. After a jump, 2 MiB
 * must be read in order before anything is fetched ahead again; until then
 * each read is one request of just its size ("single"). Requests of one
 * reader arrive a little out of order (libfuse has several threads): what is
 * within 1 MiB of the furthest byte counts as in order.
 *
 * Memory. One limit for all readers; the share of each is the limit by twice
 * the number of those that read ahead. Who gets none does single reads, so
 * nobody waits for memory.
 *
 * A range leaves when all of it was given, when the reader is far beyond, or
 * jumped or closed; what is on its way then is cancelled. A range that
 * failed fails the reads that wait for it and is forgotten: the next read
 * asks again.
 *
 * One lock, readers.mu, held for a few instructions and over calls that
 * start or cancel a request of a backend, which never block or call back.
 * Answers are given without it.
 */
#include "mount/readahead_internal.h"

#include <string.h>

#include "log.h"
#include "wait.h"

#define MIB ((uint64_t)1 << 20)
#define START_BYTES MIB
#define SLACK MIB
#define STREAK_AFTER_JUMP (2 * MIB)
#define WINDOW_MAX (16 * MIB)

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t sl_readers_limit(uint64_t memory)
{
	uint64_t n = memory / 8;

	return n < 16 * MIB ? 16 * MIB : least(n, 64 * MIB);
}

int sl_readers_new(const struct sl_readers_config *cfg,
		   struct sl_readers **ret)
{
	struct sl_readers *rs = calloc(1, sizeof(*rs));

	if (!rs)
		return -ENOMEM;
	rs->cfg = *cfg;
	rs->stats.limit = cfg->limit;
	sl_mutex_init(&rs->mu);
	sl_cond_init(&rs->cond);
	*ret = rs;
	return 0;
}

void sl_readers_free(struct sl_readers *rs)
{
	if (!rs)
		return;
	sl_read_spares_free_locked(rs);
	sl_cond_release(&rs->cond);
	sl_mutex_release(&rs->mu);
	free(rs);
}

struct sl_reader *sl_reader_open(struct sl_readers *rs, uint64_t id,
				 uint64_t version)
{
	struct sl_reader *r = calloc(1, sizeof(*r));

	if (!r)
		return NULL;
	r->rs = rs;
	TAILQ_INIT(&r->asks);
	r->file = sl_read_file_open(rs, id, version);
	if (r->file)
		return r;
	free(r);
	return NULL;
}

void sl_reader_unlink_locked(struct sl_reader *r, struct sl_read_chunk *c)
{
	struct sl_read_chunk **at = &r->chunks;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	sl_read_chunk_drop_locked(c);
	if (!r->chunks && !--r->rs->active)
		sl_read_spares_free_locked(r->rs);
}

/* Does a read wait for bytes of it? */
static bool needed_locked(const struct sl_reader *r,
			  const struct sl_read_chunk *c)
{
	const struct sl_read_ask *a;

	TAILQ_FOREACH(a, &r->asks, link) {
		if (!a->single && a->offset < c->offset + c->len &&
		    c->offset < a->offset + a->size)
			return true;
	}
	return false;
}

/* What ends before 'limit' and nobody waits for. */
static void drop_chunks_locked(struct sl_reader *r, uint64_t limit)
{
	struct sl_read_chunk *c, *next;

	for (c = r->chunks; c; c = next) {
		next = c->next;
		if (c->offset + c->len < limit && !needed_locked(r, c))
			sl_reader_unlink_locked(r, c);
	}
}

/* The ask waits no longer; it is the caller's to end. */
static void take_ask_locked(struct sl_read_ask *a)
{
	TAILQ_REMOVE(&a->reader->asks, a, link);
	a->reader->rs->stats.waiting--;
	a->waiting = false;
	if (a->single)
		sl_read_chunk_drop_locked(sl_steal(&a->single));
}

void sl_reader_close(struct sl_reader *r)
{
	struct sl_read_asks left = TAILQ_HEAD_INITIALIZER(left);
	struct sl_read_ask *a;
	struct sl_readers *rs;

	if (!r)
		return;
	rs = r->rs;
	sl_mutex_lock(&rs->mu);
	while ((a = TAILQ_FIRST(&r->asks))) {
		take_ask_locked(a);
		TAILQ_INSERT_TAIL(&left, a, link);
	}
	drop_chunks_locked(r, UINT64_MAX);
	sl_read_file_close_locked(rs, r->file);
	sl_mutex_unlock(&rs->mu);
	free(r);
	while ((a = TAILQ_FIRST(&left))) {
		TAILQ_REMOVE(&left, a, link);
		a->done(a, -ECANCELED);
	}
}

/* The chunk that has byte 'at', or will have. */
static struct sl_read_chunk *find_locked(struct sl_reader *r, uint64_t at)
{
	for (struct sl_read_chunk *c = r->chunks; c; c = c->next) {
		if (c->offset <= at && at < c->offset + c->len)
			return c;
	}
	return NULL;
}

enum cover { COVER_NONE, COVER_COMING, COVER_HERE };

static enum cover cover_locked(struct sl_reader *r,
			       const struct sl_read_ask *a)
{
	uint64_t at = a->offset, end = a->offset + a->size;
	enum cover cover = COVER_HERE;
	int chunks = 0;

	while (at < end) {
		struct sl_read_chunk *c = find_locked(r, at);

		if (!c || ++chunks > SL_READ_HELD)
			return COVER_NONE;
		at = least(c->offset + c->len, end);
		if (c->offset + c->have < at)
			cover = COVER_COMING;
	}
	return cover;
}

/* All is here: the vector of 'a' is filled, what was read whole leaves. */
static void give_locked(struct sl_reader *r, struct sl_read_ask *a)
{
	uint64_t at = a->offset, end = a->offset + a->size;

	while (at < end) {
		struct sl_read_chunk *c = find_locked(r, at);
		uint64_t to = least(c->offset + c->len, end);

		if (!sl_read_chunk_give_locked(c, at, to, a))
			SL_BUG("a read of more ranges than there can be");
		c->served += to - at;
		at = to;
		if (c->served >= c->len && !needed_locked(r, c))
			sl_reader_unlink_locked(r, c);
	}
	r->rs->stats.given += a->size;
}

void sl_reader_serve_locked(struct sl_reader *r, struct sl_read_asks *ready)
{
	struct sl_read_ask *a, *next;

	for (a = TAILQ_FIRST(&r->asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->single || cover_locked(r, a) != COVER_HERE)
			continue;
		take_ask_locked(a);
		give_locked(r, a);
		TAILQ_INSERT_TAIL(ready, a, link);
	}
}

void sl_reader_fail_locked(struct sl_reader *r, struct sl_read_chunk *c,
			   struct sl_read_asks *failed)
{
	struct sl_read_ask *a, *next;

	for (a = TAILQ_FIRST(&r->asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->single || a->offset >= c->offset + c->len ||
		    a->offset + a->size <= c->offset)
			continue;
		take_ask_locked(a);
		a->tell = !r->told;
		r->told = true;
		TAILQ_INSERT_TAIL(failed, a, link);
	}
	sl_reader_unlink_locked(r, c);
}

static bool add_chunk_locked(struct sl_reader *r,
			     const struct sl_read_from *f, uint64_t len)
{
	struct sl_read_chunk **at = &r->chunks, *c;

	c = sl_read_chunk_start_locked(r, f, r->edge, (size_t)len, NULL);
	if (!c)
		return false;
	if (!r->chunks)
		r->rs->active++;
	while (*at)
		at = &(*at)->next;
	*at = c;
	r->edge += len;
	return true;
}

static uint64_t window_of_locked(const struct sl_reader *r)
{
	const struct sl_readers *rs = r->rs;
	uint64_t share = rs->cfg.limit / 2;
	int others = rs->active - (r->chunks ? 1 : 0);

	share /= (uint64_t)others + 1;
	if (share < MIB)
		share = MIB;
	return least(2 * r->streak, least(share, WINDOW_MAX));
}

/* Requests what is missing up to 'target', in pieces worth a request. */
static void extend_locked(struct sl_reader *r, const struct sl_read_from *f,
			  uint64_t end, uint64_t target, uint64_t unit)
{
	target = least(target, f->size);
	while (r->edge < target) {
		uint64_t len = least(target - r->edge, SL_READ_CHUNK);
		bool last = r->edge + len == f->size;

		if (!last && len < unit && r->edge >= end)
			return;
		if (!last && len > MIB)
			len -= len % MIB;
		if (!add_chunk_locked(r, f, len))
			return;
	}
}

static bool in_order_locked(const struct sl_reader *r,
			    const struct sl_read_ask *a)
{
	return r->touched && a->offset + SLACK >= r->pos &&
		a->offset <= r->pos + SLACK;
}

/* The first read, or a jump. */
static void begin_locked(struct sl_reader *r, const struct sl_read_from *f,
			 const struct sl_read_ask *a)
{
	uint64_t end = a->offset + a->size;
	bool small = !r->touched && f->size <= START_BYTES;

	drop_chunks_locked(r, UINT64_MAX);
	r->touched = true;
	r->pos = end;
	/* From the start of a file the streak counts at once. */
	r->ahead = !a->offset || small;
	r->streak = r->ahead ? a->size : 0;
	r->edge = r->ahead ? 0 : a->offset;
	if (r->ahead)
		extend_locked(r, f, end, end > START_BYTES ? end : START_BYTES,
			      MIB);
}

/* Notes the read and starts what it, and the next ones, will need. */
static void plan_locked(struct sl_reader *r, const struct sl_read_from *f,
			const struct sl_read_ask *a)
{
	uint64_t end = a->offset + a->size, window, unit;

	if (!in_order_locked(r, a)) {
		begin_locked(r, f, a);
		return;
	}
	r->streak += a->size;
	if (end > r->pos)
		r->pos = end;
	/* What it left behind without reading it: its pages were there. */
	if (r->pos > 2 * SLACK)
		drop_chunks_locked(r, r->pos - 2 * SLACK);
	if (r->streak >= STREAK_AFTER_JUMP)
		r->ahead = true;
	if (!r->ahead)
		return;
	window = window_of_locked(r);
	unit = window / 4 < MIB ? MIB : window / 4;
	extend_locked(r, f, end, end + window, unit);
}

static int single_locked(struct sl_reader *r, const struct sl_read_from *f,
			 struct sl_read_ask *a)
{
	a->single = sl_read_chunk_start_locked(r, f, a->offset, a->size, a);
	if (!a->single)
		return -ENOMEM;
	if (r->edge < a->offset + a->size)
		r->edge = a->offset + a->size;
	return 0;
}

int sl_reader_read(struct sl_reader *r, const struct sl_read_from *f,
		   struct sl_read_ask *a)
{
	struct sl_readers *rs = r->rs;
	enum cover cover;
	int err = 0;

	a->rs = rs;
	a->reader = r;
	SL_LOCK_SCOPE(&rs->mu);
	if (r->file->pinned && r->file->size != f->size)
		r->file->stale = true;
	if (r->file->stale) {
		a->tell = !r->told;
		r->told = true;
		return sl_error_set(&a->error, ESTALE, "the object was "
				    "replaced while it was open");
	}
	plan_locked(r, f, a);
	cover = cover_locked(r, a);
	if (cover == COVER_HERE) {
		give_locked(r, a);
		return 0;
	}
	if (cover == COVER_NONE)
		err = single_locked(r, f, a);
	if (err)
		return err;
	a->waiting = true;
	rs->stats.waiting++;
	TAILQ_INSERT_TAIL(&r->asks, a, link);
	return SL_PARKED;
}

bool sl_read_ask_interrupt(struct sl_read_ask *a)
{
	SL_LOCK_SCOPE(&a->rs->mu);
	if (!a->waiting)
		return false;
	take_ask_locked(a);
	return true;
}

void sl_read_ask_release(struct sl_read_ask *a)
{
	if (!a->held_count)
		return;
	SL_LOCK_SCOPE(&a->rs->mu);
	while (a->held_count)
		sl_read_chunk_unref_locked(a->held[--a->held_count]);
}

void sl_readers_get_stats(struct sl_readers *rs,
			  struct sl_readers_stats *ret)
{
	SL_LOCK_SCOPE(&rs->mu);
	*ret = rs->stats;
	ret->open = rs->active;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One ranged GET and the memory its bytes go to. A chunk belongs to a reader
 * until it was read or is not wanted; its request and whoever was given
 * bytes of it hold it longer. Memory is taken from the readers' limit in
 * blocks that are kept while anybody reads ahead; small files take just
 * their size. A single read, one without read-ahead, takes what the kernel
 * asked for, which the kernel limits.
 */
#include <string.h>

#include "log.h"
#include "mount/readahead_internal.h"

#define RETRY_MS 60000

static char *block_get_locked(struct sl_readers *rs)
{
	char *b;

	if (rs->spares)
		return rs->spare[--rs->spares];
	if (rs->stats.used + SL_READ_BLOCK > rs->cfg.limit)
		return NULL;
	b = malloc(SL_READ_BLOCK);
	if (b)
		rs->stats.used += SL_READ_BLOCK;
	return b;
}

static void block_put_locked(struct sl_readers *rs, char *b)
{
	if (rs->active && rs->spares < (int)SL_ARRAY_LEN(rs->spare)) {
		rs->spare[rs->spares++] = b;
		return;
	}
	free(b);
	rs->stats.used -= SL_READ_BLOCK;
}

void sl_read_spares_free_locked(struct sl_readers *rs)
{
	while (rs->spares) {
		free(rs->spare[--rs->spares]);
		rs->stats.used -= SL_READ_BLOCK;
	}
}

/* Less than a block: exactly that. */
static bool take_small_locked(struct sl_read_chunk *c)
{
	struct sl_readers *rs = c->rs;

	if (!c->ask && rs->stats.used + c->len > rs->cfg.limit)
		return false;
	c->block[0] = malloc(c->len);
	if (c->block[0] && !c->ask) {
		c->charged = c->len;
		rs->stats.used += c->len;
	}
	return c->block[0];
}

static bool take_memory_locked(struct sl_read_chunk *c)
{
	if (c->ask || c->len < SL_READ_BLOCK)
		return take_small_locked(c);
	for (size_t i = 0; i * SL_READ_BLOCK < c->len; i++) {
		c->block[i] = block_get_locked(c->rs);
		if (!c->block[i])
			return false;
	}
	return true;
}

static void chunk_free_locked(struct sl_read_chunk *c)
{
	bool small = c->ask || c->len < SL_READ_BLOCK;

	for (int i = 0; i < SL_READ_BLOCKS && c->block[i]; i++) {
		if (small)
			free(c->block[i]);
		else
			block_put_locked(c->rs, c->block[i]);
	}
	c->rs->stats.used -= c->charged;
	if (c->file)
		sl_read_file_unref_locked(c->file);
	free(c->key);
	free(c);
}

void sl_read_chunk_unref_locked(struct sl_read_chunk *c)
{
	if (!--c->refs)
		chunk_free_locked(c);
}

/* Where byte 'at' of the chunk is, and how many follow it there. */
static char *place(struct sl_read_chunk *c, size_t at, size_t *run)
{
	size_t i = at / SL_READ_BLOCK, in = at % SL_READ_BLOCK;

	if (c->ask) { /* one piece of memory, whatever its length */
		*run = c->len - at;
		return c->block[0] + at;
	}
	*run = SL_READ_BLOCK - in;
	if (*run > c->len - at)
		*run = c->len - at;
	return c->block[i] + in;
}

bool sl_read_chunk_give_locked(struct sl_read_chunk *c, uint64_t from,
			       uint64_t to, struct sl_read_ask *a)
{
	size_t at = (size_t)(from - c->offset), end = (size_t)(to - c->offset);

	if (a->held_count == SL_READ_HELD)
		return false;
	a->held[a->held_count++] = c;
	c->refs++;
	while (at < end) {
		size_t run;
		char *p = place(c, at, &run);

		if (a->iov_count == SL_READ_IOV)
			return false;
		if (run > end - at)
			run = end - at;
		a->iov[a->iov_count++] = (struct iovec){ p, run };
		at += run;
	}
	return true;
}

static void answer(struct sl_read_asks *list, int err)
{
	struct sl_read_ask *a;

	while ((a = TAILQ_FIRST(list))) {
		TAILQ_REMOVE(list, a, link);
		a->done(a, err);
	}
}

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	struct sl_read_chunk *c = op->arg;
	struct sl_readers *rs = c->rs;
	struct sl_read_asks ready = TAILQ_HEAD_INITIALIZER(ready);
	size_t at, left = n;
	int r;

	sl_mutex_lock(&rs->mu);
	r = c->reader ? sl_read_file_match_locked(c->file, c->from.size,
						  &op->obj) : -ECANCELED;
	at = c->have;
	sl_mutex_unlock(&rs->mu);
	if (!r && n > c->len - at)
		r = -EPROTO; /* more than was asked for */
	if (r)
		return r;
	while (left) { /* nobody looks beyond 'have' */
		size_t run;
		char *to = place(c, at, &run);

		run = run < left ? run : left;
		memcpy(to, p, run);
		p = (const char *)p + run;
		at += run;
		left -= run;
	}
	sl_mutex_lock(&rs->mu);
	c->have = at;
	rs->stats.fetched += n;
	if (c->reader && !c->ask)
		sl_reader_serve_locked(c->reader, &ready);
	sl_mutex_unlock(&rs->mu);
	answer(&ready, 0);
	return 0;
}

/* What the end of a request means; -errno. */
static int outcome_locked(struct sl_read_chunk *c, const struct sl_op *op)
{
	int r = op->err;

	if (!r)
		r = sl_read_file_match_locked(c->file, c->from.size, &op->obj);
	if (!r && c->have < c->len)
		r = -EIO; /* less than the object has */
	if (r == -ESTALE)
		c->file->stale = true;
	return r;
}

/* The ask of a single request ends. */
static void end_single_locked(struct sl_read_chunk *c,
			      struct sl_read_asks *out)
{
	struct sl_read_ask *a = c->ask;

	if (!c->reader)
		return; /* was answered when it was given up */
	TAILQ_REMOVE(&c->reader->asks, a, link);
	c->rs->stats.waiting--;
	a->waiting = false;
	a->single = NULL;
	if (!c->err) {
		c->rs->stats.given += c->len;
		sl_read_chunk_give_locked(c, c->offset, c->offset + c->len, a);
	} else {
		a->tell = !c->reader->told;
		c->reader->told |= a->tell;
	}
	TAILQ_INSERT_TAIL(out, a, link);
	c->reader = NULL;
	sl_read_chunk_unref_locked(c); /* on_done() has its own */
}

static void explain(struct sl_read_asks *list, const struct sl_error *e,
		    int err)
{
	struct sl_read_ask *a;

	TAILQ_FOREACH(a, list, link) {
		a->error = *e;
		if (err == -ESTALE)
			sl_error_set(&a->error, ESTALE, "the object was "
				     "replaced while it was being read");
		else if (!a->error.errnum)
			sl_error_set(&a->error, -err, "the store gave less "
				     "than the object has");
	}
}

static void on_done(struct sl_op *op)
{
	struct sl_read_chunk *c = op->arg;
	struct sl_readers *rs = c->rs;
	struct sl_read_from from = c->from;
	struct sl_read_asks out = TAILQ_HEAD_INITIALIZER(out);
	struct sl_error e = op->error;
	int err;

	sl_mutex_lock(&rs->mu);
	c->running = false;
	rs->front -= c->front;
	c->err = err = outcome_locked(c, op);
	if (c->ask)
		end_single_locked(c, &out);
	else if (c->reader && err)
		sl_reader_fail_locked(c->reader, c, &out);
	sl_read_chunk_unref_locked(c);
	sl_mutex_unlock(&rs->mu);
	if (err)
		explain(&out, &e, err);
	answer(&out, err);
	if (from.let_go)
		from.let_go(from.arg);
}

/*
 * What a reader waits for goes before bulk, but only some at once, so that
 * many readers do not take every connection from the uploads.
 */
static int priority_locked(struct sl_read_chunk *c, bool urgent)
{
	int most = c->rs->cfg.connections / 4;

	if (!urgent || c->rs->front >= (most > 1 ? most : 1))
		return 2;
	c->front = true;
	c->rs->front++;
	return 1;
}

static void send_locked(struct sl_read_chunk *c, bool urgent)
{
	if (c->file->pinned)
		memcpy(c->etag, c->file->etag, sizeof(c->etag));
	c->op = (struct sl_op){
		.key = c->key,
		.offset = c->offset,
		.length = c->len,
		.if_match = c->etag[0] ? c->etag : NULL,
		.on_data = on_data,
		.done = on_done,
		.arg = c,
		.retry_for_ms = RETRY_MS,
		.priority = priority_locked(c, urgent),
	};
	c->running = true;
	c->refs++;
	if (c->from.hold)
		c->from.hold(c->from.arg);
	/* A wrapper may be called with locks held; it never calls back. */
	sl_backend_get(c->from.backend, &c->op);
}

struct sl_read_chunk *sl_read_chunk_start_locked(struct sl_reader *r,
						 const struct sl_read_from *f,
						 uint64_t offset, size_t len,
						 struct sl_read_ask *single)
{
	struct sl_read_chunk *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->rs = r->rs;
	c->ask = single;
	c->offset = offset;
	c->len = len;
	c->refs = 1;
	c->from = *f;
	c->key = strdup(f->key);
	if (!c->key || !take_memory_locked(c)) {
		chunk_free_locked(c);
		return NULL;
	}
	c->from.key = c->key;
	c->reader = r;
	c->file = r->file;
	c->file->refs++;
	if (single)
		r->rs->stats.single++;
	else
		r->rs->stats.ahead++;
	send_locked(c, single || !r->chunks);
	return c;
}

void sl_read_chunk_drop_locked(struct sl_read_chunk *c)
{
	c->reader = NULL;
	/* What has come whole is about to end by itself. */
	if (c->running && c->have < c->len)
		sl_backend_cancel(c->from.backend, &c->op);
	sl_read_chunk_unref_locked(c);
}

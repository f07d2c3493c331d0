/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store for tests of the upload engine: in memory, answered by its own
 * threads, with holds and failures on command. It sums what it is given
 * itself, and keeps the bytes, so that a lost or doubled byte shows.
 */
#ifndef FAKE_STORE_H
#define FAKE_STORE_H

#include <stdio.h>
#include <string.h>

#include "backend.h"
#include "crc.h"
#include "lock.h"

enum fake_kind {
	F_PUT, F_BEGIN, F_PART, F_COMPLETE, F_ABORT, F_LIST, F__COUNT
};

#define FAKE_OBJECTS 512
#define FAKE_THREADS 3
#define FAKE_PARTS 4096

struct fake_object {
	char *key;
	bool visible;
	uint64_t size;
	uint32_t crc;
	uint64_t sum; /* as 'b.sum' has it */
	int commits;
};

struct fake_upload {
	bool used, gone;
	char *key;
	uint64_t size[FAKE_PARTS];
	uint32_t crc[FAKE_PARTS];
	uint64_t sum[FAKE_PARTS];
};

struct fake {
	struct sl_backend b;
	struct sl_mutex lock;
	struct sl_cond wake;
	struct sl_op *queue[4096];
	enum fake_kind kinds[4096];
	int head, tail;
	bool hold[F__COUNT]; /* leave this kind in the queue */
	bool cancel_lets_go; /* a cancel ends all holding */
	bool quit;
	int count[F__COUNT];
	int fail_nth[F__COUNT]; /* 1: the first; 0: none; -1: all */
	int fail_err[F__COUNT];
	bool mute;		/* does not confirm checksums */
	bool bare_list;		/* lists parts without checksums */
	int busy, most_busy;
	struct fake_object objects[FAKE_OBJECTS];
	struct fake_upload uploads[FAKE_OBJECTS];
	pthread_t threads[FAKE_THREADS];
};

static inline struct fake *fake_of(struct sl_backend *b)
{
	return sl_container_of(b, struct fake, b);
}

static struct fake_object *fake_object(struct fake *f, const char *key)
{
	for (int i = 0; i < FAKE_OBJECTS; i++) {
		struct fake_object *o = &f->objects[i];

		if (!o->key)
			o->key = strdup(key);
		if (!strcmp(o->key, key))
			return o;
	}
	abort();
}

static void fake_start(struct sl_backend *b, struct sl_op *op,
		       enum fake_kind k)
{
	struct fake *f = fake_of(b);

	SL_LOCK_SCOPE(&f->lock);
	f->queue[f->tail % 4096] = op;
	f->kinds[f->tail % 4096] = k;
	f->tail++;
	if (f->tail - f->head > 4096)
		abort();
	sl_cond_broadcast(&f->wake);
}

#define FAKE_START(name, kind) \
	static void fake_##name(struct sl_backend *b, struct sl_op *op) \
	{ \
		fake_start(b, op, kind); \
	}
FAKE_START(put, F_PUT)
FAKE_START(begin, F_BEGIN)
FAKE_START(part, F_PART)
FAKE_START(complete, F_COMPLETE)
FAKE_START(abort, F_ABORT)
FAKE_START(list_parts, F_LIST)

static int fake_body_sum(struct fake *f, const struct sl_op *op,
			 uint32_t *crc)
{
	uint64_t n = 0, sum = 0;

	*crc = 0;
	for (int i = 0; i < op->body_count; i++) {
		*crc = sl_crc32(*crc, op->body[i].iov_base,
				op->body[i].iov_len);
		sum = sl_sum(f->b.sum, sum, op->body[i].iov_base,
			     op->body[i].iov_len);
		n += op->body[i].iov_len;
	}
	return n == op->size && *crc == op->crc32 && sum == op->sum ?
		       0 : -EBADMSG;
}

static void fake_visible(struct fake *f, struct sl_op *op, uint64_t size,
			 uint32_t crc)
{
	static const enum sl_proof proofs[SL_SUM__COUNT] = {
		[SL_SUM_NONE] = SL_PROOF_CRC32,
		[SL_SUM_CRC32C] = SL_PROOF_CRC32C,
		[SL_SUM_CRC64] = SL_PROOF_CRC64,
	};
	struct fake_object *o = fake_object(f, op->key);
	bool says = !f->mute && !f->b.sum;

	o->visible = true;
	o->size = size;
	o->crc = crc;
	o->sum = op->sum;
	o->commits++;
	op->obj = (struct sl_object){
		.size = size,
		.has_crc32 = says,
		.crc32 = says ? crc : 0,
		.proof = f->mute ? SL_PROOF_NONE : proofs[f->b.sum],
	};
}

static int fake_do_complete(struct fake *f, struct sl_op *op,
			    struct fake_upload *u)
{
	uint64_t size = 0, sum = 0;
	uint32_t crc = 0;

	if (u->gone)
		return -ESTALE;
	for (uint32_t i = 0; i < op->part_count; i++) {
		uint32_t n = op->parts[i].number;

		if (n != i + 1 || u->crc[n] != op->parts[i].crc32 ||
		    u->sum[n] != op->parts[i].sum ||
		    u->size[n] != op->parts[i].size)
			return -EPROTO;
		if (i + 1 < op->part_count &&
		    u->size[n] < f->b.limits.min_part)
			return -EPROTO;
		size += u->size[n];
		crc = sl_crc32_combine(crc, u->crc[n], u->size[n]);
		sum = sl_sum_combine(f->b.sum, sum, u->sum[n], u->size[n]);
	}
	if (size != op->size || crc != op->crc32 || sum != op->sum)
		return -EBADMSG;
	u->gone = true;
	fake_visible(f, op, size, crc);
	return 0;
}

static struct sl_part fake_stored(const struct fake_upload *u, uint32_t n)
{
	struct sl_part p = { .number = n, .size = u->size[n],
			     .crc32 = u->crc[n] };

	snprintf(p.etag, sizeof(p.etag), "\"%08x\"", p.crc32);
	return p;
}

static int fake_do_list(struct fake *f, struct fake_upload *u,
			struct sl_op *op)
{
	int r = u->gone ? -ESTALE : 0;

	for (uint32_t n = 1; !r && n < FAKE_PARTS; n++) {
		struct sl_part p = fake_stored(u, n);

		if (f->bare_list)
			p.crc32 = 0;
		if (u->size[n])
			r = op->on_part(op, &p);
	}
	return r;
}

/* Under the store's lock: its memory is its own. */
static int fake_do(struct fake *f, struct sl_op *op, enum fake_kind k,
		   uint32_t crc)
{
	struct fake_upload *u = NULL;
	char id[16];
	int i;

	if (k == F_PART || k == F_COMPLETE || k == F_ABORT || k == F_LIST)
		u = &f->uploads[atoi(op->upload_id)];
	switch (k) {
	case F_PUT:
		fake_visible(f, op, op->size, crc);
		return 0;
	case F_BEGIN:
		for (i = 0; f->uploads[i].used; i++)
			;
		f->uploads[i].used = true;
		f->uploads[i].key = strdup(op->key);
		snprintf(id, sizeof(id), "%d", i);
		op->new_upload_id = strdup(id);
		return 0;
	case F_PART:
		if (u->gone)
			return -ESTALE;
		u->size[op->part_number] = op->size;
		u->crc[op->part_number] = crc;
		u->sum[op->part_number] = op->sum;
		op->part = fake_stored(u, op->part_number);
		return 0;
	case F_COMPLETE:
		return fake_do_complete(f, op, u);
	case F_ABORT:
		u->gone = true;
		return 0;
	case F_LIST:
		return fake_do_list(f, u, op);
	case F__COUNT:
		break;
	}
	abort();
}

static struct sl_op *fake_next(struct fake *f, enum fake_kind *k)
{
	for (int i = f->head; i < f->tail; i++) {
		struct sl_op *op = f->queue[i % 4096];

		*k = f->kinds[i % 4096];
		if (!op || (f->hold[*k] && op->err != -ECANCELED))
			continue;
		f->queue[i % 4096] = NULL;
		while (f->head < f->tail && !f->queue[f->head % 4096])
			f->head++;
		return op;
	}
	return NULL;
}

static void *fake_main(void *arg)
{
	struct fake *f = arg;
	enum fake_kind k = F_PUT;

	sl_mutex_lock(&f->lock);
	while (!f->quit) {
		struct sl_op *op = fake_next(f, &k);
		uint32_t crc = 0;
		int nth, err;

		if (!op) {
			sl_cond_wait(&f->wake, &f->lock);
			continue;
		}
		if (++f->busy > f->most_busy)
			f->most_busy = f->busy;
		nth = ++f->count[k];
		err = op->err;
		if (!err && (f->fail_nth[k] == nth || f->fail_nth[k] < 0))
			err = f->fail_err[k];
		sl_mutex_unlock(&f->lock);
		if (!err && (k == F_PUT || k == F_PART))
			err = fake_body_sum(f, op, &crc);
		sl_mutex_lock(&f->lock);
		if (!err)
			err = fake_do(f, op, k, crc);
		f->busy--;
		sl_mutex_unlock(&f->lock);
		op->err = err;
		if (err)
			sl_error_set(&op->error, -err, "as scripted");
		op->done(op);
		sl_mutex_lock(&f->lock);
	}
	sl_mutex_unlock(&f->lock);
	return NULL;
}

/* A queued op ends with -ECANCELED; a running one goes on. */
static void fake_cancel(struct sl_backend *b, struct sl_op *op)
{
	struct fake *f = fake_of(b);

	SL_LOCK_SCOPE(&f->lock);
	for (int i = f->head; i < f->tail; i++) {
		if (f->queue[i % 4096] == op)
			op->err = -ECANCELED;
	}
	if (f->cancel_lets_go)
		memset(f->hold, 0, sizeof(f->hold));
	sl_cond_broadcast(&f->wake);
}

static void fake_close(struct sl_backend *b)
{
	struct fake *f = fake_of(b);

	sl_mutex_lock(&f->lock);
	f->quit = true;
	sl_cond_broadcast(&f->wake);
	sl_mutex_unlock(&f->lock);
	for (int i = 0; i < FAKE_THREADS; i++) {
		if (pthread_join(f->threads[i], NULL))
			abort();
	}
	for (int i = 0; i < FAKE_OBJECTS; i++) {
		free(f->objects[i].key);
		free(f->uploads[i].key);
	}
	free(f);
}

static const struct sl_backend_ops fake_ops = {
	.name = "fake",
	.put = fake_put,
	.upload_begin = fake_begin,
	.part = fake_part,
	.complete = fake_complete,
	.abort = fake_abort,
	.list_parts = fake_list_parts,
	.cancel = fake_cancel,
	.close = fake_close,
};

static struct fake *fake_new(uint64_t min_part, uint32_t max_parts)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		abort();
	f->b.ops = &fake_ops;
	f->b.caps = SL_CAP_PARALLEL | SL_CAP_CHECKSUM | SL_CAP_UPLOADS;
	f->b.limits = (struct sl_backend_limits){
		.min_part = min_part,
		.max_part = (uint64_t)5 << 30,
		.max_parts = max_parts,
		.max_put = (uint64_t)5 << 30,
		.max_object = (uint64_t)5 << 40,
		.max_key = 512,
	};
	sl_mutex_init(&f->lock);
	sl_cond_init(&f->wake);
	for (int i = 0; i < FAKE_THREADS; i++) {
		if (pthread_create(&f->threads[i], NULL, fake_main, f))
			abort();
	}
	return f;
}

static inline void fake_hold(struct fake *f, enum fake_kind k, bool on)
{
	SL_LOCK_SCOPE(&f->lock);
	f->hold[k] = on;
	sl_cond_broadcast(&f->wake);
}

/* Copies, since the store's threads go on. */
static inline struct fake_object fake_look(struct fake *f, const char *key)
{
	SL_LOCK_SCOPE(&f->lock);
	return *fake_object(f, key);
}

/* Ops of a kind that are held and not cancelled. */
static inline int fake_held(struct fake *f, enum fake_kind k)
{
	int n = 0;

	SL_LOCK_SCOPE(&f->lock);
	for (int i = f->head; i < f->tail; i++)
		n += f->queue[i % 4096] && f->kinds[i % 4096] == k &&
		     f->hold[k];
	return n;
}

static inline int fake_count(struct fake *f, enum fake_kind k)
{
	SL_LOCK_SCOPE(&f->lock);
	return f->count[k];
}

/* Multipart uploads that are still there. */
static inline int fake_left(struct fake *f)
{
	int n = 0;

	SL_LOCK_SCOPE(&f->lock);
	for (int i = 0; i < FAKE_OBJECTS; i++)
		n += f->uploads[i].used && !f->uploads[i].gone;
	return n;
}

#endif

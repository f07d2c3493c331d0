/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the upload engine share: an engine over the store in
 * memory, with a clock and a journal of its own, and waits that can be joined.
 */
#ifndef UPLOAD_RIG_H
#define UPLOAD_RIG_H

/* cmocka.h wants the first four before it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "fake_store.h"
#include "upload/upload.h"

#define MIB ((size_t)1 << 20)
#define RIG_NOTED 64

struct waiter {
	struct sl_wait w;
	struct sl_mutex lock;
	struct sl_cond cond;
	int calls;
};

struct rig {
	struct fake *f;
	struct sl_engine *e;
	struct sl_clock clock;
	struct sl_mutex lock;
	int64_t now;
	enum sl_sum sum; /* what the store wants besides */
	int begun, parts, ended, kept;
	struct sl_part noted[RIG_NOTED]; /* by number - 1 */
	char kept_id[16];	/* the last */
	int journal_err;
	void (*ready)(void *arg, int err); /* held back if 'hold' */
	void *ready_arg;
	bool hold;
};

static inline int64_t rig_now(const struct sl_clock *c)
{
	const char *at = (const char *)c - offsetof(struct rig, clock);
	struct rig *r = (struct rig *)(uintptr_t)at;

	SL_LOCK_SCOPE(&r->lock);
	return r->now;
}

static inline void rig_advance(struct rig *r, int64_t ms)
{
	SL_LOCK_SCOPE(&r->lock);
	r->now += ms;
}

static inline void j_begun(void *arg, struct sl_upload *u, const char *id,
		    void (*ready)(void *, int), void *ready_arg)
{
	struct rig *r = arg;
	bool hold;

	assert_non_null(sl_upload_key(u));
	assert_non_null(id);
	sl_mutex_lock(&r->lock);
	r->begun++;
	hold = r->hold;
	if (hold) {
		r->ready = ready;
		r->ready_arg = ready_arg;
	}
	sl_mutex_unlock(&r->lock);
	if (!hold)
		ready(ready_arg, r->journal_err);
}

static inline void j_part(void *arg, struct sl_upload *u, const char *id,
		   const struct sl_part *p)
{
	struct rig *r = arg;

	assert_non_null(u);
	assert_non_null(id);
	assert_true(p->number > 0 && p->size > 0);
	SL_LOCK_SCOPE(&r->lock);
	r->parts++;
	if (p->number <= RIG_NOTED)
		r->noted[p->number - 1] = *p;
}

static inline void j_ended(void *arg, struct sl_upload *u, const char *id)
{
	struct rig *r = arg;

	assert_non_null(u);
	assert_non_null(id);
	SL_LOCK_SCOPE(&r->lock);
	r->ended++;
}

static inline void j_kept(void *arg, const char *id)
{
	struct rig *r = arg;

	SL_LOCK_SCOPE(&r->lock);
	r->kept++;
	snprintf(r->kept_id, sizeof(r->kept_id), "%s", id);
}

static const struct sl_journal_ops rig_journal = {
	j_begun, j_part, j_ended, j_kept,
};

static inline void rig_start_with(struct rig *r, uint64_t memory,
				  int connections, uint64_t min_part)
{
	struct sl_error err = { 0 };
	struct sl_engine_config cfg = {
		.memory = memory,
		.connections = connections,
		.journal = &rig_journal,
		.journal_arg = r,
		.admit_s = 5,
	};

	r->f = fake_new(min_part, 1000);
	r->f->b.sum = r->sum;
	r->clock = (struct sl_clock){ rig_now, rig_now };
	r->now = 1000;
	sl_mutex_init(&r->lock);
	cfg.clock = &r->clock;
	cfg.backend = &r->f->b;
	assert_int_equal(sl_engine_new(&cfg, &r->e, &err), 0);
}

static inline void rig_start(struct rig *r)
{
	rig_start_with(r, 32 * MIB, 4, 2 * MIB);
}

static inline void rig_stop(struct rig *r)
{
	sl_engine_free(r->e);
	r->f->b.ops->close(&r->f->b);
	sl_mutex_release(&r->lock);
}

static inline void waiter_done(struct sl_wait *w, int err)
{
	struct waiter *x = sl_container_of(w, struct waiter, w);

	SL_LOCK_SCOPE(&x->lock);
	x->calls++;
	w->err = err;
	sl_cond_broadcast(&x->cond);
}

static inline void waiter_init(struct waiter *x)
{
	*x = (struct waiter){ .w.done = waiter_done };
	sl_mutex_init(&x->lock);
	sl_cond_init(&x->cond);
}

static inline bool waiter_called(struct waiter *x)
{
	SL_LOCK_SCOPE(&x->lock);
	return x->calls != 0;
}

static inline int waiter_join(struct waiter *x)
{
	SL_LOCK_SCOPE(&x->lock);
	while (!x->calls)
		sl_cond_wait(&x->cond, &x->lock);
	assert_int_equal(x->calls, 1);
	return x->w.err;
}

static inline int finish(int r, struct waiter *x)
{
	return r == SL_PARKED ? waiter_join(x) : r;
}

static inline struct sl_upload *make(struct rig *r, const char *key)
{
	struct sl_upload *u = NULL;
	struct sl_error err = { 0 };

	assert_int_equal(sl_upload_new(r->e, key, 0, r, &u, &err), 0);
	return u;
}

static inline int put_bytes(struct sl_upload *u, const void *p, size_t n)
{
	struct waiter x;

	waiter_init(&x);
	return finish(sl_upload_write(u, p, n, &x.w), &x);
}

static inline int commit(struct sl_upload *u)
{
	struct waiter x;

	waiter_init(&x);
	return finish(sl_upload_commit(u, &x.w), &x);
}

static inline int settle(struct sl_upload *u)
{
	struct waiter x;

	waiter_init(&x);
	return finish(sl_upload_settle(u, &x.w), &x);
}

static inline void pattern(unsigned char *p, size_t n, unsigned seed)
{
	for (size_t i = 0; i < n; i++) {
		seed = seed * 1103515245u + 12345u;
		p[i] = (unsigned char)(seed >> 16);
	}
}

/* Writes 'total' bytes in steps; returns their CRC. */
static inline uint32_t write_file(struct sl_upload *u, size_t total,
				  size_t step, unsigned seed, int *ret)
{
	unsigned char *p = malloc(step);
	uint32_t crc = 0;

	assert_non_null(p);
	*ret = 0;
	for (size_t at = 0; at < total && !*ret; at += step) {
		size_t n = total - at < step ? total - at : step;

		pattern(p, n, seed + (unsigned)at);
		crc = sl_crc32(crc, p, n);
		*ret = put_bytes(u, p, n);
	}
	free(p);
	return crc;
}

static inline void assert_object(struct rig *r, const char *key, uint64_t size,
			  uint32_t crc, int commits)
{
	struct fake_object o = fake_look(r->f, key);

	assert_true(o.visible);
	assert_int_equal(o.size, size);
	assert_int_equal(o.crc, crc);
	assert_int_equal(o.commits, commits);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread answers refusals. cancel() takes a waiter out of the queue, or
 * waits until its ready() has returned, unless it is called from there.
 */
#include "fixed_cred.h"

#include <stdbool.h>

#include "lock.h"

struct fixed {
	struct sl_cred_source base; /* first */
	struct sl_cred *cred;
	struct sl_mutex lock;
	struct sl_cond changed;
	struct sl_cred_wait *queue, *answering; /* lock */
	bool closing;				/* lock */
	pthread_t thread;
};

static struct fixed *fixed_of(struct sl_cred_source *s)
{
	return sl_container_of(s, struct fixed, base);
}

static struct sl_cred *get(struct sl_cred_source *s)
{
	return sl_cred_ref(fixed_of(s)->cred);
}

static void refused(struct sl_cred_source *s, uint64_t generation,
		    struct sl_cred_wait *w)
{
	struct fixed *f = fixed_of(s);

	SL_LOCK_SCOPE(&f->lock);
	w->generation = generation;
	w->next = f->queue;
	f->queue = w;
	sl_cond_broadcast(&f->changed);
}

static void cancel(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	struct fixed *f = fixed_of(s);
	struct sl_cred_wait **p = &f->queue;

	SL_LOCK_SCOPE(&f->lock);
	while (*p && *p != w)
		p = &(*p)->next;
	if (*p)
		*p = w->next;
	while (f->answering == w && !pthread_equal(pthread_self(), f->thread))
		sl_cond_wait(&f->changed, &f->lock);
}

static int64_t offset_ms(struct sl_cred_source *s)
{
	(void)s;
	return 0;
}

static const struct sl_cred_source_ops ops = {
	.get = get,
	.refused = refused,
	.cancel = cancel,
	.offset_ms = offset_ms,
};

static struct sl_cred_wait *next(struct fixed *f)
{
	SL_LOCK_SCOPE(&f->lock);
	f->answering = NULL;
	sl_cond_broadcast(&f->changed);
	while (!f->queue && !f->closing)
		sl_cond_wait(&f->changed, &f->lock);
	f->answering = f->queue;
	if (f->queue)
		f->queue = f->queue->next;
	return f->answering;
}

static void *answer(void *arg)
{
	struct sl_cred_wait *w;

	while ((w = next(arg)))
		w->ready(w, -EKEYEXPIRED);
	return NULL;
}

struct sl_cred_source *sl_test_cred_of(enum sl_cred_kind kind, const char *id,
				       const char *secret, const char *token)
{
	struct fixed *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->base.ops = &ops;
	f->cred = sl_cred_new(kind, 1, id, secret, token);
	sl_mutex_init(&f->lock);
	sl_cond_init(&f->changed);
	if (!f->cred || pthread_create(&f->thread, NULL, answer, f)) {
		sl_cred_unref(f->cred);
		free(f);
		return NULL;
	}
	return &f->base;
}

struct sl_cred_source *sl_test_cred_new(const char *id, const char *secret,
					const char *token)
{
	return sl_test_cred_of(SL_CRED_S3, id, secret, token);
}

void sl_test_cred_free(struct sl_cred_source *s)
{
	struct fixed *f = s ? fixed_of(s) : NULL;

	if (!f)
		return;
	sl_mutex_lock(&f->lock);
	f->closing = true;
	sl_cond_broadcast(&f->changed);
	sl_mutex_unlock(&f->lock);
	if (pthread_join(f->thread, NULL))
		abort();
	sl_cred_unref(f->cred);
	free(f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential source by script: a set that was refused is replaced by the
 * one that the simulator's status gives, once for all who wait; or never.
 * One thread answers. cancel() takes a waiter out of the queue, or waits
 * until its ready() has returned, unless it is called from there.
 */
#include "rig.h"

#include "lock.h"

struct script {
	struct sl_cred_source base; /* first */
	struct rig *rig;
	bool never_renew;
	struct sl_mutex lock;
	struct sl_cond changed;
	struct sl_cred *cred;			/* lock */
	struct sl_cred_wait *queue, *answering; /* lock */
	int fetched;				/* lock */
	bool closing;				/* lock */
	pthread_t thread;
};

static struct script *script_of(struct sl_cred_source *s)
{
	return sl_container_of(s, struct script, base);
}

static struct sl_cred *get(struct sl_cred_source *s)
{
	struct script *c = script_of(s);

	SL_LOCK_SCOPE(&c->lock);
	return sl_cred_ref(c->cred);
}

static void refused(struct sl_cred_source *s, uint64_t generation,
		    struct sl_cred_wait *w)
{
	struct script *c = script_of(s);

	SL_LOCK_SCOPE(&c->lock);
	w->generation = generation;
	w->next = c->queue;
	c->queue = w;
	sl_cond_broadcast(&c->changed);
}

static void cancel(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	struct script *c = script_of(s);
	struct sl_cred_wait **p = &c->queue;

	SL_LOCK_SCOPE(&c->lock);
	while (*p && *p != w)
		p = &(*p)->next;
	if (*p)
		*p = w->next;
	while (c->answering == w && !pthread_equal(pthread_self(), c->thread))
		sl_cond_wait(&c->changed, &c->lock);
}

static int64_t offset_ms(struct sl_cred_source *s)
{
	(void)s; /* the simulator has the machine's clock */
	return 0;
}

static const struct sl_cred_source_ops ops = {
	.get = get,
	.refused = refused,
	.cancel = cancel,
	.offset_ms = offset_ms,
};

static struct sl_cred_wait *next(struct script *c)
{
	SL_LOCK_SCOPE(&c->lock);
	c->answering = NULL;
	sl_cond_broadcast(&c->changed);
	while (!c->queue && !c->closing)
		sl_cond_wait(&c->changed, &c->lock);
	c->answering = c->queue;
	if (c->queue)
		c->queue = c->queue->next;
	return c->answering;
}

static uint64_t generation_now(struct script *c)
{
	SL_LOCK_SCOPE(&c->lock);
	return c->cred->generation;
}

static int renew(struct script *c, uint64_t refused_generation)
{
	uint64_t now = generation_now(c);
	struct sl_cred *old, *fresh;

	if (now > refused_generation)
		return 0;
	fresh = c->never_renew ? NULL : rig_fetch_cred(c->rig, now + 1);
	if (!fresh)
		return -EKEYEXPIRED;
	sl_mutex_lock(&c->lock);
	old = c->cred;
	c->cred = fresh;
	c->fetched++;
	sl_mutex_unlock(&c->lock);
	sl_cred_unref(old);
	return 0;
}

static void *answer(void *arg)
{
	struct sl_cred_wait *w;

	while ((w = next(arg)))
		w->ready(w, renew(arg, w->generation));
	return NULL;
}

struct sl_cred_source *rig_cred_new(struct rig *r, bool never_renew)
{
	struct script *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->base.ops = &ops;
	c->rig = r;
	c->never_renew = never_renew;
	c->cred = rig_fetch_cred(r, 1);
	sl_mutex_init(&c->lock);
	sl_cond_init(&c->changed);
	if (!c->cred || pthread_create(&c->thread, NULL, answer, c)) {
		sl_cred_unref(c->cred);
		free(c);
		return NULL;
	}
	return &c->base;
}

void rig_cred_free(struct sl_cred_source *s)
{
	struct script *c = s ? script_of(s) : NULL;

	if (!c)
		return;
	sl_mutex_lock(&c->lock);
	c->closing = true;
	sl_cond_broadcast(&c->changed);
	sl_mutex_unlock(&c->lock);
	if (pthread_join(c->thread, NULL))
		abort();
	sl_cred_unref(c->cred);
	sl_cond_release(&c->changed);
	sl_mutex_release(&c->lock);
	free(c);
}

int rig_cred_fetched(struct sl_cred_source *s)
{
	struct script *c = script_of(s);

	SL_LOCK_SCOPE(&c->lock);
	return c->fetched;
}

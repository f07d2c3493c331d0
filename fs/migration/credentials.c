/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Credentials and their waiters.
 *
 * Life of a set. A set gets a generation when its keys differ from the
 * present ones; the same keys with another expiry (a stored access policy
 * that was extended) replace the set within its generation. A refresh is due
 * at 75 % of the life; when the same set came back at or after that point, at
 * 90 % and 97 %, then only a refusal asks for more (sl_life_refresh_at).
 *
 * Life of a waiter. It waits for a generation above the one that was refused.
 * If that is here already it is over at the next deliver, without a request.
 * If the answer to its refusal brings the same keys, and they are not at
 * their end, the refusal had another reason (a right that is not granted, a
 * lagging store): the waiter is let go with 0 and judges by its own count of
 * attempts. Near their end or behind it the service is late: it waits on.
 *
 * Trial. A store may learn of new keys some seconds after we did, and some
 * services give other keys with every answer. Who changed to those each time
 * would never meet a set that works already. So the first set that follows
 * one that worked may be replaced at once; after that a set that no store has
 * taken yet is kept for 4 seconds, the next for 8, up to 32 (or three
 * quarters of its life), and what is given meanwhile is treated as the same
 * keys. Whoever was refused with such a set tries it again every 2 seconds
 * (sl_cred_store_again), since another question would not make it known
 * sooner.
 *
 * Locks: s->lock alone. ready() runs without it; so that cancel() can promise
 * that ready() is not running when it returns, it waits for the one that is
 * being delivered, except on the delivering thread itself.
 */
#include "cred_store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lifecycle.h"
#include "lock.h"

#define TRIAL_MS ((int64_t)2000)
/* Later than this after it was given, no store is still to learn of a set. */
#define LEARNT_MS ((int64_t)60000)
#define UNTAKEN_MAX 4

struct sl_cred_store {
	struct sl_cred_source source; /* first: ops get its address */
	void (*wake)(void *arg);
	void *arg;
	struct sl_mutex lock;
	struct sl_cond delivered;
	/* guarded by lock: */
	struct sl_cred *cur;
	uint64_t generation; /* the last one given out */
	int64_t obtained_ms; /* server time */
	unsigned same;
	int64_t offset_ms;
	unsigned untaken; /* sets in a row before this that never worked */
	uint64_t worked; /* atomic: the last generation that a store took */
	int over; /* atomic */
	struct sl_cred_wait *waiting;
	struct sl_cred_wait *ending; /* let go; generation holds the errno */
	struct sl_cred_wait *now; /* in ready() */
	pthread_t now_thread;
};

static struct sl_cred_store *store_of(struct sl_cred_source *src)
{
	return sl_container_of(src, struct sl_cred_store, source);
}

static struct sl_cred *op_get(struct sl_cred_source *src)
{
	struct sl_cred_store *s = store_of(src);

	SL_LOCK_SCOPE(&s->lock);
	return sl_cred_ref(s->cur);
}

static void op_refused(struct sl_cred_source *src, uint64_t generation,
		       struct sl_cred_wait *w)
{
	struct sl_cred_store *s = store_of(src);

	sl_mutex_lock(&s->lock);
	w->generation = generation < s->generation ? generation :
						     s->generation;
	w->next = s->waiting;
	s->waiting = w;
	sl_mutex_unlock(&s->lock);
	s->wake(s->arg);
}

static bool unlink_wait(struct sl_cred_wait **list, struct sl_cred_wait *w)
{
	for (; *list; list = &(*list)->next) {
		if (*list == w) {
			*list = w->next;
			return true;
		}
	}
	return false;
}

static void op_cancel(struct sl_cred_source *src, struct sl_cred_wait *w)
{
	struct sl_cred_store *s = store_of(src);

	SL_LOCK_SCOPE(&s->lock);
	if (unlink_wait(&s->waiting, w) || unlink_wait(&s->ending, w))
		return;
	while (s->now == w && !pthread_equal(s->now_thread, pthread_self()))
		sl_cond_wait(&s->delivered, &s->lock);
}

static int64_t op_offset(struct sl_cred_source *src)
{
	return sl_cred_store_offset(store_of(src));
}

static int op_over(struct sl_cred_source *src)
{
	return __atomic_load_n(&store_of(src)->over, __ATOMIC_RELAXED);
}

static void op_worked(struct sl_cred_source *src, uint64_t generation)
{
	struct sl_cred_store *s = store_of(src);

	/* One late word about an older set costs a trial, no more. */
	if (__atomic_load_n(&s->worked, __ATOMIC_RELAXED) != generation)
		__atomic_store_n(&s->worked, generation, __ATOMIC_RELAXED);
}

static const struct sl_cred_source_ops source_ops = {
	.get = op_get,
	.refused = op_refused,
	.cancel = op_cancel,
	.offset_ms = op_offset,
	.over = op_over,
	.worked = op_worked,
};

int sl_cred_store_new(void (*wake)(void *arg), void *arg,
		      struct sl_cred_store **ret)
{
	struct sl_cred_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->source.ops = &source_ops;
	s->wake = wake;
	s->arg = arg;
	sl_mutex_init(&s->lock);
	sl_cond_init(&s->delivered);
	*ret = s;
	return 0;
}

void sl_cred_store_free(struct sl_cred_store *s)
{
	if (!s)
		return;
	sl_cred_unref(s->cur);
	sl_cond_release(&s->delivered);
	sl_mutex_release(&s->lock);
	free(s);
}

struct sl_cred_source *sl_cred_store_source(struct sl_cred_store *s)
{
	return &s->source;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool same_keys(const struct sl_cred *a, const struct sl_cred *b)
{
	return a && a->kind == b->kind && same_text(a->id, b->id) &&
	       same_text(a->secret, b->secret) && same_text(a->token, b->token);
}

static bool worked_locked(const struct sl_cred_store *s)
{
	return !s->cur || __atomic_load_n(&s->worked, __ATOMIC_RELAXED) ==
			  s->generation;
}

/* Is the present set to be given more time before another takes its place? */
static bool on_trial(const struct sl_cred_store *s, int64_t now_ms)
{
	int64_t wait = TRIAL_MS << s->untaken, age = now_ms - s->obtained_ms;

	if (!s->untaken || worked_locked(s))
		return false;
	if (s->cur->expires_ms)
		wait = earlier(wait, (s->cur->expires_ms - s->obtained_ms) /
					     4 * 3);
	return age >= 0 && age < wait;
}

/* False: no memory. */
static bool replace_locked(struct sl_cred_store *s, const struct sl_cred *o,
			   uint64_t generation, int64_t now_ms)
{
	struct sl_cred *c = sl_cred_new(o->kind, generation, o->id, o->secret,
					o->token);

	if (!c)
		return false;
	c->expires_ms = o->expires_ms;
	if (worked_locked(s))
		s->untaken = 0;
	else if (generation != s->generation && s->untaken < UNTAKEN_MAX)
		s->untaken++;
	sl_cred_unref(s->cur);
	s->cur = c;
	s->generation = generation;
	s->obtained_ms = now_ms;
	s->same = 0;
	return true;
}

static void end_locked(struct sl_cred_store *s, int err)
{
	struct sl_cred_wait *w;

	while ((w = s->waiting)) {
		s->waiting = w->next;
		w->generation = (uint64_t)-err;
		w->next = s->ending;
		s->ending = w;
	}
}

/* So close to the end that the service will soon give others. */
static bool ending_soon(const struct sl_cred_store *s, int64_t now_ms)
{
	int64_t left = s->cur->expires_ms - now_ms;
	int64_t margin = (s->cur->expires_ms - s->obtained_ms) / 10;

	if (!s->cur->expires_ms)
		return false;
	return left < (margin > 5000 ? margin : 5000);
}

static enum sl_cred_taken take_same_locked(struct sl_cred_store *s,
					   int64_t now_ms, bool refusal)
{
	while (now_ms >= sl_life_refresh_at(s->obtained_ms,
					    s->cur->expires_ms, s->same))
		s->same++;
	if (refusal && !ending_soon(s, now_ms))
		end_locked(s, 0);
	if (s->cur->expires_ms && now_ms >= s->cur->expires_ms)
		return SL_CRED_TAKEN_EXPIRED;
	return SL_CRED_TAKEN_SAME;
}

enum sl_cred_taken sl_cred_store_take(struct sl_cred_store *s,
				      const struct sl_cred *offered,
				      int64_t now_ms, bool answers_refusal)
{
	bool same;

	SL_LOCK_SCOPE(&s->lock);
	if (!offered)
		return SL_CRED_TAKEN_NOTHING;
	same = same_keys(s->cur, offered);
	if (same ? s->cur->expires_ms == offered->expires_ms :
		   on_trial(s, now_ms))
		return take_same_locked(s, now_ms, answers_refusal);
	if (!replace_locked(s, offered, s->generation + !same, now_ms))
		return SL_CRED_TAKEN_NOTHING;
	if (same)
		return take_same_locked(s, now_ms, answers_refusal);
	if (offered->expires_ms && now_ms >= offered->expires_ms)
		return SL_CRED_TAKEN_EXPIRED;
	return SL_CRED_TAKEN_NEW;
}

void sl_cred_store_fail(struct sl_cred_store *s, int err)
{
	SL_LOCK_SCOPE(&s->lock);
	end_locked(s, err);
}

bool sl_cred_store_trusted(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	return !s->untaken;
}

void sl_cred_store_again(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	end_locked(s, 0);
}

void sl_cred_store_set_over(struct sl_cred_store *s, int err)
{
	__atomic_store_n(&s->over, err, __ATOMIC_RELAXED);
}

void sl_cred_store_clear(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	sl_cred_unref(s->cur);
	s->cur = NULL;
}

static bool over_locked(const struct sl_cred_store *s,
			const struct sl_cred_wait *w)
{
	return s->cur && s->cur->generation > w->generation;
}

bool sl_cred_store_refused(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	for (struct sl_cred_wait *w = s->waiting; w; w = w->next) {
		if (!over_locked(s, w))
			return true;
	}
	return false;
}

bool sl_cred_store_untaken(struct sl_cred_store *s, int64_t now_ms)
{
	SL_LOCK_SCOPE(&s->lock);
	if (worked_locked(s) || now_ms - s->obtained_ms >= LEARNT_MS)
		return false;
	if (s->cur->expires_ms && now_ms >= s->cur->expires_ms)
		return false;
	return s->waiting != NULL;
}

static struct sl_cred_wait *find_over_locked(struct sl_cred_store *s)
{
	struct sl_cred_wait *w = s->waiting;

	while (w && !over_locked(s, w))
		w = w->next;
	return w;
}

bool sl_cred_store_pending(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	return s->ending || find_over_locked(s);
}

/* The next one to tell, unlinked; NULL: nobody. */
static struct sl_cred_wait *pop_locked(struct sl_cred_store *s, int *ret_err)
{
	struct sl_cred_wait *w = s->ending;

	if (w) {
		s->ending = w->next;
		*ret_err = -(int)w->generation;
		return w;
	}
	w = find_over_locked(s);
	if (w && unlink_wait(&s->waiting, w))
		*ret_err = 0;
	return w;
}

void sl_cred_store_deliver(struct sl_cred_store *s)
{
	struct sl_cred_wait *w;
	int err = 0;

	sl_mutex_lock(&s->lock);
	while ((w = pop_locked(s, &err))) {
		s->now = w;
		s->now_thread = pthread_self();
		sl_mutex_unlock(&s->lock);
		w->ready(w, err);
		sl_mutex_lock(&s->lock);
		s->now = NULL;
		sl_cond_broadcast(&s->delivered);
	}
	sl_mutex_unlock(&s->lock);
}

int64_t sl_cred_store_due(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	if (!s->cur)
		return INT64_MAX;
	return sl_life_refresh_at(s->obtained_ms, s->cur->expires_ms, s->same);
}

int64_t sl_cred_store_expires(struct sl_cred_store *s, bool *ret_present)
{
	SL_LOCK_SCOPE(&s->lock);
	*ret_present = s->cur != NULL;
	return s->cur ? s->cur->expires_ms : 0;
}

void sl_cred_store_set_offset(struct sl_cred_store *s, int64_t ms)
{
	SL_LOCK_SCOPE(&s->lock);
	s->offset_ms = ms;
}

int64_t sl_cred_store_offset(struct sl_cred_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	return s->offset_ms;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mutexes and conditions that cannot fail silently: a pthread error here is a
 * program error and aborts. The clang attributes make -Wthread-safety check
 * that *_locked functions are called with the lock held. Condition waits use
 * CLOCK_MONOTONIC.
 */
#ifndef SL_LOCK_H
#define SL_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include "cleanup.h"

#if defined(__clang__)
#define SL_TSA(x) __attribute__((x))
#else
#define SL_TSA(x)
#endif
#define SL_CAPABILITY SL_TSA(capability("mutex"))
#define SL_REQUIRES(m) SL_TSA(requires_capability(m))
#define SL_EXCLUDES(m) SL_TSA(locks_excluded(m))
/* Documents which lock guards a field; clang 14 cannot check it in C. */
#define SL_GUARDED_BY(m)

struct SL_CAPABILITY sl_mutex {
	pthread_mutex_t m;
};

#define SL_MUTEX_INIT { PTHREAD_MUTEX_INITIALIZER }

struct sl_cond {
	pthread_cond_t c;
};

static inline void sl_mutex_init(struct sl_mutex *mu)
{
	if (pthread_mutex_init(&mu->m, NULL))
		abort();
}

static inline void sl_mutex_release(struct sl_mutex *mu)
{
	if (pthread_mutex_destroy(&mu->m))
		abort();
}

static inline void sl_mutex_lock(struct sl_mutex *mu)
	SL_TSA(acquire_capability(*mu)) SL_TSA(no_thread_safety_analysis);
static inline void sl_mutex_lock(struct sl_mutex *mu)
{
	if (pthread_mutex_lock(&mu->m))
		abort();
}

static inline void sl_mutex_unlock(struct sl_mutex *mu)
	SL_TSA(release_capability(*mu)) SL_TSA(no_thread_safety_analysis);
static inline void sl_mutex_unlock(struct sl_mutex *mu)
{
	if (pthread_mutex_unlock(&mu->m))
		abort();
}

static inline struct sl_mutex *sl_mutex_acquire(struct sl_mutex *mu)
	SL_TSA(no_thread_safety_analysis);
static inline struct sl_mutex *sl_mutex_acquire(struct sl_mutex *mu)
{
	sl_mutex_lock(mu);
	return mu;
}

static inline void sl_mutex_unlockp(struct sl_mutex **mu)
	SL_TSA(no_thread_safety_analysis);
static inline void sl_mutex_unlockp(struct sl_mutex **mu)
{
	if (*mu)
		sl_mutex_unlock(*mu);
}

/* A no-op that tells the analysis what a scope guard has done. */
static inline void sl_mutex_assume_held(struct sl_mutex *mu)
	SL_TSA(assert_capability(*mu));
static inline void sl_mutex_assume_held(struct sl_mutex *mu)
{
	(void)mu;
}

/* Holds 'mu' to the end of the scope. 'mu' is named twice: no side effects. */
#define SL_LOCK_SCOPE(mu) \
	struct sl_mutex *SL_UNIQ(sl_guard_) \
		__attribute__((cleanup(sl_mutex_unlockp), unused)) = \
			sl_mutex_acquire(mu); \
	sl_mutex_assume_held(mu)

static inline void sl_cond_init(struct sl_cond *c)
{
	pthread_condattr_t a;

	if (pthread_condattr_init(&a) ||
	    pthread_condattr_setclock(&a, CLOCK_MONOTONIC) ||
	    pthread_cond_init(&c->c, &a) || pthread_condattr_destroy(&a))
		abort();
}

static inline void sl_cond_release(struct sl_cond *c)
{
	if (pthread_cond_destroy(&c->c))
		abort();
}

static inline void sl_cond_wait(struct sl_cond *c, struct sl_mutex *mu)
{
	if (pthread_cond_wait(&c->c, &mu->m))
		abort();
}

/* Waits until 'mono_ms' of CLOCK_MONOTONIC; false when that has passed. */
static inline bool sl_cond_wait_until(struct sl_cond *c, struct sl_mutex *mu,
				      int64_t mono_ms)
{
	struct timespec ts = {
		.tv_sec = mono_ms / 1000,
		.tv_nsec = (long)(mono_ms % 1000) * 1000000L,
	};
	int r = pthread_cond_timedwait(&c->c, &mu->m, &ts);

	if (r && r != ETIMEDOUT)
		abort();
	return r == 0;
}

static inline void sl_cond_signal(struct sl_cond *c)
{
	if (pthread_cond_signal(&c->c))
		abort();
}

static inline void sl_cond_broadcast(struct sl_cond *c)
{
	if (pthread_cond_broadcast(&c->c))
		abort();
}

#endif

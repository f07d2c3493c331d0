/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The I/O threads. Each owns one CURLM with its connections, a pool of easy
 * handles, and the calls bound to it; libcurl handles are never touched by
 * two threads.
 *
 * A call's life (state guarded by http->lock; FRESH calls sit in the client's
 * queues by priority, all others in one thread's list):
 *
 *   FRESH --taken--> RUNNING --judged--> ended (done() called)
 *   READY --taken--> RUNNING          `-> PARKED --time--> READY
 *                                     `-> ASKING --time--> CREDS
 *   CREDS --ready()--> READY            (ASKING with no pause: CREDS at once)
 *
 * PARKED ends when its time has come and the retry budget (quota.c) has a
 * token; or, as ASKING and CREDS do, with -EROFS when the source of credentials
 * says that it is over (sl_cred_over). RUNNING may have two attempts at once
 * (hedge.c); the second holds a connection of its own.
 *
 * Only RUNNING holds a connection: of the thread's quota, or, for priority 0,
 * of its reserve too. A call stays with the thread that first took it.
 * Cancelling and shutting down set a flag; the owning thread ends the call.
 *
 * Locks: http->lock guards lists, states and counters, is held for a few
 * instructions, never while libcurl or a callback runs. ready() of a
 * credentials source comes on a foreign thread: it takes the lock, marks the
 * call and wakes the thread.
 */
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"
#include "log.h"

#define POLL_MAX_MS 1000
/* With a test's clock, time passes without the poll noticing. */
#define POLL_FOREIGN_CLOCK_MS 5

void sl_io_wake(struct sl_io *io)
{
	/* A failed wake-up only delays until the poll's own limit. */
	if (curl_multi_wakeup(io->multi))
		sl_log_debug("cannot wake an I/O thread");
}

/* Whether a call of that priority may have a connection, and from where. */
static bool reserve_locked(struct sl_io *io, int priority)
	SL_REQUIRES(io->http->lock)
{
	if (priority <= 0 && io->running_control < io->reserve) {
		io->running_control++;
		return true;
	}
	if (io->running < io->quota) {
		io->running++;
		return true;
	}
	return false;
}

static struct sl_call *best_bound_locked(struct sl_io *io)
	SL_REQUIRES(io->http->lock)
{
	struct sl_call *best = NULL;

	for (struct sl_call *c = io->calls.head; c; c = c->next)
		if (c->state == SL_CALL_READY &&
		    (!best || c->user->priority < best->user->priority))
			best = c;
	return best;
}

static struct sl_call *best_fresh_locked(struct sl_io *io)
	SL_REQUIRES(io->http->lock)
{
	struct sl_http *h = io->http;
	int first = io == &h->io[0] ? 0 : 1;

	for (int i = first; i < SL_HTTP_PRIORITIES; i++)
		if (h->fresh[i].head)
			return h->fresh[i].head;
	return NULL;
}

static int fresh_index(const struct sl_call *c)
{
	int p = c->user->priority;

	if (p < 0)
		return 0;
	return p < SL_HTTP_PRIORITIES ? p : SL_HTTP_PRIORITIES - 1;
}

/* The next call to run with a connection counted for it; NULL: none. */
static struct sl_call *take(struct sl_io *io, int *ret_cred_err)
{
	struct sl_http *h = io->http;
	struct sl_call *bound, *fresh, *c;

	SL_LOCK_SCOPE(&io->http->lock);
	if (h->stop)
		return NULL;
	bound = best_bound_locked(io);
	fresh = best_fresh_locked(io);
	c = bound;
	if (!bound || (fresh && fresh->user->priority < bound->user->priority))
		c = fresh;
	if (!c || !reserve_locked(io, c->user->priority))
		return NULL;
	if (c == fresh) {
		sl_call_list_remove(&h->fresh[fresh_index(c)], c);
		c->io = io;
		sl_call_list_add(&io->calls, c);
	}
	c->state = SL_CALL_RUNNING;
	*ret_cred_err = c->cred_err;
	c->cred_err = 0;
	return c;
}

enum due { DUE_NONE, DUE_CANCEL, DUE_OVER, DUE_ASK, DUE_CRED_LATE };

/*
 * Nothing that it waits for will do any good: the source of credentials
 * knows. One that exchanges them elsewhere (Google's tokens) may still be at
 * it for long.
 */
static bool over_locked(const struct sl_call *c)
{
	return (c->state == SL_CALL_PARKED || c->state == SL_CALL_ASKING ||
		c->state == SL_CALL_CREDS) &&
	       c->user->creds && sl_cred_over(c->user->creds);
}

static enum due due_locked(struct sl_io *io, struct sl_call *c, int64_t now)
	SL_REQUIRES(io->http->lock)
{
	if (c->cancelled || io->http->stop)
		return DUE_CANCEL;
	if (over_locked(c))
		return DUE_OVER;
	if (now < c->due_ms)
		return DUE_NONE;
	switch (c->state) {
	case SL_CALL_PARKED:
		if (sl_may_retry_locked(io->http, c, now))
			c->state = SL_CALL_READY;
		return DUE_NONE;
	case SL_CALL_ASKING:
		return DUE_ASK;
	case SL_CALL_CREDS:
		return DUE_CRED_LATE;
	case SL_CALL_FRESH:
	case SL_CALL_READY:
	case SL_CALL_RUNNING:
		break;
	}
	return DUE_NONE;
}

static struct sl_call *next_due(struct sl_io *io, enum due *ret)
{
	int64_t now = sl_io_now(io);

	SL_LOCK_SCOPE(&io->http->lock);
	for (struct sl_call *c = io->calls.head; c; c = c->next) {
		*ret = due_locked(io, c, now);
		if (*ret != DUE_NONE)
			return c;
	}
	return NULL;
}

static void cancel_call(struct sl_io *io, struct sl_call *c)
{
	sl_error_set(&c->user->error, ECANCELED, "cancelled");
	sl_call_drop(io, c, -ECANCELED);
}

static void act_on_due(struct sl_io *io)
{
	struct sl_call *c;
	enum due due;

	while ((c = next_due(io, &due))) {
		if (due == DUE_CANCEL) {
			cancel_call(io, c);
		} else if (due == DUE_OVER) {
			sl_error_prefix(&c->user->error, "the migration takes "
					"no files any more");
			sl_call_drop(io, c, -EROFS);
		} else if (due == DUE_ASK) {
			sl_call_ask(io, c);
		} else {
			sl_error_set(&c->user->error, EKEYEXPIRED,
				     "gave up waiting for new credentials");
			sl_call_drop(io, c, -EKEYEXPIRED);
		}
	}
}

/* On shutdown: binds a queued call so that it can be ended. */
static bool adopt_fresh(struct sl_io *io)
{
	struct sl_http *h = io->http;

	SL_LOCK_SCOPE(&h->lock);
	for (int i = 0; h->stop && i < SL_HTTP_PRIORITIES; i++) {
		struct sl_call *c = h->fresh[i].head;

		if (!c)
			continue;
		sl_call_list_remove(&h->fresh[i], c);
		c->io = io;
		c->state = SL_CALL_READY;
		sl_call_list_add(&io->calls, c);
		return true;
	}
	return false;
}

static struct sl_http_call *take_oom(struct sl_http *h)
{
	struct sl_http_call *u;

	SL_LOCK_SCOPE(&h->lock);
	u = h->oom;
	if (u) {
		h->oom = u->impl;
		u->impl = NULL;
	}
	return u;
}

static void end_oom(struct sl_http *h)
{
	struct sl_http_call *u;

	while ((u = take_oom(h))) {
		sl_error_set(&u->error, ENOMEM, "out of memory");
		u->ops->done(u, -ENOMEM);
	}
}

/* When this call wants to be looked at; the budget may hold it longer. */
static int64_t wait_locked(struct sl_http *h, const struct sl_call *c,
			   int64_t now) SL_REQUIRES(h->lock)
{
	int64_t held;

	if (c->due_ms > now)
		return c->due_ms - now;
	if (c->state != SL_CALL_PARKED)
		return 0;
	held = sl_quota_wait(&h->quota, now);
	if (c->retry.deadline_ms - now < held)
		held = c->retry.deadline_ms - now;
	return held > 0 ? held : 0;
}

static int poll_time(struct sl_io *io, int most)
{
	struct sl_http *h = io->http;
	int64_t now = sl_io_now(io);
	int64_t wait = most < POLL_MAX_MS ? most : POLL_MAX_MS;

	SL_LOCK_SCOPE(&h->lock);
	for (struct sl_call *c = io->calls.head; c; c = c->next) {
		int64_t ms;
		bool timed = c->state == SL_CALL_PARKED ||
			     c->state == SL_CALL_ASKING ||
			     c->state == SL_CALL_CREDS;

		if (!timed)
			continue;
		if (h->cfg.clock != &sl_clock_system)
			return most < POLL_FOREIGN_CLOCK_MS ?
				       most : POLL_FOREIGN_CLOCK_MS;
		ms = wait_locked(h, c, now);
		if (ms < wait)
			wait = ms;
	}
	return (int)wait;
}

static void drive(struct sl_io *io)
{
	int running, left;
	CURLMsg *m;

	if (curl_multi_perform(io->multi, &running))
		SL_BUG("libcurl refuses its multi handle");
	sl_cork_turn(io);
	while ((m = curl_multi_info_read(io->multi, &left)))
		if (m->msg == CURLMSG_DONE)
			sl_call_transfer_ended(io, m->easy_handle,
					       m->data.result);
}

static bool finished(struct sl_io *io)
{
	SL_LOCK_SCOPE(&io->http->lock);
	if (!io->http->stop || io->calls.head || io->http->oom)
		return false;
	for (int i = 0; i < SL_HTTP_PRIORITIES; i++)
		if (io->http->fresh[i].head)
			return false;
	return true;
}

void *sl_io_main(void *arg)
{
	struct sl_io *io = arg;
	struct sl_call *c;
	int cred_err, wait;

	while (!finished(io)) {
		drive(io);
		end_oom(io->http);
		while (adopt_fresh(io))
			act_on_due(io);
		act_on_due(io);
		while ((c = take(io, &cred_err)))
			sl_call_take_up(io, c, cred_err);
		if (finished(io))
			break;
		/* Trouble with it would show in the next perform. */
		wait = poll_time(io, sl_watch(io));
		if (curl_multi_poll(io->multi, NULL, 0, wait, NULL))
			sl_log_debug("curl_multi_poll failed");
	}
	while (io->pool) {
		struct sl_attempt *a = io->pool;

		io->pool = a->next;
		sl_attempt_free(a);
	}
	return NULL;
}

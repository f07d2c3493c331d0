/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call on its I/O thread: beginning an attempt, judging it, following the
 * retry plan, waiting for credentials, ending. The states are described at
 * the head of io.c; everything here runs on the owning thread, except
 * on_cred_ready().
 */
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"
#include "log.h"

int64_t sl_real_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		SL_BUG("there is no monotonic clock");
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

int64_t sl_io_now(const struct sl_io *io)
{
	return sl_mono_ms(io->http->cfg.clock);
}

static struct sl_attempt *pool_get(struct sl_io *io)
{
	struct sl_attempt *a = io->pool;

	if (!a)
		return sl_attempt_new();
	io->pool = a->next;
	a->next = NULL;
	return a;
}

static void pool_put(struct sl_io *io, struct sl_attempt *a)
{
	if (!a)
		return;
	sl_attempt_clear(a);
	a->next = io->pool;
	io->pool = a;
}

/* The connection of a running call is free again. */
static void give_back_locked(struct sl_io *io, const struct sl_call *c)
	SL_REQUIRES(io->http->lock)
{
	if (c->user->priority <= 0 && io->running_control > 0)
		io->running_control--;
	else
		io->running--;
}

static void set_state(struct sl_io *io, struct sl_call *c,
		      enum sl_call_state state, int64_t due_ms)
{
	SL_LOCK_SCOPE(&io->http->lock);
	if (c->state == SL_CALL_RUNNING)
		give_back_locked(io, c);
	c->state = state;
	c->due_ms = due_ms;
}

static void park(struct sl_io *io, struct sl_call *c, int64_t wait_ms)
{
	int64_t now = sl_io_now(io);

	c->floor_ms = now + c->user->retry_after_ms;
	set_state(io, c, SL_CALL_PARKED, now + wait_ms);
}

static void end_call(struct sl_io *io, struct sl_call *c, int err)
{
	struct sl_http *h = io->http;
	struct sl_http_call *u = c->user;

	sl_mutex_lock(&io->http->lock);
	if (c->state == SL_CALL_RUNNING)
		give_back_locked(io, c);
	sl_call_list_remove(&io->calls, c);
	h->total--;
	u->impl = NULL;
	sl_mutex_unlock(&io->http->lock);
	sl_cred_unref(c->cred);
	free(c);
	if (err && !u->error.errnum)
		sl_error_set(&u->error, -err, "%s", strerror(-err));
	if (err)
		u->error.errnum = -err;
	u->ops->done(u, err);
}

static void on_cred_ready(struct sl_cred_wait *w, int err)
{
	struct sl_call *c = sl_container_of(w, struct sl_call, wait);
	struct sl_http *h = c->http;
	struct sl_io *io = c->io;

	sl_mutex_lock(&h->lock);
	c->cred_err = err;
	c->state = SL_CALL_READY;
	/* Under the lock: the call, and with it the client, may end after. */
	sl_io_wake(io);
	sl_mutex_unlock(&h->lock);
}

void sl_call_ask(struct sl_io *io, struct sl_call *c)
{
	set_state(io, c, SL_CALL_CREDS, c->retry.deadline_ms);
	c->user->refreshes++;
	c->wait = (struct sl_cred_wait){ .ready = on_cred_ready };
	sl_cred_refused(c->user->creds, c->generation, &c->wait);
}

static void no_credentials(struct sl_io *io, struct sl_call *c)
{
	if (c->retry.once) {
		sl_error_set(&c->user->error, EKEYEXPIRED,
			     "there are no credentials yet");
		end_call(io, c, -EKEYEXPIRED);
		return;
	}
	c->generation = 0;
	sl_call_ask(io, c);
}

static void gave_up(struct sl_call *c, int err)
{
	struct sl_http_call *u = c->user;

	u->error.errnum = -err;
	sl_error_prefix(&u->error, "gave up after %d attempts", u->attempts);
}

static void follow(struct sl_io *io, struct sl_call *c,
		   const struct sl_retry_plan *p)
{
	switch (p->step) {
	case SL_STEP_DONE:
		sl_error_clear(&c->user->error);
		end_call(io, c, 0);
		return;
	case SL_STEP_FAIL:
		if (p->gave_up)
			gave_up(c, p->err);
		end_call(io, c, p->err);
		return;
	case SL_STEP_AGAIN:
		set_state(io, c, SL_CALL_READY, 0);
		return;
	case SL_STEP_PARK:
		park(io, c, p->wait_ms);
		return;
	case SL_STEP_REFRESH:
		if (p->wait_ms)
			set_state(io, c, SL_CALL_ASKING,
				  sl_io_now(io) + p->wait_ms);
		else
			sl_call_ask(io, c);
		return;
	}
}

static enum sl_verdict judge(struct sl_io *io, struct sl_call *c)
{
	struct sl_attempt *a = c->attempt;
	struct sl_http_call *u = c->user;

	sl_error_clear(&u->error);
	u->retry_after_ms = sl_http_retry_after(
		&a->resp, sl_wall_ms(io->http->cfg.clock));
	return u->ops->judge(u, &a->resp, c->cred);
}

static void enlist(struct sl_io *io, struct sl_attempt *a)
{
	a->prev = NULL;
	a->next = io->active;
	if (a->next)
		a->next->prev = a;
	io->active = a;
}

/* Takes the transfer out of libcurl's hands, with what it has brought. */
static void retire(struct sl_io *io, struct sl_attempt *a, CURLcode code)
{
	sl_attempt_collect(a, code);
	sl_cork_pull(io, a);
	if (curl_multi_remove_handle(io->multi, a->easy))
		SL_BUG("a transfer that cannot be removed");
	if (a->prev)
		a->prev->next = a->next;
	else
		io->active = a->next;
	if (a->next)
		a->next->prev = a->prev;
}

static void finish_attempt(struct sl_io *io, struct sl_call *c)
{
	struct sl_attempt *a = c->attempt;
	struct sl_http_call *u = c->user;
	enum sl_verdict v = judge(io, c);
	struct sl_retry_in in = {
		.verdict = v,
		.errnum = u->error.errnum,
		.now_ms = sl_io_now(io),
		.retry_after_ms = u->retry_after_ms,
		.repeatable = u->idempotent || !a->any_sent,
		.has_creds = u->creds != NULL,
		.generation = c->generation,
	};
	struct sl_retry_plan plan;

	sl_account(io, a, v);
	if (v == SL_V_OK && u->creds)
		sl_cred_worked(u->creds, c->generation);
	plan = sl_retry_decide(&c->retry, &in, sl_random_below);
	c->renew = a->resp.curl_code != 0;
	c->attempt = NULL;
	pool_put(io, a);
	sl_cred_unref(c->cred);
	c->cred = NULL;
	follow(io, c, &plan);
}

void sl_call_forget(struct sl_io *io, struct sl_attempt *a)
{
	retire(io, a, CURLE_ABORTED_BY_CALLBACK);
	sl_account_lost(io, a, ECANCELED);
	pool_put(io, a);
}

/*
 * One of two under way has ended. True: it settles the call, and is its only
 * attempt by now; false: it is gone, and the other one goes on.
 */
static bool settle(struct sl_io *io, struct sl_call *c, struct sl_attempt *a)
{
	struct sl_attempt *other = c->attempt == a ? c->hedge : c->attempt;
	bool mine = c->claimed == a ||
		    (!c->claimed && sl_hedge_settles(a->resp.curl_code,
						     a->resp.status));

	c->attempt = mine ? a : other;
	c->hedge = NULL;
	sl_hedge_release(io);
	if (mine) {
		sl_call_forget(io, other);
		return true;
	}
	sl_account_lost(io, a, EIO);
	pool_put(io, a);
	return false;
}

void sl_call_transfer_ended(struct sl_io *io, CURL *easy, CURLcode code)
{
	char *arg = NULL;
	struct sl_attempt *a;
	struct sl_call *c;
	int sink_err;

	if (curl_easy_getinfo(easy, CURLINFO_PRIVATE, &arg) || !arg)
		SL_BUG("a transfer without its attempt");
	a = (struct sl_attempt *)(void *)arg;
	c = a->owner;
	retire(io, a, code);
	if (c->hedge && !settle(io, c, a))
		return;
	sink_err = a->sink_err;
	if (!sink_err) {
		finish_attempt(io, c);
		return;
	}
	sl_account(io, a, SL_V_OK);
	c->attempt = NULL;
	pool_put(io, a);
	end_call(io, c, sink_err);
}

int sl_call_attempt(struct sl_io *io, struct sl_call *c, bool renew,
		    struct sl_attempt **slot)
{
	struct sl_http_call *u = c->user;
	struct sl_attempt *a = pool_get(io);
	int err;

	if (!a)
		return -ENOMEM;
	a->call = u;
	a->owner = c;
	a->renew = renew;
	u->attempts++;
	err = u->ops->prepare(u, &a->req, c->cred);
	if (!err)
		err = sl_attempt_setup(a, io->http);
	if (!err && !sl_cork_setup(a))
		err = -ENOMEM;
	if (!err && curl_multi_add_handle(io->multi, a->easy))
		err = -ENOMEM;
	if (err) {
		pool_put(io, a);
		return err;
	}
	enlist(io, a);
	*slot = a;
	return 0;
}

void sl_call_take_up(struct sl_io *io, struct sl_call *c, int cred_err)
{
	int err;

	c->wait.ready = NULL;
	if (cred_err) {
		if (c->user->error.errnum)
			sl_error_prefix(&c->user->error, "%s",
				cred_err == -EROFS ?
				"the migration takes no files any more" :
				"credentials were not renewed");
		else
			sl_error_set(&c->user->error, -cred_err,
				     "there are no valid credentials");
		end_call(io, c, cred_err);
		return;
	}
	if (c->user->creds) {
		c->cred = sl_cred_get(c->user->creds);
		if (!c->cred) {
			no_credentials(io, c);
			return;
		}
		c->generation = c->cred->generation;
	}
	c->claimed = NULL;
	err = sl_call_attempt(io, c, c->renew, &c->attempt);
	if (err)
		end_call(io, c, err);
}

void sl_call_drop(struct sl_io *io, struct sl_call *c, int err)
{
	/*
	 * The state may change to READY meanwhile; the source forgets the
	 * wait in either case. A wait that ran already is none of its own.
	 */
	if (c->wait.ready)
		sl_cred_cancel(c->user->creds, &c->wait);
	if (c->hedge) {
		sl_call_forget(io, c->hedge);
		sl_hedge_release(io);
	}
	if (c->attempt)
		sl_call_forget(io, c->attempt);
	c->hedge = c->attempt = NULL;
	end_call(io, c, err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the end of one attempt means for all others: the numbers that are
 * shown, the retry budget, what is known of durations. When retries were held
 * back and a request succeeds, whoever sleeps off a back-off of up to 20
 * seconds is woken, but not before what the server asked for, and the budget
 * decides how many go at once.
 */
#include <errno.h>

#include "backends/http/internal.h"

static bool counts(const struct sl_call *c)
{
	return c->user->creds != NULL;
}

bool sl_may_retry_locked(struct sl_http *h, const struct sl_call *c,
			 int64_t now_ms)
{
	return !counts(c) || now_ms >= c->retry.deadline_ms ||
	       !sl_quota_take(&h->quota, now_ms);
}

static void thaw_locked(struct sl_http *h, int64_t now_ms)
	SL_REQUIRES(h->lock)
{
	for (int i = 0; i < h->io_count; i++) {
		for (struct sl_call *c = h->io[i].calls.head; c; c = c->next) {
			int64_t at = c->floor_ms > now_ms ? c->floor_ms :
							    now_ms;

			/* Never later: a server may have asked for a day. */
			if (c->state == SL_CALL_PARKED && at < c->due_ms)
				c->due_ms = at;
		}
		sl_io_wake(&h->io[i]);
	}
}

/* Of a read only the first byte is waited for with a second one in mind. */
static int64_t took_ms(const struct sl_attempt *a)
{
	int64_t end_ms = a->first_ms ? a->first_ms : sl_real_us() / 1000;

	return end_ms - a->began_ms;
}

static void good_locked(struct sl_http *h, const struct sl_attempt *a,
			int64_t now_ms) SL_REQUIRES(h->lock)
{
	const struct sl_call *c = a->owner;

	h->failing = 0;
	if (a->call->hedge_bytes)
		sl_hedge_note(&h->hedge, a->call->hedge_bytes,
			      a->req.body_len > 0, took_ms(a));
	if (counts(c) && sl_quota_success(&h->quota, now_ms))
		thaw_locked(h, now_ms);
}

static void observe(const struct sl_http *h, const struct sl_attempt *a,
		    int err)
{
	if (h->cfg.observe)
		h->cfg.observe(h->cfg.observe_arg, a->req.method,
			       a->resp.status, err, a->bytes_up);
}

void sl_account(struct sl_io *io, const struct sl_attempt *a,
		enum sl_verdict v)
{
	struct sl_http *h = io->http;
	int64_t now = sl_io_now(io);

	sl_mutex_lock(&h->lock);
	h->attempts++;
	h->bytes_up += a->bytes_up;
	if (v == SL_V_THROTTLE)
		h->throttled_ms = sl_real_us() / 1000;
	if (v == SL_V_OK)
		good_locked(h, a, now);
	else if (v == SL_V_RETRY || v == SL_V_THROTTLE || v == SL_V_REFRESH)
		h->failing++;
	else
		h->failing = 0;
	sl_mutex_unlock(&h->lock);
	observe(h, a, v == SL_V_OK ? 0 : -a->call->error.errnum);
}

void sl_account_lost(struct sl_io *io, const struct sl_attempt *a, int err)
{
	struct sl_http *h = io->http;

	sl_mutex_lock(&h->lock);
	h->attempts++;
	h->bytes_up += a->bytes_up;
	if (a->resp.status == 429 || a->resp.status == 503)
		h->throttled_ms = sl_real_us() / 1000;
	sl_mutex_unlock(&h->lock);
	observe(h, a, -err);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is under way, looked at in every turn of an I/O thread: transfers that
 * the rate limit held back and whose time has come; a few times a second
 * those that are too slow (slow.c) and those that deserve a second attempt
 * (hedge.c). All of it in real time and on the owning thread.
 *
 * A second attempt takes a connection of the thread's quota, and only when
 * nobody waits for one, so that connections= holds and bulk is not delayed.
 */
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"
#include "log.h"

#define LOOK_MS 250
#define CALM_AFTER_MS 30000

/* Nobody else wants the connection that a second attempt would take. */
static bool spare_locked(const struct sl_io *io) SL_REQUIRES(io->http->lock)
{
	if (io->http->stop || io->running >= io->quota)
		return false;
	for (int i = 0; i < SL_HTTP_PRIORITIES; i++)
		if (io->http->fresh[i].head)
			return false;
	return true;
}

static bool calm_locked(const struct sl_io *io, int64_t now_ms)
	SL_REQUIRES(io->http->lock)
{
	struct sl_http *h = io->http;

	return !h->failing && sl_quota_calm(&h->quota, sl_io_now(io)) &&
	       (!h->throttled_ms || now_ms - h->throttled_ms > CALM_AFTER_MS);
}

static bool reserve_hedge(struct sl_io *io, const struct sl_attempt *a,
			  int64_t now_ms)
{
	struct sl_http *h = io->http;
	struct sl_hedge_in in = {
		.bytes = a->call->hedge_bytes,
		.up = a->req.body_len > 0,
		.elapsed_ms = now_ms - a->began_ms,
		.after_ms = h->cfg.hedge_after_ms,
		.connections = h->cfg.connections,
		.limited = sl_pace_rate(&h->pace) != 0,
	};

	SL_LOCK_SCOPE(&io->http->lock);
	in.calm = calm_locked(io, now_ms);
	if (a->owner->cancelled || !spare_locked(io) ||
	    !sl_hedge_due(&h->hedge, &in))
		return false;
	sl_hedge_begin(&h->hedge);
	io->running++;
	h->hedges++;
	return true;
}

void sl_hedge_release(struct sl_io *io)
{
	SL_LOCK_SCOPE(&io->http->lock);
	sl_hedge_end(&io->http->hedge);
	io->running--;
}

static void look_for_hedge(struct sl_io *io, struct sl_attempt *a,
			   int64_t now_ms)
{
	struct sl_call *c = a->owner;
	int err;

	if (!a->call->hedge_bytes || a->hedged || c->hedge || c->claimed ||
	    !reserve_hedge(io, a, now_ms))
		return;
	sl_log_debug("%s takes %lld ms so far; sent a second time",
		     a->req.method, (long long)(now_ms - a->began_ms));
	a->hedged = true;
	err = sl_call_attempt(io, c, true, &c->hedge);
	if (!err)
		return;
	sl_log_debug("no second attempt: %s", strerror(-err));
	sl_hedge_release(io);
}

static uint64_t moved(const struct sl_attempt *a)
{
	curl_off_t up = 0, down = 0;

	/* What cannot be told has not moved. */
	if (curl_easy_getinfo(a->easy, CURLINFO_SIZE_UPLOAD_T, &up) ||
	    curl_easy_getinfo(a->easy, CURLINFO_SIZE_DOWNLOAD_T, &down))
		return 0;
	return (uint64_t)up + (uint64_t)down;
}

static bool too_slow(const struct sl_io *io, struct sl_attempt *a,
		     int64_t now_ms)
{
	uint64_t size = a->req.body_len ? a->req.body_len :
					  a->call->hedge_bytes;
	uint64_t floor = sl_slow_floor(size);
	int window_s = io->http->cfg.low_speed_s;

	if (a->req.patient ||
	    !sl_slow_check(&a->slow, now_ms, moved(a),
			   sl_attempt_held(a, now_ms), floor, window_s))
		return false;
	snprintf(a->text, sizeof(a->text),
		 "slower than %llu bytes/s for %d seconds",
		 (unsigned long long)floor, window_s);
	return true;
}

static void resume(struct sl_attempt *a, int64_t now_us)
{
	if (!a->held || !sl_pace_due(a->pace, &a->slot, now_us))
		return;
	a->held_ms = sl_attempt_held(a, now_us / 1000);
	a->held = false;
	/* It fails only where the transfer does, which ends it as any. */
	if (curl_easy_pause(a->easy, CURLPAUSE_CONT))
		sl_log_debug("a paused transfer does not go on");
}

static int wait_of(const struct sl_attempt *a, int64_t now_us)
{
	int64_t ms = (a->slot.at_us - now_us + 999) / 1000;

	if (!a->held || ms > LOOK_MS)
		return LOOK_MS;
	return ms > 0 ? (int)ms : 0;
}

static void look(struct sl_io *io, int64_t now_ms)
{
	struct sl_attempt *next;

	/* A second attempt joins at the head: not seen in this turn. */
	for (struct sl_attempt *a = io->active; a; a = next) {
		next = a->next;
		if (!too_slow(io, a, now_ms)) {
			look_for_hedge(io, a, now_ms);
			continue;
		}
		sl_call_transfer_ended(io, a->easy, CURLE_OPERATION_TIMEDOUT);
		/* Its end may have ended others. */
		next = io->active;
	}
}

int sl_watch(struct sl_io *io)
{
	int64_t now_us = sl_real_us();
	int wait = LOOK_MS;

	if (!io->active)
		return INT32_MAX;
	if (now_us / 1000 - io->watched_ms >= LOOK_MS) {
		io->watched_ms = now_us / 1000;
		look(io, now_us / 1000);
	}
	for (struct sl_attempt *a = io->active; a; a = a->next) {
		int ms;

		resume(a, now_us);
		ms = wait_of(a, now_us);
		wait = ms < wait ? ms : wait;
	}
	return wait;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client as its users see it: making and ending it, handing calls to the
 * I/O threads (io.c), cancelling, numbers. Nothing here waits for a network.
 *
 * Connections are shared out when the client is made: each thread has a
 * quota, their sum is cfg.connections. One or two of them (of four or more)
 * belong to thread 0 and to priority 0 alone, so that a credentials refresh
 * never queues behind parts of 128 MiB; therefore only thread 0 takes calls
 * of priority 0.
 */
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"
#include "log.h"

static pthread_once_t curl_once = PTHREAD_ONCE_INIT;
static CURLcode curl_once_result;

static void init_curl(void)
{
	curl_once_result = curl_global_init(CURL_GLOBAL_DEFAULT);
}

void sl_call_list_add(struct sl_call_list *l, struct sl_call *c)
{
	c->next = NULL;
	c->prev = l->tail;
	if (l->tail)
		l->tail->next = c;
	else
		l->head = c;
	l->tail = c;
}

void sl_call_list_remove(struct sl_call_list *l, struct sl_call *c)
{
	if (c->prev)
		c->prev->next = c->next;
	else
		l->head = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		l->tail = c->prev;
	c->next = c->prev = NULL;
}

static int check_config(const struct sl_http_config *c, struct sl_error *e)
{
	const struct {
		const char *name;
		int64_t value, lo, hi;
	} ranges[] = {
		{ "threads", c->threads, 1, 16 },
		{ "connections", c->connections, 1, 512 },
		{ "retry_for_ms", c->retry_for_ms, 0, INT64_MAX / 4 },
		{ "connect_timeout_ms", c->connect_timeout_ms, 0, 3600000 },
		{ "low_speed_s", c->low_speed_s, 0, 3600 },
		{ "hedge_after_ms", c->hedge_after_ms, -1, 3600000 },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(ranges); i++)
		if (ranges[i].value < ranges[i].lo ||
		    ranges[i].value > ranges[i].hi)
			return sl_error_set(e, EINVAL,
				"%s is %lld, must be %lld to %lld",
				ranges[i].name, (long long)ranges[i].value,
				(long long)ranges[i].lo,
				(long long)ranges[i].hi);
	return 0;
}

static int reserve_of(int connections)
{
	if (connections >= 8)
		return 2;
	return connections >= 2 ? 1 : 0;
}

static void share_out(struct sl_http *h)
{
	int reserve = reserve_of(h->cfg.connections);
	int data = h->cfg.connections - reserve;

	h->io_count = h->cfg.threads < data ? h->cfg.threads : data;
	for (int i = 0; i < h->io_count; i++)
		h->io[i].quota = data / h->io_count + (i < data % h->io_count);
	h->io[0].reserve = reserve;
}

static int start_io(struct sl_io *io)
{
	long keep = io->quota + io->reserve;

	io->multi = curl_multi_init();
	if (!io->multi)
		return -ENOMEM;
	if (curl_multi_setopt(io->multi, CURLMOPT_MAXCONNECTS, keep))
		return -ENOMEM;
	if (pthread_create(&io->thread, NULL, sl_io_main, io))
		return -EAGAIN;
	io->started = true;
	return 0;
}

static int set_up(struct sl_http *h, const struct sl_http_config *cfg,
		  struct sl_error *e)
{
	int err;

	h->cfg = *cfg;
	if (!h->cfg.clock)
		h->cfg.clock = &sl_clock_system;
	if (!h->cfg.connect_timeout_ms)
		h->cfg.connect_timeout_ms = 10000;
	if (!h->cfg.low_speed_s)
		h->cfg.low_speed_s = 30;
	if (!h->cfg.hedge_after_ms)
		h->cfg.hedge_after_ms = 3000;
	sl_quota_init(&h->quota, sl_mono_ms(h->cfg.clock));
	sl_hedge_init(&h->hedge);
	sl_pace_set(&h->pace, cfg->rate, sl_real_us());
	err = sl_http_ca_init(&h->ca, e);
	if (err)
		return err;
	h->user_agent = strdup("sideloadfs/" SL_VERSION);
	h->io = calloc((size_t)cfg->threads, sizeof(*h->io));
	if (!h->user_agent || !h->io)
		return sl_error_set(e, ENOMEM, "out of memory");
	share_out(h);
	for (int i = 0; i < h->io_count; i++) {
		h->io[i].http = h;
		err = start_io(&h->io[i]);
		if (err)
			return sl_error_set(e, ENOMEM,
					    "cannot start an I/O thread");
	}
	return 0;
}

int sl_http_new(const struct sl_http_config *cfg, struct sl_http **ret,
		struct sl_error *e)
{
	struct sl_http *h;
	int err = check_config(cfg, e);

	if (err)
		return err;
	if (pthread_once(&curl_once, init_curl) || curl_once_result)
		return sl_error_set(e, ENOMEM, "libcurl cannot be initialised");
	h = calloc(1, sizeof(*h));
	if (!h)
		return sl_error_set(e, ENOMEM, "out of memory");
	sl_mutex_init(&h->lock);
	sl_pace_init(&h->pace);
	err = set_up(h, cfg, e);
	if (err) {
		sl_http_free(h);
		return err;
	}
	*ret = h;
	return 0;
}

static void stop_io(struct sl_io *io)
{
	if (io->started && pthread_join(io->thread, NULL))
		SL_BUG("an I/O thread cannot be joined");
	/* Fails only for a handle in use, and the thread has ended. */
	if (io->multi && curl_multi_cleanup(io->multi))
		SL_BUG("a multi handle was still in use");
	sl_cork_end(io);
}

void sl_http_free(struct sl_http *h)
{
	if (!h)
		return;
	sl_mutex_lock(&h->lock);
	h->stop = true;
	sl_mutex_unlock(&h->lock);
	for (int i = 0; i < h->io_count; i++)
		if (h->io[i].started)
			sl_io_wake(&h->io[i]);
	for (int i = 0; i < h->io_count; i++)
		stop_io(&h->io[i]);
	free(h->io);
	free(h->user_agent);
	sl_http_ca_release(&h->ca);
	sl_mutex_release(&h->lock);
	sl_pace_release(&h->pace);
	free(h);
}

static int priority_of(const struct sl_http_call *c)
{
	if (c->priority < 0)
		return 0;
	return c->priority < SL_HTTP_PRIORITIES ? c->priority :
						  SL_HTTP_PRIORITIES - 1;
}

/* A thread that could take the call now; thread 0 when none can. */
static struct sl_io *idle_io_locked(struct sl_http *h, int priority)
	SL_REQUIRES(h->lock)
{
	if (priority == 0)
		return &h->io[0];
	for (int i = 0; i < h->io_count; i++)
		if (h->io[i].running < h->io[i].quota)
			return &h->io[i];
	return NULL;
}

static struct sl_io *enqueue_locked(struct sl_http *h, struct sl_http_call *u)
	SL_REQUIRES(h->lock)
{
	struct sl_call *c = u->impl;
	int64_t retry_for = u->retry_for_ms < 0 ? h->cfg.retry_for_ms :
						  u->retry_for_ms;

	c->http = h;
	c->user = u;
	c->state = SL_CALL_FRESH;
	sl_retry_begin(&c->retry, sl_mono_ms(h->cfg.clock), retry_for);
	h->total++;
	sl_call_list_add(&h->fresh[priority_of(u)], c);
	return idle_io_locked(h, priority_of(u));
}

void sl_http_start(struct sl_http *h, struct sl_http_call *u)
{
	struct sl_call *c = calloc(1, sizeof(*c));
	struct sl_io *wake;

	sl_error_clear(&u->error);
	u->attempts = 0;
	u->refreshes = 0;
	u->retry_after_ms = 0;
	u->answer = NULL;
	sl_mutex_lock(&h->lock);
	if (c) {
		u->impl = c;
		wake = enqueue_locked(h, u);
	} else {
		u->impl = h->oom;
		h->oom = u;
		wake = &h->io[0];
	}
	sl_mutex_unlock(&h->lock);
	if (wake)
		sl_io_wake(wake);
}

static bool failed_locked(const struct sl_http *h, const struct sl_http_call *u)
	SL_REQUIRES(h->lock)
{
	for (const struct sl_http_call *o = h->oom; o; o = o->impl)
		if (o == u)
			return true;
	return false;
}

void sl_http_cancel(struct sl_http *h, struct sl_http_call *u)
{
	struct sl_io *wake = NULL;
	struct sl_call *c;

	sl_mutex_lock(&h->lock);
	c = failed_locked(h, u) ? NULL : u->impl;
	if (c) {
		c->cancelled = true;
		wake = c->io;
		if (c->state == SL_CALL_FRESH) {
			wake = &h->io[0];
			sl_call_list_remove(&h->fresh[priority_of(u)], c);
			c->io = wake;
			c->state = SL_CALL_READY;
			sl_call_list_add(&wake->calls, c);
		}
	}
	sl_mutex_unlock(&h->lock);
	if (wake)
		sl_io_wake(wake);
}

void sl_http_set_rate(struct sl_http *h, uint64_t bytes_per_s)
{
	sl_pace_set(&h->pace, bytes_per_s, sl_real_us());
	for (int i = 0; i < h->io_count; i++)
		if (h->io[i].started)
			sl_io_wake(&h->io[i]);
}

void sl_http_get_stats(struct sl_http *h, struct sl_http_stats *ret)
{
	uint64_t rate = sl_pace_rate(&h->pace);
	int running = 0;

	SL_LOCK_SCOPE(&h->lock);
	for (int i = 0; i < h->io_count; i++)
		running += h->io[i].running + h->io[i].running_control;
	*ret = (struct sl_http_stats){
		.in_flight = running,
		.waiting = h->total - running,
		.failing = h->failing,
		.attempts = h->attempts,
		.bytes_up = h->bytes_up,
		.hedges = h->hedges,
		.rate = rate,
	};
}

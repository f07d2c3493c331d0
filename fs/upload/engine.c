/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine: who runs what.
 *
 * Threads.
 * - Callers (FUSE workers) come in through upload.h. They take the lock for
 *   bookkeeping, copy bytes without it, and never wait: what must wait is
 *   parked as a struct sl_wait.
 * - Backend threads come in through done() of an op. They do the bookkeeping
 *   of the answer, start what may start next, and deliver what has been
 *   answered.
 * - The engine's one thread copies parked writes that have been granted
 *   memory, delivers answers that a caller's own call produced (an answer
 *   never comes inside the call), and keeps the clock: deadlines, writes that
 *   only other writers could help, spare memory.
 *
 * Lock. One, engine->lock, for all of the structures; held shortly, never
 * while bytes are copied or summed. Under it are called only the wrappers of
 * the backend, which allow that (backend.h) and which must be: an op can be
 * cancelled safely only while it cannot come back. So the order is engine,
 * then backend; a backend calls done() without a lock of its own. The journal
 * and done() of a wait are called with no lock held.
 *
 * References. An upload lives while its caller, an attempt, a parked write or
 * a copy in progress needs it. An attempt lives while it is attached to an
 * upload or an op of it is in flight.
 *
 * After each change sl_engine_turn_locked() is called: it serves writers,
 * relieves pressure and starts ops, until nothing more can be done now.
 */
#include <string.h>

#include "upload/internal.h"

#define TICK_MS 100
#define TRIM_MS 1000
#define LEAST_MEMORY ((uint64_t)32 << 20)
#define DEFAULT_ADMIT_S 20

/* How the thread sleeps: awake at its next turn, or with what clock. */
enum { SLEEP_FOR_EVER, SLEEP_TRIM, SLEEP_TICK, SLEEP_NOT };

static int clock_wanted(const struct sl_engine *e)
{
	if (e->timed || e->budget.asking)
		return SLEEP_TICK;
	return e->budget.spare ? SLEEP_TRIM : SLEEP_FOR_EVER;
}

void sl_engine_hold_locked(struct sl_engine *e, const struct sl_wait *w)
{
	e->parked++;
	e->timed += w->deadline_ms != 0;
}

void sl_engine_drop_locked(struct sl_engine *e, const struct sl_wait *w)
{
	e->parked--;
	e->timed -= w->deadline_ms != 0;
}

/* Waking the thread costs more than most of what it does. */
void sl_engine_turn_locked(struct sl_engine *e)
{
	sl_pressure_relieve_locked(e);
	sl_send_pump_locked(e);
	if ((e->answers && !e->deliverers) || !TAILQ_EMPTY(&e->granted) ||
	    clock_wanted(e) > e->sleeps)
		sl_cond_signal(&e->wake);
}

void sl_engine_park_locked(struct sl_engine *e, struct sl_upload *u,
			   struct sl_wait **list, struct sl_wait *w)
{
	w->owner = u;
	w->next = *list;
	*list = w;
	sl_engine_hold_locked(e, w);
}

void sl_engine_answer_locked(struct sl_engine *e, struct sl_wait *w, int err)
{
	w->owner = NULL;
	w->err = err;
	w->next = NULL;
	*e->answers_end = w;
	e->answers_end = &w->next;
}

static void answer_parked_locked(struct sl_engine *e, struct sl_wait **at,
				 int err)
{
	struct sl_wait *w = *at;

	*at = w->next;
	sl_engine_drop_locked(e, w);
	sl_engine_answer_locked(e, w, err);
}

void sl_engine_answer_all_locked(struct sl_engine *e, struct sl_wait **list,
				 int err)
{
	while (*list)
		answer_parked_locked(e, list, err);
}

static struct sl_wait *next_answer(struct sl_engine *e)
{
	struct sl_wait *w;

	SL_LOCK_SCOPE(&e->lock);
	w = e->answers;
	if (!w)
		return NULL;
	e->answers = w->next;
	if (!e->answers)
		e->answers_end = &e->answers;
	return w;
}

void sl_engine_deliver(struct sl_engine *e)
{
	struct sl_wait *w;

	while ((w = next_answer(e)))
		w->done(w, w->err);
}

/* Takes a parked write out; one whose bytes are being copied stays. */
static bool stop_writer_locked(struct sl_engine *e, struct sl_wait *w, int err)
{
	struct sl_ask *a;

	TAILQ_FOREACH(a, &e->budget.asks, link) {
		if (sl_writer_of(a)->w != w)
			continue;
		sl_budget_withdraw(&e->budget, a);
		sl_file_end_writer_locked(sl_writer_of(a), err);
		return true;
	}
	TAILQ_FOREACH(a, &e->granted, link) {
		if (sl_writer_of(a)->w == w)
			sl_writer_of(a)->stop = err;
	}
	if (e->running && e->running->w == w)
		e->running->stop = err;
	return false;
}

static bool stop_in_list(struct sl_engine *e, struct sl_wait **list,
			 const struct sl_wait *w, int err)
{
	for (; *list; list = &(*list)->next) {
		if (*list != w)
			continue;
		answer_parked_locked(e, list, err);
		return true;
	}
	return false;
}

void sl_wait_interrupt(struct sl_engine *e, struct sl_wait *w)
{
	struct sl_upload *u;

	SL_LOCK_SCOPE(&e->lock);
	u = w->owner;
	if (!u)
		return;
	if (!stop_in_list(e, &u->commits, w, -EINTR) &&
	    !stop_in_list(e, &u->settles, w, -EINTR))
		stop_writer_locked(e, w, -EINTR);
	sl_engine_turn_locked(e);
	sl_cond_signal(&e->wake);
}

static bool is_due(const struct sl_wait *w, int64_t now)
{
	return w->deadline_ms && now >= w->deadline_ms;
}

static void expire_list(struct sl_engine *e, struct sl_wait **list,
			int64_t now)
{
	while (*list) {
		if (is_due(*list, now))
			answer_parked_locked(e, list, -ETIMEDOUT);
		else
			list = &(*list)->next;
	}
}

static void expire_locked(struct sl_engine *e, int64_t now)
{
	struct sl_ask *a, *next;
	struct sl_upload *u;

	TAILQ_FOREACH(u, &e->uploads, link) {
		expire_list(e, &u->commits, now);
		expire_list(e, &u->settles, now);
	}
	for (a = TAILQ_FIRST(&e->budget.asks); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (is_due(sl_writer_of(a)->w, now))
			stop_writer_locked(e, sl_writer_of(a)->w, -ETIMEDOUT);
	}
}

static void trim_locked(struct sl_engine *e, int64_t now)
{
	if (!e->budget.spare) {
		e->trim_at = 0;
	} else if (!e->trim_at) {
		e->trim_at = now + TRIM_MS;
	} else if (now >= e->trim_at) {
		e->trim_at = sl_budget_trim(&e->budget) ? now + TRIM_MS : 0;
	}
}

/* Sleeps until there is work, at most a tick while anything has a clock. */
static void sleep_locked(struct sl_engine *e)
{
	int sleep = clock_wanted(e);
	int64_t ms = sleep == SLEEP_TICK ? TICK_MS : TRIM_MS;

	if (e->answers || !TAILQ_EMPTY(&e->granted) || e->quit)
		return;
	/* An injected clock does not tell how long to sleep. */
	if (e->clock != &sl_clock_system)
		ms = 1;
	e->sleeps = sleep;
	if (sleep == SLEEP_FOR_EVER)
		sl_cond_wait(&e->wake, &e->lock);
	else
		/* Early or late makes no difference: the clock is read. */
		(void)sl_cond_wait_until(&e->wake, &e->lock,
					 sl_mono_ms(&sl_clock_system) + ms);
	e->sleeps = SLEEP_NOT;
}

static struct sl_ask *engine_step(struct sl_engine *e, bool *quit)
{
	struct sl_ask *a;
	int64_t now;

	SL_LOCK_SCOPE(&e->lock);
	sleep_locked(e);
	now = sl_mono_ms(e->clock);
	expire_locked(e, now);
	sl_pressure_tick_locked(e, now);
	trim_locked(e, now);
	sl_engine_turn_locked(e);
	a = TAILQ_FIRST(&e->granted);
	if (a) {
		TAILQ_REMOVE(&e->granted, a, link);
		e->running = sl_writer_of(a);
	}
	*quit = e->quit && !a && !e->answers;
	return a;
}

static void *engine_main(void *arg)
{
	struct sl_engine *e = arg;
	bool quit = false;

	while (!quit) {
		struct sl_ask *a = engine_step(e, &quit);

		if (a)
			sl_file_run_writer(sl_writer_of(a));
		sl_engine_deliver(e);
	}
	return NULL;
}

static int set_up(struct sl_engine *e, const struct sl_engine_config *cfg,
		  struct sl_error *err)
{
	int r;

	if (cfg->memory < LEAST_MEMORY || cfg->connections < 1 ||
	    cfg->connections > 512 || cfg->admit_s < 0)
		return sl_error_set(err, EINVAL, "memory= must be at least 32 "
				    "and connections= 1 to 512");
	r = sl_schedule_init(&e->schedule, &cfg->backend->limits, cfg->memory,
			     cfg->first_part, err);
	if (r)
		return r;
	r = sl_budget_init(&e->budget, cfg->memory, e->schedule.least);
	if (r)
		return sl_error_set(err, -r, "memory= is too small for the "
				    "store's parts");
	e->backend = cfg->backend;
	e->journal = cfg->journal;
	e->journal_arg = cfg->journal_arg;
	e->clock = cfg->clock ? cfg->clock : &sl_clock_system;
	e->connections = cfg->connections;
	e->admit_ms = 1000 * (int64_t)(cfg->admit_s ? cfg->admit_s :
						      DEFAULT_ADMIT_S);
	e->sleeps = SLEEP_NOT;
	TAILQ_INIT(&e->uploads);
	TAILQ_INIT(&e->flying);
	TAILQ_INIT(&e->granted);
	for (int q = 0; q < SL_QUEUE__COUNT; q++)
		TAILQ_INIT(&e->queue[q]);
	e->answers_end = &e->answers;
	return 0;
}

int sl_engine_new(const struct sl_engine_config *cfg, struct sl_engine **ret,
		  struct sl_error *err)
{
	SL_CLEANUP(free) struct sl_engine *e = calloc(1, sizeof(*e));
	int r;

	if (!e)
		return sl_error_set(err, ENOMEM, "out of memory");
	r = set_up(e, cfg, err);
	if (r)
		return r;
	sl_mutex_init(&e->lock);
	sl_cond_init(&e->wake);
	sl_cond_init(&e->idle);
	r = pthread_create(&e->thread, NULL, engine_main, e);
	if (r)
		return sl_error_set(err, r, "cannot start a thread: %s",
				    strerror(r));
	*ret = sl_steal(&e);
	return 0;
}

static void give_up_all_locked(struct sl_engine *e)
{
	struct sl_upload *u, *next;
	struct sl_xfer *x;

	/* Each is held, since giving one up may free others' company. */
	TAILQ_FOREACH(u, &e->uploads, link)
		u->refs++;
	TAILQ_FOREACH(u, &e->uploads, link)
		sl_upload_abandon_locked(u, true);
	for (u = TAILQ_FIRST(&e->uploads); u; u = next) {
		next = TAILQ_NEXT(u, link);
		sl_upload_unref_locked(u);
	}
	TAILQ_FOREACH(x, &e->flying, link)
		sl_backend_cancel(e->backend, &x->op);
}

void sl_engine_free(struct sl_engine *e)
{
	if (!e)
		return;
	sl_mutex_lock(&e->lock);
	e->stopping = true;
	give_up_all_locked(e);
	sl_engine_turn_locked(e);
	while (e->upload_count || e->in_flight || e->callbacks)
		sl_cond_wait(&e->idle, &e->lock);
	e->quit = true;
	sl_cond_signal(&e->wake);
	sl_mutex_unlock(&e->lock);
	if (pthread_join(e->thread, NULL))
		SL_BUG("cannot join the engine's thread");
	sl_budget_release(&e->budget);
	sl_cond_release(&e->idle);
	sl_cond_release(&e->wake);
	sl_mutex_release(&e->lock);
	free(e);
}

void sl_engine_get_stats(struct sl_engine *e, struct sl_engine_stats *ret)
{
	SL_LOCK_SCOPE(&e->lock);
	*ret = (struct sl_engine_stats){
		.budget = e->budget.limit,
		.used = e->budget.used,
		.bytes_sent = e->bytes_sent,
		.in_flight = e->in_flight,
		.blocked_writes = e->budget.asking,
		.uploads = e->upload_count,
		.largest_file = e->schedule.largest,
	};
}

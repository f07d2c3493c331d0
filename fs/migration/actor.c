/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration's actor.
 *
 * Threads. One thread owns all decisions: when to ask, what an answer means,
 * who is told. Others only leave word under m->lock and signal: readers copy
 * what is known, commands and waits are put down, the HTTP thread marks an
 * answer as come, refused uploads queue in the credential store. So no call
 * of migration.h ever waits for the network.
 *
 * Locks. m->lock, then the credential store's. Neither is held when changed(),
 * event(), done() or ready() run: the actor collects what it has to tell and
 * tells it with the lock off. sl_http_start() may be called under the lock
 * (its contract), answers never come inside it.
 *
 * Timers. At most one status request is under way. The next is due at the
 * earliest of: the regular poll (a minute, seconds while a transition is
 * awaited, backing off while the API fails), the refresh of credentials by
 * the clock, and a refusal. A refresh is a poll, so it moves the regular one.
 * Refusals of keys that were given only seconds ago are spaced out further
 * and further (m->pressure): keys that are minted with every request and
 * refused by the store must not become a storm. Meanwhile refused uploads try
 * new keys again every few seconds: the store may have to learn of them yet.
 *
 * An injected clock does not wake condition waits, so with one the actor
 * looks at it every few milliseconds, unless it is known how fast it runs.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration_internal.h"

#define INJECTED_LOOK_MS 1
#define LONGEST_WAIT_MS 60000
#define BLOCKED_TELL_MS 10000
#define AGAIN_MS 2000

int64_t sl_mig_server_now_locked(const struct sl_migration *m, int64_t now)
{
	if (m->server_known)
		return m->server_ms + (now - m->server_mono);
	return sl_wall_ms(m->clock);
}

void sl_mig_finish_wait_locked(struct sl_migration *m, struct sl_wait *w,
			       int err)
{
	if (!w)
		return;
	w->err = err;
	w->next = m->finished;
	m->finished = w;
}

void sl_mig_event_locked(struct sl_migration *m, int errnum, const char *fmt,
			 ...)
{
	struct mig_event **tail = &m->events;
	struct mig_event *ev = calloc(1, sizeof(*ev));
	va_list ap;

	/* A line in a log is not worth failing for. */
	if (!ev)
		return;
	va_start(ap, fmt);
	if (vsnprintf(ev->text, sizeof(ev->text), fmt, ap) < 0)
		ev->text[0] = '\0';
	va_end(ap);
	ev->errnum = errnum;
	while (*tail)
		tail = &(*tail)->next;
	*tail = ev;
}

bool sl_mig_launch_lags_locked(const struct sl_migration *m, int64_t now)
{
	return now < m->launched_until && !strcmp(m->status, m->launched_from);
}

static bool transition_locked(const struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	return m->life == SL_LIFE_INITIALIZING ||
	       m->cmd.phase == MIG_PROBING ||
	       sl_mig_launch_lags_locked(m, now) || now < m->after_until ||
	       (m->awaits && now < m->await_until);
}

void sl_mig_hurry_locked(struct sl_migration *m, int64_t now)
{
	/* Trouble is met with back-off that begins at seconds. */
	bool soon = m->failures || transition_locked(m, now);
	int64_t due = now + sl_life_poll_ms(m->life, soon, m->failures,
					    (unsigned)sl_random_below(1000));

	if (due < m->poll.due)
		m->poll.due = due;
}

/* Waits whose status is there, cannot come any more, or took too long. */
static void end_awaits_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_await **p = &m->awaits;

	while (*p) {
		struct mig_await *a = *p;
		int r = sl_life_wait(m->status, a->want);

		if (r == 1 && a->w->deadline_ms && now >= a->w->deadline_ms)
			r = -ETIMEDOUT;
		if (r == 1) {
			p = &a->next;
			continue;
		}
		*p = a->next;
		sl_mig_finish_wait_locked(m, a->w, r);
		free(a);
	}
}

/* Refused uploads that no answer can help. */
static void end_refused_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	int err = -EROFS;

	if (!sl_cred_store_refused(m->creds))
		return;
	if (!m->id[0] || sl_life_over(m->status) ||
	    sl_mig_hopeless_locked(m, &err))
		sl_cred_store_fail(m->creds, err);
}

static void try_again_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	/* While the API fails nobody is to run out of attempts. */
	if (m->failures ||
	    !sl_cred_store_untaken(m->creds,
				   sl_mig_server_now_locked(m, now))) {
		m->again_at = 0;
	} else if (!m->again_at) {
		m->again_at = now + AGAIN_MS;
	} else if (now >= m->again_at) {
		m->again_at = 0;
		sl_cred_store_again(m->creds);
	}
}

/* Says once that uploads wait, and why; and once that they do no more. */
static void tell_blocked_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	char why[320];
	int err;

	if (!sl_cred_store_refused(m->creds)) {
		if (m->blocked_told && sl_life_takes_files(m->life) &&
		    !sl_mig_hopeless_locked(m, &err))
			sl_mig_event_locked(m, 0, "there are new credentials: "
					    "uploads go on");
		m->blocked_at = 0;
		m->blocked_told = false;
		return;
	}
	if (!m->blocked_at)
		m->blocked_at = now;
	if (m->blocked_told || now - m->blocked_at < BLOCKED_TELL_MS)
		return;
	m->blocked_told = true;
	sl_mig_cred_reason_locked(m, "refreshing", why, sizeof(why));
	sl_mig_event_locked(m, EKEYEXPIRED, "uploads wait for new "
			    "credentials: %s; they go on by themselves when "
			    "there are some", why);
}

static bool have_news_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	return m->finished || m->events || m->changed ||
	       sl_cred_store_pending(m->creds);
}

static void tell(struct sl_migration *m, bool changed,
		 struct mig_event *events, struct sl_wait *finished)
{
	if (changed && m->cfg.changed)
		m->cfg.changed(m->cfg.arg);
	while (events) {
		struct mig_event *ev = events;

		events = ev->next;
		if (m->cfg.event)
			m->cfg.event(m->cfg.arg, ev->errnum, ev->text);
		free(ev);
	}
	while (finished) {
		/* done() may free the wait. */
		struct sl_wait *w = finished;

		finished = w->next;
		w->done(w, w->err);
	}
	sl_cred_store_deliver(m->creds);
}

/* Takes the news out; the caller holds the lock before and after. */
static void tell_unlocked(struct sl_migration *m) SL_REQUIRES(m->lock)
	SL_TSA(no_thread_safety_analysis);
static void tell_unlocked(struct sl_migration *m)
{
	bool changed = m->changed;
	struct mig_event *events = sl_steal(&m->events);
	struct sl_wait *finished = sl_steal(&m->finished);

	m->changed = false;
	m->telling = changed;
	sl_mutex_unlock(&m->lock);
	tell(m, changed, events, finished);
	sl_mutex_lock(&m->lock);
	m->telling = false;
}

static int64_t earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

static int64_t next_due_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	int64_t due = earlier(sl_mig_poll_due_locked(m, now),
			      sl_mig_cmd_due_locked(m));

	due = earlier(due, sl_mig_keep_due_locked(m));
	if (m->blocked_at && !m->blocked_told)
		due = earlier(due, m->blocked_at + BLOCKED_TELL_MS);

	if (m->again_at)
		due = earlier(due, m->again_at);
	for (const struct mig_await *a = m->awaits; a; a = a->next) {
		if (a->w->deadline_ms)
			due = earlier(due, a->w->deadline_ms);
	}
	return due;
}

static void wait_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	int64_t wait = LONGEST_WAIT_MS;
	int64_t due = next_due_locked(m, now);

	if (due <= now)
		return;
	wait = earlier(wait, due - now);
	if (m->cfg.clock_speed > 0)
		wait = wait / m->cfg.clock_speed + 1;
	else if (m->clock != &sl_clock_system)
		wait = earlier(wait, INJECTED_LOOK_MS);
	/* Early or late makes no difference: the loop looks at everything. */
	(void)sl_cond_wait_until(&m->cond, &m->lock,
				 sl_mono_ms(&sl_clock_system) + wait);
}

static void turn_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	int64_t now = sl_mono_ms(m->clock);

	if (m->poll.answered)
		sl_mig_poll_answer_locked(m, now);
	if (m->cmd.answered)
		sl_mig_cmd_answer_locked(m, now);
	sl_mig_cmd_timers_locked(m, now);
	end_awaits_locked(m, now);
	end_refused_locked(m);
	try_again_locked(m, now);
	tell_blocked_locked(m, now);
	sl_mig_keep_turn_locked(m, now);
	if (m->cmd.phase == MIG_READY && !sl_mig_keep_holds_locked(m, now))
		sl_mig_cmd_start_locked(m);
	if (sl_mig_poll_due_locked(m, now) <= now)
		sl_mig_poll_start_locked(m, now);
	if (have_news_locked(m))
		tell_unlocked(m);
	else if (!m->stop)
		wait_locked(m, now);
}

/* Cancels what is under way and waits until the HTTP threads let go of it. */
static void wind_up_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	if (m->poll.busy && !m->poll.answered)
		sl_devops_cancel(m->api, &m->poll.call);
	if (m->cmd.phase == MIG_SENT && !m->cmd.answered)
		sl_devops_cancel(m->api, &m->cmd.call);
	if (m->keep.phase == MIG_KEEP_SENT && !m->keep.answered)
		sl_devops_cancel(m->api, &m->keep.call);
	while ((m->poll.busy && !m->poll.answered) ||
	       (m->cmd.phase == MIG_SENT && !m->cmd.answered) ||
	       (m->keep.phase == MIG_KEEP_SENT && !m->keep.answered))
		sl_cond_wait(&m->cond, &m->lock);
	sl_migration_status_free(m->poll.call.status);
	sl_migration_status_free(m->cmd.call.status);
	sl_migration_status_free(m->keep.call.status);
	m->poll.call.status = NULL;
	m->cmd.call.status = NULL;
	m->keep.call.status = NULL;
}

static void end_everything_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	sl_mig_finish_wait_locked(m, m->cmd.w, -ECANCELED);
	m->cmd.w = NULL;
	while (m->awaits) {
		struct mig_await *a = m->awaits;

		m->awaits = a->next;
		sl_mig_finish_wait_locked(m, a->w, -ECANCELED);
		free(a);
	}
	sl_cred_store_fail(m->creds, -ECANCELED);
}

void *sl_mig_actor(void *arg)
{
	struct sl_migration *m = arg;

	sl_mutex_lock(&m->lock);
	while (!m->stop)
		turn_locked(m);
	wind_up_locked(m);
	do {
		end_everything_locked(m);
		tell_unlocked(m);
	} while (have_news_locked(m) || m->awaits || m->cmd.w ||
		 sl_cred_store_refused(m->creds));
	sl_mutex_unlock(&m->lock);
	return NULL;
}

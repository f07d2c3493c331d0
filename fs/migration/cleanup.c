/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeps the date at which the service deletes the uploaded files away from an
 * upload that still runs. What is to be done is decided in lifecycle.c
 * (sl_life_keep); here the actor does it, one step per turn:
 *
 *   REST -close-> WAITING -its moment-> READING -still close-> SENT
 *   SENT -answered-> SHOWING -the status shows it-> REST
 *   SENT -refused-> REFUSED, SHOWING -never shown-> REFUSED -later-> READING
 *
 * and from everywhere but SENT back to REST when the date is not close any
 * more, whoever moved it. A POST is sent only after a status that was asked
 * for in READING, and never again before the status has had time to show it:
 * the service's answers lag by minutes.
 *
 * A launch that is put down waits for one round of this if the date needs it
 * (sl_mig_keep_holds_locked); trouble with the date does not stop the launch,
 * because cleanup never runs during an import.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration_internal.h"

#define HOUR_MS INT64_C(3600000)
#define HOLD_MS 45000
#define SHOW_MS (10 * 60000)
#define AGAIN_MIN_MS 60000
#define LATE_MS (6 * HOUR_MS)
/* Times are told to the second, and cut or rounded on the way. */
#define SAME_MS 60000

static int64_t date_of(const struct sl_migration *m) SL_REQUIRES(m->lock)
{
	return m->last ? m->last->cleanup_ms : 0;
}

static int64_t left_locked(const struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	int64_t date = date_of(m), left;

	if (date <= 0 ||
	    __builtin_sub_overflow(date, sl_mig_server_now_locked(m, now),
				   &left))
		return INT64_MAX;
	return left;
}

static bool about(int64_t a, int64_t b)
{
	int64_t d;

	return !__builtin_sub_overflow(a, b, &d) && d < SAME_MS &&
	       d > -SAME_MS;
}

/* A launch is put down and not sent yet. */
static bool launching_locked(const struct sl_migration *m)
	SL_REQUIRES(m->lock)
{
	return m->cmd.phase == MIG_READY && sl_mig_cmd_imports_locked(m);
}

static enum sl_keep decide_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	const struct mig_keep *k = &m->keep;
	bool launching = launching_locked(m);
	bool launched = !launching && (sl_mig_cmd_imports_locked(m) ||
				       sl_mig_launch_lags_locked(m, now));
	int64_t date = date_of(m);
	const struct sl_keep_facts f = {
		.life = launched ? SL_LIFE_IMPORTING : m->life,
		.launching = launching && !k->tried,
		.keep = m->cfg.keep,
		.used = k->used,
		.by_hand = k->hand_ms && about(k->hand_ms, date),
		.restarts = k->first_ms && k->first_ms == date,
		.left_ms = left_locked(m, now),
	};

	return sl_life_keep(&f);
}

static void enter(struct mig_keep *k, enum mig_keep_phase phase, int64_t at)
{
	k->phase = phase;
	k->at = at;
}

static int64_t moment_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	return now + sl_life_keep_wait(left_locked(m, now),
				       sl_random_below(SL_KEEP_RANDOM));
}

static void read_again_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	enter(&m->keep, MIG_KEEP_READING, now);
	m->poll.due = now;
}

/* On an HTTP thread. */
static void keep_done(struct sl_devops_call *c)
{
	struct sl_migration *m = c->arg;

	SL_LOCK_SCOPE(&m->lock);
	m->keep.answered = true;
	sl_cond_broadcast(&m->cond);
}

static void send_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;

	enter(k, MIG_KEEP_SENT, now);
	k->answered = false;
	k->asked_ms = sl_mig_server_now_locked(m, now) + SL_KEEP_AHEAD_MS;
	sl_time_format(k->time, sizeof(k->time), k->asked_ms);
	memcpy(k->id, m->id, sizeof(k->id));
	memset(&k->call, 0, sizeof(k->call));
	k->call.verb = SL_API_CLEANUP;
	k->call.migration_id = k->id;
	k->call.cleanup_time = k->time;
	/* One attempt: what became of it the status tells. */
	k->call.retry_for_ms = 0;
	k->call.done = keep_done;
	k->call.arg = m;
	sl_devops_start(m->api, &k->call);
}

static void refused_locked(struct sl_migration *m, int err, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;
	int64_t again = moment_locked(m, now);
	char date[32];

	if (again < now + AGAIN_MIN_MS)
		again = now + AGAIN_MIN_MS;
	enter(k, MIG_KEEP_REFUSED, again);
	sl_mig_event_locked(m, -err, "the cleanup date %s could not be moved "
			    "away: %s; it is tried again. Write a later time "
			    "to .cleanup, or launch before",
			    sl_time_format(date, sizeof(date), date_of(m)),
			    k->why);
}

static void not_shown_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;

	sl_text_clean(k->why, sizeof(k->why), k->call.error.text,
		      strlen(k->call.error.text));
	if (!k->why[0] &&
	    snprintf(k->why, sizeof(k->why), "the service was asked for %s "
		     "and still shows the old date", k->time) < 0)
		k->why[0] = '\0';
	refused_locked(m, -ETIME, now);
}

/* The answer to the POST; a lost one is told by the status as well. */
static void answer_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	static const int refusals[] = { -EINVAL, -EACCES, -ENOENT, -EBUSY };
	struct mig_keep *k = &m->keep;
	struct sl_migration_status *s = sl_steal(&k->call.status);
	int64_t show = left_locked(m, now) / 4;

	k->answered = false;
	k->tried = true;
	enter(k, MIG_KEEP_SHOWING, now + (show < SHOW_MS ? show : SHOW_MS));
	if (strcasecmp(k->id, m->id)) {
		/* Another migration was joined meanwhile. */
		sl_migration_status_free(s);
		enter(k, MIG_KEEP_REST, now);
		return;
	}
	if (s)
		sl_mig_take_status_locked(m, s, false, now);
	for (size_t i = 0; i < SL_ARRAY_LEN(refusals); i++) {
		if (k->call.err != refusals[i])
			continue;
		sl_text_clean(k->why, sizeof(k->why), k->call.error.text,
			      strlen(k->call.error.text));
		refused_locked(m, k->call.err, now);
	}
}

/* The date is not close any more, or does not matter. */
static void rest_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;
	char date[32];

	if (k->asked_ms && about(k->asked_ms, date_of(m))) {
		sl_mig_event_locked(m, 0, "the cleanup date was close and is "
				    "moved to %s",
				    sl_time_format(date, sizeof(date),
						   date_of(m)));
		k->asked_ms = 0;
	}
	enter(k, MIG_KEEP_REST, now);
}

static void close_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;
	bool launching = launching_locked(m);
	bool due = launching || now >= k->at;

	switch (k->phase) {
	case MIG_KEEP_REST:
		enter(k, MIG_KEEP_WAITING, moment_locked(m, now));
		if (launching)
			read_again_locked(m, now);
		return;
	case MIG_KEEP_WAITING:
	case MIG_KEEP_REFUSED:
		if (due)
			read_again_locked(m, now);
		return;
	case MIG_KEEP_READING:
		if (m->poll.good >= k->at &&
		    (launching || m->cmd.phase == MIG_IDLE))
			send_locked(m, now);
		return;
	case MIG_KEEP_SHOWING:
		if (now >= k->at)
			not_shown_locked(m, now);
		return;
	case MIG_KEEP_SENT:
		return;
	}
}

/* Once when it comes close, once more in the last hours. */
static void warn_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_keep *k = &m->keep;
	bool late = left_locked(m, now) < LATE_MS;
	char text[256];

	if (!k->used || k->hand_ms)
		return;
	if (k->warned_ms == date_of(m) && (k->warned_late || !late))
		return;
	k->warned_ms = date_of(m);
	k->warned_late = late;
	(void)sl_mig_keep_view_locked(m, now, text, sizeof(text));
	sl_mig_event_locked(m, ETIME, "%s", text);
}

void sl_mig_keep_turn_locked(struct sl_migration *m, int64_t now)
{
	struct mig_keep *k = &m->keep;
	enum sl_keep what;

	if (k->answered)
		answer_locked(m, now);
	if (k->phase == MIG_KEEP_SENT)
		return;
	if (m->cmd.phase == MIG_IDLE) {
		k->tried = false;
		k->hold_until = 0;
	}
	what = decide_locked(m, now);
	if (what == SL_KEEP_MOVE) {
		close_locked(m, now);
		return;
	}
	if (k->phase != MIG_KEEP_REST)
		rest_locked(m, now);
	if (what == SL_KEEP_LEAVE)
		warn_locked(m, now);
}

int64_t sl_mig_keep_due_locked(struct sl_migration *m)
{
	static const bool timed[] = {
		[MIG_KEEP_WAITING] = true,
		[MIG_KEEP_SHOWING] = true,
		[MIG_KEEP_REFUSED] = true,
	};
	const struct mig_keep *k = &m->keep;
	bool is = k->phase < SL_ARRAY_LEN(timed) && timed[k->phase];
	int64_t due = is ? k->at : INT64_MAX;

	if (k->phase != MIG_KEEP_SENT && !k->tried && k->hold_until &&
	    launching_locked(m) && k->hold_until < due)
		due = k->hold_until;
	return due;
}

bool sl_mig_keep_holds_locked(struct sl_migration *m, int64_t now)
{
	struct mig_keep *k = &m->keep;

	if (!launching_locked(m))
		return false;
	if (k->phase == MIG_KEEP_SENT)
		return true;
	if (k->tried || decide_locked(m, now) != SL_KEEP_MOVE)
		return false;
	if (!k->hold_until)
		k->hold_until = now + HOLD_MS;
	if (now < k->hold_until)
		return true;
	k->tried = true;
	sl_mig_event_locked(m, ETIME, "launched without moving the cleanup "
			    "date: the status could not be read before");
	return false;
}

void sl_mig_keep_reset_locked(struct sl_migration *m, bool made)
{
	struct mig_keep *k = &m->keep;

	if (k->phase != MIG_KEEP_SENT)
		k->phase = MIG_KEEP_REST;
	k->used = false;
	m->over_told = false;
	k->asked_ms = k->hand_ms = k->warned_ms = 0;
	k->warned_late = false;
	k->first_ms = made ? date_of(m) : 0;
}

void sl_mig_keep_by_hand_locked(struct sl_migration *m, const char *time,
				int64_t now)
{
	int64_t date;

	m->keep.hand_ms = 0;
	if (!sl_time_parse(time, &date) &&
	    date - sl_mig_server_now_locked(m, now) < SL_KEEP_CLOSE_MS)
		m->keep.hand_ms = date;
}

static const char *why_left_locked(const struct sl_migration *m)
	SL_REQUIRES(m->lock)
{
	const struct mig_keep *k = &m->keep;

	if (!m->cfg.keep)
		return "keep=off leaves it alone";
	if (k->hand_ms && about(k->hand_ms, date_of(m)))
		return "as was written to .cleanup here";
	if (m->life != SL_LIFE_RECEIVING)
		return "in this state it is not moved by itself";
	return "this mount has uploaded nothing and leaves it alone";
}

/* "in 3 hours", "in 5 minutes" */
static void put_left(char *dst, size_t size, int64_t left)
{
	bool hours = left >= 2 * HOUR_MS;
	int64_t n = left < 0 ? 0 : left / (hours ? HOUR_MS : 60000);

	if (snprintf(dst, size, "%lld %s%s", (long long)n,
		     hours ? "hour" : "minute", n == 1 ? "" : "s") < 0)
		dst[0] = '\0';
}

const char *sl_mig_keep_view_locked(struct sl_migration *m, int64_t now,
				    char *text, size_t size)
{
	static const struct {
		const char *word, *says;
	} rows[] = {
		[MIG_KEEP_REST] = { "close", "it is about to be moved away" },
		[MIG_KEEP_WAITING] = { "close", "it is moved away soon, by "
						"this mount or another" },
		[MIG_KEEP_READING] = { "close", "it is about to be moved "
						"away" },
		[MIG_KEEP_SENT] = { "moving", "the service is asked to move "
					      "it" },
		[MIG_KEEP_SHOWING] = { "moving", "the service was asked to "
						 "move it" },
		[MIG_KEEP_REFUSED] = { "refused", NULL },
	};
	const struct mig_keep *k = &m->keep;
	enum sl_keep what = decide_locked(m, now);
	bool leave = what == SL_KEEP_LEAVE;
	const char *says = rows[k->phase].says ? rows[k->phase].says : k->why;
	char date[32], left[40];

	text[0] = '\0';
	if (what == SL_KEEP_NOTHING)
		return date_of(m) ? "far" : "none";
	put_left(left, sizeof(left), left_locked(m, now));
	if (snprintf(text, size, "the service deletes the uploaded files at "
		     "%s, in %s; %s%s",
		     sl_time_format(date, sizeof(date), date_of(m)), left,
		     leave ? why_left_locked(m) : says,
		     leave ? ": write a later time to .cleanup, or launch "
			     "before" : "") < 0)
		text[0] = '\0';
	return leave ? "left" : rows[k->phase].word;
}

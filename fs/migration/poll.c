/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status request: when the next one is due, and what its answer changes.
 * It is also the refresh of credentials, so both are decided in one place.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration_internal.h"

/* Single refusals have been seen that were the service's own trouble. */
#define FINAL_REFUSALS 3
#define YOUNG_MS 10000
#define PRESSURE_MAX 5

bool sl_mig_hopeless_locked(const struct sl_migration *m, int *ret_err)
{
	if (m->denials >= FINAL_REFUSALS) {
		*ret_err = -EKEYEXPIRED;
		return true;
	}
	if (m->absences >= FINAL_REFUSALS) {
		*ret_err = -EROFS;
		return true;
	}
	return false;
}

/* Monotonic time at which credentials want a refresh; INT64_MAX: not. */
static int64_t refresh_due_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	int64_t floor = m->poll.ended + (1000LL << m->pressure);
	int64_t due = INT64_MAX;
	int64_t at, end;
	bool present;

	if (sl_cred_store_refused(m->creds)) {
		due = now;
	} else if (sl_life_takes_files(m->life)) {
		at = sl_cred_store_due(m->creds);
		end = sl_cred_store_expires(m->creds, &present);
		if (at != INT64_MAX)
			due = now + sl_life_refresh_late(at, end, m->late) -
			      sl_mig_server_now_locked(m, now);
	}
	return due < floor ? floor : due;
}

int64_t sl_mig_poll_due_locked(struct sl_migration *m, int64_t now)
{
	int64_t refresh;

	if (!m->id[0] || m->poll.busy || m->stop)
		return INT64_MAX;
	/* While the API fails only its back-off counts. */
	refresh = m->failures ? INT64_MAX : refresh_due_locked(m, now);
	return refresh < m->poll.due ? refresh : m->poll.due;
}

/* On an HTTP thread. */
static void poll_done(struct sl_devops_call *c)
{
	struct sl_migration *m = c->arg;

	SL_LOCK_SCOPE(&m->lock);
	m->poll.answered = true;
	sl_cond_broadcast(&m->cond);
}

void sl_mig_poll_start_locked(struct sl_migration *m, int64_t now)
{
	struct mig_poll *p = &m->poll;

	p->busy = true;
	p->answered = false;
	p->started = now;
	p->for_refusal = sl_cred_store_refused(m->creds);
	if (p->for_refusal &&
	    now - m->cred_mono < YOUNG_MS + (2000LL << m->pressure))
		m->pressure += m->pressure < PRESSURE_MAX;
	else if (p->for_refusal)
		m->pressure = 0;
	memcpy(p->id, m->id, sizeof(p->id));
	memset(&p->call, 0, sizeof(p->call));
	p->call.verb = SL_API_STATUS;
	p->call.migration_id = p->id;
	/* One attempt: the actor backs off itself, and shows the trouble. */
	p->call.retry_for_ms = 0;
	p->call.done = poll_done;
	p->call.arg = m;
	sl_devops_start(m->api, &p->call);
}

static void take_clock_locked(struct sl_migration *m,
			      const struct sl_migration_status *s, int64_t now)
	SL_REQUIRES(m->lock)
{
	if (s->server_ms <= 0)
		return;
	m->server_ms = s->server_ms;
	m->server_mono = now;
	m->server_known = true;
	sl_cred_store_set_offset(m->creds,
				 s->server_ms - sl_wall_ms(m->clock));
}

/* Those who wait for keys that will not come any more. */
static void end_refused_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	if (!sl_cred_store_refused(m->creds))
		return;
	sl_mig_event_locked(m, EROFS, "uploads end here: the migration's "
			    "status is '%s', and only ReceivingFiles takes "
			    "files", m->status);
	sl_cred_store_fail(m->creds, -EROFS);
}

static void take_creds_locked(struct sl_migration *m,
			      const struct sl_migration_status *s,
			      bool for_refusal, int64_t now)
	SL_REQUIRES(m->lock)
{
	enum sl_cred_taken t;

	if (!sl_life_takes_files(m->life)) {
		if (m->life != SL_LIFE_INITIALIZING)
			end_refused_locked(m);
		return;
	}
	t = sl_cred_store_take(m->creds, s->cred,
			       sl_mig_server_now_locked(m, now), for_refusal);
	if (t == SL_CRED_TAKEN_NEW || for_refusal)
		m->cred_mono = now;
	/* The store takes what the service gives, if at times late. */
	if (t == SL_CRED_TAKEN_NEW && sl_cred_store_trusted(m->creds))
		m->pressure = 0;
	if (t == SL_CRED_TAKEN_EXPIRED)
		sl_error_set(&m->api_error, EKEYEXPIRED,
			     "the service gives credentials that have expired; "
			     "it is asked again until it gives others");
	else if (t == SL_CRED_TAKEN_NOTHING &&
		 !sl_mig_launch_lags_locked(m, now))
		sl_error_set(&m->api_error, EKEYEXPIRED,
			     "the service gives no credentials although the "
			     "status is '%s'; it is asked again", m->status);
}

/* What still waits for its next attempt need not make it. */
static void take_end_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	bool over = sl_life_over(m->status);

	sl_cred_store_set_over(m->creds, over ? -EROFS : 0);
	if (!over || !m->keep.used || m->over_told)
		return;
	m->over_told = true;
	if (!m->launched_until && !sl_mig_cmd_imports_locked(m))
		sl_mig_event_locked(m, EROFS, "the migration's status is "
				    "'%s': it was launched or ended from "
				    "elsewhere. What is not committed yet "
				    "fails, and nothing more is taken",
				    m->status);
}

static bool same_dir(const struct sl_migration_status *a,
		     const struct sl_migration_status *b)
{
	return a && !strcmp(a->bucket_dir, b->bucket_dir);
}

void sl_mig_take_status_locked(struct sl_migration *m,
			       struct sl_migration_status *s, bool for_refusal,
			       int64_t now)
{
	if (strcmp(m->status, s->status) || !same_dir(m->last, s))
		m->changed = true;
	sl_text_clean(m->status, sizeof(m->status), s->status,
		      strlen(s->status));
	m->life = sl_life_from_status(s->status);
	/* "none" is our word; from the service it is an unknown one. */
	if (m->life == SL_LIFE_NONE)
		m->life = SL_LIFE_UNKNOWN;
	sl_error_clear(&m->api_error);
	m->last_good = now;
	m->failures = 0;
	m->denials = 0;
	m->absences = 0;
	take_clock_locked(m, s, now);
	take_creds_locked(m, s, for_refusal, now);
	take_end_locked(m);
	sl_cred_unref(s->cred);
	s->cred = NULL;
	sl_migration_status_free(m->last);
	m->last = s;
}

static void note_hope_locked(struct sl_migration *m, int err)
	SL_REQUIRES(m->lock)
{
	bool denied = err == -EACCES, absent = err == -ENOENT;

	m->denials = denied ? m->denials + 1 : 0;
	m->absences = absent ? m->absences + 1 : 0;
	if (m->denials == FINAL_REFUSALS || m->absences == FINAL_REFUSALS)
		sl_mig_event_locked(m, -err, "credentials cannot be renewed: "
				    "%s", m->api_error.text);
}

static void poll_failed_locked(struct sl_migration *m) SL_REQUIRES(m->lock)
{
	const struct sl_devops_call *c = &m->poll.call;
	int err = c->err ? c->err : -EPROTO;

	m->failures++;
	m->api_error = c->error;
	if (!m->api_error.errnum)
		sl_error_set(&m->api_error, -err, "cannot read the "
			     "migration's status: %s", strerror(-err));
	if (m->failures == 1)
		sl_mig_event_locked(m, -err, "%s; it is asked again",
				    m->api_error.text);
	note_hope_locked(m, err);
}

void sl_mig_poll_answer_locked(struct sl_migration *m, int64_t now)
{
	struct mig_poll *p = &m->poll;
	struct sl_migration_status *s = sl_steal(&p->call.status);
	bool good = !p->call.err && s;

	p->busy = false;
	p->answered = false;
	p->ended = now;
	p->due = INT64_MAX;
	m->late = (unsigned)sl_random_below(1000);
	if (strcasecmp(p->id, m->id)) {
		/* Another migration was joined meanwhile. */
		sl_migration_status_free(s);
		p->due = now;
		return;
	}
	if (good) {
		if (m->failures)
			sl_mig_event_locked(m, 0, "the DevOps API answers "
					    "again");
		p->good = p->started;
		sl_mig_take_status_locked(m, s, p->for_refusal, now);
	} else {
		poll_failed_locked(m);
	}
	if (good && m->cmd.phase == MIG_PROBING &&
	    p->started >= m->cmd.lost_at)
		sl_mig_cmd_probe_locked(m, now);
	sl_mig_hurry_locked(m, now);
}

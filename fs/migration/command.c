/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One command at a time. A second one while the first is under way is refused
 * with EBUSY, which is also what keeps a launch from being sent twice.
 *
 * A launch whose answer was lost is not sent again: the status is read, until
 * it shows the import (then it happened), shows anything else but what it was
 * before, or five minutes have passed, for the service's answers lag by
 * minutes. What cannot be known then is the user's to decide, and the outcome
 * says how. A lost initialize cannot even be looked up, for its ID was in the
 * answer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration_internal.h"

#define PROBE_MS (5 * 60000)
#define LAG_MS (10 * 60000)
#define AFTER_MS (2 * 60000)
#define SEND_FOR_MS 120000

struct command {
	enum sl_devops_verb verb;
	bool needs_uuid;    /* the argument is one */
	bool confirms;	    /* ... and must be this migration's */
	bool starts_import; /* the status will move */
	const char *done;   /* outcome */
};

static const struct command commands[SL_CMD__COUNT] = {
	[SL_CMD_NEW] = { SL_API_INITIALIZE, false, false, false, "" },
	[SL_CMD_JOIN] = { SL_API_STATUS, true, false, false, "" },
	[SL_CMD_LAUNCH] = { SL_API_LAUNCH, false, false, true, "launched" },
	[SL_CMD_RELAUNCH] = { SL_API_LAUNCH, false, false, true,
			      "launched again" },
	[SL_CMD_PAUSE] = { SL_API_PAUSE, false, false, false,
			   "paused: running jobs finish, no new ones start" },
	[SL_CMD_RESUME] = { SL_API_RESUME, false, false, false, "resumed" },
	[SL_CMD_ABORT] = { SL_API_ABORT, true, true, false, "aborted" },
	[SL_CMD_CLEANUP_NOW] = { SL_API_CLEANUP, true, true, false,
				 "cleanup started" },
	[SL_CMD_CLEANUP_AT] = { SL_API_CLEANUP, false, false, false,
				"cleanup rescheduled" },
};

/* On an HTTP thread. */
static void cmd_done(struct sl_devops_call *c)
{
	struct sl_migration *m = c->arg;

	SL_LOCK_SCOPE(&m->lock);
	m->cmd.answered = true;
	sl_cond_broadcast(&m->cond);
}

void sl_mig_cmd_start_locked(struct sl_migration *m)
{
	struct mig_cmd *k = &m->cmd;

	k->phase = MIG_SENT;
	k->answered = false;
	memset(&k->call, 0, sizeof(k->call));
	k->call.verb = commands[k->c].verb;
	k->call.migration_id = k->c == SL_CMD_NEW ? NULL : k->id;
	k->call.cleanup_time = k->c == SL_CMD_CLEANUP_AT ? k->time : NULL;
	k->call.retry_for_ms = SEND_FOR_MS;
	k->call.done = cmd_done;
	k->call.arg = m;
	sl_devops_start(m->api, &k->call);
}

static void finish_locked(struct sl_migration *m, const struct sl_error *e)
	SL_REQUIRES(m->lock)
{
	struct mig_cmd *k = &m->cmd;

	m->outcome[k->c] = *e;
	k->phase = MIG_IDLE;
	sl_mig_finish_wait_locked(m, k->w, -e->errnum);
	k->w = NULL;
}

/* The migration of 's' (taken) is this mount's from now on. */
static void install_locked(struct sl_migration *m,
			   struct sl_migration_status *s, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_cmd *k = &m->cmd;
	const char *verb = k->c == SL_CMD_NEW ? "started" : "joined";
	struct sl_error e = { 0 };

	if (strcasecmp(m->id, s->id)) {
		/* Refused requests were about the other bucket. */
		sl_cred_store_fail(m->creds, -EROFS);
		sl_cred_store_clear(m->creds);
		memcpy(m->id, s->id, sizeof(m->id));
		m->launched_until = 0;
		m->changed = true;
	}
	sl_mig_take_status_locked(m, s, false, now);
	if (strcasecmp(k->old_id, m->id))
		sl_mig_keep_reset_locked(m, k->c == SL_CMD_NEW);
	if (k->old_id[0] && strcasecmp(k->old_id, m->id))
		sl_error_set(&e, 0, "%s migration %s; left behind: migration "
			     "%s, which reads '%s'", verb, m->id, k->old_id,
			     k->old_status);
	else
		sl_error_set(&e, 0, "%s migration %s", verb, m->id);
	sl_mig_event_locked(m, 0, "%s", e.text);
	finish_locked(m, &e);
}

static void launched_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	m->launched_until = now + LAG_MS;
	memcpy(m->launched_from, m->cmd.old_status, sizeof(m->launched_from));
}

static void succeeded_locked(struct sl_migration *m,
			     struct sl_migration_status *s, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_cmd *k = &m->cmd;
	struct sl_error e = { 0 };

	if (s)
		sl_mig_take_status_locked(m, s, false, now);
	if (commands[k->c].starts_import)
		launched_locked(m, now);
	if (k->c == SL_CMD_CLEANUP_AT)
		sl_mig_keep_by_hand_locked(m, k->time, now);
	m->after_until = now + AFTER_MS;
	sl_error_set(&e, 0, "%s", commands[k->c].done);
	finish_locked(m, &e);
}

static const char lost_new[] =
	"cannot tell whether a migration was started: the service's answer "
	"was lost, and with it the ID. Nothing was sent twice. Writing 'new' "
	"again is safe for the data; if two were started, the unused one is "
	"cleaned up by the service after a week";
static const char lost_launch[] =
	"cannot tell whether the launch happened: its answer was lost and the "
	"status still reads '%s'. Nothing was sent twice. Look at .status "
	"again in some minutes; launch again only if it has not changed";
static const char lost_odd[] =
	"cannot tell whether the launch happened: its answer was lost and the "
	"status now reads '%s'. Look at .status";
static const char lost_other[] =
	"the service refused, but an attempt before it may have been carried "
	"out: look at .status";

static void lost_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock)
{
	struct mig_cmd *k = &m->cmd;
	struct sl_error e = k->call.error;

	if (commands[k->c].starts_import) {
		k->phase = MIG_PROBING;
		k->lost_at = now;
		k->probe_until = now + PROBE_MS;
		sl_mig_event_locked(m, EINPROGRESS, "the answer to the launch "
				    "was lost; the status is read to learn "
				    "whether it happened");
		return;
	}
	if (k->c == SL_CMD_NEW)
		sl_error_set(&e, EINPROGRESS, "%s", lost_new);
	else
		sl_error_prefix(&e, "%s", lost_other);
	e.errnum = EINPROGRESS;
	sl_mig_event_locked(m, EINPROGRESS, "%s", e.text);
	finish_locked(m, &e);
}

static void failed_locked(struct sl_migration *m, int err) SL_REQUIRES(m->lock)
{
	struct sl_error e = m->cmd.call.error;

	if (!e.errnum)
		sl_error_set(&e, -err, "%s", strerror(-err));
	finish_locked(m, &e);
}

void sl_mig_cmd_answer_locked(struct sl_migration *m, int64_t now)
{
	struct mig_cmd *k = &m->cmd;
	struct sl_migration_status *s = sl_steal(&k->call.status);
	bool installs = k->c == SL_CMD_NEW || k->c == SL_CMD_JOIN;
	int err = k->call.err;

	k->answered = false;
	if (!err && installs && !s)
		err = -EPROTO;
	if (err == -EINPROGRESS)
		lost_locked(m, now);
	else if (err)
		failed_locked(m, err);
	else if (installs)
		install_locked(m, s, now);
	else
		succeeded_locked(m, s, now);
	if (err)
		sl_migration_status_free(s);
	sl_mig_hurry_locked(m, now);
}

void sl_mig_cmd_probe_locked(struct sl_migration *m, int64_t now)
{
	struct mig_cmd *k = &m->cmd;
	struct sl_error e = { 0 };

	if (m->life == SL_LIFE_IMPORTING || m->life == SL_LIFE_DONE) {
		launched_locked(m, now);
		sl_error_set(&e, 0, "launched: the answer was lost, but the "
			     "status reads '%s'", m->status);
		finish_locked(m, &e);
	} else if (strcmp(m->status, k->old_status)) {
		sl_error_set(&e, EINPROGRESS, lost_odd, m->status);
		finish_locked(m, &e);
	}
}

void sl_mig_cmd_timers_locked(struct sl_migration *m, int64_t now)
{
	struct mig_cmd *k = &m->cmd;
	struct sl_error e = { 0 };

	if (k->phase == MIG_PROBING && now >= k->probe_until) {
		sl_error_set(&e, EINPROGRESS, lost_launch, m->status);
		sl_mig_event_locked(m, EINPROGRESS, "%s", e.text);
		finish_locked(m, &e);
	}
	if (k->w && k->w->deadline_ms && now >= k->w->deadline_ms) {
		sl_mig_finish_wait_locked(m, k->w, -ETIMEDOUT);
		k->w = NULL;
	}
}

bool sl_mig_cmd_imports_locked(const struct sl_migration *m)
{
	return m->cmd.phase != MIG_IDLE && commands[m->cmd.c].starts_import;
}

int64_t sl_mig_cmd_due_locked(const struct sl_migration *m)
{
	const struct mig_cmd *k = &m->cmd;
	int64_t due = k->phase == MIG_PROBING ? k->probe_until : INT64_MAX;

	if (k->w && k->w->deadline_ms && k->w->deadline_ms < due)
		due = k->w->deadline_ms;
	return due;
}

/* Is 'arg' what this command takes? */
static int check_arg_locked(const struct sl_migration *m, enum sl_command c,
			    const char *arg, struct sl_error *e)
	SL_REQUIRES(m->lock)
{
	char shown[SL_WORD_SIZE];
	int64_t ms;

	sl_text_clean(shown, sizeof(shown), arg, strlen(arg));
	if (commands[c].needs_uuid && !sl_uuid_valid(arg))
		return sl_error_set(e, EINVAL, "cannot use '%s': no migration "
				    "ID (a UUID, 8-4-4-4-12 hex digits)",
				    shown);
	if (commands[c].confirms && m->id[0] && strcasecmp(arg, m->id))
		return sl_error_set(e, EINVAL, "cannot use '%s': this mount's "
				    "migration is %s; write that ID to "
				    "confirm", shown, m->id);
	if (c == SL_CMD_CLEANUP_AT && (strlen(arg) >= SL_WORD_SIZE ||
				       sl_time_parse(arg, &ms)))
		return sl_error_set(e, EINVAL, "cannot use '%s': no time of "
				    "the form 2026-12-01T14:30:00Z", shown);
	return 0;
}

static int check_state_locked(const struct sl_migration *m, enum sl_command c,
			      const char *arg, struct sl_error *e)
	SL_REQUIRES(m->lock)
{
	const char *why = "";
	int r;

	if (m->stop)
		return sl_error_set(e, ECANCELED, "shutting down");
	if (m->cmd.phase != MIG_IDLE)
		return sl_error_set(e, EBUSY,
				    "another command is still under way");
	if (c == SL_CMD_JOIN && !strcasecmp(arg, m->id))
		return 0;
	if (m->id[0] && !m->last)
		return sl_error_set(e, EBUSY, "the migration's status is not "
				    "known yet%s%s",
				    m->api_error.errnum ? ": " : "",
				    m->api_error.text);
	if (commands[c].starts_import &&
	    sl_mig_launch_lags_locked(m, sl_mono_ms(m->clock)))
		return sl_error_set(e, EBUSY, "launched already; the status "
				    "follows some minutes behind");
	r = sl_life_allows(m->life, c, &why);
	return r ? sl_error_set(e, -r, "%s (status '%s')", why, m->status) : 0;
}

static void put_down_locked(struct sl_migration *m, enum sl_command c,
			    const char *arg, struct sl_wait *w)
	SL_REQUIRES(m->lock)
{
	struct mig_cmd *k = &m->cmd;
	const char *id = c == SL_CMD_JOIN ? arg : m->id;

	k->phase = MIG_READY;
	k->c = c;
	k->w = w;
	w->owner = m;
	sl_text_clean(k->id, sizeof(k->id), id, strlen(id));
	sl_text_clean(k->time, sizeof(k->time), arg, strlen(arg));
	memcpy(k->old_id, m->id, sizeof(k->old_id));
	memcpy(k->old_status, m->status, sizeof(k->old_status));
	sl_cond_broadcast(&m->cond);
}

int sl_migration_command(struct sl_migration *m, enum sl_command c,
			 const char *arg, struct sl_wait *w,
			 struct sl_error *e)
{
	struct sl_error trouble = { 0 };
	int r;

	SL_LOCK_SCOPE(&m->lock);
	arg = arg ? arg : "";
	r = check_arg_locked(m, c, arg, &trouble);
	if (!r)
		r = check_state_locked(m, c, arg, &trouble);
	if (r) {
		m->outcome[c] = trouble;
		if (e)
			*e = trouble;
		return r;
	}
	put_down_locked(m, c, arg, w);
	return SL_PARKED;
}

void sl_migration_outcome(struct sl_migration *m, enum sl_command c,
			  struct sl_error *ret)
{
	SL_LOCK_SCOPE(&m->lock);
	*ret = m->outcome[c];
}

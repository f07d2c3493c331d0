/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration as the mount sees it: copies of what is known, and waits put
 * down for the actor (actor.c), which does the rest.
 */
#include "migration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "migration_internal.h"

/* The store's word that somebody was refused; any thread. */
static void wake(void *arg)
{
	struct sl_migration *m = arg;

	SL_LOCK_SCOPE(&m->lock);
	sl_cond_broadcast(&m->cond);
}

/* Frees what is there of one that has no thread (any more). */
static void destroy(struct sl_migration *m)
{
	sl_migration_status_free(m->last);
	sl_cred_store_free(m->creds);
	sl_devops_free(m->api);
	sl_cond_release(&m->cond);
	sl_mutex_release(&m->lock);
	free(m);
}

static int set_up(struct sl_migration *m,
		  const struct sl_migration_config *cfg, struct sl_error *e)
{
	const char *id = cfg->migration_id;
	char shown[SL_WORD_SIZE];
	int r;

	if (id && !sl_uuid_valid(id)) {
		sl_text_clean(shown, sizeof(shown), id, strlen(id));
		return sl_error_set(e, EINVAL, "cannot use migration ID '%s': "
				    "no UUID (8-4-4-4-12 hex digits)", shown);
	}
	r = sl_devops_new(cfg->http, cfg->api_url, cfg->token, cfg->db_id,
			  &m->api, e);
	if (r)
		return r;
	if (sl_cred_store_new(wake, m, &m->creds))
		return sl_error_set(e, ENOMEM, "out of memory");
	if (id)
		memcpy(m->id, id, SL_ID_SIZE);
	m->life = id ? SL_LIFE_UNKNOWN : SL_LIFE_NONE;
	memcpy(m->status, id ? "unknown" : "none", id ? 8 : 5);
	return 0;
}

int sl_migration_new(const struct sl_migration_config *cfg,
		     struct sl_migration **ret, struct sl_error *e)
{
	struct sl_migration *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return sl_error_set(e, ENOMEM, "out of memory");
	m->cfg = *cfg;
	m->cfg.token = m->cfg.api_url = m->cfg.db_id = NULL;
	m->cfg.migration_id = NULL;
	m->clock = cfg->clock ? cfg->clock : &sl_clock_system;
	m->last_good = -1;
	m->poll.ended = INT64_MIN / 2;
	m->cred_mono = INT64_MIN / 2;
	sl_mutex_init(&m->lock);
	sl_cond_init(&m->cond);
	r = set_up(m, cfg, e);
	if (!r) {
		r = -pthread_create(&m->thread, NULL, sl_mig_actor, m);
		if (r)
			sl_error_set(e, -r, "cannot start a thread: %s",
				     strerror(-r));
	}
	if (r) {
		destroy(m);
		return r;
	}
	*ret = m;
	return 0;
}

void sl_migration_free(struct sl_migration *m)
{
	if (!m)
		return;
	sl_mutex_lock(&m->lock);
	m->stop = true;
	sl_cond_broadcast(&m->cond);
	sl_mutex_unlock(&m->lock);
	if (pthread_join(m->thread, NULL))
		SL_BUG("the migration's thread cannot be joined");
	destroy(m);
}

static const char *cred_state_locked(struct sl_migration *m, int64_t now,
				     int64_t expires, bool present)
	SL_REQUIRES(m->lock)
{
	int err;

	if (present && sl_mig_hopeless_locked(m, &err))
		return "refused";
	if (sl_cred_store_refused(m->creds) && m->id[0])
		return "refreshing";
	if (!present)
		return "none";
	if (expires && sl_mig_server_now_locked(m, now) >= expires)
		return "expired";
	return "valid";
}

void sl_mig_cred_reason_locked(const struct sl_migration *m, const char *state,
			       char *dst, size_t size)
{
	static const struct {
		const char *state, *why;
	} rows[] = {
		{ "refreshing", "the store refused them, and the service is "
				"asked for others" },
		{ "expired", "they have run out, and the service has not "
			     "given others" },
		{ "refused", "the service gives none" },
	};
	const char *why = "";

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		if (!strcmp(rows[i].state, state))
			why = m->api_error.errnum ? m->api_error.text :
						    rows[i].why;
	sl_text_clean(dst, size, why, strlen(why));
}

static int copy_last_locked(struct sl_migration *m,
			    struct sl_migration_view *v) SL_REQUIRES(m->lock)
{
	const struct sl_migration_status *s = m->last;

	if (!s)
		return 0;
	v->json = strdup(s->redacted_json);
	v->bucket_dir = strdup(s->bucket_dir);
	v->progress_info = strdup(s->progress_info);
	v->cleanup_ms = s->cleanup_ms;
	return v->json && v->bucket_dir && v->progress_info ? 0 : -ENOMEM;
}

int sl_migration_get(struct sl_migration *m, struct sl_migration_view *ret)
{
	struct sl_migration_view v = { 0 };
	int64_t now = sl_mono_ms(m->clock);
	bool present;
	int r;

	SL_LOCK_SCOPE(&m->lock);
	memcpy(v.id, m->id, sizeof(v.id));
	v.life = m->life;
	memcpy(v.status, m->status, sizeof(v.status));
	v.cred_expires_ms = sl_cred_store_expires(m->creds, &present);
	v.cred_state = cred_state_locked(m, now, v.cred_expires_ms, present);
	sl_mig_cred_reason_locked(m, v.cred_state, v.cred_reason,
				  sizeof(v.cred_reason));
	v.cleanup_state = sl_mig_keep_view_locked(m, now, v.cleanup_text,
						  sizeof(v.cleanup_text));
	v.api_age_ms = m->last_good < 0 ? -1 : now - m->last_good;
	if (v.api_age_ms < -1)
		v.api_age_ms = 0;
	v.api_error = m->api_error;
	v.server_offset_ms = sl_cred_store_offset(m->creds);
	v.launch_lags = sl_mig_launch_lags_locked(m, now);
	r = copy_last_locked(m, &v);
	if (r) {
		sl_migration_view_release(&v);
		return r;
	}
	*ret = v;
	return 0;
}

bool sl_migration_takes_files(struct sl_migration *m, const char *id,
			      char *ret_status)
{
	SL_LOCK_SCOPE(&m->lock);
	memcpy(ret_status, m->status, sizeof(m->status));
	/* What is opened now would come after the gate has looked. */
	if (sl_mig_cmd_imports_locked(m) ||
	    sl_mig_launch_lags_locked(m, sl_mono_ms(m->clock))) {
		memcpy(ret_status, "launched", sizeof("launched"));
		return false;
	}
	if (!sl_life_takes_files(m->life) || strcmp(m->id, id))
		return false;
	m->keep.used = true;
	return true;
}

void sl_migration_used(struct sl_migration *m, const char *id)
{
	SL_LOCK_SCOPE(&m->lock);
	if (strcmp(m->id, id))
		return;
	m->keep.used = true;
	sl_cond_broadcast(&m->cond);
}

void sl_migration_tell_again(struct sl_migration *m)
{
	SL_LOCK_SCOPE(&m->lock);
	m->changed = true;
	sl_cond_broadcast(&m->cond);
}

void sl_migration_view_release(struct sl_migration_view *v)
{
	free(v->json);
	free(v->bucket_dir);
	free(v->progress_info);
	v->json = v->bucket_dir = v->progress_info = NULL;
}

int sl_migration_await(struct sl_migration *m, const char *status,
		       struct sl_wait *w)
{
	struct mig_await *a;
	int64_t now = sl_mono_ms(m->clock);

	SL_LOCK_SCOPE(&m->lock);
	if (!*status || strlen(status) >= SL_WORD_SIZE)
		return -EINVAL;
	if (m->stop)
		return -ECANCELED;
	/* Else what follows from the status is still under way. */
	if (sl_life_wait(m->status, status) == 0 && !m->changed && !m->telling)
		return 0;
	a = calloc(1, sizeof(*a));
	if (!a)
		return -ENOMEM;
	a->w = w;
	w->owner = m;
	memcpy(a->want, status, strlen(status) + 1);
	a->next = m->awaits;
	m->awaits = a;
	m->await_until = now + 10 * 60000;
	sl_mig_hurry_locked(m, now);
	sl_cond_broadcast(&m->cond);
	return SL_PARKED;
}

void sl_migration_interrupt(struct sl_migration *m, struct sl_wait *w)
{
	SL_LOCK_SCOPE(&m->lock);
	for (struct mig_await **p = &m->awaits; *p; p = &(*p)->next) {
		struct mig_await *a = *p;

		if (a->w != w)
			continue;
		*p = a->next;
		free(a);
		sl_mig_finish_wait_locked(m, w, -EINTR);
		sl_cond_broadcast(&m->cond);
		return;
	}
	if (m->cmd.w == w) {
		m->cmd.w = NULL;
		sl_mig_finish_wait_locked(m, w, -EINTR);
		sl_cond_broadcast(&m->cond);
	}
}

void sl_migration_poke(struct sl_migration *m)
{
	SL_LOCK_SCOPE(&m->lock);
	m->poll.due = 0;
	sl_cond_broadcast(&m->cond);
}

struct sl_cred_source *sl_migration_creds(struct sl_migration *m)
{
	return sl_cred_store_source(m->creds);
}

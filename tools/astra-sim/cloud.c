/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Life of a migration as the service has it:
 *
 *   Initializing -> ReceivingFiles -> ImportInProgress -> MigrationDone
 *                                        |      ^  \
 *                                  pause v      | resume
 *                                  MigrationPaused  -> MigrationFailed
 *   any but ImportInProgress -> CleaningUpFiles -> Closed
 *   abort (until metadata import) -> MigrationAborted
 *
 * The names of failed, paused and aborted migrations are ours: the service
 * does not document its own. Credentials work only in ReceivingFiles.
 */
#include "cloud.h"

#include <stdlib.h>
#include <string.h>

const char *const sim_state_names[SIM_STATE_COUNT] = {
	[SIM_INITIALIZING] = "Initializing",
	[SIM_RECEIVING] = "ReceivingFiles",
	[SIM_IMPORTING] = "ImportInProgress",
	[SIM_DONE] = "MigrationDone",
	[SIM_FAILED] = "MigrationFailed",
	[SIM_ABORTED] = "MigrationAborted",
	[SIM_PAUSED] = "MigrationPaused",
	[SIM_CLEANING] = "CleaningUpFiles",
	[SIM_CLOSED] = "Closed",
};

void sim_set_state(struct sim *s, struct sim_migration *m,
		   enum sim_state state, const char *progress)
{
	struct sim_event *e = sim_alloc(sizeof(*e));

	e->at_ms = sim_monotonic_ms();
	e->state = state;
	e->progress = sim_strdup(progress);
	e->next = m->events;
	m->events = e;
	m->state = state;
	pthread_cond_broadcast(&s->wake);
}

struct sim_migration *sim_migration_new(struct sim *s)
{
	struct sim_migration *m = sim_alloc(sizeof(*m)), **tail;

	sim_uuid(m->id);
	m->due_ms = sim_monotonic_ms() + s->opt.init_delay_ms;
	m->cleanup_ms = sim_wall_ms() + s->opt.cleanup_days * 86400000;
	for (tail = &s->migrations; *tail; tail = &(*tail)->next)
		;
	*tail = m;
	sim_set_state(s, m, SIM_INITIALIZING, "");
	return m;
}

struct sim_migration *sim_migration_find(struct sim *s, const char *id)
{
	for (struct sim_migration *m = s->migrations; m; m = m->next)
		if (!strcmp(m->id, id))
			return m;
	return NULL;
}

bool sim_importing(const struct sim *s)
{
	for (const struct sim_migration *m = s->migrations; m; m = m->next)
		if (m->state == SIM_IMPORTING)
			return true;
	return false;
}

const struct sim_event *sim_shown(const struct sim *s,
				  const struct sim_migration *m)
{
	int64_t until = sim_monotonic_ms() - s->opt.lag_ms;
	const struct sim_event *e = m->events;

	while (e->next && e->at_ms > until)
		e = e->next;
	return e;
}

const struct sim_dialect *const sim_dialects[SIM_CLOUD_COUNT] = {
	[SIM_CLOUD_S3] = &sim_dialect_s3,
	[SIM_CLOUD_GCS] = &sim_dialect_gcs,
	[SIM_CLOUD_AZURE] = &sim_dialect_azure,
};

static struct sim_cred *mint(struct sim *s, struct sim_migration *m)
{
	struct sim_cred *c = sim_alloc(sizeof(*c));

	c->generation = ++s->cred_generation;
	s->dialect->mint(s, m, c);
	c->made_ms = sim_wall_ms();
	c->works_ms = c->made_ms + s->opt.creds_delay_ms;
	c->expires_ms = c->made_ms + s->opt.creds_life_ms;
	c->next = m->creds;
	m->creds = c;
	return c;
}

static bool renew(const struct sim *s, const struct sim_cred *c)
{
	int64_t now = sim_wall_ms();

	if (!c || c->expired || now >= c->expires_ms)
		return true;
	switch (s->opt.creds) {
	case SIM_CREDS_MINT:
		return true;
	case SIM_CREDS_SAME:
		if (!s->dialect->extend)
			return false;
		break; /* prolonged, as new ones would be made */
	case SIM_CREDS_HALF:
		break;
	}
	return now - c->made_ms >= (c->expires_ms - c->made_ms) / 2;
}

const struct sim_cred *sim_cred_current(struct sim *s, struct sim_migration *m)
{
	if (!renew(s, m->creds))
		return m->creds;
	if (m->creds && s->dialect->extend &&
	    s->dialect->extend(s, m, m->creds))
		return m->creds;
	return mint(s, m);
}

bool sim_cred_live(const struct sim_cred *c)
{
	return !c->expired && sim_wall_ms() < c->expires_ms;
}

struct sim_cred *sim_cred_find(struct sim *s, const char *key,
			       struct sim_migration **ret)
{
	for (struct sim_migration *m = s->migrations; m; m = m->next)
		for (struct sim_cred *c = m->creds; c; c = c->next)
			if (!strcmp(c->key, key)) {
				*ret = m;
				return c;
			}
	return NULL;
}

void sim_cred_expire(struct sim *s, struct sim_migration *only)
{
	for (struct sim_migration *m = s->migrations; m; m = m->next)
		for (struct sim_cred *c = m->creds; c; c = c->next)
			if (!only || only == m)
				c->expired = true;
}

static void free_migration(struct sim *s, struct sim_migration *m)
{
	while (m->events) {
		struct sim_event *e = m->events;

		m->events = e->next;
		free(e->progress);
		free(e);
	}
	while (m->creds) {
		struct sim_cred *c = m->creds;

		m->creds = c->next;
		if (s->dialect->forget)
			s->dialect->forget(c);
		explicit_bzero(c, sizeof(*c));
		free(c);
	}
	free(m);
}

void sim_migrations_free(struct sim *s)
{
	while (s->migrations) {
		struct sim_migration *m = s->migrations;

		s->migrations = m->next;
		free_migration(s, m);
	}
}

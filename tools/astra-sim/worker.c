/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service's own work, one thread: ends the initialisation, imports,
 * cleans up. Only one import runs at a time, so one thread is enough. The
 * import check and the cleanup read and delete files: the lock is dropped
 * for that. Migrations are freed only after this thread was joined.
 */
#include <stdlib.h>
#include <string.h>

#include "cloud.h"
#include "store.h"
#include "uploads.h"

static void finish_import(struct sim *s, struct sim_migration *m)
{
	char *why;

	m->metadata = true;
	sim_unlock(s);
	why = sim_import_check(s, m->id);
	sim_lock(s);
	m->metadata = false;
	m->imports++;
	if (why)
		sim_set_state(s, m, SIM_FAILED, why);
	else
		sim_set_state(s, m, SIM_DONE, "");
	free(why);
}

static void cleanup(struct sim *s, struct sim_migration *m)
{
	SIM_AUTOFREE char *prefix = sim_format("%s/", m->id);

	sim_unlock(s);
	sim_store_purge(s, prefix);
	sim_uploads_purge(s, prefix);
	sim_lock(s);
	sim_set_state(s, m, SIM_CLOSED, "");
}

static void step(struct sim *s, struct sim_migration *m)
{
	int64_t now = sim_monotonic_ms();

	if (m->state == SIM_INITIALIZING && now >= m->due_ms)
		sim_set_state(s, m, SIM_RECEIVING, "");
	if (m->state == SIM_IMPORTING && now >= m->due_ms) {
		finish_import(s, m);
		return;
	}
	if (m->state != SIM_IMPORTING && m->state != SIM_CLEANING &&
	    m->state != SIM_CLOSED && sim_wall_ms() >= m->cleanup_ms)
		sim_set_state(s, m, SIM_CLEANING, "");
	if (m->state == SIM_CLEANING)
		cleanup(s, m);
}

static void nap(struct sim *s)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	ts.tv_nsec += 50 * 1000000;
	if (ts.tv_nsec >= 1000000000) {
		ts.tv_nsec -= 1000000000;
		ts.tv_sec++;
	}
	pthread_cond_timedwait(&s->wake, &s->lock, &ts);
}

void *sim_worker(void *arg)
{
	struct sim *s = arg;

	sim_lock(s);
	while (!s->stopping) {
		for (struct sim_migration *m = s->migrations; m; m = m->next)
			step(s, m);
		if (!s->stopping)
			nap(s);
	}
	sim_unlock(s);
	return NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a test may ask of the simulator itself, without a token (it listens
 * on the loopback only):
 *
 *   GET  /sim/state    migrations, objects, unfinished uploads, requests
 *   POST /sim/faults   the body replaces the fault list; empty: no faults
 *   GET  /sim/faults   the list with its counters
 *   POST /sim/expire   every credential handed out so far expires now
 */
#include "control.h"

#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "cloud.h"
#include "http.h"
#include "store.h"
#include "uploads.h"

static int count_object(struct sim_walk *w, const char *key, const char *path,
			const struct stat *st)
{
	double *sums = w->arg;

	(void)key;
	(void)path;
	sums[0] += 1;
	sums[1] += (double)st->st_size;
	return 0;
}

static void add_store(struct sim *s, cJSON *o)
{
	double sums[2] = { 0, 0 };
	struct sim_walk w = { .prefix = "", .visit = count_object,
			      .arg = sums };

	sim_store_walk(s, &w);
	cJSON_AddNumberToObject(o, "objects", sums[0]);
	cJSON_AddNumberToObject(o, "bytes", sums[1]);
	cJSON_AddNumberToObject(o, "uploads", (double)sim_uploads_count(s));
}

static void add_migrations(struct sim *s, cJSON *o)
{
	cJSON *a = cJSON_AddArrayToObject(o, "migrations");

	for (struct sim_migration *m = s->migrations; m; m = m->next) {
		cJSON *x = cJSON_CreateObject();
		char text[32];

		cJSON_AddItemToArray(a, x);
		cJSON_AddStringToObject(x, "id", m->id);
		cJSON_AddStringToObject(x, "status", sim_state_names[m->state]);
		cJSON_AddStringToObject(x, "progressInfo", m->events->progress);
		cJSON_AddNumberToObject(x, "imports", (double)m->imports);
		cJSON_AddNumberToObject(
			x, "generation",
			m->creds ? (double)m->creds->generation : 0);
		sim_iso(m->cleanup_ms, text);
		cJSON_AddStringToObject(x, "cleanup", text);
	}
}

static void add_requests(struct sim *s, cJSON *o)
{
	cJSON *q = cJSON_AddObjectToObject(o, "requests");

	for (int k = 0; k < SIM_KIND_COUNT; k++)
		if (k != SIM_CONTROL)
			cJSON_AddNumberToObject(q, sim_kind_names[k],
						(double)s->requests[k]);
}

static void get_state(struct sim_req *r)
{
	cJSON *o = cJSON_CreateObject();
	char *text;

	add_store(r->sim, o);
	sim_lock(r->sim);
	add_migrations(r->sim, o);
	add_requests(r->sim, o);
	cJSON_AddNumberToObject(o, "generation",
				(double)r->sim->cred_generation);
	sim_unlock(r->sim);
	text = cJSON_Print(o);
	cJSON_Delete(o);
	sim_reply_text(r, 200, "application/json", text);
	free(text);
}

static void get_faults(struct sim_req *r)
{
	SIM_AUTOBUF struct sim_buf b = { 0 };

	sim_lock(r->sim);
	sim_faults_json(&r->sim->faults, &b);
	sim_unlock(r->sim);
	sim_reply_text(r, 200, "application/json", b.p);
}

static void post_faults(struct sim_req *r)
{
	char *bad;

	sim_lock(r->sim);
	bad = sim_faults_parse(&r->sim->faults, r->body.p ? r->body.p : "");
	if (!bad) {
		r->sim->fault_turn++;
		pthread_cond_broadcast(&r->sim->wake);
	}
	sim_unlock(r->sim);
	if (bad)
		r->side->fail(r, 400, NULL, bad);
	free(bad);
	sim_reply_text(r, 200, "application/json", "{}\n");
}

static void post_expire(struct sim_req *r)
{
	sim_lock(r->sim);
	sim_cred_expire(r->sim, NULL);
	sim_unlock(r->sim);
	sim_reply_text(r, 200, "application/json", "{}\n");
}

static const struct {
	const char *method;
	const char *path;
	void (*run)(struct sim_req *r);
} routes[] = {
	{ "GET", "/sim/state", get_state },
	{ "GET", "/sim/faults", get_faults },
	{ "POST", "/sim/faults", post_faults },
	{ "POST", "/sim/expire", post_expire },
};

void sim_control(struct sim_req *r)
{
	for (size_t i = 0; i < SIM_COUNT(routes); i++)
		if (!strcmp(routes[i].method, r->method) &&
		    !strcmp(routes[i].path, r->path)) {
			routes[i].run(r);
			return;
		}
	r->side->fail(r, 404, NULL, "no such control");
}

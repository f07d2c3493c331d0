/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The DevOps API under /v2/databases/{dbID}/migrations, with the answers of
 * the documentation, and what users meet around it: the redirect of a path
 * cleaner when an ID is empty, the plain 404 of a Go server. The control
 * endpoint (/sim/...) lives on the same port; see control.c.
 */
#include <cjson/cJSON.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cloud.h"
#include "control.h"
#include "database.h"
#include "http.h"

/* The number that 'code' is; else one of our own. */
static int error_id(int status, const char *code)
{
	char *end = NULL;
	long n = code ? strtol(code, &end, 10) : 0;

	return n > 0 && n <= INT_MAX && !*end ? (int)n : 2000000 + status;
}

static void fail(struct sim_req *r, int status, const char *code,
		 const char *text)
{
	SIM_AUTOFREE char *json = NULL;
	cJSON *o, *e;
	char *printed;

	if (r->reply.ready)
		return;
	o = cJSON_CreateObject();
	e = cJSON_CreateObject();
	cJSON_AddItemToArray(cJSON_AddArrayToObject(o, "errors"), e);
	cJSON_AddNumberToObject(e, "ID", error_id(status, code));
	cJSON_AddStringToObject(e, "message",
				text ? text : "the service is in trouble");
	printed = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	json = sim_format("%s\n", printed);
	free(printed);
	snprintf(r->reply.code, sizeof(r->reply.code), "%s", code ? code : "");
	sim_reply_text(r, status, "application/json", json);
}

/* The credentials part of a MigrationStatus. */
static void add_credentials(struct sim *s, struct sim_migration *m, cJSON *o,
			    bool given)
{
	cJSON *u = cJSON_AddObjectToObject(o, "uploadCredentials");
	const struct sim_cred *c = given ? sim_cred_current(s, m) : NULL;
	char text[32];
	cJSON *keys;

	cJSON_AddStringToObject(u, "name", c ? s->dialect->creds_name : "");
	if (!c) {
		cJSON_AddNullToObject(u, "keys");
		cJSON_AddNullToObject(u, "credentialExpiration");
		return;
	}
	keys = cJSON_AddObjectToObject(u, "keys");
	sim_iso(c->expires_ms, text);
	cJSON_AddStringToObject(u, "credentialExpiration", text);
	s->dialect->show(s, m, c, keys, u);
}

static char *status_json(struct sim *s, struct sim_migration *m)
{
	const struct sim_event *e = sim_shown(s, m);
	bool open = e->state == SIM_RECEIVING;
	SIM_AUTOFREE char *dir = NULL;
	cJSON *o = cJSON_CreateObject();
	char text[32], *json;

	dir = e->state == SIM_INITIALIZING ? sim_strdup("")
					   : s->dialect->bucket_dir(s, m);
	cJSON_AddStringToObject(o, "migrationID", m->id);
	cJSON_AddStringToObject(o, "dbID", s->opt.db);
	cJSON_AddStringToObject(o, "status", sim_state_names[e->state]);
	cJSON_AddStringToObject(o, "progressInfo", e->progress);
	cJSON_AddStringToObject(o, "uploadBucketDir", dir);
	add_credentials(s, m, o, open && m->state == SIM_RECEIVING);
	sim_iso(m->cleanup_ms, text);
	cJSON_AddStringToObject(o, "expectedCleanupTime", text);
	json = cJSON_PrintUnformatted(o);
	cJSON_Delete(o);
	return json;
}

static void answer(struct sim_req *r, struct sim_migration *m)
{
	SIM_AUTOFREE char *json = status_json(r->sim, m);

	/* The newest that was given out: for the request log. */
	r->generation = m->creds ? m->creds->generation : 0;
	sim_reply_text(r, 200, "application/json", json);
}

static void do_status(struct sim_req *r, struct sim_migration *m)
{
	answer(r, m);
}

static void refuse(struct sim_req *r, const struct sim_migration *m,
		   const char *verb)
{
	SIM_AUTOFREE char *text = sim_format(
		"cannot %s migration %s in status %s", verb, m->id,
		sim_state_names[m->state]);

	fail(r, 400, "2000400", text);
}

static void do_launch(struct sim_req *r, struct sim_migration *m)
{
	struct sim *s = r->sim;

	if (m->state != SIM_RECEIVING && m->state != SIM_FAILED) {
		refuse(r, m, "launch");
		return;
	}
	if (sim_importing(s)) {
		fail(r, 409, "2000409",
		     "another migration of this database is being imported");
		return;
	}
	if (!m->rescheduled)
		m->cleanup_ms = sim_wall_ms() + s->opt.cleanup_days * 86400000;
	m->due_ms = sim_monotonic_ms() + s->opt.import_delay_ms;
	sim_set_state(s, m, SIM_IMPORTING, "");
	answer(r, m);
}

static void do_pause(struct sim_req *r, struct sim_migration *m)
{
	if (m->state != SIM_IMPORTING || m->metadata) {
		refuse(r, m, "pause");
		return;
	}
	sim_set_state(r->sim, m, SIM_PAUSED, "");
	answer(r, m);
}

/* No effect in other states, as documented. */
static void do_resume(struct sim_req *r, struct sim_migration *m)
{
	if (m->state == SIM_PAUSED && sim_importing(r->sim)) {
		fail(r, 409, "2000409",
		     "another migration of this database is being imported");
		return;
	}
	if (m->state == SIM_PAUSED) {
		m->due_ms = sim_monotonic_ms() + r->sim->opt.import_delay_ms;
		sim_set_state(r->sim, m, SIM_IMPORTING, "");
	}
	answer(r, m);
}

static void do_abort(struct sim_req *r, struct sim_migration *m)
{
	if (m->state > SIM_PAUSED || m->state == SIM_DONE ||
	    m->state == SIM_ABORTED || m->metadata) {
		refuse(r, m, "abort");
		return;
	}
	sim_set_state(r->sim, m, SIM_ABORTED, "aborted by user");
	answer(r, m);
}

static void do_cleanup(struct sim_req *r, struct sim_migration *m)
{
	const char *when = sim_param(r, "option.cleanupTime");
	int64_t at = when ? sim_iso_parse(when) : sim_wall_ms();

	if (m->state == SIM_IMPORTING || m->state >= SIM_CLEANING) {
		refuse(r, m, "clean up");
		return;
	}
	if (at < 0) {
		fail(r, 400, "2000400", "option.cleanupTime is not a time");
		return;
	}
	m->cleanup_ms = at;
	m->rescheduled = when != NULL;
	if (at <= sim_wall_ms())
		sim_set_state(r->sim, m, SIM_CLEANING, "");
	answer(r, m);
}

static const struct verb {
	const char *method;
	const char *name; /* "": the migration itself */
	enum sim_kind kind;
	void (*run)(struct sim_req *r, struct sim_migration *m);
} verbs[] = {
	{ "GET", "", SIM_API_STATUS, do_status },
	{ "POST", "launch", SIM_API_LAUNCH, do_launch },
	{ "POST", "pause", SIM_API_PAUSE, do_pause },
	{ "POST", "resume", SIM_API_RESUME, do_resume },
	{ "POST", "abort", SIM_API_ABORT, do_abort },
	{ "POST", "cleanup", SIM_API_CLEANUP, do_cleanup },
};

/* The path, taken apart: /v2/databases/DB/migrations/ID/VERB */
struct route {
	char *db, *id, *verb;
	const struct verb *v;
};

static bool split(char *path, struct route *t)
{
	static const char base[] = "/v2/databases/";
	char *p = path + sizeof(base) - 1;

	if (!sim_starts(path, base))
		return false;
	t->db = strsep(&p, "/");
	if (!p || strcmp(strsep(&p, "/"), "migrations") || !p)
		return false;
	t->id = strsep(&p, "/");
	t->verb = p ? strsep(&p, "/") : t->id + strlen(t->id);
	return !p;
}

static enum sim_kind kind_of(const struct sim_req *r, struct route *t)
{
	if (!strcmp(r->method, "POST") && !strcmp(t->id, "initialize") &&
	    !*t->verb)
		return SIM_API_INITIALIZE;
	for (size_t i = 0; i < SIM_COUNT(verbs); i++)
		if (!strcmp(verbs[i].method, r->method) &&
		    !strcmp(verbs[i].name, t->verb)) {
			t->v = &verbs[i];
			return verbs[i].kind;
		}
	return SIM_API_OTHER;
}

/* Texts of the service as users have reported them, "%s" and all. */
static bool authorized(struct sim_req *r)
{
	const char *h = sim_header(r, "authorization");

	if (!h || !sim_starts(h, "Bearer ") || !sim_starts(h + 7, "AstraCS:")) {
		fail(r, 401, "340012", "invalid token format");
		return false;
	}
	if (strcmp(h + 7, r->sim->token)) {
		fail(r, 401, "340018",
		     "auth-manager returned 404 for call "
		     "%s/v2/admin/tokens?%s");
		return false;
	}
	return true;
}

static void run(struct sim_req *r, const struct route *t)
{
	struct sim_migration *m;

	if (strcmp(t->db, r->sim->opt.db)) {
		fail(r, 404, "2000404", "database not found");
		return;
	}
	if (r->kind == SIM_API_INITIALIZE) {
		answer(r, sim_migration_new(r->sim));
		return;
	}
	m = sim_migration_find(r->sim, t->id);
	if (!m)
		fail(r, 404, "2000404", "migration not found");
	else
		t->v->run(r, m);
}

/* An empty ID leaves "//": a path cleaner redirects before any routing. */
static bool redirect(struct sim_req *r)
{
	SIM_AUTOBUF struct sim_buf to = { 0 };
	SIM_AUTOFREE char *body = NULL;
	const char *p = r->path;

	if (!strstr(p, "//"))
		return false;
	for (; *p; p++)
		if (*p != '/' || p[1] != '/')
			sim_buf_add(&to, p, 1);
	body = sim_format("<a href=\"%s\">Moved Permanently</a>.\n\n", to.p);
	sim_reply_text(r, 301, "text/html; charset=utf-8", body);
	sim_reply_header(r, "Location", "%s", to.p);
	return true;
}

static void finish(struct sim_req *r)
{
	SIM_AUTOFREE char *path = sim_strdup(r->path);
	struct route t = { 0 };

	if (r->kind == SIM_CONTROL) {
		sim_control(r);
		return;
	}
	if (redirect(r))
		return;
	if (sim_is_database(r)) {
		if (authorized(r))
			sim_database(r);
		return;
	}
	if (!split(path, &t) || kind_of(r, &t) == SIM_API_OTHER) {
		sim_reply_text(r, 404, "text/plain; charset=utf-8",
			       "404 page not found\n");
		return;
	}
	if (!authorized(r))
		return;
	sim_lock(r->sim);
	if (r->trouble.flags & SIM_F_EXPIRE)
		sim_cred_expire(r->sim, NULL);
	run(r, &t);
	sim_unlock(r->sim);
}

static void begin(struct sim_req *r)
{
	SIM_AUTOFREE char *path = sim_strdup(r->path);
	struct route t = { 0 };

	if (sim_starts(r->path, "/sim/"))
		sim_req_kind(r, SIM_CONTROL);
	else if (sim_is_database(r))
		sim_req_kind(r, SIM_API_DATABASE);
	else if (split(path, &t))
		sim_req_kind(r, kind_of(r, &t));
	else
		sim_req_kind(r, SIM_API_OTHER);
}

static void data(struct sim_req *r, const void *p, size_t n)
{
	if (r->body.n + n > 1 << 20)
		fail(r, 413, NULL, "the body is too large");
	else
		sim_buf_add(&r->body, p, n);
}

static void release(struct sim_req *r)
{
	(void)r;
}

const struct sim_side sim_side_api = {
	.name = "api", .begin = begin, .data = data, .finish = finish,
	.release = release, .fail = fail,
};

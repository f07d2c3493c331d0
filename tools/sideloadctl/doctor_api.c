/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service: one GET about the database tells whether the API can be
 * reached, what the clock is worth, whether the token is taken, and what the
 * database is. Without a database ID the list of databases is asked for.
 * Fields: DevOps API v2, Database and DatabaseInfo (cloud-protocols.md,
 * section 6): only id, orgId, ownerId, info and status are promised.
 */
#include "doctor.h"

#include <string.h>

#include "clock.h"
#include "lock.h"
#include "migration/devops.h"

#define BODY_MAX ((size_t)1 << 20)

struct look {
	struct sl_http_call call;
	struct sl_doctor *d;
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
	int err;
};

static int prepare(struct sl_http_call *c, struct sl_http_request *req,
		   const struct sl_cred *cred)
{
	struct sl_doctor *d = sl_container_of(c, struct look, call)->d;
	size_t n = strlen(d->o.api_url);

	(void)cred;
	while (n && d->o.api_url[n - 1] == '/')
		n--;
	req->method = "GET";
	req->max_response = BODY_MAX;
	req->total_timeout_ms = 30000;
	sl_buf_printf(&req->url, "%.*s/v2/databases%s%s", (int)n,
		      d->o.api_url, d->db_id ? "/" : "?limit=1",
		      d->db_id ? d->db_id : "");
	sl_buf_printf(&req->headers, "Authorization: Bearer %s\n"
		      "Accept: application/json\n",
		      d->token ? d->o.token : "none");
	return sl_buf_error(&req->url) ? sl_buf_error(&req->url) :
		sl_buf_error(&req->headers);
}

/* Any answer is one; what it says is looked at later. */
static enum sl_verdict judge(struct sl_http_call *c,
			     const struct sl_http_response *r,
			     const struct sl_cred *cred)
{
	struct sl_doctor *d = sl_container_of(c, struct look, call)->d;

	(void)cred;
	if (r->curl_code) {
		sl_error_set(&c->error, EIO, "%s", r->curl_text);
		return SL_V_FATAL;
	}
	d->answer.status = r->status;
	d->answer.date_ms = r->date_ms;
	sl_buf_init(&d->answer.body, BODY_MAX);
	if (sl_buf_append(&d->answer.body, sl_buf_str(&r->body), r->body.len)) {
		sl_error_set(&c->error, ENOMEM, "out of memory");
		return SL_V_FATAL;
	}
	return SL_V_OK;
}

static void done(struct sl_http_call *c, int err)
{
	struct look *l = sl_container_of(c, struct look, call);

	SL_LOCK_SCOPE(&l->lock);
	l->err = err;
	l->done = true;
	sl_cond_signal(&l->cond);
}

static int ask(struct sl_doctor *d, struct sl_error *e)
{
	static const struct sl_http_call_ops ops = {
		.prepare = prepare,
		.judge = judge,
		.done = done,
	};
	struct look l = { .call = { .ops = &ops, .idempotent = true },
			  .d = d };
	int64_t began = sl_mono_ms(&sl_clock_system);

	sl_mutex_init(&l.lock);
	sl_cond_init(&l.cond);
	sl_http_start(d->http, &l.call);
	sl_mutex_lock(&l.lock);
	while (!l.done)
		sl_cond_wait(&l.cond, &l.lock);
	sl_mutex_unlock(&l.lock);
	sl_cond_release(&l.cond);
	sl_mutex_release(&l.lock);
	d->answer_ms = sl_mono_ms(&sl_clock_system) - began;
	*e = l.call.error;
	return l.err;
}

void sl_doc_token(struct sl_doctor *d)
{
	static const char form[] = "AstraCS:";
	struct sl_error e = { 0 };

	if (sl_options_token(&d->o, &e)) {
		sl_doc(d, SL_DOC_FAIL, "%s", e.text);
		sl_doc_cure(d, "make one in the Astra portal (role Database "
			    "Administrator) and put it into a file of mode "
			    "0600 for -o token_file=");
		return;
	}
	d->token = true;
	if (strncmp(d->o.token, form, sizeof(form) - 1)) {
		sl_doc(d, SL_DOC_WARN, "there is one, but it does not begin "
		       "with %s", form);
		sl_doc_cure(d, "take the token itself, neither the client ID "
			    "nor the secret");
		return;
	}
	sl_doc(d, SL_DOC_OK, "there is one (%s...)", form);
}

void sl_doc_api(struct sl_doctor *d)
{
	struct sl_error e = { 0 };

	if (!d->http) {
		sl_doc(d, SL_DOC_SKIP, "not asked: see ca");
		return;
	}
	if (d->db_id && !sl_uuid_valid(d->db_id)) {
		sl_doc(d, SL_DOC_FAIL, "'%s' is no database ID", d->db_id);
		sl_doc_cure(d, "give the UUID (8-4-4-4-12 hex digits)");
		return;
	}
	if (ask(d, &e)) {
		sl_doc(d, SL_DOC_FAIL, "%s cannot be reached: %s",
		       d->o.api_url, e.text);
		sl_doc_way(d, "it");
		return;
	}
	d->answered = true;
	sl_doc(d, SL_DOC_OK, "%s answers in %lld ms", d->o.api_url,
	       (long long)d->answer_ms);
}

void sl_doc_clock(struct sl_doctor *d)
{
	int64_t off;

	if (!d->answered || !d->answer.date_ms) {
		sl_doc(d, SL_DOC_SKIP, "not compared: the service gave no "
		       "time");
		return;
	}
	off = (sl_wall_ms(&sl_clock_system) - d->answer.date_ms) / 1000;
	sl_doc(d, SL_DOC_OK, "%lld s from the service's",
	       (long long)(off < 0 ? -off : off));
	if (off > 60 || off < -60) {
		sl_doc(d, SL_DOC_WARN, "this host's is %lld s %s the service's"
		       ", which the mount makes up for",
		       (long long)(off < 0 ? -off : off),
		       off < 0 ? "behind" : "ahead of");
		sl_doc_cure(d, "set it all the same (timedatectl set-ntp "
			    "true): logs and other tools rely on it");
	}
}

static const struct {
	int status;
	const char *text, *cure;
} refusals[] = {
	{ 401, "the token is not accepted",
	  "check that it is whole, and neither expired nor revoked" },
	{ 403, "the token's role may not see the database",
	  "use the role Database Administrator, or one of your own with "
	  "create-db and view-db" },
	{ 404, "this token knows no such database",
	  "check the database ID, and that the token is of its organization" },
	{ 429, "the service asks to slow down", "ask again in a minute" },
	{ 500, "the service is in trouble", "ask again later" },
	{ 502, "the service is in trouble", "ask again later" },
	{ 503, "the service is in trouble", "ask again later" },
	{ 504, "the service is in trouble", "ask again later" },
};

/* The service's own word, or a proxy's page? */
static bool is_html(const struct sl_http_response *r)
{
	const char *s = sl_buf_str(&r->body);

	return s[strspn(s, " \t\r\n")] == '<';
}

void sl_doc_role(struct sl_doctor *d)
{
	int status = d->answer.status;

	if (!d->answered || !d->token) {
		sl_doc(d, SL_DOC_SKIP, "not asked: see %s",
		       d->token ? "api" : "token");
		return;
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(refusals); i++) {
		if (refusals[i].status != status || is_html(&d->answer))
			continue;
		sl_doc(d, SL_DOC_FAIL, "%s (HTTP %d)", refusals[i].text,
		       status);
		sl_doc_cure(d, "%s", refusals[i].cure);
		return;
	}
	if (status != 200 || is_html(&d->answer)) {
		sl_doc(d, SL_DOC_FAIL, "it was not the service that answered "
		       "(HTTP %d%s)", status,
		       is_html(&d->answer) ? ", a web page" : "");
		sl_doc_cure(d, "look at the proxy and at api_url=");
		return;
	}
	d->api = true;
	sl_doc(d, SL_DOC_OK, "the token is accepted and may look; that it may "
	       "start a migration shows when one is started");
}

static const char *text_of(const cJSON *o, const char *name)
{
	const char *s = cJSON_GetStringValue(
		cJSON_GetObjectItemCaseSensitive(o, name));

	return s ? s : "";
}

/* DevOps API v2, StatusEnum: what is to be done about each. */
static const struct {
	const char *status, *cure;
} states[] = {
	{ "HIBERNATED", "resume it in the Astra portal" },
	{ "PARKED", "unpark it in the Astra portal" },
	{ "TERMINATED", "it is gone for good: take another database" },
	{ "TERMINATING", "it is gone for good: take another database" },
	{ "ERROR", "ask the vendor's support" },
	{ "DECOMMISSIONING", "ask the vendor's support" },
};

static void check_status(struct sl_doctor *d, const char *status)
{
	const char *cure = "wait until it is, and ask again";

	if (!strcasecmp(status, "ACTIVE"))
		return;
	for (size_t i = 0; i < SL_ARRAY_LEN(states); i++)
		if (!strcasecmp(status, states[i].status))
			cure = states[i].cure;
	sl_doc(d, SL_DOC_FAIL, "it is %s, not ACTIVE", status);
	sl_doc_cure(d, "%s", cure);
}

/* "serverless" is how the tier of every Serverless database begins. */
static void check_tier(struct sl_doctor *d, const char *tier)
{
	if (!*tier || !strncasecmp(tier, "serverless", 10))
		return;
	sl_doc(d, SL_DOC_FAIL, "its tier is '%s'; Sideloader imports into "
	       "Astra DB Serverless only", tier);
	sl_doc_cure(d, "make a Serverless database as the target");
}

/* Where the API tells of a capacity unit group, it names it. */
static const char *group_of(const cJSON *db, const cJSON *info)
{
	static const char *const names[] = {
		"pcuGroupUUID", "pcuGroupId", "capacityUnitGroupId",
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		const char *s = text_of(info, names[i]);

		if (!*s)
			s = text_of(db, names[i]);
		if (*s)
			return s;
	}
	return "";
}

static void describe(struct sl_doctor *d, const cJSON *db)
{
	const cJSON *info = cJSON_GetObjectItemCaseSensitive(db, "info");
	const char *group = group_of(db, info);
	const char *status = text_of(db, "status");

	snprintf(d->region, sizeof(d->region), "%s", text_of(info, "region"));
	snprintf(d->cloud, sizeof(d->cloud), "%s",
		 text_of(info, "cloudProvider"));
	sl_doc(d, SL_DOC_OK, "'%s', %s, %s %s%s%s%s", text_of(info, "name"),
	       status, d->cloud, d->region,
	       *text_of(info, "tier") ? ", " : "", text_of(info, "tier"),
	       *group ? ", in a capacity unit group" : "");
	check_status(d, status);
	if (d->verdict == SL_DOC_OK)
		check_tier(d, text_of(info, "tier"));
	d->database = d->verdict == SL_DOC_OK;
}

void sl_doc_database(struct sl_doctor *d)
{
	SL_CLEANUP(cjson) cJSON *db = NULL;

	if (!d->db_id || !d->api) {
		sl_doc(d, SL_DOC_SKIP, d->db_id ? "not looked at: see role" :
		       "none was named");
		if (!d->db_id)
			sl_doc_cure(d, "sideloadctl doctor DATABASE_ID");
		return;
	}
	db = cJSON_ParseWithLength(sl_buf_str(&d->answer.body),
				   d->answer.body.len);
	if (!cJSON_IsObject(db) || !*text_of(db, "status") ||
	    strcasecmp(text_of(db, "id"), d->db_id)) {
		sl_doc(d, SL_DOC_FAIL, "the service's answer is not this "
		       "database");
		sl_doc_cure(d, "look at the proxy and at api_url=");
		return;
	}
	describe(d, db);
}

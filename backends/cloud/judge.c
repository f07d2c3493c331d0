/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an answer means, before the op looks at it: the dialect reads the
 * error, here come the server's clock and the age of the credentials; then
 * the common table (backends/http/classify.c) decides, the dialect may
 * change that, and the step may overrule.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"

#define SKEW_MIN_MS (5 * 60 * 1000)
#define FRESH_MS 60000
#define REFRESH_TRIES 3

int64_t sl_cloud_server_now(struct sl_cloud *c)
{
	int64_t now = sl_wall_ms(c->clock);

	SL_LOCK_SCOPE(&c->lock);
	if (c->skew_apply || c->skew_ms > SKEW_MIN_MS ||
	    c->skew_ms < -SKEW_MIN_MS)
		now += c->skew_ms;
	return now;
}

static void note_clock(struct sl_cloud *c, const struct sl_http_response *r,
		       bool apply)
{
	int64_t now = sl_wall_ms(c->clock);

	if (!r->date_ms)
		return;
	SL_LOCK_SCOPE(&c->lock);
	c->skew_ms = r->date_ms - now;
	c->skew_seen = true;
	if (apply)
		c->skew_apply = true;
}

/* An answer to HEAD gives no reason; expired credentials are a bare 400. */
static bool may_be_expired(const struct sl_cloud_task *t,
			   const struct sl_http_response *r)
{
	return r->status == 400 && strcmp(t->step->method, "HEAD") == 0;
}

static enum sl_cred_age age_of(struct sl_cloud_task *t,
			       const struct sl_http_response *r,
			       const struct sl_cred *cred)
{
	struct sl_cloud *c = t->cloud;
	int64_t now = sl_cloud_server_now(c);
	bool writes = t->step->method[0] == 'P';

	if (!cred || t->call.refreshes >= REFRESH_TRIES)
		return SL_AGE_FRESH;
	if (cred->expires_ms && cred->expires_ms - now < FRESH_MS)
		return SL_AGE_OLD;
	if (t->call.refreshes > 0)
		return SL_AGE_FRESH;
	if (may_be_expired(t, r))
		return SL_AGE_UNKNOWN;
	SL_LOCK_SCOPE(&c->lock);
	/* A refused write may mean a closed migration: ask the service. */
	if (!writes && c->accepted_generation == cred->generation &&
	    now - c->accepted_ms < FRESH_MS)
		return SL_AGE_FRESH;
	return SL_AGE_UNKNOWN;
}

static void note_accepted(struct sl_cloud_task *t, const struct sl_cred *cred)
{
	int64_t now = sl_cloud_server_now(t->cloud);

	if (!cred)
		return;
	SL_LOCK_SCOPE(&t->cloud->lock);
	t->cloud->accepted_generation = cred->generation;
	t->cloud->accepted_ms = now;
}

static void fill_error(struct sl_cloud_task *t,
		       const struct sl_http_response *r,
		       const struct sl_cloud_error *d,
		       const struct sl_classified *c)
{
	struct sl_error *e = &t->call.error;
	const char *what = t->step->place ? t->cloud->place : t->op->key;

	e->http_status = r->status;
	snprintf(e->code, sizeof(e->code), "%s", d->code);
	snprintf(e->request_id, sizeof(e->request_id), "%s", d->request_id);
	if (r->status)
		sl_error_set(e, c->errnum, "'%s': %s (%d%s%s%s%s)", what,
			     c->text, r->status, d->code[0] ? " " : "", d->code,
			     d->message[0] ? ": " : "", d->message);
	else
		sl_error_set(e, c->errnum, "'%s': %s (%s)", what, c->text,
			     r->curl_text);
}

/* Ceph says no more than AccessDenied; what we know of the end tells why. */
static void name_the_end(struct sl_cloud_task *t, const struct sl_cred *cred,
			 struct sl_classified *c)
{
	if (c->errnum != EACCES || !cred || !cred->expires_ms ||
	    sl_cloud_server_now(t->cloud) < cred->expires_ms)
		return;
	c->errnum = EKEYEXPIRED;
	c->text = "the credentials have expired";
}

static enum sl_verdict judge_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 const struct sl_cloud_error *d,
				 const struct sl_classified *c)
{
	const struct sl_cloud_dialect *dialect = t->cloud->dialect;

	fill_error(t, r, d, c);
	snprintf(t->code, sizeof(t->code), "%s", d->code);
	if (dialect->moved && dialect->moved(t, r, d))
		return SL_CLOUD_AGAIN;
	/* A refusal that came early may have been lost with the connection. */
	if (r->curl_code && !r->sent_all && t->call.attempts > 0)
		t->expect = true;
	return t->step->bad ? t->step->bad(t, r, *c) : c->verdict;
}

static struct sl_classified classify(struct sl_cloud_task *t,
				     const struct sl_http_response *r,
				     const struct sl_cloud_error *d,
				     const struct sl_cred *cred)
{
	const struct sl_cloud_dialect *dialect = t->cloud->dialect;
	struct sl_classify_in in = {
		.curl_code = r->curl_code,
		.status = r->status,
		.code = d->code,
		.age = age_of(t, r, cred),
		.truncated = r->truncated,
	};
	struct sl_classified c = sl_classify(&in);

	if (dialect->reclassify && c.verdict != SL_V_OK)
		dialect->reclassify(t, r, d, in.age, &c);
	if (c.verdict != SL_V_OK)
		name_the_end(t, cred, &c);
	return c;
}

enum sl_verdict sl_cloud_judge(struct sl_http_call *call,
			       const struct sl_http_response *r,
			       const struct sl_cred *cred)
{
	struct sl_cloud_task *t = sl_container_of(call, struct sl_cloud_task,
						  call);
	struct sl_cloud_error d = { .skewed = false };
	struct sl_classified c;

	t->cloud->dialect->read_error(r, &d);
	note_clock(t->cloud, r, d.skewed);
	if (t->step->any_answer && !r->curl_code)
		return t->step->good(t, r);
	c = classify(t, r, &d, cred);
	if (c.verdict != SL_V_OK)
		return judge_bad(t, r, &d, &c);
	note_accepted(t, cred);
	return t->step->good ? t->step->good(t, r) : SL_V_OK;
}

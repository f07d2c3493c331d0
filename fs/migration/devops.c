/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The calls of the DevOps API. The token lives here and in the headers that
 * the HTTP client wipes, nowhere else; no text that leaves this file holds
 * it, whatever a server writes back.
 *
 * initialize and launch must not happen twice. They are sent once; when it
 * cannot be known whether the server acted (no answer after bytes went out,
 * a gateway's 5xx, a 200 whose body makes no sense) the call ends with
 * -EINPROGRESS, and who asked must look before asking again. The other POSTs
 * end in the same state when repeated, so the HTTP client may; if a later
 * attempt is then refused, an earlier one may have been the reason, and they
 * end with -EINPROGRESS as well.
 */
#include <stdlib.h>
#include <string.h>

#include "devops_internal.h"

struct call_impl {
	struct sl_devops *d;
	char *id;   /* migration; NULL: initialize */
	char *time; /* cleanup; escaped; NULL: now */
	struct sl_migration_status *status;
	bool lost; /* the last attempt may have been acted upon */
};

struct verb {
	const char *method;
	const char *path; /* behind the migration's ID */
	bool needs_id;
	bool once;	/* must not be repeated blindly */
	bool must_tell; /* an answer without a status is no answer */
	const char *what;
};

static const struct verb verbs[] = {
	[SL_API_INITIALIZE] = { "POST", "/initialize", false, true, true,
				"start a migration" },
	[SL_API_STATUS] = { "GET", "", true, false, true,
			    "read the migration's status" },
	[SL_API_LAUNCH] = { "POST", "/launch", true, true, false,
			    "launch the migration" },
	[SL_API_PAUSE] = { "POST", "/pause", true, false, false,
			   "pause the migration" },
	[SL_API_RESUME] = { "POST", "/resume", true, false, false,
			    "resume the migration" },
	[SL_API_ABORT] = { "POST", "/abort", true, false, false,
			   "abort the migration" },
	[SL_API_CLEANUP] = { "POST", "/cleanup", true, false, false,
			     "clean up the migration" },
};

static struct sl_devops_call *call_of(struct sl_http_call *h)
{
	return sl_container_of(h, struct sl_devops_call, http);
}

static bool time_fits(const char *t)
{
	int64_t ms;

	return sl_time_parse(t, &ms) == 0;
}

static int check_inputs(struct sl_devops_call *c, struct sl_error *e)
{
	const struct call_impl *p = c->impl;
	const char *id = p->id ? p->id : "";

	if (verbs[c->verb].needs_id && !sl_uuid_valid(id))
		return sl_error_set(e, EINVAL, "cannot use migration ID '%s': "
				    "no UUID (8-4-4-4-12 hex digits)",
				    sl_quote_body(id, strlen(id)).text);
	if (p->time && !time_fits(p->time))
		return sl_error_set(e, EINVAL, "cannot use time '%s': not of "
				    "the form 2026-12-01T14:30:00Z",
				    sl_quote_body(p->time,
						  strlen(p->time)).text);
	return 0;
}

static int build_url(const struct sl_devops_call *c, struct sl_buf *url)
{
	const struct call_impl *p = c->impl;
	const struct verb *v = &verbs[c->verb];

	sl_buf_puts(url, p->d->base);
	if (v->needs_id)
		sl_buf_printf(url, "/%s", p->id);
	sl_buf_puts(url, v->path);
	if (c->verb == SL_API_CLEANUP && p->time) {
		sl_buf_puts(url, "?option.cleanupTime=");
		/* Of the characters of a time only '+' has a meaning here. */
		for (const char *t = p->time; *t; t++) {
			if (*t == '+')
				sl_buf_puts(url, "%2B");
			else
				sl_buf_append(url, t, 1);
		}
	}
	return sl_buf_error(url);
}

static int prepare(struct sl_http_call *h, struct sl_http_request *req,
		   const struct sl_cred *cred)
{
	struct sl_devops_call *c = call_of(h);
	const struct call_impl *p = c->impl;
	int r = check_inputs(c, &h->error);

	(void)cred;
	if (r)
		return r;
	req->method = verbs[c->verb].method;
	req->max_response = SL_API_BODY_MAX;
	req->total_timeout_ms = 60000;
	r = build_url(c, &req->url);
	sl_buf_puts(&req->headers, "Authorization: Bearer ");
	sl_buf_puts(&req->headers, p->d->token);
	sl_buf_puts(&req->headers, "\nAccept: application/json\n");
	if (r || sl_buf_error(&req->headers))
		return sl_error_set(&h->error, ENOMEM, "out of memory");
	return 0;
}

/* Foreign text that repeats the token, wherever the server put it. */
static void blot(char *s, const char *token)
{
	size_t n = strlen(token);

	for (char *at = strstr(s, token); at; at = strstr(at, token)) {
		memset(at, '*', n);
		at += n;
	}
}

static void blot_status(struct sl_migration_status *s, const char *token)
{
	blot(s->status, token);
	blot(s->progress_info, token);
	blot(s->bucket_dir, token);
	blot(s->redacted_json, token);
}

static int check_status(const struct sl_devops_call *c,
			const struct sl_migration_status *s,
			struct sl_error *e)
{
	const struct call_impl *p = c->impl;
	bool clear = !strncasecmp(s->bucket_dir, "http://", 7) ||
		     !strncasecmp(s->bucket_dir, "file:", 5);

	if (p->id && strcasecmp(s->id, p->id))
		return sl_error_set(e, EPROTO, "cannot use the answer: it is "
				    "about migration '%s'", s->id);
	if (*s->db_id && strcasecmp(s->db_id, p->d->db_id))
		return sl_error_set(e, EPROTO, "cannot use the answer: it is "
				    "about database '%s'", s->db_id);
	if (clear && !p->d->loopback)
		return sl_error_set(e, EPROTO, "cannot use uploadBucketDir "
				    "'%s': neither s3, gs nor https",
				    s->bucket_dir);
	return 0;
}

static int take_status(struct sl_devops_call *c,
		       const struct sl_http_response *r, struct sl_error *e)
{
	struct call_impl *p = c->impl;
	struct sl_migration_status *s = NULL;
	int err;

	if (r->truncated)
		return sl_error_set(e, EPROTO, "cannot read the answer: over "
				    "%u bytes", SL_API_BODY_MAX);
	err = sl_migration_status_parse(sl_buf_str(&r->body), r->body.len, &s,
					e);
	if (!err)
		err = check_status(c, s, e);
	if (err) {
		/* The quote may hold the token, or the half of it. */
		if (memmem(sl_buf_str(&r->body), r->body.len, p->d->token,
			   strlen(p->d->token)))
			sl_error_set(e, -err, "cannot use the answer: it "
				     "repeats the token");
		sl_migration_status_free(s);
		return err == -E2BIG ? -EPROTO : err;
	}
	blot_status(s, p->d->token);
	s->server_ms = r->date_ms;
	sl_migration_status_free(p->status);
	p->status = s;
	return 0;
}

/*
 * A 2xx. POSTs other than initialize may answer with nothing, or with some
 * object; with a page of HTML it was not the service that answered.
 */
static enum sl_verdict judge_good(struct sl_devops_call *c,
				  const struct sl_http_response *r)
{
	const struct verb *v = &verbs[c->verb];
	const char *body = sl_buf_str(&r->body);
	SL_CLEANUP(json) cJSON *doc = NULL;
	int err;

	if (!v->must_tell) {
		doc = sl_json_parse(body, r->body.len);
		if (!r->body.len ||
		    (doc && !sl_json_string(doc, "migrationID")))
			return SL_V_OK;
	}
	err = take_status(c, r, &c->http.error);
	return err ? SL_V_FATAL : SL_V_OK;
}

static enum sl_verdict judge_transport(struct sl_devops_call *c,
				       const struct sl_http_response *r)
{
	struct call_impl *p = c->impl;

	p->lost = r->sent_all;
	sl_error_clear(&c->http.error);
	sl_error_set(&c->http.error, ETIMEDOUT,
		     "cannot reach the DevOps API: %s", r->curl_text);
	return sl_http_hopeless(r) ? SL_V_FATAL : SL_V_RETRY;
}

static int64_t retry_after(const struct sl_http_response *r)
{
	char text[32];
	char *end;
	long s;

	if (!sl_http_header(r, "retry-after", text, sizeof(text)))
		return 0;
	s = strtol(text, &end, 10);
	return end == text || *end || s < 0 ? 0 : (s > 600 ? 600 : s) * 1000L;
}

static void describe(struct sl_devops_call *c,
		     const struct sl_http_response *r,
		     const struct sl_api_row *row)
{
	const struct call_impl *p = c->impl;
	struct sl_error *e = &c->http.error;
	const char *body = sl_buf_str(&r->body);
	bool html = sl_api_is_html(body, r->body.len);
	int errnum = row->errnum == EACCES && html ? EPROTO : row->errnum;
	struct sl_quote q;

	sl_error_clear(e);
	q = sl_api_words(body, r->body.len, p->d->token, e);
	e->http_status = r->status;
	sl_error_set(e, errnum, "%s (HTTP %d%s%s)%s%s%s", row->text,
		     r->status, e->code[0] ? ", " : "", e->code,
		     q.text[0] ? ": '" : "", q.text, q.text[0] ? "'" : "");
	blot(e->text, p->d->token);
	blot(e->code, p->d->token);
}

static enum sl_verdict judge(struct sl_http_call *h,
			     const struct sl_http_response *r,
			     const struct sl_cred *cred)
{
	struct sl_devops_call *c = call_of(h);
	struct call_impl *p = c->impl;
	const struct sl_api_row *row = sl_api_row(r->status);
	enum sl_verdict v = row->verdict;

	(void)cred;
	if (r->curl_code)
		return judge_transport(c, r);
	if (v == SL_V_OK) {
		v = judge_good(c, r);
		h->error.http_status = r->status;
	} else {
		describe(c, r, row);
		h->retry_after_ms = retry_after(r);
	}
	p->lost = v == SL_V_RETRY ||
		  (v == SL_V_FATAL && row->verdict == SL_V_OK);
	return v;
}

static bool outcome_unknown(const struct sl_devops_call *c, int err)
{
	const struct call_impl *p = c->impl;
	const struct verb *v = &verbs[c->verb];

	if (!err || c->verb == SL_API_STATUS)
		return false;
	if (v->once)
		return p->lost;
	/* Refused, but an attempt before may have been what it refers to. */
	return c->http.attempts > 1 && (err == -EBUSY || err == -EINVAL);
}

static void free_impl(struct call_impl *p)
{
	if (!p)
		return;
	sl_migration_status_free(p->status);
	free(p->id);
	free(p->time);
	free(p);
}

static void done(struct sl_http_call *h, int err)
{
	struct sl_devops_call *c = call_of(h);
	struct call_impl *p = c->impl;

	c->err = outcome_unknown(c, err) ? -EINPROGRESS : err;
	c->error = h->error;
	c->status = NULL;
	if (!err)
		c->status = sl_steal(&p->status);
	if (err && !c->error.errnum)
		sl_error_set(&c->error, -err, "%s", strerror(-err));
	if (err)
		sl_error_prefix(&c->error, "cannot %s", verbs[c->verb].what);
	else
		sl_error_clear(&c->error);
	c->error.errnum = -c->err;
	c->impl = NULL;
	free_impl(p);
	c->done(c);
}

/* Without memory for the call itself only the HTTP thread may say so. */
static int prepare_nothing(struct sl_http_call *h,
			   struct sl_http_request *req,
			   const struct sl_cred *cred)
{
	(void)req;
	(void)cred;
	return sl_error_set(&h->error, ENOMEM, "out of memory");
}

static enum sl_verdict judge_nothing(struct sl_http_call *h,
				     const struct sl_http_response *r,
				     const struct sl_cred *cred)
{
	(void)h;
	(void)r;
	(void)cred;
	return SL_V_FATAL;
}

static void done_nothing(struct sl_http_call *h, int err)
{
	struct sl_devops_call *c = call_of(h);

	c->err = err;
	c->error = h->error;
	c->done(c);
}

static struct call_impl *make_impl(struct sl_devops *d,
				   const struct sl_devops_call *c)
{
	struct call_impl *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->d = d;
	p->id = c->migration_id ? strdup(c->migration_id) : NULL;
	p->time = c->cleanup_time ? strdup(c->cleanup_time) : NULL;
	if ((c->migration_id && !p->id) || (c->cleanup_time && !p->time)) {
		free_impl(p);
		return NULL;
	}
	return p;
}

void sl_devops_start(struct sl_devops *d, struct sl_devops_call *c)
{
	static const struct sl_http_call_ops ops = {
		.prepare = prepare,
		.judge = judge,
		.done = done,
	};
	static const struct sl_http_call_ops no_memory = {
		.prepare = prepare_nothing,
		.judge = judge_nothing,
		.done = done_nothing,
	};

	c->err = 0;
	c->status = NULL;
	sl_error_clear(&c->error);
	memset(&c->http, 0, sizeof(c->http));
	c->impl = make_impl(d, c);
	c->http.ops = c->impl ? &ops : &no_memory;
	c->http.idempotent = !verbs[c->verb].once;
	c->http.retry_for_ms = c->retry_for_ms;
	sl_http_start(d->http, &c->http);
}

void sl_devops_cancel(struct sl_devops *d, struct sl_devops_call *c)
{
	sl_http_cancel(d->http, &c->http);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for backends/http without threads, for tests of the flows of a
 * cloud backend: calls are queued by sl_http_start() and run by pump(), on
 * the test's thread, against a script of answers in order. Retries come at
 * once; credentials are asked for as the client does.
 */
#ifndef PUMP_HTTP_H
#define PUMP_HTTP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"

struct pump_answer {
	const char *want;    /* "METHOD URL" must contain it */
	int status;
	const char *headers; /* "name: value\n..." */
	const char *body;
	int curl_code;	     /* after the whole request was sent */
};

struct pump_item {
	struct sl_http_call *call;
	struct sl_cred_wait wait;
	bool waiting, ready;
	int err;
};

static struct {
	const struct pump_answer *script;
	int count, at;
	struct pump_item *items[64];
	int n;
	char line[4096];    /* of the last request */
	char headers[8192];
	char body[65536];
	size_t body_len;
	char wrong[4096];   /* what did not fit the script; "" */
} pump_state;

void sl_http_start(struct sl_http *h, struct sl_http_call *c)
{
	struct pump_item *it = calloc(1, sizeof(*it));

	(void)h;
	if (!it || pump_state.n == (int)SL_ARRAY_LEN(pump_state.items))
		abort();
	it->call = c;
	c->attempts = 0;
	c->refreshes = 0;
	pump_state.items[pump_state.n++] = it;
}

void sl_http_cancel(struct sl_http *h, struct sl_http_call *c)
{
	(void)h;
	(void)c; /* what was queued is always run to its end */
}

static void pump_keep(const struct sl_http_request *req)
{
	snprintf(pump_state.line, sizeof(pump_state.line), "%s %s",
		 req->method, sl_buf_str(&req->url));
	snprintf(pump_state.headers, sizeof(pump_state.headers), "%s",
		 sl_buf_str(&req->headers));
	pump_state.body_len = 0;
	for (int i = 0; i < req->body_count; i++) {
		size_t n = req->body[i].iov_len;

		if (n > sizeof(pump_state.body) - 1 - pump_state.body_len)
			abort();
		memcpy(pump_state.body + pump_state.body_len,
		       req->body[i].iov_base, n);
		pump_state.body_len += n;
	}
	if (pump_state.body_len != req->body_len)
		abort();
	pump_state.body[pump_state.body_len] = '\0';
}

static const struct pump_answer *pump_next(void)
{
	static const struct pump_answer none = { .status = 418 };
	const struct pump_answer *a;

	if (pump_state.at >= pump_state.count) {
		snprintf(pump_state.wrong, sizeof(pump_state.wrong),
			 "not expected: %.2000s", pump_state.line);
		return &none;
	}
	a = &pump_state.script[pump_state.at++];
	if (a->want && !strstr(pump_state.line, a->want) &&
	    !pump_state.wrong[0])
		snprintf(pump_state.wrong, sizeof(pump_state.wrong),
			 "%d: %.2000s is not %.1000s", pump_state.at,
			 pump_state.line, a->want);
	return a;
}

static void pump_fill(struct sl_http_response *r, const struct pump_answer *a)
{
	*r = (struct sl_http_response){ .curl_code = a->curl_code,
					.status = a->curl_code ? 0 : a->status,
					.sent_all = true };
	sl_buf_init(&r->headers, 65536);
	sl_buf_init(&r->body, 1024 * 1024);
	if (a->headers)
		sl_buf_puts(&r->headers, a->headers);
	if (a->body)
		sl_buf_puts(&r->body, a->body);
}

static int pump_sink(struct sl_http_call *c, struct sl_http_response *r)
{
	int err;

	if (!c->ops->sink || r->status < 200 || r->status > 299 || !r->body.len)
		return 0;
	c->answer = r;
	err = c->ops->sink(c, r->body.data, r->body.len);
	c->answer = NULL;
	sl_buf_clear(&r->body);
	return err;
}

/* One attempt: the verdict, or -errno of what ended the call. */
static int pump_attempt(struct sl_http_call *c, const struct sl_cred *cred)
{
	struct sl_http_request req = { .method = NULL };
	struct sl_http_response r;
	int v;

	sl_buf_init(&req.url, 8192);
	sl_buf_init(&req.headers, 16384);
	c->attempts++;
	v = c->ops->prepare(c, &req, cred);
	if (!v) {
		pump_keep(&req);
		pump_fill(&r, pump_next());
		v = pump_sink(c, &r);
		sl_error_clear(&c->error);
		if (!v)
			v = (int)c->ops->judge(c, &r, cred);
		sl_buf_release(&r.headers);
		sl_buf_release(&r.body);
	}
	sl_buf_release(&req.url);
	sl_buf_release(&req.headers);
	return v;
}

static void pump_ready(struct sl_cred_wait *w, int err)
{
	struct pump_item *it = sl_container_of(w, struct pump_item, wait);

	it->ready = true;
	it->err = err;
}

static void pump_refuse(struct pump_item *it, uint64_t generation)
{
	it->waiting = true;
	it->ready = false;
	it->wait = (struct sl_cred_wait){ .ready = pump_ready };
	it->call->refreshes++;
	sl_cred_refused(it->call->creds, generation, &it->wait);
}

static void pump_end(struct pump_item *it, int err)
{
	struct sl_http_call *c = it->call;
	int i = 0;

	while (pump_state.items[i] != it)
		i++;
	pump_state.n--;
	memmove(&pump_state.items[i], &pump_state.items[i + 1],
		(size_t)(pump_state.n - i) * sizeof(it));
	free(it);
	c->ops->done(c, err);
}

static void pump_judge(struct pump_item *it, int v, uint64_t generation)
{
	struct sl_http_call *c = it->call;

	if (v == SL_V_OK)
		pump_end(it, 0);
	else if (v < 0)
		pump_end(it, v);
	else if (v == SL_V_REFRESH && c->refreshes < 4)
		pump_refuse(it, generation);
	else if ((v == SL_V_RETRY || v == SL_V_THROTTLE ||
		  v == SL_V_WRONG_REGION) && c->attempts < 20)
		return; /* it stays, and is run again */
	else if (v == SL_V_RESTART_FILE)
		pump_end(it, -ESTALE);
	else if (v == SL_V_EXISTS)
		pump_end(it, -EEXIST);
	else
		pump_end(it, c->error.errnum ? -c->error.errnum : -EIO);
}

static void pump_run(struct pump_item *it)
{
	struct sl_http_call *c = it->call;
	SL_CLEANUP(cred) struct sl_cred *cred = NULL;
	uint64_t generation;

	if (it->waiting && it->err) {
		pump_end(it, it->err);
		return;
	}
	it->waiting = false;
	cred = c->creds ? sl_cred_get(c->creds) : NULL;
	if (c->creds && !cred) {
		pump_refuse(it, 0);
		return;
	}
	generation = cred ? cred->generation : 0;
	pump_judge(it, pump_attempt(c, cred), generation);
}

/* Runs calls until nobody has anything to do. */
static void pump(void)
{
	for (int i = 0; i < pump_state.n;) {
		struct pump_item *it = pump_state.items[i];

		if (it->waiting && !it->ready) {
			i++;
			continue;
		}
		pump_run(it);
		i = 0;
	}
}

static void pump_script(const struct pump_answer *script, int count)
{
	pump_state.script = script;
	pump_state.count = count;
	pump_state.at = 0;
	pump_state.wrong[0] = '\0';
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stand-in for backends/http, for tests of its callers: defines the
 * functions of http.h over one thread and a respond() that the test scripts.
 * It retries as the real client promises, without waiting.
 */
#ifndef FAKE_HTTP_H
#define FAKE_HTTP_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http.h"
#include "lock.h"

struct fake_answer {
	int status;
	const char *body;
	size_t body_len;   /* 0: strlen */
	const char *headers;
	int curl_code;
	bool sent_all;
	bool truncated;
	int64_t date_ms;
	bool hold;	   /* nothing comes until fake_release or cancel */
	bool auth;	   /* out: the request carried FAKE_TOKEN */
};

#define FAKE_TOKEN "AstraCS:abcdefgh:0123456789abcdef"

struct fake_item {
	struct fake_item *next;
	struct sl_http_call *call;
	bool cancelled;
};

/* The one client; all guarded by lock. */
static struct {
	struct sl_mutex lock;
	struct sl_cond cond;
	pthread_t thread;
	bool stop, released;
	bool busy;    /* a call is between start and the end of done() */
	bool holding; /* ... and is being held */
	struct fake_item *queue;
	struct fake_item *current;
	int requests;
	char last_method[8];
	char last_url[4096];
	char last_headers[8192];
	char last_body[16384];
} fake = { .lock = SL_MUTEX_INIT };

/* Set before the client is used; runs without the lock. */
static void (*fake_respond)(const char *method, const char *url,
			    struct fake_answer *a);

static void fake_fill(struct sl_http_response *r, const struct fake_answer *a)
{
	size_t n = a->body_len ? a->body_len : a->body ? strlen(a->body) : 0;

	memset(r, 0, sizeof(*r));
	sl_buf_init(&r->headers, 65536);
	sl_buf_init(&r->body, 1024 * 1024);
	r->curl_code = a->curl_code;
	r->status = a->curl_code ? 0 : a->status;
	r->sent_all = a->curl_code ? a->sent_all : true;
	r->truncated = a->truncated || n > r->body.max;
	r->date_ms = a->date_ms;
	if (n)
		sl_buf_append(&r->body, a->body,
			      n > r->body.max ? r->body.max : n);
	if (a->headers)
		sl_buf_puts(&r->headers, a->headers);
	if (a->curl_code)
		snprintf(r->curl_text, sizeof(r->curl_text), "curl %d",
			 a->curl_code);
}

static bool fake_wait_held(struct fake_item *it)
{
	bool cancelled;

	sl_mutex_lock(&fake.lock);
	fake.holding = true;
	while (!fake.released && !it->cancelled && !fake.stop)
		sl_cond_wait(&fake.cond, &fake.lock);
	fake.holding = false;
	cancelled = it->cancelled || fake.stop;
	sl_mutex_unlock(&fake.lock);
	return cancelled;
}

static void fake_keep_body(const struct sl_http_request *req)
{
	size_t have = 0;

	for (int i = 0; i < req->body_count; i++) {
		size_t n = req->body[i].iov_len;

		if (n > sizeof(fake.last_body) - 1 - have)
			n = sizeof(fake.last_body) - 1 - have;
		memcpy(fake.last_body + have, req->body[i].iov_base, n);
		have += n;
	}
	fake.last_body[have] = '\0';
}

/* One attempt: 1 again, else the result for done(). */
static int fake_attempt(struct fake_item *it)
{
	struct sl_http_call *c = it->call;
	struct sl_http_request req = { 0 };
	struct sl_http_response resp;
	struct fake_answer a = { 0 };
	enum sl_verdict v;
	int r;

	sl_buf_init(&req.url, 8192);
	sl_buf_init(&req.headers, 16384);
	r = c->ops->prepare(c, &req, NULL);
	if (r) {
		sl_buf_release(&req.url);
		sl_buf_release(&req.headers);
		return r;
	}
	c->attempts++;
	sl_mutex_lock(&fake.lock);
	fake.requests++;
	snprintf(fake.last_method, sizeof(fake.last_method), "%s", req.method);
	snprintf(fake.last_url, sizeof(fake.last_url), "%s",
		 sl_buf_str(&req.url));
	snprintf(fake.last_headers, sizeof(fake.last_headers), "%s",
		 sl_buf_str(&req.headers));
	fake_keep_body(&req);
	sl_mutex_unlock(&fake.lock);
	a.auth = strstr(sl_buf_str(&req.headers),
			"Authorization: Bearer " FAKE_TOKEN "\n") != NULL;
	fake_respond(req.method, sl_buf_str(&req.url), &a);
	sl_buf_release(&req.url);
	sl_buf_wipe(&req.headers);
	if (a.hold && fake_wait_held(it))
		return -ECANCELED;
	fake_fill(&resp, &a);
	v = c->ops->judge(c, &resp, NULL);
	sl_buf_release(&resp.headers);
	sl_buf_release(&resp.body);
	if (v == SL_V_OK)
		return 0;
	if (v == SL_V_WRONG_REGION) /* at once */
		return c->attempts < 8 ? 1 : -EPROTO;
	if ((v == SL_V_RETRY || v == SL_V_THROTTLE) && c->retry_for_ms &&
	    c->attempts < 8 &&
	    (c->idempotent || (a.curl_code && !a.sent_all)))
		return 1;
	return c->error.errnum ? -c->error.errnum : -EIO;
}

static void fake_serve(struct fake_item *it)
{
	int r;

	do {
		sl_mutex_lock(&fake.lock);
		r = it->cancelled ? -ECANCELED : 1;
		sl_mutex_unlock(&fake.lock);
		if (r == 1)
			r = fake_attempt(it);
	} while (r == 1);
	sl_mutex_lock(&fake.lock);
	fake.current = NULL;
	sl_mutex_unlock(&fake.lock);
	it->call->ops->done(it->call, r);
	free(it);
}

static void *fake_thread(void *arg)
{
	(void)arg;
	sl_mutex_lock(&fake.lock);
	for (;;) {
		struct fake_item *it = fake.queue;

		if (!it) {
			if (fake.stop)
				break;
			sl_cond_wait(&fake.cond, &fake.lock);
			continue;
		}
		fake.queue = it->next;
		fake.current = it;
		fake.busy = true;
		sl_mutex_unlock(&fake.lock);
		fake_serve(it);
		sl_mutex_lock(&fake.lock);
		fake.busy = false;
	}
	sl_mutex_unlock(&fake.lock);
	return NULL;
}

static void fake_begin(void)
{
	sl_cond_init(&fake.cond);
	fake.stop = fake.released = false;
	fake.requests = 0;
	if (pthread_create(&fake.thread, NULL, fake_thread, NULL))
		abort();
}

static void fake_end(void)
{
	sl_mutex_lock(&fake.lock);
	fake.stop = true;
	sl_cond_broadcast(&fake.cond);
	sl_mutex_unlock(&fake.lock);
	if (pthread_join(fake.thread, NULL))
		abort();
	sl_cond_release(&fake.cond);
}

__attribute__((unused)) static void fake_release(void)
{
	sl_mutex_lock(&fake.lock);
	fake.released = true;
	sl_cond_broadcast(&fake.cond);
	sl_mutex_unlock(&fake.lock);
}

/* Nothing will come from here unless something new is asked. */
__attribute__((unused)) static bool fake_idle(void)
{
	SL_LOCK_SCOPE(&fake.lock);
	return !fake.queue && (!fake.busy || fake.holding);
}

__attribute__((unused)) static int fake_requests(void)
{
	SL_LOCK_SCOPE(&fake.lock);
	return fake.requests;
}

void sl_http_start(struct sl_http *h, struct sl_http_call *c)
{
	struct fake_item *it = calloc(1, sizeof(*it));
	struct fake_item **p;

	(void)h;
	if (!it)
		abort();
	it->call = c;
	SL_LOCK_SCOPE(&fake.lock);
	for (p = &fake.queue; *p; p = &(*p)->next)
		;
	*p = it;
	sl_cond_broadcast(&fake.cond);
}

void sl_http_cancel(struct sl_http *h, struct sl_http_call *c)
{
	(void)h;
	SL_LOCK_SCOPE(&fake.lock);
	for (struct fake_item *it = fake.queue; it; it = it->next)
		it->cancelled |= it->call == c;
	if (fake.current && fake.current->call == c)
		fake.current->cancelled = true;
	sl_cond_broadcast(&fake.cond);
}

/* 60: CURLE_PEER_FAILED_VERIFICATION */
bool sl_http_hopeless(const struct sl_http_response *r)
{
	return r->curl_code == 60;
}

bool sl_http_header(const struct sl_http_response *r, const char *name,
		    char *dst, size_t size)
{
	const char *line = strcasestr(sl_buf_str(&r->headers), name);
	size_t n = strlen(name);

	if (!line || line[n] != ':')
		return false;
	line += n + 1;
	line += strspn(line, " ");
	sl_text_clean(dst, size, line, strcspn(line, "\n"));
	return true;
}

#endif

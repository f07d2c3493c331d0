/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Azure backend over a client that answers from a script, at once and on
 * the test's own thread: a test starts an op, lets rig_run() serve it, and
 * looks at the requests that were made.
 */
#ifndef AZURE_RIG_H
#define AZURE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "backend.h"
#include "backends/azure/azure.h"
#include "backends/azure/internal.h"

#define RIG_URL "https://acc.blob.core.windows.net/box/top/sstables/"
#define RIG_SAS "sv=2021-12-02&si=pol&sr=c&sig=a%2Bb%3D"

struct rig_answer {
	int status; /* 0: none came, the request had gone out */
	const char *headers, *body;
};

struct rig_request {
	char method[8], url[2048], headers[2048], body[2048];
};

static struct {
	struct sl_http_call *call; /* started, not served yet */
	const struct rig_answer *script;
	size_t answers, at;
	struct rig_request seen[32];
	size_t requests;
	struct sl_cred *cred;
	struct sl_cred_source source;
	struct sl_backend *b;
	bool ended;
	bool renews; /* who asks for credentials gets others */
	int asked;   /* for newer credentials, by this op */
} rig;

void sl_http_start(struct sl_http *h, struct sl_http_call *c)
{
	(void)h;
	assert_null(rig.call);
	rig.call = c;
}

void sl_http_cancel(struct sl_http *h, struct sl_http_call *c)
{
	(void)h;
	(void)c;
}

static struct sl_cred *rig_get(struct sl_cred_source *s)
{
	(void)s;
	return sl_cred_ref(rig.cred);
}

static const struct sl_cred_source_ops rig_source_ops = { .get = rig_get };

static void rig_note(const struct sl_http_request *req)
{
	struct rig_request *s = &rig.seen[rig.requests++];
	size_t have = 0;

	assert_true(rig.requests <= SL_ARRAY_LEN(rig.seen));
	snprintf(s->method, sizeof(s->method), "%s", req->method);
	snprintf(s->url, sizeof(s->url), "%s", sl_buf_str(&req->url));
	snprintf(s->headers, sizeof(s->headers), "%s",
		 sl_buf_str(&req->headers));
	for (int i = 0; i < req->body_count; i++) {
		assert_true(have + req->body[i].iov_len < sizeof(s->body));
		memcpy(s->body + have, req->body[i].iov_base,
		       req->body[i].iov_len);
		have += req->body[i].iov_len;
	}
	s->body[have] = '\0';
	assert_int_equal(have, req->body_len);
}

static void rig_respond(struct sl_http_response *r)
{
	const struct rig_answer *a = &rig.script[rig.at++];

	assert_true(rig.at <= rig.answers);
	*r = (struct sl_http_response){
		.curl_code = a->status ? 0 : 56, /* CURLE_RECV_ERROR */
		.status = a->status,
		.headers = SL_BUF_INIT(8192),
		.body = SL_BUF_INIT(65536),
		.sent_all = true,
	};
	if (a->headers)
		sl_buf_puts(&r->headers, a->headers);
	if (a->body)
		sl_buf_puts(&r->body, a->body);
}

static void rig_renew(struct sl_http_call *c)
{
	c->refreshes++;
	rig.asked++;
	rig.cred->generation += rig.renews;
}

/* One attempt: 1 again, else the call's end. */
static int rig_attempt(struct sl_http_call *c, const struct sl_cred *cred)
{
	struct sl_http_request req = { .url = SL_BUF_INIT(8192),
				       .headers = SL_BUF_INIT(8192) };
	struct sl_http_response r;
	enum sl_verdict v = SL_V_OK;
	int err = c->ops->prepare(c, &req, cred);

	c->attempts++;
	if (!err) {
		rig_note(&req);
		rig_respond(&r);
		sl_error_clear(&c->error);
		c->answer = &r;
		if (c->ops->sink && r.status / 100 == 2 && r.body.len)
			err = c->ops->sink(c, r.body.data, r.body.len);
		c->answer = NULL;
		v = c->ops->judge(c, &r, cred);
		sl_buf_release(&r.headers);
		sl_buf_release(&r.body);
	}
	sl_buf_release(&req.url);
	sl_buf_release(&req.headers);
	if (err || v == SL_V_OK)
		return err;
	if (v == SL_V_REFRESH)
		rig_renew(c);
	if (v == SL_V_RETRY || v == SL_V_THROTTLE || v == SL_V_WRONG_REGION ||
	    (v == SL_V_REFRESH && c->refreshes < 3))
		return 1;
	if (v == SL_V_RESTART_FILE)
		return -ESTALE;
	return v == SL_V_EXISTS ? -EEXIST : -c->error.errnum;
}

static void rig_ended(struct sl_op *op)
{
	(void)op;
	rig.ended = true;
}

/* Serves an op to its end by the script; all answers must have been used. */
static int rig_serve(struct sl_op *op, sl_backend_start_fn *start,
		     const struct rig_answer *script, size_t answers)
{
	rig.script = script;
	rig.answers = answers;
	rig.at = rig.requests = 0;
	rig.asked = 0;
	rig.ended = false;
	op->done = rig_ended;
	op->retry_for_ms = -1;
	start(rig.b, op);
	while (rig.call) {
		struct sl_http_call *c = sl_steal(&rig.call);
		int r;

		do
			r = rig_attempt(c, c->creds ? rig.cred : NULL);
		while (r == 1);
		c->ops->done(c, r);
	}
	assert_true(rig.ended);
	assert_int_equal(rig.at, answers);
	return op->err;
}

#define RIG_RUN(op, start, script) \
	rig_serve(op, start, script, SL_ARRAY_LEN(script))
#define RIG_RUN_NONE(op, start) rig_serve(op, start, NULL, 0)

__attribute__((unused))
static bool rig_sent(size_t request, const char *header)
{
	assert_true(request < rig.requests);
	return strstr(rig.seen[request].headers, header) != NULL;
}

__attribute__((unused)) static int rig_up(void **state)
{
	struct sl_backend_config cfg = { .url = RIG_URL };
	struct sl_error e = { 0 };
	static char client; /* borrowed, and never looked at */

	(void)state;
	memset(&rig, 0, sizeof(rig));
	rig.source.ops = &rig_source_ops;
	rig.cred = sl_cred_new(SL_CRED_AZURE, 1, RIG_URL, RIG_SAS, NULL);
	cfg.http = (struct sl_http *)(void *)&client;
	cfg.creds = &rig.source;
	return sl_azure_backend_open(&cfg, &rig.b, &e);
}

__attribute__((unused)) static int rig_down(void **state)
{
	(void)state;
	sl_backend_close(rig.b);
	sl_cred_unref(rig.cred);
	return 0;
}

#define RIGGED(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)

#endif

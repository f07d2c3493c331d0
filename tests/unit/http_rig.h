/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client's rig for tests: a tiny server in this process that answers
 * what a script says, one line of the script per request, a call that keeps
 * what happened to it, and a clock fast enough for waits between attempts.
 */
#ifndef HTTP_RIG_H
#define HTTP_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http.h"
#include "lock.h"

#define OK_ANSWER "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define MAX_SCRIPT 8

struct server {
	int fd;
	int port;
	pthread_t thread;
	const char *script[MAX_SCRIPT]; /* NULL: close without an answer */
	int script_len;
	int requests;			/* atomic */
	char last[4096];		/* head of the last request */
	size_t last_body;
	size_t first;			/* bytes of its first recv() */
};

/* Reads one request; false when the peer closed. */
static inline bool read_request(struct server *s, int fd)
{
	size_t n = 0, want = 0, body = 0;
	char *end = NULL, *len;

	while (!end && n < sizeof(s->last) - 1) {
		ssize_t r = recv(fd, s->last + n, sizeof(s->last) - 1 - n, 0);

		if (r <= 0)
			return false;
		if (!n)
			s->first = (size_t)r;
		n += (size_t)r;
		s->last[n] = '\0';
		end = strstr(s->last, "\r\n\r\n");
	}
	if (!end)
		return false;
	body = n - (size_t)(end + 4 - s->last);
	len = strcasestr(s->last, "Content-Length: ");
	if (len)
		want = strtoul(len + 16, NULL, 10);
	while (body < want) {
		char sink[65536];
		ssize_t r = recv(fd, sink, sizeof(sink), 0);

		if (r <= 0)
			return false;
		body += (size_t)r;
	}
	s->last_body = body;
	end[4] = '\0';
	return true;
}

/* One request per connection keeps the script and the requests in step. */
static inline void *serve(void *arg)
{
	struct server *s = arg;

	for (int i = 0; i < s->script_len; i++) {
		int fd = accept(s->fd, NULL, NULL);
		const char *a = s->script[i];

		if (fd < 0)
			break;
		if (read_request(s, fd)) {
			__atomic_add_fetch(&s->requests, 1, __ATOMIC_RELAXED);
			if (a && send(fd, a, strlen(a), MSG_NOSIGNAL) < 0)
				break;
		}
		shutdown(fd, SHUT_RDWR);
		close(fd);
	}
	return NULL;
}

static inline void server_start(struct server *s)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_true(s->fd >= 0);
	assert_int_equal(bind(s->fd, (void *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (void *)&a, &len), 0);
	s->port = ntohs(a.sin_port);
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static inline void server_stop(struct server *s)
{
	shutdown(s->fd, SHUT_RDWR);
	assert_int_equal(pthread_join(s->thread, NULL), 0);
	close(s->fd);
}

struct test_call {
	struct sl_http_call call;
	int port;
	const char *method;
	struct iovec body[2];
	int body_count;
	size_t body_len;
	size_t max_response;
	bool truncated;
	int status, curl_code;
	char text[64];
	uint64_t used[8]; /* credential generations */
	int used_n;
	int done_count, err;
	struct sl_mutex lock;
	struct sl_cond cond;
};

static inline int prepare(struct sl_http_call *c, struct sl_http_request *req,
		   const struct sl_cred *cred)
{
	struct test_call *t = sl_container_of(c, struct test_call, call);

	if (cred && t->used_n < 8)
		t->used[t->used_n++] = cred->generation;
	req->method = t->method ? t->method : "GET";
	req->body = t->body;
	req->body_count = t->body_count;
	req->body_len = t->body_len;
	req->max_response = t->max_response;
	sl_buf_puts(&req->headers, "Content-Type: text/plain\n");
	return sl_buf_printf(&req->url, "http://127.0.0.1:%d/a/../b", t->port);
}

static inline enum sl_verdict judge(struct sl_http_call *c,
			     const struct sl_http_response *r,
			     const struct sl_cred *cred)
{
	struct test_call *t = sl_container_of(c, struct test_call, call);

	(void)cred;
	t->status = r->status;
	t->curl_code = r->curl_code;
	t->truncated = r->truncated;
	snprintf(t->text, sizeof(t->text), "%.60s", sl_buf_str(&r->body));
	if (!r->curl_code && r->status == 200)
		return SL_V_OK;
	sl_error_set(&c->error, r->status == 403 ? EACCES : EIO, "status %d",
		     r->status);
	if (r->status == 403)
		return SL_V_REFRESH;
	if (r->status == 503)
		return SL_V_THROTTLE;
	return r->status && !r->curl_code ? SL_V_FATAL : SL_V_RETRY;
}

static inline void done(struct sl_http_call *c, int err)
{
	struct test_call *t = sl_container_of(c, struct test_call, call);

	SL_LOCK_SCOPE(&t->lock);
	t->err = err;
	t->done_count++;
	sl_cond_signal(&t->cond);
}

static const struct sl_http_call_ops ops = {
	.prepare = prepare, .judge = judge, .done = done,
};

static inline void call_init(struct test_call *t, int port)
{
	t->call.ops = &ops;
	t->call.idempotent = true;
	t->call.retry_for_ms = -1;
	t->port = port;
	sl_mutex_init(&t->lock);
	sl_cond_init(&t->cond);
}

static inline int call_wait(struct test_call *t)
{
	sl_mutex_lock(&t->lock);
	while (!t->done_count)
		sl_cond_wait(&t->cond, &t->lock);
	sl_mutex_unlock(&t->lock);
	assert_int_equal(t->done_count, 1);
	return t->err;
}

/* A clock that runs a thousand times as fast as the machine's. */
static inline int64_t fast_mono(const struct sl_clock *c)
{
	(void)c;
	return sl_mono_ms(&sl_clock_system) * 1000;
}

static inline int64_t fast_wall(const struct sl_clock *c)
{
	(void)c;
	return sl_wall_ms(&sl_clock_system);
}

static const struct sl_clock fast_clock = { fast_mono, fast_wall };

static inline struct sl_http *client(void)
{
	const struct sl_http_config cfg = {
		.threads = 2, .connections = 4, .retry_for_ms = 100000000,
		.clock = &fast_clock,
	};
	struct sl_http *h = NULL;

	assert_int_equal(sl_http_new(&cfg, &h, NULL), 0);
	return h;
}

static inline int run(struct server *s, struct test_call *t)
{
	struct sl_http *h = client();
	int err;

	server_start(s);
	call_init(t, s->port);
	sl_http_start(h, &t->call);
	err = call_wait(t);
	sl_http_free(h);
	server_stop(s);
	return err;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP client against a tiny server in this process that answers what a
 * script says, one line of the script per request.
 */
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
};

/* Reads one request; false when the peer closed. */
static bool read_request(struct server *s, int fd)
{
	size_t n = 0, want = 0, body = 0;
	char *end = NULL, *len;

	while (!end && n < sizeof(s->last) - 1) {
		ssize_t r = recv(fd, s->last + n, sizeof(s->last) - 1 - n, 0);

		if (r <= 0)
			return false;
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
static void *serve(void *arg)
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

static void server_start(struct server *s)
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

static void server_stop(struct server *s)
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

static int prepare(struct sl_http_call *c, struct sl_http_request *req,
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

static enum sl_verdict judge(struct sl_http_call *c,
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

static void done(struct sl_http_call *c, int err)
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

static void call_init(struct test_call *t, int port)
{
	t->call.ops = &ops;
	t->call.idempotent = true;
	t->call.retry_for_ms = -1;
	t->port = port;
	sl_mutex_init(&t->lock);
	sl_cond_init(&t->cond);
}

static int call_wait(struct test_call *t)
{
	sl_mutex_lock(&t->lock);
	while (!t->done_count)
		sl_cond_wait(&t->cond, &t->lock);
	sl_mutex_unlock(&t->lock);
	assert_int_equal(t->done_count, 1);
	return t->err;
}

/* A clock that runs a thousand times as fast as the machine's. */
static int64_t fast_mono(const struct sl_clock *c)
{
	(void)c;
	return sl_mono_ms(&sl_clock_system) * 1000;
}

static int64_t fast_wall(const struct sl_clock *c)
{
	(void)c;
	return sl_wall_ms(&sl_clock_system);
}

static const struct sl_clock fast_clock = { fast_mono, fast_wall };

static struct sl_http *client(void)
{
	const struct sl_http_config cfg = {
		.threads = 2, .connections = 4, .retry_for_ms = 100000000,
		.clock = &fast_clock,
	};
	struct sl_http *h = NULL;

	assert_int_equal(sl_http_new(&cfg, &h, NULL), 0);
	return h;
}

static int run(struct server *s, struct test_call *t)
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

static void plain_get_keeps_the_path(void **state)
{
	struct server s = { .script = { OK_ANSWER }, .script_len = 1 };
	struct test_call t = { .status = 0 };

	(void)state;
	assert_int_equal(run(&s, &t), 0);
	assert_string_equal(t.text, "ok");
	assert_memory_equal(s.last, "GET /a/../b HTTP/1.1\r\n", 22);
	assert_null(strcasestr(s.last, "Expect"));
}

static void cut_answers_are_retried(void **state)
{
	struct server s = {
		.script = { NULL, "HTTP/1.1 200 OK\r\nContent-Le",
			    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc",
			    OK_ANSWER },
		.script_len = 4,
	};
	struct test_call t = { .status = 0 };

	(void)state;
	assert_int_equal(run(&s, &t), 0);
	assert_int_equal(t.call.attempts, 4);
	assert_int_equal(s.requests, 4);
}

static void body_goes_out_whole_again(void **state)
{
	static char bytes[300000];
	struct server s = { .script = { NULL, OK_ANSWER }, .script_len = 2 };
	struct test_call t = {
		.method = "PUT", .body_count = 2, .body_len = sizeof(bytes),
		.body = { { bytes, 1 }, { bytes + 1, sizeof(bytes) - 1 } },
	};

	(void)state;
	assert_int_equal(run(&s, &t), 0);
	assert_int_equal(s.last_body, sizeof(bytes));
	assert_non_null(strcasestr(s.last, "Content-Length: 300000\r\n"));
	assert_null(strcasestr(s.last, "chunked"));
	assert_non_null(strstr(s.last, "Content-Type: text/plain\r\n"));
}

static void unrepeatable_fails_after_reaching(void **state)
{
	struct server s = { .script = { NULL }, .script_len = 1 };
	struct test_call t = { .method = "POST" };
	struct sl_http *h = client();

	(void)state;
	server_start(&s);
	call_init(&t, s.port);
	t.call.idempotent = false;
	sl_http_start(h, &t.call);
	assert_int_equal(call_wait(&t), -EIO);
	assert_int_equal(t.call.attempts, 1);
	sl_http_free(h);
	server_stop(&s);
}

static void throttled_with_retry_after(void **state)
{
	struct server s = {
		.script = { "HTTP/1.1 503 Slow Down\r\nRetry-After: 7\r\n"
			    "Content-Length: 0\r\n\r\n", OK_ANSWER },
		.script_len = 2,
	};
	struct test_call t = { .status = 0 };
	int64_t before = sl_mono_ms(&fast_clock);

	(void)state;
	assert_int_equal(run(&s, &t), 0);
	assert_true(sl_mono_ms(&fast_clock) - before >= 7000);
}

static void oversized_body_is_cut(void **state)
{
	struct server s = {
		.script = { "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n"
			    "012345678901234567890123456789" },
		.script_len = 1,
	};
	struct test_call t = { .max_response = 10 };

	(void)state;
	assert_int_equal(run(&s, &t), 0);
	assert_true(t.truncated);
	assert_string_equal(t.text, "0123456789");
}

static void redirects_are_not_followed(void **state)
{
	struct server s = {
		.script = { "HTTP/1.1 301 Moved\r\nLocation: /x\r\n"
			    "Content-Length: 0\r\n\r\n" },
		.script_len = 1,
	};
	struct test_call t = { .status = 0 };

	(void)state;
	assert_int_equal(run(&s, &t), -EIO);
	assert_int_equal(t.status, 301);
	assert_int_equal(s.requests, 1);
}

struct source {
	struct sl_cred_source s;
	struct sl_cred *cred;
	struct sl_cred_wait *waiting;
	pthread_t thread;
	int refused;
	int result;
	bool never;
};

static struct sl_cred *src_get(struct sl_cred_source *b)
{
	return sl_cred_ref(((struct source *)b)->cred);
}

static void *renew(void *arg)
{
	struct source *s = arg;

	if (!s->result) {
		uint64_t g = s->cred->generation + 1;

		sl_cred_unref(s->cred);
		s->cred = sl_cred_new(SL_CRED_S3, g, "i", "s", NULL);
	}
	s->waiting->ready(s->waiting, s->result);
	return NULL;
}

static void src_refused(struct sl_cred_source *b, uint64_t generation,
			struct sl_cred_wait *w)
{
	struct source *s = (struct source *)b;

	assert_int_equal(generation, s->cred->generation);
	s->refused++;
	s->waiting = w;
	if (!s->never)
		assert_int_equal(pthread_create(&s->thread, NULL, renew, s), 0);
}

static void src_cancel(struct sl_cred_source *b, struct sl_cred_wait *w)
{
	(void)b;
	(void)w;
}

static const struct sl_cred_source_ops src_ops = {
	.get = src_get, .refused = src_refused, .cancel = src_cancel,
};

static void source_init(struct source *s)
{
	s->s.ops = &src_ops;
	s->cred = sl_cred_new(SL_CRED_S3, 1, "i", "s", NULL);
	assert_non_null(s->cred);
}

#define FORBIDDEN "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n"

static void refreshes_and_prepares_again(void **state)
{
	struct server srv = { .script = { FORBIDDEN, OK_ANSWER },
			      .script_len = 2 };
	struct source src = { .refused = 0 };
	struct test_call t = { .status = 0 };

	(void)state;
	source_init(&src);
	t.call.creds = &src.s;
	assert_int_equal(run(&srv, &t), 0);
	assert_int_equal(pthread_join(src.thread, NULL), 0);
	assert_int_equal(t.used_n, 2);
	assert_int_equal(t.used[1], 2);
	assert_int_equal(t.call.refreshes, 1);
	sl_cred_unref(src.cred);
}

static void refresh_that_fails_ends_the_call(void **state)
{
	struct server srv = { .script = { FORBIDDEN }, .script_len = 1 };
	struct source src = { .result = -EKEYEXPIRED };
	struct test_call t = { .status = 0 };

	(void)state;
	source_init(&src);
	t.call.creds = &src.s;
	assert_int_equal(run(&srv, &t), -EKEYEXPIRED);
	assert_int_equal(pthread_join(src.thread, NULL), 0);
	sl_cred_unref(src.cred);
}

static void cancel_while_waiting(void **state)
{
	struct server srv = { .script = { FORBIDDEN }, .script_len = 1 };
	struct source src = { .never = true };
	struct test_call t = { .status = 0 };
	struct sl_http *h = client();

	(void)state;
	source_init(&src);
	server_start(&srv);
	call_init(&t, srv.port);
	t.call.creds = &src.s;
	sl_http_start(h, &t.call);
	while (!__atomic_load_n(&srv.requests, __ATOMIC_RELAXED))
		sched_yield();
	sl_http_cancel(h, &t.call);
	assert_int_equal(call_wait(&t), -ECANCELED);
	sl_http_free(h);
	server_stop(&srv);
	sl_cred_unref(src.cred);
}

static void free_ends_what_is_queued(void **state)
{
	struct server srv = { .script_len = 0 };
	struct test_call t[20] = { { .status = 0 } };
	struct sl_http *h = client();

	(void)state;
	server_start(&srv);
	for (int i = 0; i < 20; i++) {
		call_init(&t[i], srv.port);
		t[i].call.priority = i % 3;
		sl_http_start(h, &t[i].call);
	}
	sl_http_free(h);
	for (int i = 0; i < 20; i++)
		assert_int_equal(call_wait(&t[i]), -ECANCELED);
	server_stop(&srv);
}

static void bad_configuration(void **state)
{
	struct sl_http_config cfg = { .threads = 0, .connections = 1 };
	struct sl_error e = { .errnum = 0 };
	struct sl_http *h = NULL;

	(void)state;
	assert_int_equal(sl_http_new(&cfg, &h, &e), -EINVAL);
	cfg.threads = 1;
	/* The first of the variables, so that no other one hides it. */
	assert_int_equal(setenv("CURL_CA_BUNDLE", "/nonexistent/ca", 1), 0);
	assert_int_equal(sl_http_new(&cfg, &h, &e), -EIO);
	assert_non_null(strstr(e.text, "CURL_CA_BUNDLE"));
	assert_int_equal(unsetenv("CURL_CA_BUNDLE"), 0);
	assert_null(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_get_keeps_the_path),
		cmocka_unit_test(cut_answers_are_retried),
		cmocka_unit_test(body_goes_out_whole_again),
		cmocka_unit_test(unrepeatable_fails_after_reaching),
		cmocka_unit_test(throttled_with_retry_after),
		cmocka_unit_test(oversized_body_is_cut),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(refreshes_and_prepares_again),
		cmocka_unit_test(refresh_that_fails_ends_the_call),
		cmocka_unit_test(cancel_while_waiting),
		cmocka_unit_test(free_ends_what_is_queued),
		cmocka_unit_test(bad_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client and its credentials: refused, renewed, waited for. */
#include "http_rig.h"

struct source {
	struct sl_cred_source s;
	struct sl_cred *cred;
	struct sl_cred_wait *waiting;
	pthread_t thread;
	int refused;
	int gets;
	int over_after; /* gets; 0: never */
	int result;
	bool never;
};

static struct sl_cred *src_get(struct sl_cred_source *b)
{
	struct source *s = (struct source *)b;

	__atomic_add_fetch(&s->gets, 1, __ATOMIC_SEQ_CST);
	return sl_cred_ref(s->cred);
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

static int src_over(struct sl_cred_source *b)
{
	struct source *s = (struct source *)b;

	return s->over_after && __atomic_load_n(&s->gets, __ATOMIC_SEQ_CST) >=
					s->over_after ? -EROFS : 0;
}

static const struct sl_cred_source_ops src_ops = {
	.get = src_get, .refused = src_refused, .cancel = src_cancel,
	.over = src_over,
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

#define BUSY "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

/* Trouble that has nothing to do with credentials is not retried either. */
static void over_ends_retries(void **state)
{
	struct server srv = { .script = { BUSY, BUSY, OK_ANSWER },
			      .script_len = 3 };
	struct source src = { .over_after = 2 };
	struct test_call t = { .status = 0 };

	(void)state;
	source_init(&src);
	t.call.creds = &src.s;
	assert_int_equal(run(&srv, &t), -EROFS);
	assert_int_equal(src.gets, 2);
	assert_non_null(strstr(t.call.error.text, "takes no files any more"));
	assert_int_equal(t.call.error.errnum, EROFS);
	sl_cred_unref(src.cred);
}

/* Nor does a source that is still asking elsewhere keep a call. */
static void over_ends_the_wait(void **state)
{
	struct server srv = { .script = { FORBIDDEN, OK_ANSWER },
			      .script_len = 2 };
	struct source src = { .over_after = 1, .never = true };
	struct test_call t = { .status = 0 };

	(void)state;
	source_init(&src);
	t.call.creds = &src.s;
	assert_int_equal(run(&srv, &t), -EROFS);
	assert_int_equal(src.gets, 1);
	sl_cred_unref(src.cred);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refreshes_and_prepares_again),
		cmocka_unit_test(refresh_that_fails_ends_the_call),
		cmocka_unit_test(cancel_while_waiting),
		cmocka_unit_test(over_ends_retries),
		cmocka_unit_test(over_ends_the_wait),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The HTTP client: requests as they go out, answers good, cut and bad. */
#include "http_rig.h"

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

/* The server wakes up once for a small request, not for head and body. */
static void small_request_goes_out_as_one(void **state)
{
	static char bytes[3000];

	(void)state;
	for (int i = 0; i < 20; i++) {
		struct server s = { .script = { OK_ANSWER }, .script_len = 1 };
		struct test_call t = {
			.method = "PUT", .body_count = 1,
			.body_len = sizeof(bytes),
			.body = { { bytes, sizeof(bytes) } },
		};

		assert_int_equal(run(&s, &t), 0);
		assert_int_equal(s.last_body, sizeof(bytes));
		assert_int_equal(s.first, strlen(s.last) + sizeof(bytes));
	}
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
		cmocka_unit_test(small_request_goes_out_as_one),
		cmocka_unit_test(unrepeatable_fails_after_reaching),
		cmocka_unit_test(throttled_with_retry_after),
		cmocka_unit_test(oversized_body_is_cut),
		cmocka_unit_test(redirects_are_not_followed),
		cmocka_unit_test(free_ends_what_is_queued),
		cmocka_unit_test(bad_configuration),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

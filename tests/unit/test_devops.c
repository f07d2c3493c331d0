/* SPDX-License-Identifier: Apache-2.0 */
/* The DevOps calls over a scripted HTTP client: requests, judging, texts. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "fake_http.h"
#include "migration/devops.h"

#define ID "272eac1d-df8e-4d1b-a7c6-71d5af232182"
#define DB "b7e7761f-6f7f-4116-81a5-e8eefcf0cc1d"
#define OTHER "00000000-df8e-4d1b-a7c6-71d5af232182"
#define API "https://api.example.com"
#define BASE API "/v2/databases/" DB "/migrations"
#define GOOD "{\"migrationID\":\"" ID "\",\"dbID\":\"" DB "\"," \
	     "\"status\":\"ReceivingFiles\"}"

static struct fake_answer script[16];
static size_t script_next;

static void respond(const char *method, const char *url,
		    struct fake_answer *a)
{
	bool auth = a->auth;

	(void)method;
	(void)url;
	assert_true(auth);
	assert_true(script_next < SL_ARRAY_LEN(script));
	*a = script[script_next++];
}

static int setup(void **state)
{
	(void)state;
	memset(script, 0, sizeof(script));
	script_next = 0;
	fake_respond = respond;
	fake_begin();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	fake_end();
	return 0;
}

struct waiter {
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
};

static void done(struct sl_devops_call *c)
{
	struct waiter *w = c->arg;

	SL_LOCK_SCOPE(&w->lock);
	w->done = true;
	sl_cond_broadcast(&w->cond);
}

static struct sl_devops *new_api(const char *url)
{
	struct sl_devops *d = NULL;
	struct sl_error e = { 0 };

	assert_int_equal(sl_devops_new(NULL, url, FAKE_TOKEN, DB, &d, &e), 0);
	return d;
}

static void run_on(const char *url, struct sl_devops_call *c, bool cancel)
{
	struct sl_devops *d = new_api(url);
	struct waiter w = { .done = false };

	sl_mutex_init(&w.lock);
	sl_cond_init(&w.cond);
	c->done = done;
	c->arg = &w;
	sl_devops_start(d, c);
	if (cancel)
		sl_devops_cancel(d, c);
	sl_mutex_lock(&w.lock);
	while (!w.done)
		sl_cond_wait(&w.cond, &w.lock);
	sl_mutex_unlock(&w.lock);
	sl_cond_release(&w.cond);
	sl_mutex_release(&w.lock);
	sl_devops_free(d);
	c->arg = NULL;
}

static void run(struct sl_devops_call *c)
{
	run_on(API, c, false);
}

static void test_requests(void **state)
{
	static const struct {
		enum sl_devops_verb verb;
		const char *id, *time, *method, *url;
	} rows[] = {
		{ SL_API_INITIALIZE, NULL, NULL, "POST", BASE "/initialize" },
		{ SL_API_STATUS, ID, NULL, "GET", BASE "/" ID },
		{ SL_API_LAUNCH, ID, NULL, "POST", BASE "/" ID "/launch" },
		{ SL_API_PAUSE, ID, NULL, "POST", BASE "/" ID "/pause" },
		{ SL_API_RESUME, ID, NULL, "POST", BASE "/" ID "/resume" },
		{ SL_API_ABORT, ID, NULL, "POST", BASE "/" ID "/abort" },
		{ SL_API_CLEANUP, ID, NULL, "POST", BASE "/" ID "/cleanup" },
		{ SL_API_CLEANUP, ID, "2026-12-01T14:30:00+01:00", "POST",
		  BASE "/" ID "/cleanup?option.cleanupTime="
		       "2026-12-01T14:30:00%2B01:00" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_devops_call c = {
			.verb = rows[i].verb,
			.migration_id = rows[i].id,
			.cleanup_time = rows[i].time,
		};

		script[i] = (struct fake_answer){ .status = 200, .body = GOOD,
						  .date_ms = 12345 };
		run(&c);
		assert_int_equal(c.err, 0);
		assert_int_equal(c.error.errnum, 0);
		assert_non_null(c.status);
		assert_int_equal(c.status->server_ms, 12345);
		assert_string_equal(fake.last_method, rows[i].method);
		assert_string_equal(fake.last_url, rows[i].url);
		sl_migration_status_free(c.status);
	}
}

static void test_inputs_checked_before_any_request(void **state)
{
	static const struct {
		enum sl_devops_verb verb;
		const char *id, *time;
	} rows[] = {
		{ SL_API_STATUS, NULL, NULL },
		{ SL_API_STATUS, "", NULL },
		{ SL_API_STATUS, "../../x", NULL },
		{ SL_API_LAUNCH, ID "/", NULL },
		{ SL_API_CLEANUP, ID, "tomorrow" },
		{ SL_API_CLEANUP, ID, "2026-12-01T14:30Z&x=1" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_devops_call c = {
			.verb = rows[i].verb,
			.migration_id = rows[i].id,
			.cleanup_time = rows[i].time,
		};

		run(&c);
		assert_int_equal(c.err, -EINVAL);
		assert_int_equal(c.error.errnum, EINVAL);
		assert_true(c.error.text[0]);
	}
	assert_int_equal(fake_requests(), 0);
}

#define ERRORS(id, m) "{\"errors\":[{\"ID\":" id ",\"message\":\"" m "\"}]}"

struct answer_row {
	int status;
	const char *body, *headers;
	int err;
	const char *text, *code;
};

/* Asks for the status, is answered as 'row' says, and must fail so. */
static void answered_by(const struct answer_row *row)
{
	struct sl_devops_call c = { .verb = SL_API_STATUS,
				    .migration_id = ID };

	script_next = 0;
	script[0] = (struct fake_answer){ .status = row->status,
					  .body = row->body,
					  .headers = row->headers };
	run(&c);
	assert_int_equal(c.err, row->err);
	assert_int_equal(c.error.errnum, -row->err);
	assert_int_equal(c.error.http_status, row->status);
	assert_non_null(strstr(c.error.text, row->text));
	assert_string_equal(c.error.code, row->code);
	assert_null(strstr(c.error.text, "abcdefgh"));
	assert_null(c.status);
	if (row->headers)
		assert_int_equal(c.http.retry_after_ms, 7000);
}

/* Refusals, in every wording that was met or can be thought of. */
static void test_hostile_refusals(void **state)
{
	static const struct answer_row rows[] = {
		{ 301, "<a href=\"/v2/databases/migrations/\">Moved "
		       "Permanently</a>.\n\n", NULL, -EPROTO, "redirect", "" },
		{ 302, "", NULL, -EPROTO, "redirect", "" },
		{ 404, "404 page not found\n", NULL, -ENOENT,
		  "404 page not found", "" },
		{ 401, ERRORS("340018", "auth-manager returned 404 for call "
			      "%s/v2/admin/tokens?%s%n"), NULL, -EACCES,
		  "%s/v2/admin/tokens?%s%n", "340018" },
		{ 403, ERRORS("340017", "malformed token"), NULL, -EACCES,
		  "malformed token", "340017" },
		{ 403, ERRORS("\"x\\u001b[2J\"", "m"), NULL, -EACCES, "'m'",
		  "x?[2J" },
		{ 403, " <html>proxy says no</html>", NULL, -EPROTO,
		  "proxy says no", "" },
		{ 403, "", NULL, -EACCES, "Administrator", "" },
		{ 400, "{\"errors\":[]}", NULL, -EINVAL, "bad request", "" },
		{ 400, "{\"errors\":[{}]}", NULL, -EINVAL, "bad", "" },
		{ 400, "{\"errors\":{\"ID\":1}}", NULL, -EINVAL, "bad", "" },
		{ 409, ERRORS("1", "import running"), NULL, -EBUSY,
		  "import running", "1" },
		{ 418, "teapot", NULL, -EIO, "teapot", "" },
		{ 500, "<html>oops", NULL, -ETIMEDOUT, "oops", "" },
		{ 503, "", "retry-after: 7\n", -ETIMEDOUT, "trouble", "" },
		{ 429, "", NULL, -EAGAIN, "slow down", "" },
		{ 0, "", NULL, -EPROTO, "no sense", "" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		answered_by(&rows[i]);
}

/* Good statuses over nonsense, and answers that repeat the token. */
static void test_hostile_bodies(void **state)
{
	static const struct answer_row rows[] = {
		{ 200, "<html>login here</html>", NULL, -EPROTO,
		  "login here", "" },
		{ 200, "", NULL, -EPROTO, "no JSON", "" },
		{ 200, "{\"migrationID\":\"" OTHER "\",\"status\":\"x\"}",
		  NULL, -EPROTO, "about migration", "" },
		{ 200, "{\"migrationID\":\"" ID "\",\"dbID\":\"" OTHER "\","
		       "\"status\":\"x\"}", NULL, -EPROTO, "about database",
		  "" },
		{ 200, "{\"migrationID\":\"" ID "\",\"status\":\"x\","
		       "\"uploadBucketDir\":\"file:///etc/\"}", NULL,
		  -EPROTO, "neither s3", "" },
		{ 401, "no " FAKE_TOKEN " here", NULL, -EACCES, "token", "" },
		{ 200, "not JSON " FAKE_TOKEN, NULL, -EPROTO, "repeats", "" },
		{ 401, ERRORS("\"" FAKE_TOKEN "\"", "a"), NULL, -EACCES,
		  "token", "" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		answered_by(&rows[i]);
}

static void test_oversized(void **state)
{
	struct sl_devops_call c = { .verb = SL_API_STATUS,
				    .migration_id = ID };
	size_t n = 1024 * 1024 + 9;
	char *body = malloc(n);

	(void)state;
	assert_non_null(body);
	memset(body, ' ', n);
	memcpy(body, GOOD, strlen(GOOD));
	script[0] = (struct fake_answer){ .status = 200, .body = body,
					  .body_len = n };
	run(&c);
	assert_int_equal(c.err, -EPROTO);
	assert_non_null(strstr(c.error.text, "over"));
	free(body);
}

/* The token repeated in a good answer does not come through. */
static void test_token_in_status(void **state)
{
	struct sl_devops_call c = { .verb = SL_API_STATUS,
				    .migration_id = ID };

	(void)state;
	script[0] = (struct fake_answer){
		.status = 200,
		.body = "{\"migrationID\":\"" ID "\",\"status\":\"Odd\","
			"\"progressInfo\":\"for " FAKE_TOKEN "\"}",
	};
	run(&c);
	assert_int_equal(c.err, 0);
	assert_null(strstr(c.status->redacted_json, "abcdefgh"));
	assert_null(strstr(c.status->progress_info, "abcdefgh"));
	sl_migration_status_free(c.status);
}

static void test_lost_answers(void **state)
{
	static const struct {
		enum sl_devops_verb verb;
		struct fake_answer a[3];
		int err, requests;
	} rows[] = {
		/* nothing went out: again */
		{ SL_API_LAUNCH, { { .curl_code = 7 }, { .status = 200 } }, 0,
		  2 },
		/* it went out: never again */
		{ SL_API_LAUNCH, { { .curl_code = 56, .sent_all = true } },
		  -EINPROGRESS, 1 },
		{ SL_API_INITIALIZE, { { .curl_code = 28, .sent_all = true } },
		  -EINPROGRESS, 1 },
		{ SL_API_LAUNCH, { { .status = 502 } }, -EINPROGRESS, 1 },
		{ SL_API_INITIALIZE, { { .status = 200, .body = "<html>" } },
		  -EINPROGRESS, 1 },
		{ SL_API_INITIALIZE, { { .status = 200, .body = "{}" } },
		  -EINPROGRESS, 1 },
		{ SL_API_LAUNCH, { { .status = 200, .body = "<html>" } },
		  -EINPROGRESS, 1 },
		/* launch may answer with nothing, or an object */
		{ SL_API_LAUNCH, { { .status = 202 } }, 0, 1 },
		{ SL_API_LAUNCH, { { .status = 200,
				     .body = "{\"status\":\"ok\"}" } }, 0, 1 },
		/* a clear refusal is one */
		{ SL_API_LAUNCH, { { .status = 409 } }, -EBUSY, 1 },
		{ SL_API_LAUNCH, { { .status = 429 } }, -EAGAIN, 1 },
		{ SL_API_LAUNCH, { { .status = 403 } }, -EACCES, 1 },
		/* the others may be repeated */
		{ SL_API_PAUSE, { { .curl_code = 56, .sent_all = true },
				  { .status = 503 }, { .status = 200 } }, 0,
		  3 },
		{ SL_API_ABORT, { { .curl_code = 56, .sent_all = true },
				  { .status = 409 } }, -EINPROGRESS, 2 },
		{ SL_API_STATUS, { { .curl_code = 56, .sent_all = true },
				   { .status = 200, .body = GOOD } }, 0, 2 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_devops_call c = { .verb = rows[i].verb,
					    .migration_id = ID,
					    .retry_for_ms = 1000 };
		int before = fake_requests();

		if (c.verb == SL_API_INITIALIZE)
			c.migration_id = NULL;
		script_next = 0;
		memcpy(script, rows[i].a, sizeof(rows[i].a));
		run(&c);
		assert_int_equal(c.err, rows[i].err);
		assert_int_equal(c.error.errnum, -rows[i].err);
		assert_int_equal(fake_requests() - before, rows[i].requests);
		assert_int_equal(c.err == 0, !c.error.text[0]);
		sl_migration_status_free(c.status);
	}
}

static void test_rehearsal_store(void **state)
{
	struct sl_devops_call c = { .verb = SL_API_STATUS,
				    .migration_id = ID };

	(void)state;
	script[0] = (struct fake_answer){
		.status = 200,
		.body = "{\"migrationID\":\"" ID "\",\"status\":\"x\","
			"\"uploadBucketDir\":\"file:///tmp/x/\"}",
	};
	run_on("http://127.0.0.1:8080/", &c, false);
	assert_int_equal(c.err, 0);
	assert_string_equal(fake.last_url, "http://127.0.0.1:8080/v2/databases/"
			    DB "/migrations/" ID);
	sl_migration_status_free(c.status);
}

static void test_cancel(void **state)
{
	struct sl_devops_call c = { .verb = SL_API_STATUS,
				    .migration_id = ID };

	(void)state;
	script[0].hold = true;
	run_on(API, &c, true);
	assert_int_equal(c.err, -ECANCELED);
	assert_null(c.status);
}

static void test_settings(void **state)
{
	static const struct {
		const char *url, *token, *db;
		int r;
	} rows[] = {
		{ API, FAKE_TOKEN, DB, 0 },
		{ API "/", " \"" FAKE_TOKEN "\"\r\n", DB, 0 },
		{ "HTTPS://h:1/path", "'" FAKE_TOKEN "'\n", DB, 0 },
		{ "http://localhost:1", FAKE_TOKEN, DB, 0 },
		{ "http://127.9.9.9", FAKE_TOKEN, DB, 0 },
		{ "http://[::1]:80/", FAKE_TOKEN, DB, 0 },
		{ "http://127.0.0.1.evil.com", FAKE_TOKEN, DB, -EINVAL },
		{ "http://localhost.evil.com", FAKE_TOKEN, DB, -EINVAL },
		{ "http://127.0.0.1@evil.com", FAKE_TOKEN, DB, -EINVAL },
		{ "http://10.0.0.1", FAKE_TOKEN, DB, -EINVAL },
		{ "http://[::1", FAKE_TOKEN, DB, -EINVAL },
		{ "ftp://h", FAKE_TOKEN, DB, -EINVAL },
		{ "https://", FAKE_TOKEN, DB, -EINVAL },
		{ "https://h/?q", FAKE_TOKEN, DB, -EINVAL },
		{ "https://h\r\nA: b", FAKE_TOKEN, DB, -EINVAL },
		{ "", FAKE_TOKEN, DB, -EINVAL },
		{ NULL, FAKE_TOKEN, DB, -EINVAL },
		{ API, "", DB, -EINVAL },
		{ API, NULL, DB, -EINVAL },
		{ API, "\"\"", DB, -EINVAL },
		{ API, "AstraCS:abc def", DB, -EINVAL },
		{ API, "AstraCS:abc\r\nX: y", DB, -EINVAL },
		{ API, "AstraCS:abc\xc3\xa9gh", DB, -EINVAL },
		{ API, FAKE_TOKEN, "", -EINVAL },
		{ API, FAKE_TOKEN, DB "/..", -EINVAL },
		{ API, FAKE_TOKEN, NULL, -EINVAL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_devops *d = NULL;
		struct sl_error e = { 0 };

		assert_int_equal(sl_devops_new(NULL, rows[i].url,
					       rows[i].token, rows[i].db, &d,
					       &e), rows[i].r);
		assert_int_equal(d != NULL, rows[i].r == 0);
		assert_int_equal(e.errnum, -rows[i].r);
		assert_null(strstr(e.text, "abc"));
		sl_devops_free(d);
	}
	sl_devops_free(NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_requests),
		T(test_inputs_checked_before_any_request),
		T(test_hostile_refusals),
		T(test_hostile_bodies),
		T(test_oversized),
		T(test_token_in_status),
		T(test_lost_answers),
		T(test_rehearsal_store),
		T(test_cancel),
		T(test_settings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

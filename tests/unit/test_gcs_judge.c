/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What Google's answers mean: every row of the table in judge.c, both kinds
 * of error documents, and where a refusal leads to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"
#include "backends/gcs/internal.h"
#include "clock.h"

#define JSON(reason, message) "{\"error\":{\"code\":1,\"message\":\"" message \
	"\",\"errors\":[{\"domain\":\"global\",\"reason\":\"" reason "\"}]}}"
#define XML(code, more) "<?xml version='1.0' encoding='UTF-8'?><Error><Code>" \
	code "</Code>" more "</Error>"

static const struct sl_cloud_dialect dialect = {
	.task_size = sizeof(struct sl_gcs_task),
	.read_error = sl_gcs_read_error,
	.reclassify = sl_gcs_reclassify,
	.object = sl_gcs_object_of,
};

static struct sl_cred *no_keys(struct sl_cred_source *s)
{
	(void)s;
	return NULL;
}

static const struct sl_cred_source_ops base_ops = { .get = no_keys };
static struct sl_cred_source base = { &base_ops };

struct rig {
	struct sl_gcs g;
	struct sl_op op;
	struct sl_gcs_task t;
	struct sl_cloud_step step;
	struct sl_cred *cred;
	struct sl_http_response r;
};

static int set_up(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	sl_mutex_init(&g->g.c.lock);
	g->g.c.clock = &sl_clock_system;
	g->g.c.dialect = &dialect;
	g->g.c.place = strdup("bucket");
	g->op.key = "k";
	g->t.t.cloud = &g->g.c;
	g->t.t.op = &g->op;
	g->t.t.step = &g->step;
	g->step.method = "GET";
	g->cred = sl_cred_new(SL_CRED_GCS, 7, NULL, NULL, "t");
	sl_buf_init(&g->r.headers, 4096);
	sl_buf_init(&g->r.body, 4096);
	*state = g;
	return sl_gcs_tokens_new(NULL, &base, &sl_clock_system, &g->g.tokens);
}

static void forget_wait(struct sl_cred_source *s, struct sl_cred_wait *w)
{
	(void)s;
	(void)w; /* nobody waits here */
}

static int tear_down(void **state)
{
	static const struct sl_cred_source_ops ops = { .cancel = forget_wait };
	struct rig *g = *state;

	base.ops = &ops;
	sl_gcs_tokens_free(g->g.tokens);
	base.ops = &base_ops;
	sl_cred_unref(g->cred);
	sl_buf_release(&g->r.headers);
	sl_buf_release(&g->r.body);
	free(g->g.c.place);
	sl_mutex_release(&g->g.c.lock);
	free(g);
	return 0;
}

static enum sl_verdict answer(struct rig *g, int status, const char *body)
{
	sl_buf_clear(&g->r.body);
	sl_buf_puts(&g->r.body, body);
	g->r.status = status;
	sl_error_clear(&g->t.t.call.error);
	return sl_cloud_judge(&g->t.t.call, &g->r, g->cred);
}

struct row {
	int status;
	const char *body;
	enum sl_verdict unknown, fresh; /* by the age of the token */
	int errnum;
};

static const struct row rows[] = {
	{ 200, "", SL_V_OK, SL_V_OK, 0 },
	{ 204, "", SL_V_OK, SL_V_OK, 0 },
	{ 200, XML("InternalError", ""), SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
	{ 403, JSON("rateLimitExceeded", "slow"), SL_V_THROTTLE,
	  SL_V_THROTTLE, ETIMEDOUT },
	{ 403, JSON("userRateLimitExceeded", "slow"), SL_V_THROTTLE,
	  SL_V_THROTTLE, ETIMEDOUT },
	{ 403, JSON("quotaExceeded", "slow"), SL_V_THROTTLE, SL_V_THROTTLE,
	  ETIMEDOUT },
	{ 403, JSON("forbidden", "no"), SL_V_REFRESH, SL_V_FATAL, EACCES },
	{ 403, XML("AccessDenied", ""), SL_V_REFRESH, SL_V_FATAL, EACCES },
	{ 403, "", SL_V_REFRESH, SL_V_FATAL, EACCES },
	{ 401, JSON("authError", "Invalid Credentials"), SL_V_REFRESH,
	  SL_V_REFRESH, EKEYEXPIRED },
	{ 401, "", SL_V_REFRESH, SL_V_REFRESH, EKEYEXPIRED },
	{ 400, XML("BadDigest", ""), SL_V_FATAL, SL_V_FATAL, EBADMSG },
	{ 400, JSON("invalid", "Provided CRC32C \\\"A\\\" doesn't match "
		    "calculated CRC32C \\\"B\\\"."), SL_V_FATAL, SL_V_FATAL,
	  EBADMSG },
	{ 400, JSON("invalid", "Invalid argument."), SL_V_FATAL, SL_V_FATAL,
	  EIO },
	{ 400, XML("InvalidArgument", ""), SL_V_FATAL, SL_V_FATAL, EIO },
	{ 400, "", SL_V_FATAL, SL_V_FATAL, EIO },
	{ 404, XML("NoSuchUpload", ""), SL_V_RESTART_FILE, SL_V_RESTART_FILE,
	  ESTALE },
	{ 404, XML("NoSuchBucket", ""), SL_V_FATAL, SL_V_FATAL, EIO },
	{ 404, JSON("notFound", "The specified bucket does not exist."),
	  SL_V_FATAL, SL_V_FATAL, EIO },
	{ 404, JSON("notFound", "No such object: b/k"), SL_V_FATAL,
	  SL_V_FATAL, ENOENT },
	{ 404, XML("NoSuchKey", ""), SL_V_FATAL, SL_V_FATAL, ENOENT },
	{ 409, JSON("conflict", ""), SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
	{ 412, JSON("conditionNotMet", ""), SL_V_EXISTS, SL_V_EXISTS, EEXIST },
	{ 413, JSON("uploadTooLarge", ""), SL_V_FATAL, SL_V_FATAL, EFBIG },
	{ 308, "", SL_V_FATAL, SL_V_FATAL, EPROTO },
	{ 408, "", SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
	{ 410, "", SL_V_FATAL, SL_V_FATAL, EIO },
	{ 429, JSON("rateLimitExceeded", ""), SL_V_THROTTLE, SL_V_THROTTLE,
	  ETIMEDOUT },
	{ 500, JSON("internalError", ""), SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
	{ 502, "<html>", SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
	{ 503, JSON("backendError", ""), SL_V_THROTTLE, SL_V_THROTTLE,
	  ETIMEDOUT },
	{ 504, "", SL_V_RETRY, SL_V_RETRY, ETIMEDOUT },
};

static void verdicts(void **state)
{
	struct rig *g = *state;

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *w = &rows[i];

		g->t.t.call.refreshes = 0;
		g->g.c.accepted_generation = 0;
		assert_int_equal(answer(g, w->status, w->body), w->unknown);
		assert_int_equal(g->t.t.call.error.errnum, w->errnum);
		g->t.t.call.refreshes = 1;
		assert_int_equal(answer(g, w->status, w->body), w->fresh);
		assert_int_equal(g->t.t.call.error.errnum, w->errnum);
	}
}

/* Near its end a token may be refused for that, although it was renewed. */
static void old_tokens(void **state)
{
	struct rig *g = *state;

	g->t.t.call.refreshes = 1;
	g->cred->expires_ms = sl_wall_ms(&sl_clock_system) + 1000;
	assert_int_equal(answer(g, 403, JSON("forbidden", "")), SL_V_REFRESH);
	g->cred->expires_ms -= 2000;
	g->t.t.call.refreshes = 3;
	assert_int_equal(answer(g, 403, JSON("forbidden", "")), SL_V_FATAL);
	assert_int_equal(g->t.t.call.error.errnum, EKEYEXPIRED);
}

/* A listing of nothing is no missing object. */
static void the_place(void **state)
{
	struct rig *g = *state;

	g->step.place = true;
	assert_int_equal(answer(g, 404, JSON("notFound", "Not Found")),
			 SL_V_FATAL);
	assert_int_equal(g->t.t.call.error.errnum, EIO);
}

static void documents(void **state)
{
	static const struct {
		int status;
		const char *body, *code, *message;
	} docs[] = {
		{ 403, JSON("forbidden", "no way"), "forbidden", "no way" },
		{ 503, "{\"error\":{\"message\":\"m\",\"status\":"
		  "\"UNAVAILABLE\"}}", "UNAVAILABLE", "m" },
		{ 400, "{\"error\":\"invalid_grant\"}", "invalid_grant", "" },
		{ 400, "{\"error\":7}", "", "" },
		{ 400, "{\"error\":{\"errors\":7,\"message\":[]}}", "", "" },
		{ 400, "{\"error", "", "" },
		{ 400, " \n" XML("A", "<Message>m</Message>"), "A",
		  "m" },
		{ 400, XML("A", "<Details>d</Details>"), "A", "d" },
		{ 200, "{\"error\":\"a name\"}", "", "" },
		{ 200, "<Error><Code>A</Code>", "", "" },
		{ 502, "<html><body>", "", "" },
		{ 500, "", "", "" },
	};
	struct rig *g = *state;

	sl_buf_puts(&g->r.headers, "x-guploader-uploadid: ABC\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(docs); i++) {
		struct sl_cloud_error d = { .skewed = false };

		sl_buf_clear(&g->r.body);
		sl_buf_puts(&g->r.body, docs[i].body);
		g->r.status = docs[i].status;
		sl_gcs_read_error(&g->r, &d);
		assert_string_equal(d.code, docs[i].code);
		assert_string_equal(d.message, docs[i].message);
		assert_string_equal(d.request_id, "ABC");
	}
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		TEST(verdicts),
		TEST(old_tokens),
		TEST(the_place),
		TEST(documents),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the frame makes of an answer: the dialect's word against the common
 * table, the server's clock, steps that see every answer, and ranged reads
 * of servers that ignore ranges or change the object meanwhile.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"
#include "clock.h"

struct rig {
	struct sl_op op; /* first */
	struct sl_cloud cloud;
	struct sl_cloud_task t;
	struct sl_http_response r;
	struct sl_buf got;
	char bucket[8];
	enum sl_cred_age age;
	int asked;
};

static struct rig *rig_of(struct sl_cloud_task *t)
{
	return sl_container_of(t, struct rig, t);
}

static void read_error(const struct sl_http_response *r,
		       struct sl_cloud_error *d)
{
	snprintf(d->code, sizeof(d->code), "%s", sl_buf_str(&r->body));
	d->skewed = strcmp(d->code, "Skewed") == 0;
}

static void reclassify(struct sl_cloud_task *t,
		       const struct sl_http_response *r,
		       const struct sl_cloud_error *d, enum sl_cred_age age,
		       struct sl_classified *c)
{
	(void)r;
	rig_of(t)->age = age;
	if (strcmp(d->code, "Odd") == 0)
		*c = (struct sl_classified){ SL_V_THROTTLE, EBUSY, "odd" };
}

static bool moved(struct sl_cloud_task *t, const struct sl_http_response *r,
		  const struct sl_cloud_error *d)
{
	(void)t;
	(void)r;
	return strcmp(d->code, "Moved") == 0;
}

static void object(const struct sl_http_response *r, struct sl_object *o)
{
	*o = (struct sl_object){ .size = 10 };
	sl_http_header(r, "etag", o->etag, sizeof(o->etag));
}

static enum sl_verdict count(struct sl_cloud_task *t,
			     const struct sl_http_response *r)
{
	(void)r;
	rig_of(t)->asked++;
	return SL_V_OK;
}

static const struct sl_cloud_dialect dialect = {
	.read_error = read_error,
	.reclassify = reclassify,
	.moved = moved,
	.object = object,
};
static const struct sl_cloud_step plain = { .method = "GET", .good = count };
static const struct sl_cloud_step open_step = { .method = "GET",
						.any_answer = true,
						.good = count };

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	return sl_buf_append(&sl_container_of(op, struct rig, op)->got, p, n);
}

static int set_up(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	strcpy(g->bucket, "bucket");
	sl_mutex_init(&g->cloud.lock);
	g->cloud.dialect = &dialect;
	g->cloud.clock = &sl_clock_system;
	g->cloud.place = g->bucket;
	g->op = (struct sl_op){ .key = "k", .on_data = on_data };
	g->t.cloud = &g->cloud;
	g->t.op = &g->op;
	g->t.step = &plain;
	sl_buf_init(&g->r.headers, 4096);
	sl_buf_init(&g->r.body, 4096);
	sl_buf_init(&g->got, 4096);
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *g = *state;

	sl_buf_release(&g->r.headers);
	sl_buf_release(&g->r.body);
	sl_buf_release(&g->got);
	sl_mutex_release(&g->cloud.lock);
	free(g);
	return 0;
}

static enum sl_verdict judge(struct rig *g, int status, const char *code)
{
	struct sl_cred cred = { .generation = 7 };

	g->r.status = status;
	sl_buf_clear(&g->r.body);
	sl_buf_puts(&g->r.body, code);
	return sl_cloud_judge(&g->t.call, &g->r, &cred);
}

static void the_dialect_has_a_say(void **state)
{
	struct rig *g = *state;

	assert_int_equal(judge(g, 403, "Odd"), SL_V_THROTTLE);
	assert_int_equal(g->t.call.error.errnum, EBUSY);
	assert_string_equal(g->t.code, "Odd");
	assert_int_equal(judge(g, 400, "Moved"), SL_CLOUD_AGAIN);
	assert_int_equal(judge(g, 404, ""), SL_V_FATAL);
	assert_int_equal(g->t.call.error.errnum, ENOENT);
	assert_int_equal(g->asked, 0);
	assert_int_equal(judge(g, 200, ""), SL_V_OK);
	assert_int_equal(g->asked, 1);
	g->t.step = &open_step;
	assert_int_equal(judge(g, 404, ""), SL_V_OK);
	assert_int_equal(g->asked, 2);
	/* A broken connection is no answer, for nobody. */
	g->r.curl_code = 7;
	assert_int_equal(judge(g, 0, ""), SL_V_RETRY);
	assert_int_equal(g->asked, 2);
}

/* Credentials that worked a moment ago are not suspected again. */
static void ages(void **state)
{
	struct rig *g = *state;

	assert_int_equal(judge(g, 403, ""), SL_V_REFRESH);
	assert_int_equal(g->age, SL_AGE_UNKNOWN);
	assert_int_equal(judge(g, 200, ""), SL_V_OK);
	assert_int_equal(judge(g, 403, ""), SL_V_FATAL);
	assert_int_equal(g->age, SL_AGE_FRESH);
}

static void clocks(void **state)
{
	static const struct {
		int64_t ahead_ms;
		const char *code;
		bool corrected;
	} rows[] = {
		{ 60000, "", false },
		{ 3600000, "", true },
		{ -3600000, "", true },
		{ 60000, "Skewed", true },
		{ 61000, "", true }, /* once it complained */
	};
	struct rig *g = *state;

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		int64_t now = sl_wall_ms(&sl_clock_system), off;

		g->r.date_ms = now + rows[i].ahead_ms;
		judge(g, 500, rows[i].code);
		off = sl_cloud_server_now(&g->cloud) - now;
		if (rows[i].corrected)
			assert_true(off > rows[i].ahead_ms - 30000);
		else
			assert_true(off < 30000);
	}
}

static void answer(struct rig *g, int status, const char *etag)
{
	g->r.status = status;
	sl_buf_clear(&g->r.headers);
	sl_buf_printf(&g->r.headers, "etag: %s\n", etag);
	g->t.call.answer = &g->r;
	g->t.looked = false;
	g->t.skip = 0;
}

static void whole_answers_are_cut(void **state)
{
	struct rig *g = *state;

	g->op.offset = 3;
	g->op.length = 4;
	answer(g, 200, "v1");
	assert_int_equal(sl_cloud_sink(&g->t.call, "01", 2), 0);
	assert_int_equal(sl_cloud_sink(&g->t.call, "2345", 4), 0);
	assert_string_equal(sl_buf_str(&g->got), "345");
	/* It broke; the next attempt sends all of it again. */
	answer(g, 200, "v1");
	assert_int_equal(sl_cloud_sink(&g->t.call, "0123456789", 10),
			 SL_CLOUD_ENOUGH);
	assert_string_equal(sl_buf_str(&g->got), "3456");
	assert_int_equal(g->op.obj.size, 10);
}

static void other_versions_are_refused(void **state)
{
	struct rig *g = *state;

	g->op.length = 10;
	strcpy(g->t.etag, "v1");
	answer(g, 206, "v1");
	assert_int_equal(sl_cloud_sink(&g->t.call, "01", 2), 0);
	answer(g, 206, "v2");
	assert_int_equal(sl_cloud_sink(&g->t.call, "23", 2), -ESTALE);
	assert_string_equal(sl_buf_str(&g->got), "01");
	assert_int_equal(g->t.call.error.errnum, ESTALE);
}

/* More than was asked for is not waited for: it might never end. */
static void endless_answers(void **state)
{
	struct rig *g = *state;

	g->op.length = 4;
	answer(g, 206, "v1");
	assert_int_equal(sl_cloud_sink(&g->t.call, "0123", 4), 0);
	assert_int_equal(sl_cloud_sink(&g->t.call, "4", 1), SL_CLOUD_ENOUGH);
	assert_string_equal(sl_buf_str(&g->got), "0123");
	assert_string_equal(g->op.obj.etag, "v1");
	/* Nor is what the object does not have. */
	g->op.offset = 8;
	g->t.got = 0;
	sl_buf_clear(&g->got);
	answer(g, 206, "v1");
	assert_int_equal(sl_cloud_sink(&g->t.call, "89\0", 3),
			 SL_CLOUD_ENOUGH);
	assert_string_equal(sl_buf_str(&g->got), "89");
}

static void other_ranges_are_refused(void **state)
{
	static const struct {
		const char *range;
		int err;
	} rows[] = {
		{ "bytes 3-6/10", 0 }, { "bytes 3-6/*", 0 },
		{ "bytes 0-3/10", -EPROTO }, { "bytes 30-33/90", -EPROTO },
		{ "bytes 4-6/10", -EPROTO }, { "3-6/10", -EPROTO },
		{ "bytes */10", -EPROTO },
		{ "bytes 18446744073709551619-6/10", -EPROTO },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		g->op.offset = 3;
		g->op.length = 4;
		g->t.got = 0;
		answer(g, 206, "v1");
		sl_buf_printf(&g->r.headers, "content-range: %s\n",
			      rows[i].range);
		assert_int_equal(sl_cloud_sink(&g->t.call, "3456", 4),
				 rows[i].err);
	}
	assert_string_equal(sl_buf_str(&g->got), "34563456");
}

#define RIGGED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(the_dialect_has_a_say),
		RIGGED(ages),
		RIGGED(clocks),
		RIGGED(whole_answers_are_cut),
		RIGGED(other_versions_are_refused),
		RIGGED(endless_answers),
		RIGGED(other_ranges_are_refused),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pages of a listing as a server may send them: what is told on, and which
 * ones are not believed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/page.h"

struct rig {
	struct sl_op op; /* first */
	struct sl_cloud cloud;
	struct sl_cloud_task t;
	struct sl_buf told;
	char prefix[8], bucket[8];
};

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct rig *g = sl_container_of(op, struct rig, op);

	if (strstr(e->key, "stop"))
		return -E2BIG;
	return sl_buf_printf(&g->told, "%s;", e->key);
}

static int set_up(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	strcpy(g->prefix, "d/");
	strcpy(g->bucket, "bucket");
	g->cloud.prefix = g->prefix;
	g->cloud.place = g->bucket;
	g->op = (struct sl_op){ .prefix = "", .on_entry = on_entry };
	g->t.cloud = &g->cloud;
	g->t.op = &g->op;
	sl_buf_init(&g->told, 10000);
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *g = *state;

	sl_buf_release(&g->told);
	free(g->t.marker);
	free(g->t.last);
	free(g);
	return 0;
}

/* A page of "KEY KEY ...", those that end in '/' as prefixes. */
static int page(struct rig *g, const char *keys, const char *token)
{
	struct sl_cloud_page p = { .seen = true };
	char text[256], *save = NULL;
	int err = 0;

	snprintf(text, sizeof(text), "%s", keys);
	for (char *k = strtok_r(text, " ", &save); k && !err;
	     k = strtok_r(NULL, " ", &save)) {
		err = sl_cloud_set_string(&p.cur.key, k);
		if (!err)
			err = sl_cloud_page_push(&p, k[strlen(k) - 1] == '/');
	}
	if (!err && token) {
		p.truncated = true;
		err = sl_cloud_set_string(&p.token, token);
	}
	if (!err)
		err = sl_cloud_page_tell(&g->t, &p);
	sl_cloud_page_release(&p);
	return err;
}

static void sorted_and_cut(void **state)
{
	struct rig *g = *state;

	assert_int_equal(page(g, "d/b d/ d/c d/a/", "next"), 0);
	assert_string_equal(sl_buf_str(&g->told), "a/;b;c;");
	assert_true(g->t.more);
	assert_string_equal(g->t.marker, "next");
	/* The page's last key again is left out. */
	assert_int_equal(page(g, "d/c d/d", NULL), 0);
	assert_string_equal(sl_buf_str(&g->told), "a/;b;c;d;");
	assert_false(g->t.more);
	assert_null(g->t.marker);
}

static void not_believed(void **state)
{
	static const struct {
		const char *keys, *token;
		int err;
	} rows[] = {
		{ "elsewhere", NULL, -EPROTO }, /* not what was asked */
		{ "d/x", "", -EPROTO },		/* more, but not where */
		{ "d/x", "here", -EPROTO },	/* the token that led here */
		{ "d/a", "next", -EPROTO },	/* back before the last key */
		{ "d/stop", "next", -E2BIG },	/* the caller's word */
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct rig *g = *state;

		assert_int_equal(page(g, "d/m", "here"), 0);
		assert_int_equal(page(g, rows[i].keys, rows[i].token),
				 rows[i].err);
		assert_string_equal(sl_buf_str(&g->told), "m;");
		assert_int_equal(tear_down(state), 0);
		assert_int_equal(set_up(state), 0);
	}
}

static void not_a_page(void **state)
{
	struct rig *g = *state;
	struct sl_cloud_page p = { .seen = false };

	assert_int_equal(sl_cloud_page_tell(&g->t, &p), -EPROTO);
	assert_int_equal(sl_cloud_page_push(&p, false), -EPROTO);
	assert_int_equal(sl_cloud_page_judged(&g->t, -ENODATA), SL_V_FATAL);
	assert_int_equal(g->t.call.error.errnum, EPROTO);
	assert_int_equal(sl_cloud_page_judged(&g->t, 0), SL_V_OK);
}

/* Pages that bring nothing end at some time; those that do start anew. */
static void idle_pages(void **state)
{
	struct rig *g = *state;
	char token[16];
	int err = 0, n;

	for (n = 0; n < 5000 && !err; n++) {
		snprintf(token, sizeof(token), "t%d", n);
		err = page(g, n == 500 ? "d/k" : "", token);
	}
	assert_int_equal(err, -EPROTO);
	assert_in_range(n, 1500, 1503);
}

#define RIGGED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(sorted_and_cut),
		RIGGED(not_believed),
		RIGGED(not_a_page),
		RIGGED(idle_pages),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

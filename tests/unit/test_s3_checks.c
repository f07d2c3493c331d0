/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A store that ignores checksums: how that is noticed, and what is checked
 * here in its place; and how a plain refusal is told when the credentials
 * have ended.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"
#include "backends/s3/internal.h"
#include "clock.h"
#include "crc.h"

static const char body[] = "123456789";
#define BODY_MD5 "25f9e794323b453885f5181f1b624d0b"
#define BODY_CRC 0xcbf43926u

struct rig {
	struct sl_s3 s3;
	struct sl_op op;
	struct sl_s3_task own;
	struct sl_cloud_task *t;
	struct iovec v[2];
	struct sl_http_response r;
};

static const struct sl_cloud_dialect dialect = {
	.read_error = sl_s3_read_error,
	.moved = sl_s3_moved,
};
static const struct sl_cloud_step put_like = { .method = "PUT" };

static int set_up(void **state)
{
	struct rig *g = calloc(1, sizeof(*g));

	if (!g)
		return -1;
	sl_mutex_init(&g->s3.cloud.lock);
	g->s3.cloud.dialect = &dialect;
	g->s3.cloud.clock = &sl_clock_system;
	g->s3.cloud.b.proof = SL_PROOF_CRC32;
	g->v[0] = (struct iovec){ strdup(body), 4 };
	g->v[1] = (struct iovec){ (char *)g->v[0].iov_base + 4, 5 };
	g->op = (struct sl_op){ .key = "k", .body = g->v, .body_count = 2,
				.size = 9, .crc32 = BODY_CRC };
	g->t = &g->own.task;
	g->t->cloud = &g->s3.cloud;
	g->t->op = &g->op;
	g->t->step = &put_like;
	sl_buf_init(&g->r.headers, 4096);
	sl_buf_init(&g->r.body, 4096);
	*state = g;
	return 0;
}

static int tear_down(void **state)
{
	struct rig *g = *state;

	free(g->v[0].iov_base);
	sl_buf_release(&g->r.headers);
	sl_buf_release(&g->r.body);
	sl_mutex_release(&g->s3.cloud.lock);
	free(g);
	return 0;
}

static void answer(struct rig *g, const char *etag)
{
	sl_buf_clear(&g->r.headers);
	sl_buf_printf(&g->r.headers, "etag: \"%s\"\n", etag);
	g->r.status = 200;
}

/* Whether the next request of this op would carry Content-MD5. */
static bool carries_md5(struct rig *g)
{
	struct sl_cloud_request q = { .headers = SL_BUF_INIT(4096) };
	bool found;

	assert_int_equal(sl_s3_body_checks(g->t, &q), 0);
	found = strstr(sl_buf_str(&q.headers),
		       "Content-MD5: JfnnlDI7RTiF9RgfG2JNCw==\n") != NULL;
	sl_buf_release(&q.headers);
	return found;
}

static void silence_is_noticed(void **state)
{
	struct rig *g = *state;

	assert_false(carries_md5(g));
	answer(g, BODY_MD5);
	assert_int_equal(sl_s3_check_echo(g->t, &g->r), SL_CLOUD_AGAIN);
	assert_int_equal(sl_backend_proof(&g->s3.cloud.b), SL_PROOF_MD5);
	assert_true(carries_md5(g));
	assert_int_equal(sl_s3_check_echo(g->t, &g->r), SL_V_OK);
	assert_int_equal(g->op.obj.proof, SL_PROOF_MD5);
	assert_false(g->op.obj.has_crc32);
	assert_false(g->s3.etag_opaque);
}

static void other_etags_are_noticed(void **state)
{
	struct rig *g = *state;

	sl_cloud_set_proof(&g->s3.cloud, SL_PROOF_MD5);
	assert_true(carries_md5(g));
	answer(g, "00f9e794323b453885f5181f1b624d0b");
	assert_int_equal(sl_s3_check_echo(g->t, &g->r), SL_V_OK);
	assert_true(g->s3.etag_opaque);
}

/* What was changed in memory since its CRC32 was made is not vouched for. */
static void changed_bytes(void **state)
{
	struct rig *g = *state;
	struct sl_cloud_request q = { .headers = SL_BUF_INIT(4096) };

	sl_cloud_set_proof(&g->s3.cloud, SL_PROOF_MD5);
	*(char *)g->v[1].iov_base ^= 1;
	assert_int_equal(sl_s3_body_checks(g->t, &q), -EBADMSG);
	assert_int_equal(g->t->call.error.errnum, EBADMSG);
	assert_non_null(strstr(g->t->call.error.text, "'k'"));
	sl_buf_release(&q.headers);
}

static void whole_of_parts(void **state)
{
	const struct sl_part parts[] = {
		{ .number = 1, .size = 4, .crc32 = sl_crc32(0, body, 4) },
		{ .number = 2, .size = 5, .crc32 = sl_crc32(0, body + 4, 5) },
	};
	static const struct {
		uint32_t count;
		uint64_t size;
		uint32_t crc;
		int want;
	} rows[] = {
		{ 2, 9, BODY_CRC, 0 },
		{ 2, 9, BODY_CRC ^ 1, -EBADMSG },
		{ 2, 10, BODY_CRC, -EBADMSG },
		{ 1, 9, BODY_CRC, -EBADMSG },
		{ 0, 0, 0, 0 },
		{ 0, 1, 0, -EBADMSG },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_op op = { .parts = parts,
				    .part_count = rows[i].count,
				    .size = rows[i].size,
				    .crc32 = rows[i].crc };

		assert_int_equal(sl_cloud_whole_of_parts(&op, SL_SUM_NONE),
				 rows[i].want);
	}
}

/* AccessDenied of Ceph may be the end of the credentials. */
static void refusals(void **state)
{
	static const struct {
		const char *code;
		int64_t ends_in_ms; /* 0: never */
		unsigned refreshes;
		enum sl_verdict verdict;
		int errnum;
	} rows[] = {
		{ "AccessDenied", 3600000, 0, SL_V_REFRESH, EACCES },
		{ "AccessDenied", 3600000, 1, SL_V_FATAL, EACCES },
		{ "AccessDenied", -1000, 0, SL_V_REFRESH, EKEYEXPIRED },
		{ "AccessDenied", -1000, 9, SL_V_FATAL, EKEYEXPIRED },
		{ "AccessDenied", 0, 9, SL_V_FATAL, EACCES },
		{ "InvalidAccessKeyId", -1000, 9, SL_V_REFRESH, EKEYEXPIRED },
		{ "MethodNotAllowed", -1000, 9, SL_V_FATAL, EKEYEXPIRED },
		{ "EntityTooLarge", -1000, 9, SL_V_FATAL, EFBIG },
	};
	struct rig *g = *state;

	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		int64_t now = sl_wall_ms(&sl_clock_system);
		struct sl_cred cred = { .generation = 1 };

		if (rows[i].ends_in_ms)
			cred.expires_ms = now + rows[i].ends_in_ms;
		g->t->call.refreshes = rows[i].refreshes;
		g->r.status = 403;
		sl_buf_clear(&g->r.body);
		sl_buf_printf(&g->r.body, "<Error><Code>%s</Code></Error>",
			      rows[i].code);
		assert_int_equal(sl_cloud_judge(&g->t->call, &g->r, &cred),
				 rows[i].verdict);
		assert_int_equal(g->t->call.error.errnum, rows[i].errnum);
		assert_string_equal(g->t->call.error.code, rows[i].code);
	}
}

#define RIGGED(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIGGED(silence_is_noticed),
		RIGGED(other_etags_are_noticed),
		RIGGED(changed_bytes),
		cmocka_unit_test(whole_of_parts),
		RIGGED(refusals),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The migration's actor over a scripted service and a clock of the test's. */
#include "migration_rig.h"

static void test_none_new_receiving(void **state)
{
	struct sl_migration_view v;
	struct sl_error e;

	(void)state;
	rig_start(NULL);
	v = view();
	assert_string_equal(v.status, "none");
	assert_int_equal(v.life, SL_LIFE_NONE);
	assert_string_equal(v.cred_state, "none");
	assert_int_equal(v.api_age_ms, -1);
	assert_null(v.json);
	sl_migration_view_release(&v);
	advance(5000);
	assert_int_equal(srv_gets(), 0);
	srv_status("Initializing");
	assert_int_equal(command(SL_CMD_NEW, NULL), 0);
	v = view();
	assert_string_equal(v.id, ID);
	assert_int_equal(v.life, SL_LIFE_INITIALIZING);
	assert_string_equal(v.bucket_dir, "");
	sl_migration_view_release(&v);
	sl_migration_outcome(rig.m, SL_CMD_NEW, &e);
	assert_int_equal(e.errnum, 0);
	assert_non_null(strstr(e.text, ID));
	assert_int_equal(command(SL_CMD_NEW, NULL), -EEXIST);
	assert_int_equal(srv_posts(), 1);
	srv_status("ReceivingFiles");
	UNTIL(generation() == 1);
	v = view();
	assert_string_equal(v.bucket_dir, "s3://b/x/");
	assert_string_equal(v.cred_state, "valid");
	assert_int_equal(v.server_offset_ms, SERVER_AHEAD);
	assert_null(strstr(v.json, "key0"));
	sl_migration_view_release(&v);
	assert_true(__atomic_load_n(&rig.changes, __ATOMIC_SEQ_CST) >= 2);
}

static void test_api_down_at_mount(void **state)
{
	struct sl_migration_view v;

	(void)state;
	srv.http = 1;
	rig_start(ID);
	UNTIL(srv_gets() >= 3);
	v = view();
	assert_int_equal(v.life, SL_LIFE_UNKNOWN);
	assert_int_equal(v.api_error.errnum, ETIMEDOUT);
	assert_int_equal(v.api_age_ms, -1);
	sl_migration_view_release(&v);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EBUSY);
	SRV_SET(http, 0);
	UNTIL(life_is(SL_LIFE_RECEIVING));
	v = view();
	assert_int_equal(v.api_error.errnum, 0);
	sl_migration_view_release(&v);
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST), 2);
}

static void test_join(void **state)
{
	(void)state;
	rig_start(NULL);
	assert_int_equal(command(SL_CMD_JOIN, "x"), -EINVAL);
	assert_int_equal(command(SL_CMD_JOIN, ID2), -ENOENT);
	assert_true(life_is(SL_LIFE_NONE));
	assert_int_equal(command(SL_CMD_JOIN, ID), 0);
	assert_true(life_is(SL_LIFE_RECEIVING));
	assert_int_equal(generation(), 1);
	assert_int_equal(command(SL_CMD_JOIN, ID), 0);
	assert_int_equal(command(SL_CMD_JOIN, ID2), -EEXIST);
	assert_int_equal(srv_posts(), 0);
}

/* A further migration leaves the old one behind, and says so. */
static void test_new_after_done(void **state)
{
	struct sl_error e;

	(void)state;
	srv_status("MigrationDone");
	rig_start(ID);
	UNTIL_NOW(life_is(SL_LIFE_DONE));
	sl_mutex_lock(&srv.lock);
	strcpy(srv.id, ID2);
	strcpy(srv.status, "Initializing");
	sl_mutex_unlock(&srv.lock);
	assert_int_equal(command(SL_CMD_NEW, NULL), 0);
	sl_migration_outcome(rig.m, SL_CMD_NEW, &e);
	assert_non_null(strstr(e.text, ID2));
	assert_non_null(strstr(e.text, ID));
	assert_non_null(strstr(e.text, "MigrationDone"));
}

static void test_commands(void **state)
{
	static const struct {
		enum sl_command c;
		const char *arg, *status, *post;
		int err;
	} rows[] = {
		{ SL_CMD_ABORT, ID2, "ReceivingFiles", "", -EINVAL },
		{ SL_CMD_ABORT, "", "ReceivingFiles", "", -EINVAL },
		{ SL_CMD_CLEANUP_NOW, ID2, "ReceivingFiles", "", -EINVAL },
		{ SL_CMD_CLEANUP_AT, "soon", "ReceivingFiles", "", -EINVAL },
		{ SL_CMD_PAUSE, NULL, "ReceivingFiles", "", -EINVAL },
		{ SL_CMD_ABORT, ID, "ReceivingFiles", "/abort", 0 },
		{ SL_CMD_CLEANUP_NOW, ID, "ReceivingFiles", "/cleanup", 0 },
		{ SL_CMD_CLEANUP_AT, "2026-12-01T14:30Z", "ReceivingFiles",
		  "/cleanup?option.cleanupTime=2026-12-01T14:30Z", 0 },
		{ SL_CMD_PAUSE, NULL, "ImportInProgress", "/pause", 0 },
		{ SL_CMD_RESUME, NULL, "Paused%s", "/resume", 0 },
		{ SL_CMD_RELAUNCH, NULL, "Failed", "/launch", 0 },
		{ SL_CMD_LAUNCH, NULL, "Closed", "", -EROFS },
	};

	(void)state;
	rig_start(ID);
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_error e;
		struct sl_migration_view v;
		int posts = srv_posts();
		int gets;

		srv_status(rows[i].status);
		gets = srv_gets();
		sl_migration_poke(rig.m);
		UNTIL(srv_gets() > gets &&
		      life_is(sl_life_from_status(rows[i].status)));
		assert_int_equal(command(rows[i].c, rows[i].arg),
				 rows[i].err);
		sl_migration_outcome(rig.m, rows[i].c, &e);
		assert_int_equal(e.errnum, -rows[i].err);
		assert_true(e.text[0]);
		assert_int_equal(srv_posts() - posts, rows[i].err == 0);
		if (!rows[i].err)
			assert_string_equal(srv.last_post, rows[i].post);
		v = view();
		assert_string_equal(v.status, rows[i].status);
		sl_migration_view_release(&v);
	}
}

/* The service refuses: its errno, and the command slot is free again. */
static void test_command_refused(void **state)
{
	(void)state;
	rig_receiving();
	SRV_SET(post_http, 403);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EACCES);
	SRV_SET(post_http, 409);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EBUSY);
	SRV_SET(post_http, 0);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	assert_int_equal(srv_launches(), 3);
}

static void test_launch_once_while_the_status_lags(void **state)
{
	(void)state;
	rig_receiving();
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EBUSY);
	assert_int_equal(srv_launches(), 1);
	srv_status("ImportInProgress");
	UNTIL(life_is(SL_LIFE_IMPORTING));
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EBUSY);
	assert_int_equal(srv_launches(), 1);
}

static void test_launch_lost_but_happened(void **state)
{
	struct sl_error e;

	(void)state;
	rig_receiving();
	SRV_SET(post_lost, true);
	SRV_SET(after_post, "ImportInProgress");
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	sl_migration_outcome(rig.m, SL_CMD_LAUNCH, &e);
	assert_non_null(strstr(e.text, "ImportInProgress"));
	assert_int_equal(srv_launches(), 1);
}

static void test_launch_lost_and_lagging(void **state)
{
	struct waiter w = { .w.done = wait_done }, w2 = { 0 };
	struct sl_error e = { 0 };
	int gets;

	(void)state;
	rig_receiving();
	SRV_SET(post_lost, true);
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_LAUNCH, NULL,
					      &w.w, &e), SL_PARKED);
	gets = srv_gets();
	UNTIL(srv_gets() >= gets + 5);
	assert_false(is_done(&w));
	/* another command has to wait its turn */
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_ABORT, ID, &w2.w,
					      &e), -EBUSY);
	srv_status("ImportInProgress");
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
	assert_int_equal(srv_launches(), 1);
}

static void test_launch_lost_for_good(void **state)
{
	struct waiter w = { .w.done = wait_done };
	struct sl_error e = { 0 };

	(void)state;
	rig_receiving();
	SRV_SET(post_lost, true);
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_LAUNCH, NULL,
					      &w.w, &e), SL_PARKED);
	UNTIL(srv_launches() == 1);
	advance(200000);
	assert_false(is_done(&w));
	advance(120000);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, -EINPROGRESS);
	assert_int_equal(srv_launches(), 1);
	sl_migration_outcome(rig.m, SL_CMD_LAUNCH, &e);
	assert_non_null(strstr(e.text, "launch again only if"));
}

static void test_launch_lost_and_odd(void **state)
{
	(void)state;
	rig_receiving();
	SRV_SET(post_lost, true);
	SRV_SET(after_post, "Odd%n");
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), -EINPROGRESS);
	assert_int_equal(srv_launches(), 1);
}

static void test_new_lost(void **state)
{
	struct sl_error e;

	(void)state;
	rig_start(NULL);
	srv.post_lost = true;
	assert_int_equal(command(SL_CMD_NEW, NULL), -EINPROGRESS);
	sl_migration_outcome(rig.m, SL_CMD_NEW, &e);
	assert_int_equal(e.errnum, EINPROGRESS);
	assert_non_null(strstr(e.text, "cannot tell"));
	assert_int_equal(srv_posts(), 1);
	assert_true(life_is(SL_LIFE_NONE));
}

static void test_command_interrupt_and_deadline(void **state)
{
	struct waiter w = { .w.done = wait_done };
	struct waiter d = { .w.done = wait_done };
	struct sl_error e = { 0 };

	(void)state;
	rig_receiving();
	SRV_SET(post_hold, true);
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_LAUNCH, NULL,
					      &w.w, &e), SL_PARKED);
	sl_migration_interrupt(rig.m, &w.w);
	UNTIL_NOW(is_done(&w));
	assert_int_equal(w.err, -EINTR);
	sl_migration_interrupt(rig.m, &w.w); /* nobody's any more */
	assert_int_equal(command(SL_CMD_ABORT, ID), -EBUSY);
	fake_release();
	/* what was asked for went on */
	UNTIL(command(SL_CMD_ABORT, ID) == 0);
	assert_int_equal(srv_launches(), 1);
	assert_int_equal(w.calls, 1);

	sl_mutex_lock(&fake.lock);
	fake.released = false;
	sl_mutex_unlock(&fake.lock);
	d.w.deadline_ms = mono(NULL) + 500;
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_ABORT, ID, &d.w,
					      &e), SL_PARKED);
	UNTIL(is_done(&d));
	assert_int_equal(d.err, -ETIMEDOUT);
}

static void test_await(void **state)
{
	struct waiter done = { .w.done = wait_done }, odd = done, intr = done,
		      late = done;
	int gets;

	(void)state;
	rig_receiving();
	assert_int_equal(sl_migration_await(rig.m, "receivingfiles",
					    &done.w), 0);
	assert_int_equal(sl_migration_await(rig.m, "", &done.w), -EINVAL);
	assert_int_equal(sl_migration_await(rig.m, "MigrationDone",
					    &done.w), SL_PARKED);
	assert_int_equal(sl_migration_await(rig.m, "Paused", &odd.w),
			 SL_PARKED);
	assert_int_equal(sl_migration_await(rig.m, "Closed", &intr.w),
			 SL_PARKED);
	late.w.deadline_ms = mono(NULL) + 1000;
	assert_int_equal(sl_migration_await(rig.m, "Closed", &late.w),
			 SL_PARKED);
	sl_migration_interrupt(rig.m, &intr.w);
	UNTIL_NOW(is_done(&intr));
	assert_int_equal(intr.err, -EINTR);
	UNTIL(is_done(&late));
	assert_int_equal(late.err, -ETIMEDOUT);
	/* somebody waits: seconds, not a minute */
	gets = srv_gets();
	advance(20000);
	assert_true(srv_gets() - gets >= 4);
	srv_status("MigrationDone");
	UNTIL(is_done(&done));
	assert_int_equal(done.err, 0);
	assert_false(is_done(&odd));
	srv_status("Closed");
	UNTIL(is_done(&odd));
	assert_int_equal(odd.err, -ECANCELED);
	/* nobody waits: a minute */
	advance(80000);
	gets = srv_gets();
	advance(59000);
	assert_true(srv_gets() - gets <= 1);
}

static void test_await_failed(void **state)
{
	struct waiter w = { .w.done = wait_done };

	(void)state;
	rig_receiving();
	assert_int_equal(sl_migration_await(rig.m, "MigrationDone", &w.w),
			 SL_PARKED);
	srv_status("ImportFailed");
	UNTIL(is_done(&w));
	assert_int_equal(w.err, -ECANCELED);
}

static void test_free_ends_everything(void **state)
{
	struct waiter c = { .w.done = wait_done }, a = c;
	struct waiter r = { .c.ready = cred_ready };
	struct sl_error e = { 0 };

	(void)state;
	rig_receiving();
	SRV_SET(post_hold, true);
	assert_int_equal(sl_migration_await(rig.m, "Closed", &a.w),
			 SL_PARKED);
	assert_int_equal(sl_migration_command(rig.m, SL_CMD_LAUNCH, NULL,
					      &c.w, &e), SL_PARKED);
	UNTIL_NOW(fake_requests() >= 2);
	sl_cred_refused(rig.src, 1, &r.c);
	rig_stop();
	assert_int_equal(c.calls, 1);
	assert_int_equal(c.err, -ECANCELED);
	assert_int_equal(a.calls, 1);
	assert_int_equal(a.err, -ECANCELED);
	assert_int_equal(r.calls, 1);
	assert_int_equal(r.err, -ECANCELED);
}

static void test_settings(void **state)
{
	const struct sl_migration_config bad_id = {
		.api_url = "https://h", .token = FAKE_TOKEN, .db_id = DB,
		.migration_id = "../x",
	};
	const struct sl_migration_config bad_token = {
		.api_url = "https://h", .token = "abcdefgh ijk", .db_id = DB,
	};
	struct sl_error e = { 0 };
	struct sl_migration *m = NULL;

	(void)state;
	assert_int_equal(sl_migration_new(&bad_id, &m, &e), -EINVAL);
	assert_non_null(strstr(e.text, "../x"));
	assert_int_equal(sl_migration_new(&bad_token, &m, &e), -EINVAL);
	assert_null(strstr(e.text, "abcdefgh"));
	assert_null(m);
	sl_migration_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_none_new_receiving),
		RIG_TEST(test_api_down_at_mount),
		RIG_TEST(test_join),
		RIG_TEST(test_new_after_done),
		RIG_TEST(test_commands),
		RIG_TEST(test_command_refused),
		RIG_TEST(test_launch_once_while_the_status_lags),
		RIG_TEST(test_launch_lost_but_happened),
		RIG_TEST(test_launch_lost_and_lagging),
		RIG_TEST(test_launch_lost_for_good),
		RIG_TEST(test_launch_lost_and_odd),
		RIG_TEST(test_new_lost),
		RIG_TEST(test_command_interrupt_and_deadline),
		RIG_TEST(test_await),
		RIG_TEST(test_await_failed),
		RIG_TEST(test_free_ends_everything),
		RIG_TEST(test_settings),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

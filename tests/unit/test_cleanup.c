/* SPDX-License-Identifier: Apache-2.0 */
/* The cleanup date through the actor: watched, moved once, never blindly. */
#include "migration_rig.h"

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static int64_t server_now(void)
{
	return EPOCH + mono(NULL) + srv.ahead;
}

static int cleanups(void)
{
	SL_LOCK_SCOPE(&srv.lock);
	return srv.cleanups;
}

/* 0: none is told. */
static void date_in(int64_t ms)
{
	SRV_SET(cleanup, ms ? server_now() + ms : 0);
}

static bool cleanup_is(const char *word)
{
	struct sl_migration_view v = view();
	bool is = !strcmp(v.cleanup_state, word);

	/* Who is warned is told when it happens. */
	if (!strcmp(v.cleanup_state, "far") ||
	    !strcmp(v.cleanup_state, "none"))
		assert_string_equal(v.cleanup_text, "");
	else
		assert_non_null(strstr(v.cleanup_text, "deletes"));
	sl_migration_view_release(&v);
	return is;
}

/* The clock jumps; what became due happens. */
static void leap(int64_t ms)
{
	__atomic_add_fetch(&now_ms, ms, __ATOMIC_SEQ_CST);
	settle();
}

/* A mount that uploads, and a date that far away. */
static void uploading(int64_t left)
{
	char status[64];

	date_in(left);
	rig_receiving();
	assert_true(sl_migration_takes_files(rig.m, ID, status));
	settle();
}

static void leap_until(int64_t ms, int posts)
{
	for (int i = 0; i < 1000 && cleanups() < posts; i++)
		leap(ms);
	assert_int_equal(cleanups(), posts);
}

static void test_far(void **state)
{
	(void)state;
	uploading(5 * DAY);
	leap(2 * DAY);
	assert_true(cleanup_is("far"));
	assert_int_equal(cleanups(), 0);
}

static void test_moved_once(void **state)
{
	int gets;

	(void)state;
	uploading(5 * DAY);
	leap(3 * DAY + HOUR);
	assert_true(cleanup_is("close"));
	assert_int_equal(cleanups(), 0);
	gets = srv_gets();
	leap_until(10 * 60000, 1);
	/* The status was read again before; the answer showed the new date. */
	assert_true(srv_gets() > gets);
	UNTIL_NOW(cleanup_is("far"));
	assert_true(srv.cleanup > server_now() + 6 * DAY);
	assert_non_null(strstr(srv.last_post, "option.cleanupTime="));
	leap(HOUR);
	leap(4 * DAY);
	assert_int_equal(cleanups(), 1);
	assert_true(was_said("moved to"));
}

/* Somebody else was first: nothing is sent. */
static void test_moved_by_another(void **state)
{
	(void)state;
	uploading(DAY);
	UNTIL_NOW(cleanup_is("close"));
	date_in(7 * DAY);
	for (int i = 0; i < 50; i++)
		leap(10 * 60000);
	assert_true(cleanup_is("far"));
	assert_int_equal(cleanups(), 0);
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST), 0);
}

/* The status shows it minutes later: not asked again meanwhile. */
static void test_status_lags(void **state)
{
	(void)state;
	SRV_SET(lag, 5 * 60000);
	uploading(DAY);
	leap_until(60000, 1);
	UNTIL_NOW(cleanup_is("moving"));
	advance(2 * 60000);
	assert_true(cleanup_is("moving"));
	for (int i = 0; i < 20; i++)
		leap(60000);
	assert_true(cleanup_is("far"));
	assert_int_equal(cleanups(), 1);
	assert_true(was_said("moved to"));
}

/* Never shown: said, and tried again after a pause, having looked. */
static void test_never_shown(void **state)
{
	(void)state;
	SRV_SET(lag, 30 * DAY);
	SRV_SET(cleanup_mute, true);
	uploading(DAY);
	leap_until(60000, 1);
	for (int i = 0; i < 11; i++)
		leap(60000);
	assert_true(cleanup_is("refused"));
	assert_true(was_said("still shows the old date"));
	assert_int_equal(cleanups(), 1);
	leap_until(10 * 60000, 2);
}

static void test_refused(void **state)
{
	struct sl_migration_view v;

	(void)state;
	SRV_SET(cleanup_http, 403);
	uploading(DAY);
	leap_until(60000, 1);
	UNTIL_NOW(cleanup_is("refused"));
	v = view();
	assert_non_null(strstr(v.cleanup_text, "role"));
	sl_migration_view_release(&v);
	assert_true(was_said("could not be moved"));
	SRV_SET(cleanup_http, 0);
	leap_until(10 * 60000, 2);
	UNTIL_NOW(cleanup_is("far"));
}

/* The answer is lost: the status tells that it was carried out. */
static void test_answer_lost(void **state)
{
	(void)state;
	SRV_SET(post_lost, true);
	uploading(DAY);
	leap_until(60000, 1);
	for (int i = 0; i < 5; i++)
		leap(60000);
	assert_int_equal(cleanups(), 1);
	assert_true(cleanup_is("far"));
}

static void test_left_alone(void **state)
{
	(void)state;
	rig.leave = true;
	uploading(3 * DAY);
	leap(DAY + HOUR);
	UNTIL(cleanup_is("left"));
	UNTIL_NOW(was_said("keep=off"));
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST), 1);
	leap(HOUR);
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST), 1);
	/* Said again in the last hours. */
	leap(DAY + 18 * HOUR);
	advance(1000);
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST), 2);
	assert_int_equal(cleanups(), 0);
}

/* Mounted, but nothing uploaded: another's business, until it does. */
static void test_not_used(void **state)
{
	(void)state;
	date_in(DAY);
	rig_receiving();
	for (int i = 0; i < 20; i++)
		leap(10 * 60000);
	assert_true(cleanup_is("left"));
	assert_int_equal(cleanups(), 0);
	sl_migration_used(rig.m, ID2);
	leap(60000);
	assert_true(cleanup_is("left"));
	sl_migration_used(rig.m, ID);
	leap_until(10 * 60000, 1);
}

/* A date as close as the user wanted it stays. */
static void test_by_hand(void **state)
{
	char when[40];

	(void)state;
	uploading(5 * DAY);
	sl_time_format(when, sizeof(when), server_now() + DAY);
	assert_int_equal(command(SL_CMD_CLEANUP_AT, when), 0);
	assert_int_equal(cleanups(), 1);
	UNTIL(cleanup_is("left"));
	for (int i = 0; i < 40; i++)
		leap(10 * 60000);
	assert_int_equal(cleanups(), 1);
	/* One that was far when it was written is moved as any other. */
	sl_time_format(when, sizeof(when), server_now() + 4 * DAY);
	assert_int_equal(command(SL_CMD_CLEANUP_AT, when), 0);
	UNTIL(cleanup_is("far"));
	leap(3 * DAY);
	leap_until(10 * 60000, 3);
}

static void test_never_while_importing(void **state)
{
	static const char *const words[] = { "ImportInProgress", "Closed",
					     "MigrationDone", "Failed" };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
		uploading(5 * DAY);
		srv_status(words[i]);
		leap(2 * 60000);
		leap(3 * DAY);
		for (int n = 0; n < 60; n++)
			leap(10 * 60000);
		assert_int_equal(cleanups(), 0);
		rig_stop();
		srv_status("ReceivingFiles");
		SRV_SET(expires, server_now() + srv.life);
	}
}

/* A launch: what is within six days is moved first, by one POST. */
static void test_before_launch(void **state)
{
	(void)state;
	uploading(3 * DAY);
	SRV_SET(after_post, NULL);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	assert_int_equal(cleanups(), 1);
	assert_int_equal(srv_launches(), 1);
	assert_non_null(strstr(srv.last_post, "launch"));
	assert_true(srv.cleanup > server_now() + 6 * DAY);
}

static void test_launch_without(void **state)
{
	static const struct {
		int64_t left;
		bool leave;
		int cleanup_http, posts;
	} rows[] = {
		{ 7 * DAY - HOUR, false, 0, 0 }, /* far enough */
		{ 3 * DAY, true, 0, 0 },	 /* keep=off */
		{ DAY, false, 409, 1 },		 /* refused: launched anyway */
		{ 0, false, 0, 0 },		 /* no date is told */
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		srv.cleanups = srv.launches = 0;
		srv.cleanup_http = rows[i].cleanup_http;
		rig.leave = rows[i].leave;
		uploading(rows[i].left);
		assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
		assert_int_equal(cleanups(), rows[i].posts);
		assert_int_equal(srv_launches(), 1);
		rig_stop();
	}
}

/* The API cannot be read just then: the launch is not held for ever. */
static void test_launch_api_down(void **state)
{
	(void)state;
	uploading(3 * DAY);
	SRV_SET(http, 503);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	assert_int_equal(cleanups(), 0);
	assert_int_equal(srv_launches(), 1);
	assert_true(was_said("without moving the cleanup date"));
}

/* Made here and never moved: launching restarts the timer by itself. */
static void test_launch_restarts(void **state)
{
	char status[64];

	(void)state;
	rig_start(NULL);
	date_in(7 * DAY);
	assert_int_equal(command(SL_CMD_NEW, NULL), 0);
	UNTIL(generation() == 1);
	assert_true(sl_migration_takes_files(rig.m, ID, status));
	leap(4 * DAY);
	advance(1000);
	assert_int_equal(command(SL_CMD_LAUNCH, NULL), 0);
	assert_int_equal(cleanups(), 0);
}

/* Past already, and nothing was removed yet: there may still be time. */
static void test_past(void **state)
{
	(void)state;
	uploading(-2 * HOUR);
	leap_until(1000, 1);
	UNTIL_NOW(cleanup_is("far"));
	assert_true(srv.cleanup > server_now() + 6 * DAY);
}

/* The host slept until the files were being removed: nothing is asked for. */
static void test_slept_over(void **state)
{
	(void)state;
	uploading(5 * DAY);
	srv_status("CleaningUpFiles");
	leap(6 * DAY);
	for (int n = 0; n < 20; n++)
		leap(60000);
	UNTIL(was_said("'CleaningUpFiles'"));
	assert_int_equal(cleanups(), 0);
}

/* Slept until the date is close, and the status is a day old: read first. */
static void test_slept_until_moved(void **state)
{
	(void)state;
	uploading(3 * DAY);
	date_in(9 * DAY);
	leap(2 * DAY);
	for (int n = 0; n < 20; n++)
		leap(60000);
	assert_true(cleanup_is("far"));
	assert_int_equal(cleanups(), 0);
}

/* Only the service's clock counts, and what is asked for is by it. */
static void test_skewed(void **state)
{
	static const int64_t ahead[] = { -30 * DAY, 30 * DAY };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(ahead); i++) {
		SRV_SET(ahead, ahead[i]);
		SRV_SET(expires, server_now() + srv.life);
		srv.cleanups = 0;
		uploading(5 * DAY);
		leap(HOUR);
		assert_true(cleanup_is("far"));
		assert_int_equal(cleanups(), 0);
		leap(3 * DAY);
		leap_until(10 * 60000, 1);
		assert_true(srv.cleanup > server_now() + 6 * DAY);
		assert_true(srv.cleanup < server_now() + 8 * DAY);
		rig_stop();
	}
}

/* The end comes while the POST is on its way. */
static void test_free_while_sent(void **state)
{
	(void)state;
	SRV_SET(post_hold, true);
	uploading(DAY);
	leap_until(10 * 60000, 1);
	rig_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_far),
		RIG_TEST(test_moved_once),
		RIG_TEST(test_moved_by_another),
		RIG_TEST(test_status_lags),
		RIG_TEST(test_never_shown),
		RIG_TEST(test_refused),
		RIG_TEST(test_answer_lost),
		RIG_TEST(test_left_alone),
		RIG_TEST(test_not_used),
		RIG_TEST(test_by_hand),
		RIG_TEST(test_never_while_importing),
		RIG_TEST(test_before_launch),
		RIG_TEST(test_launch_without),
		RIG_TEST(test_launch_api_down),
		RIG_TEST(test_launch_restarts),
		RIG_TEST(test_past),
		RIG_TEST(test_slept_over),
		RIG_TEST(test_slept_until_moved),
		RIG_TEST(test_skewed),
		RIG_TEST(test_free_while_sent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

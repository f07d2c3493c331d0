/* SPDX-License-Identifier: Apache-2.0 */
/* Credentials through the actor: when they are renewed, and who waits. */
#include "migration_rig.h"

static bool state_is(const char *s)
{
	struct sl_migration_view v = view();
	bool is = !strcmp(v.cred_state, s);

	sl_migration_view_release(&v);
	return is;
}

/* A life of 20 s, two minutes: each refresh is one request, none besides. */
static void test_by_the_clock(void **state)
{
	int gets;

	(void)state;
	SRV_SET(mint, true);
	SRV_SET(life, 20000);
	rig_receiving();
	for (int i = 0; i < 480; i++) {
		advance(250);
		assert_false(state_is("expired"));
	}
	gets = srv_gets();
	assert_in_range(gets, 6, 9);
	assert_int_equal(generation(), gets);
}

static void *refuse(void *arg)
{
	struct waiter *w = arg;

	sl_cred_refused(rig.src, 1, &w->c);
	return NULL;
}

/* Sixteen uploads are refused; one request, all go on. */
static void test_single_flight(void **state)
{
	struct waiter w[16] = { 0 }, late = { .c.ready = cred_ready };
	pthread_t t[16];
	int gets;

	(void)state;
	rig_receiving();
	advance(20000);
	gets = srv_gets();
	SRV_SET(key, 7);
	for (int i = 0; i < 16; i++) {
		w[i].c.ready = cred_ready;
		assert_int_equal(pthread_create(&t[i], NULL, refuse, &w[i]),
				 0);
	}
	for (int i = 0; i < 16; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	for (int i = 0; i < 16; i++) {
		UNTIL_NOW(is_done(&w[i]));
		assert_int_equal(w[i].err, 0);
	}
	assert_int_equal(srv_gets() - gets, 1);
	assert_int_equal(generation(), 2);
	/* one that comes late with the old set is served from here */
	sl_cred_refused(rig.src, 1, &late.c);
	UNTIL_NOW(is_done(&late));
	assert_int_equal(late.err, 0);
	assert_int_equal(srv_gets() - gets, 1);
}

/* The same set: no new generation, asked at 75, 90 and 97 %, not more. */
static void test_same_keys(void **state)
{
	int gets;

	(void)state;
	SRV_SET(life, 3600000);
	rig_receiving();
	__atomic_add_fetch(&now_ms, 2640000, __ATOMIC_SEQ_CST);
	UNTIL(srv_gets() >= 2); /* the regular poll was overdue */
	gets = srv_gets();
	assert_int_equal(generation(), 1);
	advance(50000);
	assert_int_equal(srv_gets(), gets);
	/* 75 % and the jitter behind it; a regular poll a minute besides. */
	advance(12000);
	assert_in_range(srv_gets() - gets, 0, 2);
	__atomic_add_fetch(&now_ms, 225000, __ATOMIC_SEQ_CST);
	UNTIL(srv_gets() > gets);
	advance(30000);
	assert_in_range(srv_gets() - gets, 1, 4);
	assert_int_equal(generation(), 1);
	assert_true(state_is("valid"));
}

/* How often one is let go to try again, refused all the time. */
static int tries_within(int64_t ms)
{
	int64_t end = mono(NULL) + ms;
	int tries = 0;

	while (mono(NULL) < end) {
		struct waiter w = { .c.ready = cred_ready };

		sl_cred_refused(rig.src, 1, &w.c);
		UNTIL(is_done(&w));
		assert_int_equal(w.err, 0);
		tries++;
	}
	return tries;
}

/* Refused although valid: the same back means one more try, no storm. */
static void test_same_keys_on_refusal(void **state)
{
	int gets;

	(void)state;
	rig_receiving();
	sl_cred_worked(rig.src, 1);
	advance(20000);
	gets = srv_gets();
	assert_in_range(tries_within(40000), 3, 9);
	assert_int_equal(generation(), 1);
	assert_in_range(srv_gets() - gets, 3, 9);
}

/* No store has taken them yet: tried more often, asked for no more often. */
static void test_untaken_keys_are_tried_again(void **state)
{
	int gets;

	(void)state;
	rig_receiving();
	gets = srv_gets();
	assert_in_range(tries_within(40000), 15, 30);
	assert_int_equal(generation(), 1);
	assert_in_range(srv_gets() - gets, 3, 9);
}

/* New keys with every request, each refused at once: spaced out. */
static void test_minted_and_refused(void **state)
{
	struct waiter w;
	int gets;
	int64_t end;

	(void)state;
	SRV_SET(mint, true);
	rig_receiving();
	gets = srv_gets();
	end = mono(NULL) + 40000;
	while (mono(NULL) < end) {
		memset(&w, 0, sizeof(w));
		w.c.ready = cred_ready;
		sl_cred_refused(rig.src, generation(), &w.c);
		UNTIL(is_done(&w));
		assert_int_equal(w.err, 0);
	}
	assert_in_range(srv_gets() - gets, 3, 9);
}

/* Expired ones come back: whoever waits waits on, and the view says why. */
static void test_service_is_late(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	struct sl_migration_view v;

	(void)state;
	SRV_SET(expires, EPOCH + mono(NULL) + SERVER_AHEAD + 30000);
	rig_receiving();
	advance(31000);
	sl_cred_refused(rig.src, 1, &w.c);
	advance(30000);
	assert_false(is_done(&w));
	v = view();
	assert_string_equal(v.cred_state, "refreshing");
	assert_int_equal(v.api_error.errnum, EKEYEXPIRED);
	sl_migration_view_release(&v);
	SRV_SET(expires, EPOCH + mono(NULL) + SERVER_AHEAD + 3600000);
	SRV_SET(key, 9);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
	assert_int_equal(generation(), 2);
	v = view();
	assert_int_equal(v.api_error.errnum, 0);
	sl_migration_view_release(&v);
}

/* The API is down: waiting, with the reason, then on by itself. */
static void test_outage(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	struct sl_migration_view v;
	int gets;

	(void)state;
	rig_receiving();
	advance(20000);
	SRV_SET(http, 503);
	gets = srv_gets();
	sl_cred_refused(rig.src, 1, &w.c);
	UNTIL(srv_gets() > gets + 3);
	assert_false(is_done(&w));
	v = view();
	assert_string_equal(v.cred_state, "refreshing");
	assert_int_equal(v.api_error.http_status, 503);
	sl_migration_view_release(&v);
	/* it backs off */
	gets = srv_gets();
	advance(120000);
	assert_in_range(srv_gets() - gets, 1, 6);
	assert_false(is_done(&w));
	SRV_SET(http, 0);
	SRV_SET(key, 5);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
}

static void test_revoked(void **state)
{
	struct waiter w = { .c.ready = cred_ready }, next = w, good = w;
	int gets;

	(void)state;
	rig_receiving();
	advance(20000);
	SRV_SET(http, 401);
	gets = srv_gets();
	sl_cred_refused(rig.src, 1, &w.c);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, -EKEYEXPIRED);
	assert_int_equal(srv_gets() - gets, 3);
	assert_true(state_is("refused"));
	/* told at once, without a further request */
	sl_cred_refused(rig.src, 1, &next.c);
	UNTIL_NOW(is_done(&next));
	assert_int_equal(next.err, -EKEYEXPIRED);
	assert_int_equal(srv_gets() - gets, 3);
	/* and it is not for ever */
	SRV_SET(http, 0);
	SRV_SET(key, 3);
	UNTIL(generation() == 2);
	sl_cred_refused(rig.src, 1, &good.c);
	UNTIL_NOW(is_done(&good));
	assert_int_equal(good.err, 0);
}

static void test_one_denial_is_not_final(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	int gets;

	(void)state;
	rig_receiving();
	advance(20000);
	SRV_SET(http, 401);
	gets = srv_gets();
	sl_cred_refused(rig.src, 1, &w.c);
	UNTIL_NOW(srv_gets() == gets + 1);
	SRV_SET(key, 3);
	SRV_SET(http, 0);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
}

static void test_launched_by_somebody(void **state)
{
	static const char *const words[] = { "ImportInProgress", "Closed",
					     "Aborted" };

	(void)state;
	rig_receiving();
	for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
		struct waiter w = { .c.ready = cred_ready };

		srv_status(words[i]);
		advance(20000);
		sl_cred_refused(rig.src, 1, &w.c);
		UNTIL(is_done(&w));
		assert_int_equal(w.err, -EROFS);
	}
}

static void test_no_migration(void **state)
{
	struct waiter w = { .c.ready = cred_ready };

	(void)state;
	rig_start(NULL);
	assert_null(sl_cred_get(rig.src));
	sl_cred_refused(rig.src, 0, &w.c);
	UNTIL_NOW(is_done(&w));
	assert_int_equal(w.err, -EROFS);
}

/* Before ReceivingFiles there are none yet; uploads wait for the first. */
static void test_first_set(void **state)
{
	struct waiter w = { .c.ready = cred_ready }, gone = w;

	(void)state;
	srv_status("Initializing");
	rig_start(ID);
	UNTIL_NOW(life_is(SL_LIFE_INITIALIZING));
	assert_true(state_is("none") || state_is("valid"));
	sl_cred_refused(rig.src, 0, &w.c);
	sl_cred_refused(rig.src, 0, &gone.c);
	sl_cred_cancel(rig.src, &gone.c);
	advance(5000);
	assert_false(is_done(&w));
	srv_status("ReceivingFiles");
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
	assert_int_equal(generation(), 1);
	assert_int_equal(gone.calls, 0);
}

/* The local clock is behind the service's, or ahead of it, by hours. */
static void test_clocks_differ(void **state)
{
	static const int64_t ahead[] = { -7200000, 7200000 };

	(void)state;
	SRV_SET(mint, true);
	SRV_SET(life, 8000);
	for (size_t i = 0; i < SL_ARRAY_LEN(ahead); i++) {
		int gets = srv_gets();

		SRV_SET(ahead, ahead[i]);
		rig_receiving();
		for (int n = 0; n < 80; n++) {
			advance(250);
			assert_false(state_is("expired"));
		}
		assert_in_range(srv_gets() - gets, 3, 5);
		assert_int_equal(rig.src->ops->offset_ms(rig.src), ahead[i]);
		rig_stop();
	}
}

/* Launched elsewhere, and the status lags: no keys, but ReceivingFiles. */
static void test_status_lags(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	struct sl_migration_view v;

	(void)state;
	rig_receiving();
	sl_cred_worked(rig.src, 1);
	advance(20000);
	SRV_SET(no_keys, true);
	sl_cred_refused(rig.src, 1, &w.c);
	advance(20000);
	assert_false(is_done(&w));
	v = view();
	assert_string_equal(v.cred_state, "refreshing");
	assert_non_null(strstr(v.cred_reason, "gives no credentials"));
	sl_migration_view_release(&v);
	srv_status("ImportInProgress");
	UNTIL(is_done(&w));
	assert_int_equal(w.err, -EROFS);
	assert_true(was_said("'ImportInProgress'"));
}

/* A stored policy that is extended: the same keys, and a later end. */
static void test_only_the_end_moves(void **state)
{
	struct waiter w = { .c.ready = cred_ready };

	(void)state;
	SRV_SET(expires, EPOCH + mono(NULL) + SERVER_AHEAD + 30000);
	rig_receiving();
	/* At 75 % the service has moved it. */
	SRV_SET(expires, EPOCH + mono(NULL) + SERVER_AHEAD + 60000);
	advance(31000);
	assert_true(state_is("valid"));
	assert_int_equal(generation(), 1);
	/* Refused at its end, which then moves: one more try is worth it. */
	advance(30000);
	sl_cred_refused(rig.src, 1, &w.c);
	advance(2000);
	assert_false(is_done(&w));
	SRV_SET(expires, EPOCH + mono(NULL) + SERVER_AHEAD + 3600000);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, 0);
	assert_int_equal(generation(), 1);
	assert_true(state_is("valid"));
}

/* Uploads that wait are told of once, with the reason, and of the end. */
static void test_blocked_is_said(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	struct sl_migration_view v;
	int events;

	(void)state;
	rig_receiving();
	advance(20000);
	SRV_SET(http, 503);
	sl_cred_refused(rig.src, 1, &w.c);
	advance(12000);
	assert_true(was_said("uploads wait for new credentials"));
	v = view();
	assert_string_equal(v.cred_state, "refreshing");
	assert_non_null(strstr(v.cred_reason, "503"));
	sl_migration_view_release(&v);
	events = __atomic_load_n(&rig.events, __ATOMIC_SEQ_CST);
	advance(60000);
	assert_int_equal(__atomic_load_n(&rig.events, __ATOMIC_SEQ_CST),
			 events);
	SRV_SET(key, 5);
	SRV_SET(http, 0);
	UNTIL(is_done(&w));
	UNTIL_NOW(was_said("uploads go on"));
	v = view();
	assert_string_equal(v.cred_reason, "");
	sl_migration_view_release(&v);
}

/* The migration is not there any more: not the token's fault. */
static void test_gone(void **state)
{
	struct waiter w = { .c.ready = cred_ready };
	struct sl_migration_view v;

	(void)state;
	rig_receiving();
	advance(20000);
	SRV_SET(http, 404);
	sl_cred_refused(rig.src, 1, &w.c);
	UNTIL(is_done(&w));
	assert_int_equal(w.err, -EROFS);
	v = view();
	assert_string_equal(v.cred_state, "refused");
	assert_non_null(strstr(v.cred_reason, "no such database"));
	sl_migration_view_release(&v);
}

/*
 * Requests that are retried for other reasons than credentials learn from
 * the source that it is over; a mount that has uploaded says why.
 */
static void test_over_is_known(void **state)
{
	char status[64];

	(void)state;
	rig_receiving();
	assert_true(sl_migration_takes_files(rig.m, ID, status));
	assert_int_equal(sl_cred_over(rig.src), 0);
	srv_status("ImportInProgress");
	UNTIL(sl_cred_over(rig.src));
	assert_int_equal(sl_cred_over(rig.src), -EROFS);
	UNTIL_NOW(was_said("launched or ended from elsewhere"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		RIG_TEST(test_by_the_clock),
		RIG_TEST(test_single_flight),
		RIG_TEST(test_same_keys),
		RIG_TEST(test_same_keys_on_refusal),
		RIG_TEST(test_untaken_keys_are_tried_again),
		RIG_TEST(test_minted_and_refused),
		RIG_TEST(test_service_is_late),
		RIG_TEST(test_outage),
		RIG_TEST(test_revoked),
		RIG_TEST(test_one_denial_is_not_final),
		RIG_TEST(test_launched_by_somebody),
		RIG_TEST(test_no_migration),
		RIG_TEST(test_first_set),
		RIG_TEST(test_clocks_differ),
		RIG_TEST(test_status_lags),
		RIG_TEST(test_only_the_end_moves),
		RIG_TEST(test_blocked_is_said),
		RIG_TEST(test_gone),
		RIG_TEST(test_over_is_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The states of the token source, row by row of the table at the head of
 * backends/gcs/token.c, with a scripted token endpoint and migration.
 */
#include "gcs_rig.h"

#define GRANT "{\"error\":\"invalid_grant\"," \
	"\"error_description\":\"no such key\"}"

static void the_first_token(void **state)
{
	SL_CLEANUP(cred) struct sl_cred *c = NULL;

	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	assert_token("tok1", 1);
	c = sl_cred_get(rig_source);
	assert_int_equal(c->expires_ms, WALL_MS + 1000000);
	assert_int_equal(fake_requests(), 1);
	assert_int_equal(base.asked, 0);
	assert_string_equal(fake.last_method, "POST");
	assert_non_null(strstr(fake.last_headers, "Content-Type: application/"
			       "x-www-form-urlencoded\n"));
}

static void many_refusals_one_exchange(void **state)
{
	struct waiter w[5];

	(void)state;
	RIG_SAYS({ .hold = false }, { .pass_ms = 0 });
	assert_int_equal(refuse_and_wait(0), 0);
	rig_pass(100000);
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++)
		waiter_refuse(&w[i], 1);
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++)
		assert_int_equal(waiter_wait(&w[i]), 0);
	assert_token("tok2", 2);
	assert_int_equal(fake_requests(), 2);
}

static void a_newer_one_is_here(void **state)
{
	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	assert_int_equal(refuse_and_wait(0), 0);
	assert_token("tok1", 1);
	assert_int_equal(fake_requests(), 1);
}

/* A fresh token refused: another, then the migration is asked. */
static void young_ones_refused(void **state)
{
	struct waiter w;

	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	assert_int_equal(refuse_and_wait(1), 0);
	assert_token("tok2", 2);
	assert_int_equal(base.asked, 0);
	waiter_refuse(&w, 2);
	base_until(1);
	assert_int_equal(base.refused, 1);
	base_set(2);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), 0);
	assert_token("tok3", 3);
	waiter_refuse(&w, 3);
	base_until(2);
	assert_int_equal(base.refused, 2);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), 0);
	assert_token("tok4", 4);
}

/* One that served a while is just worn out, however often. */
static void old_ones_refused(void **state)
{
	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	for (uint64_t g = 1; g < 5; g++) {
		rig_pass(61000);
		assert_int_equal(refuse_and_wait(g), 0);
	}
	assert_token("tok5", 5);
	assert_int_equal(base.asked, 0);
}

static void wait_for_requests(int n)
{
	while (fake_requests() < n || !fake_idle())
		sched_yield();
}

static void renewed_before_its_end(void **state)
{
	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	rig_pass(749000);
	assert_token("tok1", 1);
	assert_int_equal(fake_requests(), 1);
	rig_pass(2000);
	assert_token("tok1", 1); /* it goes on serving */
	wait_for_requests(2);
	assert_token("tok2", 2);
	rig_pass(1001000);
	assert_token(NULL, 0); /* over: no body is sent for nothing */
}

/* The old one is good to its end while the endpoint fails. */
static void renewal_fails_in_passing(void **state)
{
	(void)state;
	RIG_SAYS({ .status = 200 }, { .status = 503, .body = "x" },
		 { .curl_code = 7 }, { .status = 200, .body = "<html>" },
		 { .status = 200 });
	assert_int_equal(refuse_and_wait(0), 0);
	rig_pass(800000);
	assert_token("tok1", 1);
	wait_for_requests(5);
	assert_token("tok5", 2);
	assert_int_equal(base.asked, 0);
}

static void other_keys_are_taken_up(void **state)
{
	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	base_set(2);
	assert_token("tok1", 1);
	wait_for_requests(2);
	assert_token("tok2", 2);
	assert_token("tok2", 2);
	assert_int_equal(fake_requests(), 2);
}

static void refused_keys_are_replaced(void **state)
{
	struct waiter w;

	(void)state;
	RIG_SAYS({ .status = 400, .body = GRANT }, { .status = 200 });
	waiter_refuse(&w, 0);
	base_until(1);
	assert_int_equal(base.refused, 1);
	base_set(2);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), 0);
	assert_token("tok2", 1);
}

/* Confirmed by the migration they have a minute, then it is over. */
static void refused_keys_are_confirmed(void **state)
{
	struct sl_error e = { 0 };
	struct waiter w;

	(void)state;
	RIG_SAYS({ .status = 400, .body = GRANT, .pass_ms = 25000 });
	waiter_refuse(&w, 0);
	base_until(1);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), -EKEYEXPIRED);
	assert_int_equal(fake_requests(), 4);
	assert_int_equal(base.asked, 1);
	assert_true(sl_gcs_tokens_trouble(rig_tokens, &e));
	assert_non_null(strstr(e.text, "invalid_grant: no such key"));
	assert_string_equal(e.code, "invalid_grant");
	/* Who tries again begins anew. */
	waiter_refuse(&w, 0);
	base_until(2);
	base_answer(-EKEYEXPIRED);
	assert_int_equal(waiter_wait(&w), -EKEYEXPIRED);
}

static void the_migration_says_no(void **state)
{
	static const int errs[] = { -EROFS, -EKEYEXPIRED, -ECANCELED };

	(void)state;
	base_set(0);
	for (size_t i = 0; i < SL_ARRAY_LEN(errs); i++) {
		struct waiter w;

		waiter_refuse(&w, 0);
		base_until((int)i + 1);
		assert_int_equal(base.refused, 0);
		base_answer(errs[i]);
		assert_int_equal(waiter_wait(&w), errs[i]);
	}
	assert_int_equal(fake_requests(), 0);
}

/* Good tokens or not: the migration is what they are for. */
static void over_is_the_migrations(void **state)
{
	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	assert_int_equal(sl_cred_over(rig_source), 0);
	base.over = -EROFS;
	assert_int_equal(sl_cred_over(rig_source), -EROFS);
	base.over = 0;
}

/* Without keys there are no tokens either: the migration ended. */
static void the_keys_went(void **state)
{
	struct waiter w;

	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	base_set(0);
	assert_token(NULL, 0);
	waiter_refuse(&w, 1);
	base_until(1);
	base_answer(-EROFS);
	assert_int_equal(waiter_wait(&w), -EROFS);
}

static void forbidden_asks_the_migration(void **state)
{
	struct waiter w;

	(void)state;
	assert_int_equal(refuse_and_wait(0), 0);
	sl_gcs_tokens_forbidden(rig_tokens, 1);
	waiter_refuse(&w, 1);
	base_until(1);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), 0);
	assert_token("tok1", 1); /* the same keys: it is about rights */
	assert_int_equal(fake_requests(), 1);
	waiter_refuse(&w, 1);
	base_until(2);
	base_set(2);
	base_answer(0);
	assert_int_equal(waiter_wait(&w), 0);
	assert_token("tok2", 2);
	sl_gcs_tokens_forbidden(rig_tokens, 2);
	waiter_refuse(&w, 2);
	base_until(3);
	base_answer(-EROFS);
	assert_int_equal(waiter_wait(&w), -EROFS);
}

static void claim(const char *name, char *claims, int64_t *ret)
{
	const char *jwt = strstr(fake.last_body, "assertion=");
	char head[8192], *p;

	assert_non_null(jwt);
	assert_true(gcs_key_verifies(&rig_key, jwt + 10, head, claims));
	p = strstr(claims, name);
	assert_non_null(p);
	*ret = strtoll(p + strlen(name), NULL, 10);
}

/* By the service's clock, until the endpoint's own is known. */
static void clocks(void **state)
{
	char claims[8192];
	int64_t iat;

	(void)state;
	RIG_SAYS({ .status = 400, .body = GRANT, .dated = true,
		   .ahead_ms = 7200000 }, { .status = 200 });
	base.offset_ms = 3600000;
	assert_int_equal(refuse_and_wait(0), 0);
	assert_int_equal(fake_requests(), 2); /* once more, nobody asked */
	assert_int_equal(base.asked, 0);
	claim("\"iat\":", claims, &iat);
	assert_int_equal(iat, (WALL_MS + 7200000) / 1000);
	assert_token("tok2", 1);
}

static void the_service_clock_signs(void **state)
{
	char claims[8192];
	int64_t iat, exp;

	(void)state;
	base.offset_ms = -3600000;
	assert_int_equal(refuse_and_wait(0), 0);
	claim("\"iat\":", claims, &iat);
	claim("\"exp\":", claims, &exp);
	assert_int_equal(iat, (WALL_MS - 3600000) / 1000);
	assert_int_equal(exp, iat + 3600);
}

static void unusable_keys(void **state)
{
	struct sl_error e = { 0 };

	(void)state;
	sl_mutex_lock(&base.lock);
	sl_cred_unref(base.cred);
	base.cred = sl_cred_new(SL_CRED_GCS, 2, NULL,
				"{\"type\":\"external_account\"}", NULL);
	sl_mutex_unlock(&base.lock);
	assert_int_equal(refuse_and_wait(0), -EKEYEXPIRED);
	assert_int_equal(fake_requests(), 0);
	assert_true(sl_gcs_tokens_trouble(rig_tokens, &e));
	assert_non_null(strstr(e.text, "external_account"));
}

static void a_waiter_gives_up(void **state)
{
	struct waiter a, b;

	(void)state;
	base_set(0);
	waiter_refuse(&a, 0);
	waiter_refuse(&b, 0);
	sl_cred_cancel(rig_source, &a.w);
	base_until(1);
	base_answer(-EROFS);
	assert_int_equal(waiter_wait(&b), -EROFS);
	assert_false(a.over);
}

static void closed_while_exchanging(void **state)
{
	struct waiter w;

	(void)state;
	RIG_SAYS({ .hold = true });
	waiter_refuse(&w, 0);
	while (fake_requests() < 1)
		sched_yield();
	sl_cred_cancel(rig_source, &w.w);
	/* rig_down() closes, and must not hang */
}

static void closed_while_asking(void **state)
{
	struct waiter w;

	(void)state;
	base_set(0);
	waiter_refuse(&w, 0);
	sl_cred_cancel(rig_source, &w.w);
}

#define CROWD 8
#define TURNS 200

/* Refuses, waits or gives up, as requests of many threads do. */
static void *crowd_member(void *arg)
{
	unsigned *seed = arg;

	for (int i = 0; i < TURNS; i++) {
		SL_CLEANUP(cred) struct sl_cred *c = sl_cred_get(rig_source);
		struct waiter w;

		*seed = *seed * 1664525u + 1013904223u;
		if (!(*seed >> 29))
			rig_pass(61000);
		waiter_refuse(&w, c ? c->generation : 0);
		if (*seed >> 31) {
			sl_cred_cancel(rig_source, &w.w);
			continue;
		}
		if (waiter_wait(&w))
			abort();
	}
	return NULL;
}

static void *crowd_migration(void *arg)
{
	bool *stop = arg;

	while (!__atomic_load_n(stop, __ATOMIC_SEQ_CST)) {
		struct sl_cred_wait *w;

		sl_mutex_lock(&base.lock);
		w = base.wait;
		base.wait = NULL;
		sl_mutex_unlock(&base.lock);
		if (w)
			w->ready(w, 0);
		sched_yield();
	}
	return NULL;
}

static void a_crowd(void **state)
{
	pthread_t t[CROWD], migration;
	unsigned seeds[CROWD];
	bool stop = false;

	(void)state;
	assert_int_equal(pthread_create(&migration, NULL, crowd_migration,
					&stop), 0);
	for (unsigned i = 0; i < CROWD; i++) {
		seeds[i] = i;
		assert_int_equal(pthread_create(&t[i], NULL, crowd_member,
						&seeds[i]), 0);
	}
	for (int i = 0; i < CROWD; i++)
		assert_int_equal(pthread_join(t[i], NULL), 0);
	__atomic_store_n(&stop, true, __ATOMIC_SEQ_CST);
	assert_int_equal(pthread_join(migration, NULL), 0);
	/* Waiters share: far fewer exchanges than refusals. */
	assert_in_range(fake_requests(), 1, CROWD * TURNS - 1);
}

#define RIG_TEST(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)

int main(void)
{
	static const struct CMUnitTest tests[] = {
		RIG_TEST(the_first_token),
		RIG_TEST(many_refusals_one_exchange),
		RIG_TEST(a_newer_one_is_here),
		RIG_TEST(young_ones_refused),
		RIG_TEST(old_ones_refused),
		RIG_TEST(renewed_before_its_end),
		RIG_TEST(renewal_fails_in_passing),
		RIG_TEST(other_keys_are_taken_up),
		RIG_TEST(refused_keys_are_replaced),
		RIG_TEST(refused_keys_are_confirmed),
		RIG_TEST(the_migration_says_no),
		RIG_TEST(over_is_the_migrations),
		RIG_TEST(the_keys_went),
		RIG_TEST(forbidden_asks_the_migration),
		RIG_TEST(clocks),
		RIG_TEST(the_service_clock_signs),
		RIG_TEST(unusable_keys),
		RIG_TEST(a_waiter_gives_up),
		RIG_TEST(closed_while_exchanging),
		RIG_TEST(closed_while_asking),
		RIG_TEST(a_crowd),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, rig_key_up, rig_key_down);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Retry budget, upload rate, hedging and low speed: the rules alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "backends/http/hedge.h"
#include "backends/http/pace.h"
#include "backends/http/quota.h"
#include "backends/http/slow.h"

/* How many of 'wanting' retries each tick of 100 ms go out in 'ms'. */
static int retries(struct sl_quota *q, int64_t *now, int64_t ms, int wanting)
{
	int n = 0;

	for (int64_t end = *now + ms; *now < end; *now += 100)
		for (int i = 0; i < wanting; i++)
			n += !sl_quota_take(q, *now);
	return n;
}

static void an_outage_gets_probes(void **state)
{
	int64_t now = 1000;
	struct sl_quota q;
	int n;

	(void)state;
	sl_quota_init(&q, now);
	n = retries(&q, &now, 10000, 64);
	assert_in_range(n, 100, 112);
	n = retries(&q, &now, 600000, 64);
	assert_in_range(n, 590, 601);
	assert_false(sl_quota_calm(&q, now));
}

static void success_lets_retries_go(void **state)
{
	int64_t now = 0;
	struct sl_quota q;
	int waiting = 1000, rounds = 0;

	(void)state;
	sl_quota_init(&q, now);
	retries(&q, &now, 1000, 200);
	assert_true(sl_quota_success(&q, now));
	assert_false(sl_quota_success(&q, now));
	/* What goes succeeds: twice as many in the next round. */
	for (; waiting > 0 && rounds < 100; rounds++) {
		int go = 0;

		while (go < waiting && !sl_quota_take(&q, now))
			go++;
		for (int i = 0; i < go; i++)
			sl_quota_success(&q, now);
		waiting -= go;
	}
	assert_in_range(rounds, 4, 20);
}

static void retries_stay_below_twice_the_successes(void **state)
{
	int64_t now = 0;
	struct sl_quota q;
	int n = 0;

	(void)state;
	sl_quota_init(&q, now);
	retries(&q, &now, 1000, 200);
	for (int i = 0; i < 1000; i++) {
		sl_quota_success(&q, now);
		while (!sl_quota_take(&q, now))
			n++;
	}
	assert_in_range(n, 1900, 2001);
}

static void few_failures_wait_for_nothing(void **state)
{
	int64_t now = 0;
	struct sl_quota q;

	(void)state;
	sl_quota_init(&q, now);
	for (int i = 0; i < 100000; i++) {
		assert_int_equal(sl_quota_take(&q, now), 0);
		sl_quota_success(&q, now);
	}
	assert_true(sl_quota_calm(&q, now));
	/* Time alone fills it again, and not beyond its size. */
	retries(&q, &now, 1000, 200);
	now += 3600 * 1000;
	assert_true(sl_quota_calm(&q, now));
	assert_in_range(retries(&q, &now, 100, 1000), 100, 100);
}

struct sender {
	struct sl_pace_slot slot;
	uint64_t sent;
};

/* 'n' senders with endless bodies, looked at each 'tick' us, for 'us'. */
static uint64_t send_for(struct sl_pace *p, struct sender *s, int n,
			 int64_t *now, int64_t us, int64_t tick)
{
	uint64_t all = 0;

	for (int64_t end = *now + us; *now < end; *now += tick) {
		for (int i = 0; i < n; i++) {
			size_t k;

			do {
				k = sl_pace_ask(p, &s[i].slot, 512 << 10, *now);
				s[i].sent += k;
				all += k;
			} while (k);
		}
	}
	return all;
}

static void the_rate_is_kept_and_shared(void **state)
{
	static const uint64_t rates[] = { 64 << 10, 1 << 20, 300 << 20 };
	static const int counts[] = { 1, 16, 64 };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rates) * 3; i++) {
		struct sender s[64] = { 0 };
		uint64_t rate = rates[i / 3], got;
		int n = counts[i % 3];
		int64_t now = 1000000000;
		struct sl_pace p;

		sl_pace_init(&p);
		sl_pace_set(&p, rate, now);
		got = send_for(&p, s, n, &now, 10000000, 3000);
		assert_in_range(got, rate * 97 / 10, rate * 103 / 10);
		for (int k = 0; k < n; k++)
			assert_in_range(s[k].sent, got / n / 2,
					got / n * 3 / 2 + (1 << 20));
		sl_pace_release(&p);
	}
}

static void idleness_saves_no_burst(void **state)
{
	struct sender s = { 0 };
	int64_t now = 1000000000;
	struct sl_pace p;

	(void)state;
	sl_pace_init(&p);
	sl_pace_set(&p, 1 << 20, now);
	now += 3600LL * 1000000;
	assert_in_range(send_for(&p, &s, 1, &now, 1000, 1000), 1, 300 << 10);
	sl_pace_release(&p);
}

static void a_new_rate_voids_old_promises(void **state)
{
	struct sender s[64] = { 0 };
	int64_t now = 1000000000;
	struct sl_pace p;

	(void)state;
	sl_pace_init(&p);
	assert_int_equal(sl_pace_ask(&p, &s[0].slot, 1 << 30, now), 1 << 30);
	sl_pace_set(&p, 64 << 10, now);
	send_for(&p, s, 64, &now, 100000, 1000);
	assert_true(s[63].slot.bytes && s[63].slot.at_us > now + 1000000);
	assert_false(sl_pace_due(&p, &s[63].slot, now));
	sl_pace_set(&p, 100 << 20, now);
	assert_true(sl_pace_due(&p, &s[63].slot, now));
	assert_in_range(send_for(&p, s, 64, &now, 1000000, 1000), 95 << 20,
			105 << 20);
	sl_pace_set(&p, 0, now);
	assert_true(sl_pace_due(&p, &s[0].slot, now));
	assert_int_equal(sl_pace_ask(&p, &s[0].slot, 1 << 30, now), 1 << 30);
	sl_pace_release(&p);
}

static void hedging_has_its_conditions(void **state)
{
	static const struct {
		struct sl_hedge_in in;
		bool due;
	} rows[] = {
		/* bytes up elapsed after connections calm limited */
		{ { 8 << 20, true, 6001, 3000, 32, true, false }, true },
		{ { 8 << 20, true, 6000, 3000, 32, true, false }, false },
		{ { 9 << 20, true, 6001, 3000, 32, true, false }, true },
		{ { 8 << 20, true, 6001, 7000, 32, true, false }, false },
		{ { 8 << 20, true, 60000, -1, 32, true, false }, false },
		{ { 8 << 20, true, 60000, 3000, 32, false, false }, false },
		{ { 8 << 20, true, 60000, 3000, 32, true, true }, false },
		/* what is known of larger ones is enough, not of smaller */
		{ { 1 << 20, true, 6001, 3000, 32, true, false }, true },
		{ { 1 << 20, true, 6000, 3000, 32, true, false }, false },
		{ { 16 << 20, true, 60000, 3000, 32, true, false }, false },
		/* nothing is known of reads */
		{ { 8 << 20, false, 9001, 3000, 32, true, false }, true },
		{ { 8 << 20, false, 9000, 3000, 32, true, false }, false },
	};
	struct sl_hedge h;

	(void)state;
	sl_hedge_init(&h);
	for (int i = 0; i < 4; i++)
		sl_hedge_note(&h, 8 << 20, true, 2000);
	assert_false(sl_hedge_due(&h, &rows[0].in));
	sl_hedge_note(&h, 8 << 20, true, 100000);
	assert_int_equal(sl_hedge_median(&h, 8 << 20, true), 2000);
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		if (sl_hedge_due(&h, &rows[i].in) != rows[i].due)
			fail_msg("row %zu", i);
}

/* A file's ranges grow; five of them tell what its next one may take. */
static void all_reads_are_of_one_kind(void **state)
{
	struct sl_hedge_in in = { 4 << 20, false, 3600, 3000, 32, true, false };
	struct sl_hedge h;

	(void)state;
	sl_hedge_init(&h);
	for (int i = 0; i < 8; i++)
		sl_hedge_note(&h, 1 << 20, true, 100);
	assert_false(sl_hedge_due(&h, &in));
	for (int i = 0; i < 5; i++)
		sl_hedge_note(&h, (uint64_t)100000 << i, false, 1200);
	assert_false(sl_hedge_due(&h, &in));
	in.elapsed_ms++;
	assert_true(sl_hedge_due(&h, &in));
	in.bytes = 1;
	assert_true(sl_hedge_due(&h, &in));
}

static void hedges_are_few(void **state)
{
	struct sl_hedge_in in = { 8 << 20, true, 60000, 3000, 32, true, false };
	struct sl_hedge h;
	int n = 0;

	(void)state;
	sl_hedge_init(&h);
	for (int i = 0; i < 6400; i++) {
		sl_hedge_note(&h, 8 << 20, true, 100);
		if (!sl_hedge_due(&h, &in))
			continue;
		sl_hedge_begin(&h);
		sl_hedge_end(&h);
		n++;
	}
	assert_in_range(n, 90, 102);
	for (int i = 0; i < 1000; i++)
		sl_hedge_note(&h, 8 << 20, true, 100);
	for (n = 0; sl_hedge_due(&h, &in); n++)
		sl_hedge_begin(&h);
	assert_int_equal(n, 2); /* of 32 connections */
}

static void what_settles(void **state)
{
	(void)state;
	assert_true(sl_hedge_settles(0, 200));
	assert_true(sl_hedge_settles(0, 403));
	assert_true(sl_hedge_settles(0, 404));
	assert_false(sl_hedge_settles(28, 0));
	assert_false(sl_hedge_settles(18, 200));
	assert_false(sl_hedge_settles(0, 500));
	assert_false(sl_hedge_settles(0, 503));
	assert_false(sl_hedge_settles(0, 429));
	assert_false(sl_hedge_settles(0, 408));
}

static void slow_is_slow(void **state)
{
	struct sl_slow s;
	uint64_t moved = 0;

	(void)state;
	assert_int_equal(sl_slow_floor(0), 1024);
	assert_int_equal(sl_slow_floor(5 << 20), 1024);
	assert_in_range(sl_slow_floor(128 << 20), 18000, 19000);
	sl_slow_begin(&s, 0);
	assert_false(sl_slow_check(&s, 29999, 0, 0, 1024, 30));
	assert_true(sl_slow_check(&s, 30000, 0, 0, 1024, 30));
	/* Just above the limit for an hour, then silence. */
	sl_slow_begin(&s, 0);
	for (int t = 1; t < 3600; t++) {
		moved += 1100;
		assert_false(sl_slow_check(&s, t * 1000, moved, 0, 1024, 30));
	}
	assert_true(sl_slow_check(&s, 3600000 + 30000, moved, 0, 1024, 30));
	/* Below it. */
	sl_slow_begin(&s, 0);
	for (int t = 1; t < 30; t++)
		assert_false(sl_slow_check(&s, t * 1000, (uint64_t)t * 1000,
					   0, 1024, 30));
	assert_true(sl_slow_check(&s, 30000, 30000, 0, 1024, 30));
}

static void what_is_held_back_is_not_slow(void **state)
{
	struct sl_slow s;

	(void)state;
	sl_slow_begin(&s, 0);
	assert_false(sl_slow_check(&s, 3600000, 0, 3590000, 1024, 30));
	assert_true(sl_slow_check(&s, 3620000, 0, 3590000, 1024, 30));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_gets_probes),
		cmocka_unit_test(success_lets_retries_go),
		cmocka_unit_test(retries_stay_below_twice_the_successes),
		cmocka_unit_test(few_failures_wait_for_nothing),
		cmocka_unit_test(the_rate_is_kept_and_shared),
		cmocka_unit_test(idleness_saves_no_burst),
		cmocka_unit_test(a_new_rate_voids_old_promises),
		cmocka_unit_test(hedging_has_its_conditions),
		cmocka_unit_test(all_reads_are_of_one_kind),
		cmocka_unit_test(hedges_are_few),
		cmocka_unit_test(what_settles),
		cmocka_unit_test(slow_is_slow),
		cmocka_unit_test(what_is_held_back_is_not_slow),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The credential store: generations, waiters, what the same keys mean. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <pthread.h>

#include "migration/cred_store.h"

struct waiter {
	struct sl_cred_wait w;
	int calls;
	int err;
	struct sl_cred_source *again; /* refused again inside ready() */
};

static void ready(struct sl_cred_wait *w, int err)
{
	struct waiter *me = sl_container_of(w, struct waiter, w);

	me->calls++;
	me->err = err;
	if (me->again && me->calls == 1)
		sl_cred_refused(me->again, 1, w);
}

static void count_wake(void *arg)
{
	__atomic_add_fetch((int *)arg, 1, __ATOMIC_RELAXED);
}

struct box {
	struct sl_cred_store *s;
	struct sl_cred_source *src;
	int wakes;
};

static int setup(void **state)
{
	static struct box b;

	b.wakes = 0;
	assert_int_equal(sl_cred_store_new(count_wake, &b.wakes, &b.s), 0);
	b.src = sl_cred_store_source(b.s);
	*state = &b;
	return 0;
}

static int teardown(void **state)
{
	struct box *b = *state;

	sl_cred_store_free(b->s);
	return 0;
}

static enum sl_cred_taken take(struct box *b, const char *key,
			       int64_t expires, int64_t now, bool refusal)
{
	struct sl_cred *c = sl_cred_new(SL_CRED_S3, 0, "id", key, NULL);
	enum sl_cred_taken t;

	assert_non_null(c);
	c->expires_ms = expires;
	t = sl_cred_store_take(b->s, c, now, refusal);
	sl_cred_unref(c);
	return t;
}

static uint64_t generation(struct box *b)
{
	struct sl_cred *c = sl_cred_get(b->src);
	uint64_t g = c ? c->generation : 0;

	sl_cred_unref(c);
	return g;
}

static void test_generations(void **state)
{
	struct box *b = *state;
	struct sl_cred *old;

	assert_null(sl_cred_get(b->src));
	assert_int_equal(take(b, "a", 100000, 0, false), SL_CRED_TAKEN_NEW);
	assert_int_equal(generation(b), 1);
	old = sl_cred_get(b->src);
	assert_int_equal(take(b, "a", 100000, 10, false), SL_CRED_TAKEN_SAME);
	assert_int_equal(generation(b), 1);
	assert_int_equal(take(b, "b", 100000, 20, false), SL_CRED_TAKEN_NEW);
	assert_int_equal(generation(b), 2);
	assert_string_equal(old->secret, "a");
	sl_cred_unref(old);
	/* the same keys, for longer */
	assert_int_equal(take(b, "b", 200000, 30, false), SL_CRED_TAKEN_SAME);
	assert_int_equal(generation(b), 2);
	assert_true(sl_cred_store_due(b->s) == 30 + (200000 - 30) * 75 / 100);
	assert_int_equal(sl_cred_store_take(b->s, NULL, 40, true),
			 SL_CRED_TAKEN_NOTHING);
	assert_int_equal(generation(b), 2);
	sl_cred_store_clear(b->s);
	assert_int_equal(generation(b), 0);
	assert_true(sl_cred_store_due(b->s) == INT64_MAX);
	assert_int_equal(take(b, "b", 200000, 50, false), SL_CRED_TAKEN_NEW);
	assert_int_equal(generation(b), 3);
}

/* Keys with every answer, that the store knows some seconds later. */
static void test_trial(void **state)
{
	/* When the sets that no store took give way, life unlimited. */
	static const int64_t kept_ms[] = { 0, 4000, 8000, 16000, 32000,
					   32000 };
	struct box *b = *state;
	int64_t now = 1000;
	char key[] = "b";

	(void)take(b, "a", 0, now, false);
	sl_cred_worked(b->src, generation(b));
	(void)take(b, "b", 0, now, false);
	for (size_t i = 0; i < SL_ARRAY_LEN(kept_ms); i++) {
		uint64_t g = generation(b);

		assert_true(sl_cred_store_trusted(b->s) == (i == 0));
		key[0]++;
		now += kept_ms[i] - 1;
		if (kept_ms[i])
			assert_int_equal(take(b, key, 0, now, true),
					 SL_CRED_TAKEN_SAME);
		assert_int_equal(generation(b), g);
		now++;
		assert_int_equal(take(b, key, 0, now, true),
				 SL_CRED_TAKEN_NEW);
		assert_int_equal(generation(b), g + 1);
	}
	/* One that worked is replaced at once, and so is the next. */
	sl_cred_worked(b->src, generation(b));
	assert_int_equal(take(b, "x", 0, now, true), SL_CRED_TAKEN_NEW);
	assert_int_equal(take(b, "y", 0, now, true), SL_CRED_TAKEN_NEW);
	/* No longer than three quarters of its life. */
	assert_int_equal(take(b, "y", now + 2000, now, true),
			 SL_CRED_TAKEN_SAME);
	assert_int_equal(take(b, "z", 0, now + 1499, true),
			 SL_CRED_TAKEN_SAME);
	assert_int_equal(take(b, "z", 0, now + 1500, true),
			 SL_CRED_TAKEN_NEW);
}

static void test_untaken(void **state)
{
	struct box *b = *state;
	struct sl_cred_wait w = { .ready = NULL };

	(void)take(b, "a", 50000, 0, false);
	assert_false(sl_cred_store_untaken(b->s, 1));
	sl_cred_refused(b->src, 1, &w);
	assert_true(sl_cred_store_untaken(b->s, 49999));
	assert_false(sl_cred_store_untaken(b->s, 50000));
	(void)take(b, "a", 0, 1, false);
	assert_true(sl_cred_store_untaken(b->s, 60000));
	assert_false(sl_cred_store_untaken(b->s, 60001));
	sl_cred_worked(b->src, 1);
	assert_false(sl_cred_store_untaken(b->s, 2));
	assert_false(sl_cred_store_pending(b->s));
	sl_cred_store_again(b->s);
	assert_true(sl_cred_store_pending(b->s));
	sl_cred_cancel(b->src, &w);
}

static void test_due(void **state)
{
	struct box *b = *state;

	(void)take(b, "a", 1100000, 1000000, false);
	assert_int_equal(sl_cred_store_due(b->s), 1075000);
	/* a poll before it is due says nothing about it */
	(void)take(b, "a", 1100000, 1074999, false);
	assert_int_equal(sl_cred_store_due(b->s), 1075000);
	(void)take(b, "a", 1100000, 1075000, false);
	assert_int_equal(sl_cred_store_due(b->s), 1090000);
	(void)take(b, "a", 1100000, 1091000, false);
	assert_int_equal(sl_cred_store_due(b->s), 1097000);
	(void)take(b, "a", 1100000, 1098000, false);
	assert_true(sl_cred_store_due(b->s) == INT64_MAX);
	assert_int_equal(take(b, "a", 1100000, 1100000, false),
			 SL_CRED_TAKEN_EXPIRED);
	(void)take(b, "b", 1200000, 1100000, false);
	assert_int_equal(sl_cred_store_due(b->s), 1175000);
	assert_int_equal(take(b, "c", 1100000, 1150000, false),
			 SL_CRED_TAKEN_EXPIRED);
}

static void test_waiters(void **state)
{
	struct box *b = *state;
	struct waiter w[16] = { 0 }, late = { .w.ready = ready };

	(void)take(b, "a", 1000000, 0, false);
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++) {
		w[i].w.ready = ready;
		sl_cred_refused(b->src, 1, &w[i].w);
	}
	assert_int_equal(b->wakes, 16);
	assert_true(sl_cred_store_refused(b->s));
	assert_false(sl_cred_store_pending(b->s));
	sl_cred_store_deliver(b->s);
	assert_int_equal(w[0].calls, 0);
	(void)take(b, "b", 2000000, 1, true);
	assert_false(sl_cred_store_refused(b->s));
	assert_true(sl_cred_store_pending(b->s));
	sl_cred_store_deliver(b->s);
	for (size_t i = 0; i < SL_ARRAY_LEN(w); i++) {
		assert_int_equal(w[i].calls, 1);
		assert_int_equal(w[i].err, 0);
	}
	/* refused by an old name: newer is here, no refresh */
	sl_cred_refused(b->src, 1, &late.w);
	assert_int_equal(late.calls, 0);
	assert_false(sl_cred_store_refused(b->s));
	assert_true(sl_cred_store_pending(b->s));
	sl_cred_store_deliver(b->s);
	assert_int_equal(late.calls, 1);
	assert_int_equal(late.err, 0);
	assert_false(sl_cred_store_pending(b->s));
}

static void test_same_keys_on_refusal(void **state)
{
	struct box *b = *state;
	struct waiter w = { .w.ready = ready };

	(void)take(b, "a", 1000000, 0, false);
	sl_cred_refused(b->src, 1, &w.w);
	/* an answer to an earlier question settles nothing */
	(void)take(b, "a", 1000000, 10, false);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 0);
	/* not at their end: the refusal had another reason */
	(void)take(b, "a", 1000000, 20, true);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err, 0);
	/* at their end: the service is late */
	sl_cred_refused(b->src, 1, &w.w);
	(void)take(b, "a", 1000000, 990000, true);
	(void)take(b, "a", 1000000, 1000001, true);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 1);
	(void)take(b, "b", 2000000, 1000002, true);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 2);
	/* no end is known: worth one more attempt */
	(void)take(b, "c", 0, 1000003, false);
	sl_cred_refused(b->src, 3, &w.w);
	(void)take(b, "c", 0, 1000004, true);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 3);
}

static void test_fail_and_again(void **state)
{
	struct box *b = *state;
	struct waiter w = { .w.ready = ready, .again = b->src };

	(void)take(b, "a", 1000000, 0, false);
	sl_cred_refused(b->src, 1, &w.w);
	sl_cred_store_fail(b->s, -EROFS);
	sl_cred_store_deliver(b->s);
	/* refused again inside ready(): waits anew, not told twice */
	assert_int_equal(w.calls, 1);
	assert_int_equal(w.err, -EROFS);
	assert_true(sl_cred_store_refused(b->s));
	sl_cred_store_fail(b->s, -EKEYEXPIRED);
	sl_cred_store_deliver(b->s);
	assert_int_equal(w.calls, 2);
	assert_int_equal(w.err, -EKEYEXPIRED);
}

static void test_cancel(void **state)
{
	struct box *b = *state;
	struct waiter w[3] = { { .w.ready = ready }, { .w.ready = ready },
			       { .w.ready = ready } };

	for (int i = 0; i < 3; i++)
		sl_cred_refused(b->src, 0, &w[i].w);
	sl_cred_cancel(b->src, &w[1].w);
	sl_cred_store_fail(b->s, -ECANCELED);
	sl_cred_cancel(b->src, &w[2].w);
	sl_cred_store_deliver(b->s);
	sl_cred_cancel(b->src, &w[0].w);
	assert_int_equal(w[0].calls, 1);
	assert_int_equal(w[0].err, -ECANCELED);
	assert_int_equal(w[1].calls, 0);
	assert_int_equal(w[2].calls, 0);
}

static int stop_churn;

static void *deliver_loop(void *arg)
{
	struct box *b = arg;
	char key[16];

	for (int i = 0; !__atomic_load_n(&stop_churn, __ATOMIC_ACQUIRE);
	     i++) {
		assert_true(snprintf(key, sizeof(key), "k%d", i) > 0);
		(void)take(b, key, 0, i, true);
		sl_cred_store_deliver(b->s);
	}
	return NULL;
}

/* After cancel() the waiter's memory is ours again, whatever races. */
static void *cancel_loop(void *arg)
{
	struct box *b = arg;

	for (int i = 0; i < 3000; i++) {
		struct waiter *w = calloc(1, sizeof(*w));

		assert_non_null(w);
		w->w.ready = ready;
		sl_cred_refused(b->src, generation(b), &w->w);
		sl_cred_cancel(b->src, &w->w);
		assert_true(w->calls <= 1);
		free(w);
	}
	return NULL;
}

static void test_cancel_race(void **state)
{
	pthread_t d, c[2];

	stop_churn = 0;
	assert_int_equal(pthread_create(&d, NULL, deliver_loop, *state), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&c[i], NULL, cancel_loop,
						*state), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_join(c[i], NULL), 0);
	__atomic_store_n(&stop_churn, 1, __ATOMIC_RELEASE);
	assert_int_equal(pthread_join(d, NULL), 0);
}

static void test_offset(void **state)
{
	struct box *b = *state;

	sl_cred_store_set_offset(b->s, -1200000);
	assert_int_equal(b->src->ops->offset_ms(b->src), -1200000);
	sl_cred_store_free(NULL);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_generations), T(test_due), T(test_waiters),
		T(test_same_keys_on_refusal), T(test_fail_and_again),
		T(test_cancel), T(test_cancel_race), T(test_offset),
		T(test_trial), T(test_untaken),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

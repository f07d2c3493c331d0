/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many calls at once against a server that refuses, stalls or is slow: the
 * retry budget, a second attempt for a slow request, a new connection for a
 * silent one, the upload limit. What is counted is requests and bytes.
 */
#include "http_crowd.h"

#include "../lib/fixed_cred.h"

#define CALLS 64

/* Moved by hand. */
static int64_t hand_ms = 1000000;

static int64_t hand_mono(const struct sl_clock *c)
{
	(void)c;
	return __atomic_load_n(&hand_ms, __ATOMIC_RELAXED);
}

static const struct sl_clock hand_clock = { hand_mono, fast_wall };

/* As prepare(), with a body that may be sent twice. */
static int prepare_part(struct sl_http_call *c, struct sl_http_request *req,
			const struct sl_cred *cred)
{
	struct test_call *t = sl_container_of(c, struct test_call, call);

	int err = prepare(c, req, cred);

	c->hedge_bytes = t->body_len;
	if (!t->body_count)
		req->body_len = 0;
	return err;
}

static const struct sl_http_call_ops part_ops = {
	.prepare = prepare_part, .judge = judge, .done = done,
};

static struct sl_http *new_client(int connections, const struct sl_clock *clock,
				  int low_speed_s, int hedge_after_ms)
{
	const struct sl_http_config cfg = {
		.threads = 2, .connections = connections,
		.retry_for_ms = 100000000, .clock = clock,
		.low_speed_s = low_speed_s, .hedge_after_ms = hedge_after_ms,
	};
	struct sl_http *h = NULL;

	assert_int_equal(sl_http_new(&cfg, &h, NULL), 0);
	return h;
}

static void start_calls(struct sl_http *h, struct test_call *t, int n,
			struct sl_cred_source *creds)
{
	for (int i = 0; i < n; i++) {
		t[i] = (struct test_call){ .status = 0 };
		call_init(&t[i], crowd.port);
		t[i].call.creds = creds;
		t[i].call.priority = 2;
		sl_http_start(h, &t[i].call);
	}
}

/* Lets 'ms' pass in steps small enough for every attempt that is due. */
static void pass(int ms)
{
	for (int i = 0; i < ms / 250; i++) {
		__atomic_add_fetch(&hand_ms, 250, __ATOMIC_RELAXED);
		nap(12);
	}
}

static bool all_done(struct test_call *t, int n)
{
	for (int i = 0; i < n; i++) {
		SL_LOCK_SCOPE(&t[i].lock);
		if (!t[i].done_count)
			return false;
	}
	return true;
}

static void an_outage_costs_few_requests(void **state)
{
	static struct test_call t[CALLS];
	struct sl_cred_source *creds = sl_test_cred_new("id", "key", NULL);
	struct sl_http *h = new_client(32, &hand_clock, 0, 0);
	int64_t began;
	int before;

	(void)state;
	assert_non_null(creds);
	crowd_start();
	crowd.refuse = 1;
	start_calls(h, t, CALLS, creds);
	pass(30000);
	/* First attempts, the bucket, a probe a second. */
	assert_in_range(seen(), CALLS, CALLS + 100 + 30 + 1);
	before = seen();
	pass(20000);
	/* Without a budget 64 calls at 20 s of back-off make 128. */
	assert_in_range(seen() - before, 1, 21);
	__atomic_store_n(&crowd.refuse, 0, __ATOMIC_RELAXED);
	/* One probe a second, then all of them at once. */
	before = seen();
	began = hand_ms;
	while (!all_done(t, CALLS))
		pass(250);
	for (int i = 0; i < CALLS; i++)
		assert_int_equal(call_wait(&t[i]), 0);
	assert_in_range(seen() - before, CALLS, CALLS + 4);
	/* Far less than the back-off that they were sleeping off. */
	assert_in_range(hand_ms - began, 0, 10000);
	sl_http_free(h);
	crowd_stop();
	sl_test_cred_free(creds);
}

/*
 * Who asks for a day gets five minutes, also when another's success wakes
 * those whom the budget held back.
 */
static void a_day_of_retry_after_is_not_waited_for(void **state)
{
	static struct test_call t[2 * CALLS];
	struct sl_cred_source *creds = sl_test_cred_new("id", "key", NULL);
	struct sl_http *h = new_client(32, &hand_clock, 0, 0);
	int64_t began;

	(void)state;
	assert_non_null(creds);
	crowd_start();
	crowd.refusal = "HTTP/1.1 503 Slow Down\r\nContent-Length: 0\r\n"
			"Retry-After: 86400\r\n\r\n";
	crowd.refuse = 1;
	start_calls(h, t, 2 * CALLS, creds);
	while (seen() < 2 * CALLS)
		nap(5);
	/* The second round takes the bucket's hundred; the rest is held. */
	began = hand_ms;
	while (seen() < 2 * CALLS + 100) {
		__atomic_add_fetch(&hand_ms, 10000, __ATOMIC_RELAXED);
		nap(30);
	}
	assert_in_range(hand_ms - began, 290000, 500000);
	__atomic_store_n(&crowd.refuse, 0, __ATOMIC_RELAXED);
	while (!all_done(t, 2 * CALLS) && hand_ms - began < 3000000) {
		__atomic_add_fetch(&hand_ms, 10000, __ATOMIC_RELAXED);
		nap(30);
	}
	assert_true(all_done(t, 2 * CALLS));
	assert_in_range(hand_ms - began, 290000, 900000);
	for (int i = 0; i < 2 * CALLS; i++)
		assert_int_equal(call_wait(&t[i]), 0);
	sl_http_free(h);
	crowd_stop();
	sl_test_cred_free(creds);
}

static void put_init(struct test_call *t, char *bytes, size_t n)
{
	*t = (struct test_call){
		.method = "PUT", .body_count = 1, .body_len = n,
		.body = { { bytes, n } },
	};
	call_init(t, crowd.port);
	t->call.ops = &part_ops;
}

static void a_stalled_part_is_sent_twice(void **state)
{
	static char bytes[1 << 20];
	static struct test_call t[9];
	struct sl_http *h = new_client(8, NULL, 0, 300);
	struct sl_http_stats st;

	(void)state;
	crowd_start();
	crowd.from = 9;
	crowd.fate[0] = STALL;
	for (int i = 0; i < 9; i++) {
		put_init(&t[i], bytes, sizeof(bytes));
		sl_http_start(h, &t[i].call);
		assert_int_equal(call_wait(&t[i]), 0);
	}
	/* Had the stalled one been waited for, its low speed would show. */
	assert_int_equal(t[8].call.attempts, 2);
	assert_int_equal(seen(), 10);
	assert_int_equal(t[8].status, 200);
	sl_http_get_stats(h, &st);
	assert_int_equal(st.hedges, 1);
	assert_int_equal(st.in_flight, 0);
	assert_int_equal(st.failing, 0);
	assert_int_equal(st.attempts, 10);
	sl_http_free(h);
	crowd_stop();
}

static void what_may_not_be_sent_twice_is_not(void **state)
{
	static char bytes[1 << 20];
	static struct test_call t[9];
	struct sl_http *h = new_client(8, NULL, 2, 300);
	struct sl_http_stats st;

	(void)state;
	crowd_start();
	crowd.from = 9;
	crowd.fate[0] = STALL;
	for (int i = 0; i < 9; i++) {
		put_init(&t[i], bytes, sizeof(bytes));
		t[i].call.ops = &ops;
		sl_http_start(h, &t[i].call);
		assert_int_equal(call_wait(&t[i]), 0);
	}
	/* It was silent, given up and repeated on a new connection. */
	assert_int_equal(seen(), 10);
	sl_http_get_stats(h, &st);
	assert_int_equal(st.hedges, 0);
	assert_int_equal(__atomic_load_n(&crowd.peers, __ATOMIC_RELAXED), 2);
	sl_http_free(h);
	crowd_stop();
}

static void cancelling_ends_both(void **state)
{
	static char bytes[1 << 20];
	static struct test_call t[9];
	struct sl_http *h = new_client(8, NULL, 0, 300);
	struct sl_http_stats st = { 0 };

	(void)state;
	crowd_start();
	crowd.from = 9;
	crowd.fate[0] = crowd.fate[1] = STALL;
	for (int i = 0; i < 9; i++) {
		put_init(&t[i], bytes, sizeof(bytes));
		sl_http_start(h, &t[i].call);
		if (i < 8)
			assert_int_equal(call_wait(&t[i]), 0);
	}
	while (st.hedges == 0 || seen() < 10) {
		sl_http_get_stats(h, &st);
		nap(5);
	}
	sl_http_cancel(h, &t[8].call);
	assert_int_equal(call_wait(&t[8]), -ECANCELED);
	sl_http_get_stats(h, &st);
	assert_int_equal(st.in_flight, 0);
	sl_http_free(h);
	crowd_stop();
}

static int sunk;

static int count_sunk(struct sl_http_call *c, const void *p, size_t n)
{
	(void)c;
	(void)p;
	sunk += (int)n;
	return 0;
}

static const struct sl_http_call_ops get_ops = {
	.prepare = prepare_part, .judge = judge, .sink = count_sunk,
	.done = done,
};

/*
 * Whatever becomes of the two, the call ends once and well, after at most two
 * requests, and a reader gets each byte once.
 */
static void any_two_fates(void **state)
{
	static const struct {
		enum fate first, second;
	} rows[] = {
		{ STALL, OK }, { LATE, STALL }, { LATE, CUT }, { LATE, REFUSE },
		{ LATE, OK }, { LATE, LATE }, { CUT, OK }, { REFUSE, OK },
		{ HALF, HALF }, { HALF, OK },
	};
	static char bytes[1 << 18];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows) * 2; i++) {
		struct sl_http *h = new_client(8, &fast_clock, 0, 300);
		struct test_call t;

		crowd_start();
		crowd.from = 9;
		crowd.fate[0] = rows[i / 2].first;
		crowd.fate[1] = rows[i / 2].second;
		for (int k = 0; k < 9; k++) {
			put_init(&t, bytes, sizeof(bytes));
			if (i % 2) {
				t.method = "GET";
				t.body_count = 0;
				t.call.ops = &get_ops;
			}
			sunk = 0;
			sl_http_start(h, &t.call);
			assert_int_equal(call_wait(&t), 0);
		}
		assert_int_equal(t.status, 200);
		assert_in_range(seen() - 8, 1, 2);
		assert_int_equal(sunk, i % 2 ? 2 : 0);
		sl_http_free(h);
		crowd_stop();
	}
}

/*
 * Of a read only the first byte is compared: as a whole these take 0.7 s, and
 * three times that is when the silent one is given up.
 */
static void a_read_is_slow_until_its_first_byte(void **state)
{
	static char bytes[1 << 18];
	static struct test_call t[6];
	struct sl_http *h = new_client(8, NULL, 2, 300);
	struct sl_http_stats st;

	(void)state;
	crowd_start();
	crowd.usual = TAIL;
	crowd.from = 6;
	crowd.fate[0] = STALL;
	for (int i = 0; i < 6; i++) {
		put_init(&t[i], bytes, sizeof(bytes));
		t[i].method = "GET";
		t[i].body_count = 0;
		t[i].call.ops = &get_ops;
		for (int k = 0; i == 5 && k < 5; k++)
			assert_int_equal(call_wait(&t[k]), 0);
		sl_http_start(h, &t[i].call);
	}
	assert_int_equal(call_wait(&t[5]), 0);
	sl_http_get_stats(h, &st);
	assert_int_equal(st.hedges, 1);
	assert_int_equal(seen(), 7);
	sl_http_free(h);
	crowd_stop();
}

static uint64_t arrived(void)
{
	return __atomic_load_n(&crowd.bytes, __ATOMIC_RELAXED);
}

/*
 * A limit that would hold the body for an hour, then none: it ends. A second
 * of low speed does not end what the limit holds back.
 */
static void a_new_rate_counts_at_once(void **state)
{
	static char bytes[16 << 20];
	static struct test_call t[4];
	struct sl_http *h = new_client(8, NULL, 1, -1);
	struct sl_http_stats st;

	(void)state;
	crowd_start();
	sl_http_set_rate(h, 4096);
	for (int i = 0; i < 4; i++) {
		put_init(&t[i], bytes, sizeof(bytes));
		sl_http_start(h, &t[i].call);
	}
	nap(3000);
	assert_in_range(arrived(), 1, 4096 * 60);
	sl_http_get_stats(h, &st);
	assert_int_equal(st.rate, 4096);
	assert_int_equal(st.attempts, 0);
	sl_http_set_rate(h, 0);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(call_wait(&t[i]), 0);
		assert_int_equal(t[i].call.attempts, 1);
	}
	assert_int_equal(arrived(), 4 * sizeof(bytes));
	sl_http_free(h);
	crowd_stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_outage_costs_few_requests),
		cmocka_unit_test(a_day_of_retry_after_is_not_waited_for),
		cmocka_unit_test(a_stalled_part_is_sent_twice),
		cmocka_unit_test(what_may_not_be_sent_twice_is_not),
		cmocka_unit_test(cancelling_ends_both),
		cmocka_unit_test(any_two_fates),
		cmocka_unit_test(a_read_is_slow_until_its_first_byte),
		cmocka_unit_test(a_new_rate_counts_at_once),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

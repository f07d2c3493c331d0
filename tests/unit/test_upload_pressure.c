/* SPDX-License-Identifier: Apache-2.0 */
/* The upload engine short of memory: waits, interrupts, admission. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "upload_rig.h"

/* Fills the budget while the store does not answer; parks one write. */
static size_t fill_up(struct sl_upload *u, struct waiter *x, void *mib)
{
	for (size_t n = 0;; n++) {
		int r;

		waiter_init(x);
		r = sl_upload_write(u, mib, MIB, &x->w);
		if (r == SL_PARKED)
			return n;
		assert_int_equal(r, 0);
		assert_true(n < 64);
	}
}

static void test_interrupt_write(void **state)
{
	struct rig r = { 0 };
	struct sl_engine_stats st;
	struct sl_upload_state s;
	struct sl_upload *u;
	struct waiter x;
	void *mib = calloc(1, MIB);
	size_t n;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PART, true);
	u = make(&r, "i");
	n = fill_up(u, &x, mib);
	sl_engine_get_stats(r.e, &st);
	assert_int_equal(st.blocked_writes, 1);
	assert_true(st.used <= st.budget);
	sl_wait_interrupt(r.e, &x.w);
	assert_int_equal(waiter_join(&x), -EINTR);
	sl_wait_interrupt(r.e, &x.w); /* answered: nothing happens */
	sl_upload_get(u, &s);
	assert_int_equal(s.size, n * MIB); /* not taken */
	/* Its deadline ends a parked write in the same way. */
	waiter_init(&x);
	x.w.deadline_ms = 2000;
	assert_int_equal(sl_upload_write(u, mib, MIB, &x.w), SL_PARKED);
	rig_advance(&r, 1001);
	assert_int_equal(waiter_join(&x), -ETIMEDOUT);
	fake_hold(r.f, F_PART, false);
	assert_int_equal(commit(u), 0);
	assert_int_equal(fake_look(r.f, "i").size, n * MIB);
	sl_upload_unref(u);
	rig_stop(&r);
	free(mib);
}

static void test_interrupt_commit(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x, y;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PUT, true);
	u = make(&r, "i");
	assert_int_equal(put_bytes(u, "x", 1), 0);
	waiter_init(&x);
	waiter_init(&y);
	y.w.deadline_ms = 1500;
	assert_int_equal(sl_upload_commit(u, &x.w), SL_PARKED);
	assert_int_equal(sl_upload_commit(u, &y.w), SL_PARKED);
	sl_wait_interrupt(r.e, &x.w);
	assert_int_equal(waiter_join(&x), -EINTR);
	rig_advance(&r, 600);
	assert_int_equal(waiter_join(&y), -ETIMEDOUT);
	fake_hold(r.f, F_PUT, false);
	assert_int_equal(commit(u), 0); /* it went on; once only */
	assert_object(&r, "i", 1, sl_crc32(0, "x", 1), 1);
	sl_upload_unref(u);
	rig_stop(&r);
}

/* Closing while a write waits: the write is part of the file. */
static void test_commit_while_blocked(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x, c;
	void *mib = calloc(1, MIB);
	size_t n;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PART, true);
	u = make(&r, "c");
	n = fill_up(u, &x, mib);
	waiter_init(&c);
	assert_int_equal(sl_upload_commit(u, &c.w), SL_PARKED);
	fake_hold(r.f, F_PART, false);
	assert_int_equal(waiter_join(&x), 0);
	assert_int_equal(waiter_join(&c), 0);
	assert_int_equal(fake_look(r.f, "c").size, (n + 1) * MIB);
	sl_upload_unref(u);
	rig_stop(&r);
	free(mib);
}

static void test_abandon_while_blocked(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x;
	void *mib = calloc(1, MIB);

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PART, true);
	u = make(&r, "c");
	fill_up(u, &x, mib);
	sl_upload_abandon(u, true);
	assert_int_equal(waiter_join(&x), -ECANCELED);
	sl_upload_unref(u);
	rig_stop(&r);
	free(mib);
}

/* One process opens more files than are admitted and closes none. */
static void test_enobufs(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u[64];
	struct waiter x;
	int n = 0, ret;

	(void)state;
	rig_start(&r);
	for (;; n++) {
		char key[16];

		assert_true(n < 64);
		snprintf(key, sizeof(key), "n%d", n);
		u[n] = make(&r, key);
		waiter_init(&x);
		ret = sl_upload_write(u[n], "x", 1, &x.w);
		if (ret == SL_PARKED)
			break;
		assert_int_equal(ret, 0);
	}
	assert_true(n >= 4);
	/* The thread must see the stall before the clock runs on. */
	while (!waiter_called(&x)) {
		rig_advance(&r, 1000);
		usleep(1000);
	}
	assert_int_equal(waiter_join(&x), -ENOBUFS);
	for (int i = 0; i <= n; i++) {
		assert_int_equal(commit(u[i]), i < n ? 0 : -ENOBUFS);
		sl_upload_unref(u[i]);
	}
	rig_stop(&r);
}

/*
 * One thread fills as many files in turn as are admitted, with nothing to
 * spare: no write across a part's end may wait for the others.
 */
static void test_round_robin(void **state)
{
	static const size_t sizes[] = { 64 << 10, 300001, MIB };
	static unsigned char bytes[MIB];
	struct sl_upload *u[32];

	(void)state;
	for (size_t k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		struct rig r = { 0 };
		uint32_t crc = 0;
		uint64_t size = 0;

		rig_start_with(&r, 32 * MIB, 4, MIB);
		for (int i = 0; i < 32; i++) {
			char key[16];

			snprintf(key, sizeof(key), "f%d", i);
			u[i] = make(&r, key);
		}
		for (; size < 3 * MIB; size += sizes[k]) {
			for (int i = 0; i < 32; i++)
				assert_int_equal(put_bytes(u[i], bytes,
							   sizes[k]), 0);
			crc = sl_crc32(crc, bytes, sizes[k]);
		}
		for (int i = 0; i < 32; i++) {
			char key[16];

			snprintf(key, sizeof(key), "f%d", i);
			assert_int_equal(commit(u[i]), 0);
			assert_object(&r, key, size, crc, 1);
			sl_upload_unref(u[i]);
		}
		rig_stop(&r);
	}
}

/* Closed, uncommitted small files give way to writers as one-part uploads. */
static void test_pressure_parks(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u[40], *big;
	uint32_t crc;
	int ret;

	(void)state;
	rig_start(&r);
	for (int i = 0; i < 40; i++) {
		char key[16];

		snprintf(key, sizeof(key), "s%d", i);
		u[i] = make(&r, key);
		write_file(u[i], MIB - 1, MIB, (unsigned)i, &ret);
		assert_int_equal(ret, 0);
		assert_int_equal(settle(u[i]), 0);
	}
	assert_true(fake_count(r.f, F_PART) > 0);
	assert_int_equal(fake_count(r.f, F_PUT), 0);
	big = make(&r, "big");
	crc = write_file(big, 60 * MIB, MIB, 9, &ret);
	assert_int_equal(ret, 0);
	assert_int_equal(commit(big), 0);
	assert_object(&r, "big", 60 * MIB, crc, 1);
	sl_upload_unref(big);
	for (int i = 0; i < 40; i++) {
		char key[16];

		snprintf(key, sizeof(key), "s%d", i);
		assert_false(fake_look(r.f, key).visible);
		assert_int_equal(commit(u[i]), 0);
		assert_int_equal(fake_look(r.f, key).size, MIB - 1);
		sl_upload_unref(u[i]);
	}
	assert_int_equal(fake_left(r.f), 0);
	rig_stop(&r);
}

/*
 * The bytes of a committed file give way; who asks for its size and checksum
 * only afterwards is told the same.
 */
static void test_pressure_forgets(void **state)
{
	struct rig r = { 0 };
	struct sl_upload_state st;
	struct sl_upload *u, *big;
	void *mib = calloc(1, MIB);
	struct waiter x;
	uint32_t crc;
	char byte;
	int ret;

	(void)state;
	rig_start(&r);
	u = make(&r, "small");
	crc = write_file(u, 300001, MIB, 5, &ret);
	assert_int_equal(commit(u), 0);
	assert_int_equal(sl_upload_peek(u, 0, &byte, 1), 1);
	fake_hold(r.f, F_PART, true);
	big = make(&r, "big");
	fill_up(big, &x, mib);
	fake_hold(r.f, F_PART, false);
	assert_int_equal(waiter_join(&x), 0);
	assert_int_equal(sl_upload_peek(u, 0, &byte, 1), -ENODATA);
	sl_upload_get(u, &st);
	assert_true(st.committed);
	assert_int_equal(st.size, 300001);
	assert_int_equal(st.crc32, crc);
	assert_int_equal(sl_upload_reopen(u), -EIO);
	sl_upload_unref(u);
	sl_upload_unref(big);
	rig_stop(&r);
	free(mib);
}

/* No part leaves before the journal has the upload id. */
static void test_journal_first(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter c;
	bool held = false;
	int ret;

	(void)state;
	rig_start(&r);
	r.hold = true;
	u = make(&r, "j");
	write_file(u, 9 * MIB, MIB, 1, &ret);
	waiter_init(&c);
	assert_int_equal(sl_upload_commit(u, &c.w), SL_PARKED);
	while (!held) {
		usleep(1000);
		sl_mutex_lock(&r.lock);
		held = r.ready != NULL;
		sl_mutex_unlock(&r.lock);
	}
	assert_int_equal(fake_count(r.f, F_PART), 0);
	r.ready(r.ready_arg, 0);
	assert_int_equal(waiter_join(&c), 0);
	sl_upload_unref(u);
	/* A journal that fails fails the file, and nothing is left. */
	r.hold = false;
	r.journal_err = -ENOSPC;
	u = make(&r, "j2");
	write_file(u, 9 * MIB, MIB, 1, &ret);
	assert_int_equal(commit(u), -ENOSPC);
	sl_upload_abandon(u, true);
	sl_upload_unref(u);
	rig_stop(&r);
	assert_int_equal(r.begun, 2);
}

struct job {
	struct rig *r;
	int id, err;
	pthread_t t;
};

static void *one_writer(void *arg)
{
	struct job *j = arg;

	for (int i = 0; i < 3 && !j->err; i++) {
		size_t size = (size_t)(j->id * 7919 + i * 104729) * 131 %
			      (12 * MIB);
		struct sl_upload *u;
		uint32_t crc;
		char key[32];

		snprintf(key, sizeof(key), "t%d/%d", j->id, i);
		u = make(j->r, key);
		crc = write_file(u, size, 200000, (unsigned)j->id, &j->err);
		if (!j->err && (j->id & 1))
			j->err = settle(u);
		if (!j->err)
			j->err = commit(u);
		if (!j->err)
			assert_object(j->r, key, size, crc, 1);
		sl_upload_unref(u);
	}
	return NULL;
}

static void test_many_writers(void **state)
{
	struct job jobs[40] = { 0 };
	struct rig r = { 0 };
	struct sl_engine_stats st;

	(void)state;
	rig_start(&r);
	for (int i = 0; i < 40; i++) {
		jobs[i] = (struct job){ .r = &r, .id = i };
		assert_int_equal(pthread_create(&jobs[i].t, NULL, one_writer,
						&jobs[i]), 0);
	}
	for (int i = 0; i < 40; i++) {
		assert_int_equal(pthread_join(jobs[i].t, NULL), 0);
		assert_int_equal(jobs[i].err, 0);
	}
	sl_engine_get_stats(r.e, &st);
	assert_int_equal(st.used, 0);
	assert_int_equal(st.uploads, 0);
	assert_int_equal(st.in_flight, 0);
	assert_true(r.f->most_busy <= 4);
	assert_int_equal(fake_left(r.f), 0);
	assert_int_equal(r.begun, r.ended);
	rig_stop(&r);
}

static void test_too_big(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u = NULL;
	struct sl_error err = { 0 };

	(void)state;
	rig_start(&r);
	assert_int_equal(sl_upload_new(r.e, "h", 17000 * (uint64_t)MIB, NULL,
				       &u, &err), -EFBIG);
	assert_non_null(strstr(err.text, "memory=34"));
	assert_int_equal(sl_upload_new(r.e, "h", 15000 * (uint64_t)MIB, NULL,
				       &u, &err), 0);
	sl_upload_unref(u);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_interrupt_write),
		cmocka_unit_test(test_interrupt_commit),
		cmocka_unit_test(test_commit_while_blocked),
		cmocka_unit_test(test_abandon_while_blocked),
		cmocka_unit_test(test_enobufs),
		cmocka_unit_test(test_round_robin),
		cmocka_unit_test(test_pressure_parks),
		cmocka_unit_test(test_pressure_forgets),
		cmocka_unit_test(test_journal_first),
		cmocka_unit_test(test_many_writers),
		cmocka_unit_test(test_too_big),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

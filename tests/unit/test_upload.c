/* SPDX-License-Identifier: Apache-2.0 */
/* The upload engine: whole files, failures, versions, ends. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "upload_rig.h"

static void test_sizes(void **state)
{
	static const struct {
		size_t size, step;
		bool multipart;
	} t[] = {
		{ 0, 1, false },
		{ 1, 1, false },
		{ 100000, 7777, false },
		{ 131072, 131072, false },
		{ 4 * MIB - 1, MIB, false },
		{ 4 * MIB, MIB, true },
		{ 4 * MIB + 1, 65536, true },
		{ 50 * MIB + 123, MIB - 1, true },
		{ 100 * MIB, MIB, true },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct rig r = { 0 };
		struct sl_upload_state s;
		struct sl_upload *u;
		uint32_t crc;
		int ret;

		rig_start(&r);
		u = make(&r, "a/b");
		crc = write_file(u, t[i].size, t[i].step, 5, &ret);
		assert_int_equal(ret, 0);
		assert_int_equal(commit(u), 0);
		assert_object(&r, "a/b", t[i].size, crc, 1);
		assert_int_equal(fake_count(r.f, F_PUT), !t[i].multipart);
		assert_int_equal(r.begun, t[i].multipart);
		assert_int_equal(r.ended, t[i].multipart);
		assert_int_equal(r.parts, fake_count(r.f, F_PART));
		sl_upload_get(u, &s);
		assert_true(s.committed && !s.committing && !s.err);
		assert_int_equal(s.crc32, crc);
		assert_int_equal(s.sent, t[i].size);
		assert_int_equal(s.obj.size, t[i].size);
		assert_ptr_equal(sl_upload_arg(u), &r);
		assert_int_equal(commit(u), 0);
		sl_upload_unref(u);
		assert_int_equal(fake_left(r.f), 0);
		rig_stop(&r);
	}
}

static void test_zeros(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x;
	unsigned char *z = calloc(1, 70 * MIB);

	(void)state;
	rig_start(&r);
	u = make(&r, "z");
	assert_int_equal(put_bytes(u, "ab", 2), 0);
	waiter_init(&x);
	assert_int_equal(finish(sl_upload_zeros(u, 70 * MIB - 2, &x.w), &x), 0);
	assert_int_equal(commit(u), 0);
	memcpy(z, "ab", 2);
	assert_object(&r, "z", 70 * MIB, sl_crc32(0, z, 70 * MIB), 1);
	free(z);
	sl_upload_unref(u);
	rig_stop(&r);
}

static void test_peek(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	unsigned char in[300000], out[300000];
	int ret;

	(void)state;
	rig_start(&r);
	u = make(&r, "p");
	assert_int_equal(sl_upload_peek(u, 0, out, 10), 0);
	pattern(in, sizeof(in), 3);
	assert_int_equal(put_bytes(u, in, sizeof(in)), 0);
	assert_int_equal(sl_upload_peek(u, 0, out, sizeof(out)), sizeof(in));
	assert_memory_equal(in, out, sizeof(in));
	assert_int_equal(sl_upload_peek(u, 131070, out, 5), 5);
	assert_memory_equal(in + 131070, out, 5);
	assert_int_equal(sl_upload_peek(u, 299990, out, 100), 10);
	assert_int_equal(sl_upload_peek(u, 300000, out, 1), 0);
	write_file(u, 8 * MIB, MIB, 1, &ret);
	assert_int_equal(sl_upload_peek(u, 0, out, 1), -ENODATA);
	sl_upload_abandon(u, false);
	sl_upload_unref(u);
	rig_stop(&r);
}

static void test_reopen(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	int ret;

	(void)state;
	rig_start(&r);
	u = make(&r, "o");
	assert_int_equal(commit(u), 0);
	assert_int_equal(put_bytes(u, "x", 1), -EPIPE);
	assert_int_equal(sl_upload_reopen(u), 0);
	assert_int_equal(put_bytes(u, "hello ", 6), 0);
	assert_int_equal(commit(u), 0);
	assert_object(&r, "o", 6, sl_crc32(0, "hello ", 6), 2);
	assert_int_equal(sl_upload_reopen(u), 0);
	assert_int_equal(commit(u), 0); /* nothing new: no third put */
	assert_int_equal(sl_upload_reopen(u), 0);
	assert_int_equal(put_bytes(u, "world", 5), 0);
	assert_int_equal(commit(u), 0);
	assert_object(&r, "o", 11, sl_crc32(0, "hello world", 11), 3);
	sl_upload_unref(u);
	u = make(&r, "big");
	write_file(u, 9 * MIB, MIB, 1, &ret);
	assert_int_equal(commit(u), 0);
	assert_int_equal(sl_upload_reopen(u), -EIO);
	sl_upload_unref(u);
	rig_stop(&r);
}

/* Written to while its put is under way: waits, then a second put. */
static void test_reopen_in_flight(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter c, w;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PUT, true);
	u = make(&r, "o");
	assert_int_equal(put_bytes(u, "one", 3), 0);
	waiter_init(&c);
	waiter_init(&w);
	assert_int_equal(sl_upload_commit(u, &c.w), SL_PARKED);
	assert_int_equal(sl_upload_reopen(u), 0);
	assert_int_equal(sl_upload_write(u, "two", 3, &w.w), SL_PARKED);
	fake_hold(r.f, F_PUT, false);
	assert_int_equal(waiter_join(&c), 0);
	assert_int_equal(waiter_join(&w), 0);
	assert_int_equal(commit(u), 0);
	assert_object(&r, "o", 6, sl_crc32(0, "onetwo", 6), 2);
	sl_upload_unref(u);
	rig_stop(&r);
}

static void test_restart(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	uint32_t crc;
	int ret;

	(void)state;
	rig_start(&r);
	u = make(&r, "r");
	write_file(u, 10 * MIB, MIB, 1, &ret);
	assert_int_equal(settle(u), 0);
	assert_int_equal(sl_upload_restart(u), 0);
	crc = write_file(u, 10 * MIB + 9, MIB, 2, &ret);
	assert_int_equal(ret, 0);
	assert_int_equal(commit(u), 0);
	assert_object(&r, "r", 10 * MIB + 9, crc, 1);
	sl_upload_unref(u);
	rig_stop(&r);
}

/* A put in flight is let go; the new version is made after it. */
static void test_restart_in_flight(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter c, d;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PUT, true);
	u = make(&r, "r");
	assert_int_equal(put_bytes(u, "old", 3), 0);
	waiter_init(&c);
	waiter_init(&d);
	assert_int_equal(sl_upload_commit(u, &c.w), SL_PARKED);
	assert_int_equal(sl_upload_restart(u), 0);
	assert_int_equal(waiter_join(&c), -ECANCELED);
	assert_int_equal(put_bytes(u, "newer", 5), 0);
	assert_int_equal(sl_upload_commit(u, &d.w), SL_PARKED);
	fake_hold(r.f, F_PUT, false);
	assert_int_equal(waiter_join(&d), 0);
	assert_int_equal(fake_look(r.f, "r").size, 5);
	sl_upload_unref(u);
	rig_stop(&r);
}

static void test_failures(void **state)
{
	static const struct {
		enum fake_kind kind;
		int nth, err, want;
		size_t size;
		bool mute;
	} t[] = {
		{ F_PUT, 1, -EACCES, -EACCES, 100, false },
		{ F_BEGIN, 1, -EROFS, -EROFS, 9 * MIB, false },
		{ F_PART, 1, -EIO, -EIO, 9 * MIB, false },
		{ F_PART, 3, -ETIMEDOUT, -ETIMEDOUT, 40 * MIB, false },
		{ F_PART, -1, -EKEYEXPIRED, -EKEYEXPIRED, 90 * MIB, false },
		{ F_COMPLETE, 1, -EBADMSG, -EBADMSG, 9 * MIB, false },
		{ F_COMPLETE, 1, -ESTALE, -ESTALE, 9 * MIB, false },
		{ F_PUT, 0, 0, -EPROTO, 100, true },
		{ F_COMPLETE, 0, 0, -EPROTO, 9 * MIB, true },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct rig r = { 0 };
		struct sl_upload_state s;
		struct sl_upload *u;
		int ret;

		rig_start(&r);
		r.f->fail_nth[t[i].kind] = t[i].nth;
		r.f->fail_err[t[i].kind] = t[i].err;
		r.f->mute = t[i].mute;
		u = make(&r, "f");
		write_file(u, t[i].size, MIB, 1, &ret);
		assert_true(ret == 0 || ret == t[i].want);
		assert_int_equal(commit(u), t[i].want);
		assert_int_equal(commit(u), t[i].want);
		assert_int_equal(put_bytes(u, "x", 1), t[i].want);
		sl_upload_get(u, &s);
		assert_int_equal(s.err, t[i].want);
		assert_int_equal(s.error.errnum, -t[i].want);
		assert_true(s.error.text[0] && !s.committed);
		sl_upload_abandon(u, false);
		sl_upload_unref(u);
		rig_stop(&r);
	}
}

static void test_abandon(void **state)
{
	static const bool keep[] = { false, true };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(keep); i++) {
		struct rig r = { 0 };
		struct sl_upload *u;
		int ret;

		rig_start(&r);
		u = make(&r, "k");
		write_file(u, 9 * MIB, MIB, 1, &ret);
		assert_int_equal(settle(u), 0);
		fake_hold(r.f, F_PART, true);
		write_file(u, 6 * MIB, MIB, 1, &ret);
		sl_upload_abandon(u, keep[i]);
		assert_int_equal(commit(u), -ECANCELED);
		sl_upload_unref(u);
		sl_engine_free(r.e);
		assert_int_equal(fake_left(r.f), keep[i]);
		assert_int_equal(r.ended, !keep[i]);
		assert_false(fake_look(r.f, "k").visible);
		r.f->b.ops->close(&r.f->b);
		sl_mutex_release(&r.lock);
	}
}

/* An abort that is under way when the engine goes is not given up. */
static void test_free_aborts(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	int ret;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_ABORT, true);
	u = make(&r, "k");
	write_file(u, 9 * MIB, MIB, 1, &ret);
	assert_int_equal(settle(u), 0);
	sl_upload_abandon(u, false);
	sl_upload_unref(u);
	while (!fake_held(r.f, F_ABORT))
		usleep(1000);
	r.f->cancel_lets_go = true;
	sl_engine_free(r.e);
	assert_int_equal(fake_count(r.f, F_ABORT), 2);
	assert_int_equal(fake_left(r.f), 0);
	r.f->b.ops->close(&r.f->b);
	sl_mutex_release(&r.lock);
}

/* What waits is answered when the engine goes. */
static void test_free_answers(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_PUT, true);
	u = make(&r, "k");
	assert_int_equal(put_bytes(u, "x", 1), 0);
	waiter_init(&x);
	assert_int_equal(sl_upload_commit(u, &x.w), SL_PARKED);
	sl_upload_unref(u);
	rig_stop(&r);
	assert_int_equal(waiter_join(&x), -ECANCELED);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sizes),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_peek),
		cmocka_unit_test(test_reopen),
		cmocka_unit_test(test_reopen_in_flight),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_restart_in_flight),
		cmocka_unit_test(test_failures),
		cmocka_unit_test(test_abandon),
		cmocka_unit_test(test_free_aborts),
		cmocka_unit_test(test_free_answers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

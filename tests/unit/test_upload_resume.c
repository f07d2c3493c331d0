/* SPDX-License-Identifier: Apache-2.0 */
/* A copy that goes on with the parts that an earlier one left. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "upload_rig.h"

#define KEY "f"
#define PART (4 * MIB) /* what 32 MiB of memory give */
#define SIZE (14 * MIB)

static int kept(struct rig *r)
{
	SL_LOCK_SCOPE(&r->lock);
	return r->kept;
}

/* The first 'n' bytes are sent, then the copy is interrupted. */
static void leave(struct rig *r, struct sl_upload *u, uint64_t n,
		  unsigned seed)
{
	int before = kept(r), ret;

	write_file(u, n, MIB, seed, &ret);
	assert_int_equal(ret, 0);
	/* What is less than a part is dropped, the rest acknowledged. */
	while (true) {
		struct sl_upload_state st;

		sl_upload_get(u, &st);
		if (st.sent >= n / PART * PART)
			break;
		usleep(1000);
	}
	sl_upload_abandon(u, true);
	sl_upload_unref(u);
	while (kept(r) == before)
		usleep(1000);
}

static void interrupt_at(struct rig *r, uint64_t n, unsigned seed)
{
	leave(r, make(r, KEY), n, seed);
}

static struct sl_upload *again(struct rig *r)
{
	struct sl_upload *u = make(r, KEY);

	assert_int_equal(sl_upload_resume(u, r->kept_id, NULL, 0), 0);
	return u;
}

struct counts {
	int put, begin, part, complete, abort, list;
};

static struct counts count(struct rig *r)
{
	return (struct counts){
		fake_count(r->f, F_PUT), fake_count(r->f, F_BEGIN),
		fake_count(r->f, F_PART), fake_count(r->f, F_COMPLETE),
		fake_count(r->f, F_ABORT), fake_count(r->f, F_LIST),
	};
}

/* A second copy of 'size' bytes; what it asked of the store. */
static struct counts copy_again(struct rig *r, uint64_t size, unsigned seed)
{
	struct counts a = count(r), b;
	struct sl_upload *u = again(r);
	uint32_t crc;
	int ret;

	crc = write_file(u, size, MIB, seed, &ret);
	assert_int_equal(ret, 0);
	assert_int_equal(commit(u), 0);
	assert_object(r, KEY, size, crc, 1);
	sl_upload_unref(u);
	while (fake_left(r->f))
		usleep(1000);
	b = count(r);
	return (struct counts){
		b.put - a.put, b.begin - a.begin, b.part - a.part,
		b.complete - a.complete, b.abort - a.abort, b.list - a.list,
	};
}

static void test_goes_on(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	assert_int_equal(fake_count(r.f, F_PART), 2);
	c = copy_again(&r, SIZE, 1);
	/* 4, 4, then 4 and 2: the first two are there. */
	assert_int_equal(c.list, 1);
	assert_int_equal(c.begin, 0);
	assert_int_equal(c.part, 2);
	assert_int_equal(c.complete, 1);
	assert_int_equal(c.abort + c.put, 0);
	rig_stop(&r);
}

/* Other bytes: all goes out, under the same id, and replaces. */
static void test_other_bytes(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	c = copy_again(&r, SIZE, 2);
	assert_int_equal(c.part, 4);
	assert_int_equal(c.begin + c.abort, 0);
	rig_stop(&r);
}

/* A shorter file leaves out what is stored beyond its end. */
static void test_shorter(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	c = copy_again(&r, 5 * MIB, 1);
	assert_int_equal(c.part, 1);
	assert_int_equal(c.complete, 1);
	rig_stop(&r);
}

static void test_empty(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	c = copy_again(&r, 0, 1);
	assert_int_equal(c.put, 1);
	assert_int_equal(c.part, 0);
	assert_int_equal(c.abort, 1);
	rig_stop(&r);
}

static void test_gone(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	r.f->uploads[atoi(r.kept_id)].gone = true;
	c = copy_again(&r, SIZE, 1);
	assert_int_equal(c.begin, 1);
	assert_int_equal(c.part, 4);
	assert_int_equal(c.abort, 0);
	/* The journal forgets both: the lost one and the completed one. */
	assert_int_equal(r.ended, 2);
	rig_stop(&r);
}

static void test_not_listed(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	r.f->fail_nth[F_LIST] = -1;
	r.f->fail_err[F_LIST] = -EACCES;
	c = copy_again(&r, SIZE, 1);
	assert_int_equal(c.begin, 1);
	assert_int_equal(c.part, 4);
	assert_int_equal(c.abort, 1);
	rig_stop(&r);
}

/* Cut again: what both copies sent is there for the third. */
static void test_twice(void **state)
{
	struct rig r = { 0 };
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 5 * MIB, 1);
	leave(&r, again(&r), 10 * MIB, 1);
	assert_int_equal(fake_count(r.f, F_PART), 2);
	c = copy_again(&r, SIZE, 1);
	assert_int_equal(c.part, 2);
	assert_int_equal(c.begin, 0);
	rig_stop(&r);
}

/* Cut while its parts are being listed: they are there for the next. */
static void test_cut_in_listing(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct counts c;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	fake_hold(r.f, F_LIST, true);
	u = again(&r);
	sl_upload_abandon(u, true);
	sl_upload_unref(u);
	while (kept(&r) < 2)
		usleep(1000);
	fake_hold(r.f, F_LIST, false);
	c = copy_again(&r, SIZE, 1);
	assert_int_equal(c.part, 2);
	assert_int_equal(c.begin + c.abort, 0);
	rig_stop(&r);
}

/* The id of a copy that was cut meanwhile is awaited, or it would stay. */
static void test_cut_in_begin(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	int ret;

	(void)state;
	rig_start(&r);
	fake_hold(r.f, F_BEGIN, true);
	u = make(&r, KEY);
	write_file(u, 10 * MIB, MIB, 1, &ret);
	assert_int_equal(ret, 0);
	sl_upload_abandon(u, true);
	sl_upload_unref(u);
	fake_hold(r.f, F_BEGIN, false);
	while (fake_count(r.f, F_ABORT) < 1)
		usleep(1000);
	assert_int_equal(fake_count(r.f, F_PART), 0);
	rig_stop(&r);
}

/* Parts of the old copy that were cut early set the borders of the new. */
static void test_old_borders(void **state)
{
	static const uint64_t sizes[] = { 3 * MIB, 2 * MIB + 5, 4 * MIB };
	struct rig r = { 0 };
	struct counts c;
	unsigned char *all = malloc(SIZE);
	uint64_t at = 0;

	(void)state;
	assert_non_null(all);
	for (uint64_t i = 0; i < SIZE; i++)
		all[i] = (unsigned char)(i * 7 + i / 4096);
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	for (uint32_t i = 0; i < 3; at += sizes[i++]) {
		struct fake_upload *u = &r.f->uploads[atoi(r.kept_id)];

		u->size[i + 1] = sizes[i];
		u->crc[i + 1] = sl_crc32(0, all + at, sizes[i]);
	}
	c = count(&r);
	{
		struct sl_upload *u = again(&r);

		for (at = 0; at < SIZE; at += MIB)
			assert_int_equal(put_bytes(u, all + at, MIB), 0);
		assert_int_equal(commit(u), 0);
		sl_upload_unref(u);
	}
	assert_object(&r, KEY, SIZE, sl_crc32(0, all, SIZE), 1);
	/* The rest: 4 MiB and what is left. */
	assert_int_equal(fake_count(r.f, F_PART) - c.part, 2);
	free(all);
	rig_stop(&r);
}

/* Once bytes were taken, or twice, it is too late. */
static void test_too_late(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;

	(void)state;
	rig_start(&r);
	interrupt_at(&r, 10 * MIB, 1);
	u = make(&r, KEY);
	assert_int_equal(put_bytes(u, "x", 1), 0);
	assert_int_equal(sl_upload_resume(u, r.kept_id, NULL, 0), -EBUSY);
	sl_upload_unref(u);
	u = again(&r);
	assert_int_equal(sl_upload_resume(u, r.kept_id, NULL, 0), -EBUSY);
	sl_upload_unref(u);
	r.f->b.caps &= ~(unsigned)SL_CAP_UPLOADS;
	u = make(&r, KEY);
	assert_int_equal(sl_upload_resume(u, r.kept_id, NULL, 0), -EOPNOTSUPP);
	sl_upload_unref(u);
	rig_stop(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_goes_on),
		cmocka_unit_test(test_other_bytes),
		cmocka_unit_test(test_shorter),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_not_listed),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_cut_in_listing),
		cmocka_unit_test(test_cut_in_begin),
		cmocka_unit_test(test_old_borders),
		cmocka_unit_test(test_too_late),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stores that want another checksum besides the CRC32: each body and the
 * whole carry it, wherever the bytes came from, whoever looks at them, and
 * across an interruption. The store of these tests sums what it gets itself.
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "crc.h"
#include "upload_rig.h"

#define PART (4 * MIB) /* what 32 MiB of memory give */

static const enum sl_sum kinds[] = { SL_SUM_CRC32C, SL_SUM_CRC64 };

/* What write_file() and then zeros make, summed at once. */
static uint64_t sum_of(enum sl_sum kind, size_t total, size_t step,
		       unsigned seed, size_t zeros)
{
	unsigned char *p = calloc(1, total + zeros + 1);
	uint64_t sum;

	assert_non_null(p);
	for (size_t at = 0; at < total; at += step)
		pattern(p + at, total - at < step ? total - at : step,
			seed + (unsigned)at);
	sum = sl_sum(kind, 0, p, total + zeros);
	free(p);
	return sum;
}

static int add_zeros(struct sl_upload *u, uint64_t n)
{
	struct waiter x;

	waiter_init(&x);
	return finish(sl_upload_zeros(u, n, &x.w), &x);
}

static void test_bytes(void **state)
{
	static const struct {
		size_t total, step, zeros;
	} cases[] = {
		{ 0, 1, 0 },	       { 1, 1, 0 },
		{ 70001, 333, 0 },     { 3 * MIB + 5, 200000, 7 },
		{ 15 * MIB, MIB, 0 },  { 5 * MIB, 100001, 9 * MIB },
		{ 40 * MIB, MIB, 0 },
	};

	(void)state;
	for (size_t i = 0; i < 2 * SL_ARRAY_LEN(cases); i++) {
		size_t c = i / 2, zeros = cases[c].zeros;
		struct rig r = { .sum = kinds[i % 2] };
		struct sl_upload *u;
		int ret;

		rig_start(&r);
		u = make(&r, "k");
		write_file(u, cases[c].total, cases[c].step, 7, &ret);
		assert_int_equal(ret, 0);
		assert_int_equal(add_zeros(u, zeros), 0);
		assert_int_equal(commit(u), 0);
		assert_true(fake_look(r.f, "k").sum ==
			    sum_of(r.sum, cases[c].total, cases[c].step, 7,
				   zeros));
		sl_upload_unref(u);
		rig_stop(&r);
	}
}

static void test_restart(void **state)
{
	struct rig r = { .sum = SL_SUM_CRC64 };
	struct sl_upload *u;
	int ret;

	(void)state;
	rig_start(&r);
	u = make(&r, "k");
	write_file(u, 9 * MIB, MIB, 1, &ret);
	assert_int_equal(sl_upload_restart(u), 0);
	write_file(u, 5 * MIB, MIB, 2, &ret);
	assert_int_equal(commit(u), 0);
	assert_true(fake_look(r.f, "k").sum ==
		    sum_of(r.sum, 5 * MIB, MIB, 2, 0));
	sl_upload_unref(u);
	rig_stop(&r);
}

struct liar {
	struct sl_tap tap;
	int calls, lie_at;
};

static uint32_t lie(struct sl_tap *t, const void *p, size_t n)
{
	struct liar *l = sl_container_of(t, struct liar, tap);

	return sl_crc32(0, p, n) ^ (l->calls++ == l->lie_at);
}

static void forget(struct sl_tap *t)
{
	(void)t;
}

/* A wrong sum of who looks is caught by the store, and never believed. */
static void test_liar(void **state)
{
	static const size_t sizes[] = { 200000, 9 * MIB };

	(void)state;
	for (size_t i = 0; i < 2 * SL_ARRAY_LEN(sizes); i++) {
		struct liar l = { .tap = { lie, forget, forget },
				  .lie_at = i % 2 ? 2 : -1 };
		struct rig r = { 0 };
		struct sl_upload *u;
		int ret;

		rig_start(&r);
		u = make(&r, "k");
		sl_upload_set_tap(u, &l.tap);
		write_file(u, sizes[i / 2], 50000, 1, &ret);
		assert_int_equal(commit(u), i % 2 ? -EBADMSG : 0);
		assert_int_equal(fake_look(r.f, "k").visible, i % 2 == 0);
		sl_upload_unref(u);
		rig_stop(&r);
	}
}

/* A checksum without a word that the store has checked it is no proof. */
static void test_no_proof(void **state)
{
	struct rig r = { .sum = SL_SUM_CRC32C };
	struct sl_upload *u;
	int ret;

	(void)state;
	rig_start(&r);
	r.f->mute = true;
	u = make(&r, "k");
	write_file(u, 1000, 1000, 1, &ret);
	assert_int_equal(commit(u), -EPROTO);
	sl_upload_unref(u);
	rig_stop(&r);
}

static void leave_two_parts(struct rig *r)
{
	struct sl_upload *u = make(r, "k");
	struct sl_upload_state st;
	int ret;

	write_file(u, 10 * MIB, MIB, 1, &ret);
	assert_int_equal(ret, 0);
	do {
		usleep(1000);
		sl_upload_get(u, &st);
	} while (st.sent < 2 * PART);
	sl_upload_abandon(u, true);
	sl_upload_unref(u);
	while (true) {
		SL_LOCK_SCOPE(&r->lock);
		if (r->kept)
			return;
	}
}

/* What is noted of the two parts, changed as a row of the test says. */
static void no_change(struct sl_part *p)
{
	(void)p;
}
static void other_number(struct sl_part *p)
{
	p->number += 2;
}
static void no_number(struct sl_part *p)
{
	p->number = 0;
}
static void other_size(struct sl_part *p)
{
	p->size++;
}
static void other_crc(struct sl_part *p)
{
	p->crc32 ^= 1;
}
static void other_sum(struct sl_part *p)
{
	p->sum ^= 1;
}
static void no_sum(struct sl_part *p)
{
	p->sum = 0;
}
static void other_etag(struct sl_part *p)
{
	p->etag[1] ^= 1;
}
static void no_etag(struct sl_part *p)
{
	p->etag[0] = '\0';
}

static const struct known {
	bool bare;	/* the store lists no checksums */
	bool sums;	/* it wants another one */
	uint32_t count; /* so many parts are known */
	void (*change)(struct sl_part *p);
	int sent; /* again, of the two that are stored */
} known[] = {
	{ false, false, 0, no_change, 0 },
	{ false, false, 2, other_crc, 0 }, /* the store's word goes first */
	{ false, true, 0, no_change, 0 },  /* which does not have the sum */
	{ false, true, 2, no_change, 0 },
	{ true, false, 0, no_change, 2 },
	{ true, false, 2, no_change, 0 },
	{ true, false, 1, no_change, 1 },
	{ true, true, 2, no_change, 0 },
	{ true, true, 1, no_change, 1 },
	{ true, true, 2, no_sum, 0 },
	{ true, false, 2, no_sum, 0 },
	{ true, true, 2, other_sum, 2 },
	{ true, true, 2, other_crc, 2 },
	{ true, true, 2, other_size, 2 },
	{ true, true, 2, other_number, 2 },
	{ true, true, 2, no_number, 2 },
	{ true, true, 2, other_etag, 2 },
	{ true, true, 2, no_etag, 2 },
};

static void go_on(struct rig *r, const struct known *k)
{
	struct sl_upload *u = make(r, "k");
	int ret, before = fake_count(r->f, F_PART);
	struct sl_part parts[2];

	for (uint32_t i = 0; i < 2; i++) {
		parts[i] = r->noted[i];
		assert_int_equal(parts[i].number, i + 1);
		assert_int_equal(parts[i].sum != 0, k->sums);
		k->change(&parts[i]);
	}
	assert_int_equal(sl_upload_resume(u, r->kept_id, parts, k->count), 0);
	write_file(u, 10 * MIB, MIB, 1, &ret);
	assert_int_equal(commit(u), 0);
	assert_true(fake_look(r->f, "k").sum ==
		    sum_of(r->sum, 10 * MIB, MIB, 1, 0));
	/* The third was never stored. */
	assert_int_equal(fake_count(r->f, F_PART) - before, k->sent + 1);
	sl_upload_unref(u);
}

static void test_known(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(known); i++) {
		struct rig r = {
			.sum = known[i].sums ? SL_SUM_CRC64 : SL_SUM_NONE,
		};

		rig_start(&r);
		r.f->bare_list = known[i].bare;
		leave_two_parts(&r);
		go_on(&r, &known[i]);
		rig_stop(&r);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_liar),
		cmocka_unit_test(test_no_proof),
		cmocka_unit_test(test_known),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

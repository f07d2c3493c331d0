/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who looks at the bytes of an upload sees just those that are taken, in
 * order and one call at a time, wherever they come from; from the beginning
 * again after a restart; and hears once that it is over.
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdlib.h>

#include "crc.h"
#include "upload_rig.h"

struct seen {
	struct sl_tap tap;
	uint64_t size;
	uint32_t crc;
	size_t largest;
	int restarts;
	int ends; /* atomic */
	int inside; /* atomic */
};

static struct seen *of(struct sl_tap *t)
{
	return sl_container_of(t, struct seen, tap);
}

static uint32_t on_bytes(struct sl_tap *t, const void *p, size_t n)
{
	struct seen *s = of(t);
	uint32_t crc = sl_crc32(0, p, n);

	assert_false(__atomic_exchange_n(&s->inside, 1, __ATOMIC_SEQ_CST));
	s->crc = sl_crc32_combine(s->crc, crc, n);
	s->size += n;
	if (n > s->largest)
		s->largest = n;
	__atomic_store_n(&s->inside, 0, __ATOMIC_SEQ_CST);
	return crc;
}

static void on_restart(struct sl_tap *t)
{
	struct seen *s = of(t);

	s->size = 0;
	s->crc = 0;
	s->restarts++;
}

static void on_end(struct sl_tap *t)
{
	__atomic_add_fetch(&of(t)->ends, 1, __ATOMIC_SEQ_CST);
}

static struct sl_upload *tapped(struct rig *r, const char *key,
				struct seen *s)
{
	struct sl_upload *u = make(r, key);

	*s = (struct seen){
		.tap = { on_bytes, on_restart, on_end },
	};
	sl_upload_set_tap(u, &s->tap);
	return u;
}

static void let_go(struct rig *r, struct sl_upload *u, struct seen *s)
{
	assert_int_equal(s->ends, 0);
	sl_upload_unref(u);
	rig_stop(r);
	assert_int_equal(s->ends, 1);
}

/* Small and large writes, through more parts than the memory holds. */
static void test_bytes(void **state)
{
	static const struct {
		size_t total, step;
	} cases[] = {
		{ 1, 1 }, { 70001, 333 }, { 3 * MIB + 5, 200000 },
		{ 70 * MIB, MIB },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(cases); i++) {
		struct sl_upload *u;
		struct rig r = { 0 };
		struct seen s;
		uint32_t crc;
		int ret;

		rig_start(&r);
		u = tapped(&r, "k", &s);
		crc = write_file(u, cases[i].total, cases[i].step, 7, &ret);
		assert_int_equal(ret, 0);
		assert_int_equal(commit(u), 0);
		assert_true(s.size == cases[i].total);
		assert_int_equal(s.crc, crc);
		assert_true(s.largest <= 65536);
		assert_object(&r, "k", cases[i].total, crc, 1);
		let_go(&r, u, &s);
	}
}

static void test_zeros(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct waiter x;
	struct seen s;
	unsigned char *p = calloc(1, 5 * MIB);

	(void)state;
	assert_non_null(p);
	rig_start(&r);
	u = tapped(&r, "k", &s);
	waiter_init(&x);
	assert_int_equal(finish(sl_upload_zeros(u, 5 * MIB, &x.w), &x), 0);
	assert_true(s.size == 5 * MIB);
	assert_int_equal(s.crc, sl_crc32(0, p, 5 * MIB));
	free(p);
	let_go(&r, u, &s);
}

static void test_restart(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct seen s;
	uint32_t crc;
	int ret;

	(void)state;
	rig_start(&r);
	u = tapped(&r, "k", &s);
	write_file(u, 9 * MIB, MIB, 1, &ret);
	assert_int_equal(ret, 0);
	assert_int_equal(sl_upload_restart(u), 0);
	assert_int_equal(s.restarts, 1);
	crc = write_file(u, 3 * MIB, MIB, 2, &ret);
	assert_int_equal(commit(u), 0);
	assert_true(s.size == 3 * MIB);
	assert_int_equal(s.crc, crc);
	let_go(&r, u, &s);
}

static void test_abandoned(void **state)
{
	struct rig r = { 0 };
	struct sl_upload *u;
	struct seen s;
	int ret;

	(void)state;
	rig_start(&r);
	u = tapped(&r, "k", &s);
	write_file(u, 9 * MIB, MIB, 1, &ret);
	sl_upload_abandon(u, false);
	let_go(&r, u, &s);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_zeros),
		cmocka_unit_test(test_restart),
		cmocka_unit_test(test_abandoned),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

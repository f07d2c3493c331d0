/* SPDX-License-Identifier: Apache-2.0 */
/* The budget's bookkeeping: claims, fairness, what it gives back. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "upload/budget.h"

#define MIB ((uint64_t)1 << 20)
#define LIMIT (32 * MIB)
#define LEAST (5 * MIB)

static size_t pieces_of(const struct sl_budget *b, uint64_t bytes)
{
	return (size_t)((bytes + b->piece - 1) / b->piece);
}

static void test_init(void **state)
{
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, 8 * MIB, LEAST), -EINVAL);
	assert_int_equal(sl_budget_init(&b, UINT64_MAX, UINT64_MAX), -EINVAL);
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	assert_int_equal(b.piece, 128 << 10);
	assert_int_equal(sl_budget_piece_size(256 * MIB), 128 << 10);
	sl_budget_release(&b);
}

/* What is given by default fills 40 files of one process in turn. */
static void test_many_by_default(void **state)
{
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, 256 * MIB, 5 * MIB), 0);
	assert_true(b.limit / b.claim >= 40);
	sl_budget_release(&b);
}

static void test_claims(void **state)
{
	struct sl_share s[16] = { 0 };
	struct sl_piece *got[16] = { 0 };
	struct sl_piece *more = NULL;
	struct sl_budget b;
	int n = 0;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	while (n < 16 && sl_budget_take(&b, &s[n], 1, true, &got[n]))
		n++;
	assert_int_equal(n, LIMIT / b.claim);
	assert_int_equal(b.admitted, n);
	/* Every admitted one gets its claim, also while others wait. */
	for (int i = 0; i < n; i++) {
		assert_true(sl_budget_take(&b, &s[i], pieces_of(&b, LEAST),
					   false, &more));
		assert_true(b.used <= b.reserved && b.reserved <= b.limit);
		sl_budget_give(&b, &s[i], more);
	}
	/* More than the claim is not for it while others wait. */
	assert_false(sl_budget_take(&b, &s[0], pieces_of(&b, b.claim), false,
				    &more));
	sl_budget_shut(&b, &s[0]);
	assert_true(sl_budget_take(&b, &s[n], 1, true, &got[n]));
	for (int i = 0; i <= n; i++) {
		sl_budget_give(&b, &s[i], got[i]);
		sl_budget_shut(&b, &s[i]);
	}
	assert_int_equal(b.reserved, 0);
	assert_int_equal(b.admitted, 0);
	sl_budget_release(&b);
}

/* A large ask is not starved by small ones that come after it. */
static void test_fifo(void **state)
{
	struct sl_share a = { 0 }, c = { 0 }, d = { 0 };
	struct sl_piece *all = NULL;
	struct sl_ask first = { .share = &c, .serial = 1 };
	struct sl_ask second = { .share = &d, .serial = 2, .pieces = 1 };
	struct sl_ask_list granted = TAILQ_HEAD_INITIALIZER(granted);
	struct sl_piece *tail;
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	first.pieces = pieces_of(&b, 20 * MIB);
	assert_true(sl_budget_take(&b, &a, pieces_of(&b, 15 * MIB), true,
				   &all));
	sl_budget_ask(&b, &first);
	sl_budget_ask(&b, &second);
	sl_budget_serve(&b, NULL, &granted);
	assert_true(TAILQ_EMPTY(&granted));
	assert_ptr_equal(sl_budget_newest(&b), &second);
	sl_budget_give(&b, &a, all);
	sl_budget_shut(&b, &a);
	sl_budget_serve(&b, NULL, &granted);
	assert_ptr_equal(TAILQ_FIRST(&granted), &first);
	assert_ptr_equal(TAILQ_NEXT(&first, link), &second);
	assert_int_equal(b.asking, 0);
	for (tail = first.got; tail->next; tail = tail->next)
		;
	assert_int_equal(c.held, 20 * MIB);
	sl_budget_give(&b, &c, first.got);
	sl_budget_give(&b, &d, second.got);
	sl_budget_shut(&b, &c);
	sl_budget_shut(&b, &d);
	/* The free list is bounded, and shrinks to nothing. */
	assert_true(b.spare_bytes > 0 && b.spare_bytes <= LIMIT / 8);
	for (int i = 0; i < 20 && sl_budget_trim(&b); i++)
		;
	assert_int_equal(b.spare_bytes, 0);
	assert_null(b.spare);
	sl_budget_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_many_by_default),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_fifo),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

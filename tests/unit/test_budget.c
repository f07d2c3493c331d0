/* SPDX-License-Identifier: Apache-2.0 */
/* The budget's bookkeeping: claims, fairness, what it gives back. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>

#include "lock.h"
#include "upload/budget.h"
#include "upload/upload.h"

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

/* What is given by default fills 51 files of one process in turn. */
static void test_many_by_default(void **state)
{
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, 256 * MIB, 5 * MIB), 0);
	assert_int_equal(b.limit / b.claim, 51);
	sl_budget_release(&b);
}

static void test_claims(void **state)
{
	struct sl_share s[16] = { 0 };
	struct sl_piece *got[16] = { 0 };
	struct sl_piece *more = NULL, *all = NULL;
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
		size_t rest = pieces_of(&b, LEAST) - 1;

		assert_int_equal(sl_budget_take(&b, &s[i], rest, false,
						&more), rest);
		assert_true(b.used <= b.reserved && b.reserved <= b.limit);
		sl_budget_give(&b, &s[i], more);
	}
	/* Of more than that it gets what the claim covers, then nothing. */
	assert_int_equal(sl_budget_take(&b, &s[0], 1000, false, &more),
			 pieces_of(&b, b.claim) - 1);
	assert_int_equal(sl_budget_take(&b, &s[0], 1, false, &all), 0);
	assert_null(all);
	sl_budget_give(&b, &s[0], more);
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

struct asker {
	struct sl_ask ask;
	struct sl_budget *b;
	size_t want;
	struct sl_piece *got;
	bool busy;
};

static enum sl_grant grant(struct sl_ask *ask, bool general)
{
	struct asker *a = sl_container_of(ask, struct asker, ask);
	size_t n;

	if (a->busy)
		return SL_GRANT_NOT_NOW;
	n = sl_budget_take(a->b, ask->share, a->want, general, &a->got);
	if (!n)
		return SL_GRANT_NONE;
	return n < a->want ? SL_GRANT_SOME : SL_GRANT_ALL;
}

static void ask(struct asker *a, struct sl_budget *b, struct sl_share *s,
		size_t want)
{
	static uint64_t serial;

	serial++;
	*a = (struct asker){ .ask = { .share = s, .serial = serial },
			     .b = b, .want = want };
	sl_budget_ask(b, &a->ask, false);
}

static void let_go(struct asker *a)
{
	sl_budget_give(a->b, a->ask.share, a->got);
	sl_budget_shut(a->b, a->ask.share);
}

/* A large ask is not starved by small ones that come after it. */
static void test_fifo(void **state)
{
	struct sl_share s[5] = { 0 };
	struct asker a[3];
	struct sl_ask_list granted = TAILQ_HEAD_INITIALIZER(granted);
	struct sl_piece *all = NULL;
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	assert_int_equal(sl_budget_take(&b, &s[0], pieces_of(&b, 30 * MIB),
					true, &all), pieces_of(&b, 30 * MIB));
	ask(&a[0], &b, &s[1], pieces_of(&b, 20 * MIB));
	ask(&a[1], &b, &s[2], 1);
	ask(&a[2], &b, &s[3], 1);
	a[2].busy = true;
	sl_budget_serve(&b, grant, &granted);
	assert_true(TAILQ_EMPTY(&granted));
	assert_ptr_equal(sl_budget_newest(&b), &a[2].ask);
	sl_budget_give(&b, &s[0], all);
	sl_budget_shut(&b, &s[0]);
	sl_budget_serve(&b, grant, &granted);
	assert_ptr_equal(TAILQ_FIRST(&granted), &a[0].ask);
	assert_ptr_equal(TAILQ_NEXT(&a[0].ask, link), &a[1].ask);
	assert_int_equal(b.asking, 1);
	assert_int_equal(s[1].held, 20 * MIB);
	let_go(&a[0]);
	let_go(&a[1]);
	sl_budget_withdraw(&b, &a[2].ask);
	/* The free list is bounded, and shrinks to nothing. */
	assert_true(b.spare_bytes > 0 && b.spare_bytes <= LIMIT / 16);
	for (int i = 0; i < 20 && sl_budget_trim(&b); i++)
		;
	assert_int_equal(b.spare_bytes, 0);
	assert_null(b.spare);
	sl_budget_release(&b);
}

/* One that got a part keeps the younger from all but their claims. */
static void test_part_of_it(void **state)
{
	struct sl_share s[3] = { 0 };
	struct asker a[2];
	struct sl_ask_list granted = TAILQ_HEAD_INITIALIZER(granted);
	struct sl_piece *all = NULL;
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	assert_true(sl_budget_take(&b, &s[0], pieces_of(&b, 20 * MIB), true,
				   &all));
	ask(&a[0], &b, &s[1], pieces_of(&b, 20 * MIB));
	ask(&a[1], &b, &s[2], 1);
	sl_budget_serve(&b, grant, &granted);
	assert_ptr_equal(TAILQ_FIRST(&granted), &a[0].ask);
	assert_int_equal(s[1].held, b.claim);
	assert_int_equal(s[2].held, 0);
	/* It asks again for the rest, and is the first then. */
	sl_budget_ask(&b, &a[0].ask, true);
	assert_ptr_equal(TAILQ_FIRST(&b.asks), &a[0].ask);
	sl_budget_withdraw(&b, &a[0].ask);
	sl_budget_withdraw(&b, &a[1].ask);
	let_go(&a[0]);
	sl_budget_give(&b, &s[0], all);
	sl_budget_shut(&b, &s[0]);
	assert_int_equal(b.reserved, 0);
	sl_budget_release(&b);
}

struct loan {
	struct sl_lent lent;
	int returned;
};

static void give_back(struct sl_lent *l)
{
	sl_container_of(l, struct loan, lent)->returned++;
}

/* Lent memory counts like any, and goes back to its owner alone. */
static void test_lent(void **state)
{
	struct loan loan = { .lent.give_back = give_back };
	unsigned char data[16];
	struct sl_share s = { 0 };
	struct sl_budget b;
	struct sl_piece *p;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	assert_false(sl_budget_charge(&b, &s, LIMIT + 1, true));
	assert_true(sl_budget_charge(&b, &s, sizeof(data), true));
	assert_int_equal(b.used, sizeof(data));
	p = sl_budget_adopt(data, sizeof(data), &loan.lent);
	assert_non_null(p);
	assert_int_equal(loan.returned, 0);
	sl_budget_give(&b, &s, p);
	assert_int_equal(loan.returned, 1);
	assert_int_equal(b.used + b.spare_bytes, 0);
	sl_budget_shut(&b, &s);
	sl_budget_release(&b);
}

/* All that is admitted goes on writing; a stranger comes in all the same. */
static void test_turns(void **state)
{
	struct sl_share s[7] = { 0 };
	struct sl_piece *got[6] = { 0 };
	struct sl_ask_list granted = TAILQ_HEAD_INITIALIZER(granted);
	struct asker stranger, again;
	struct sl_budget b;

	(void)state;
	assert_int_equal(sl_budget_init(&b, LIMIT, LEAST), 0);
	for (int i = 0; i < 6; i++)
		assert_true(sl_budget_take(&b, &s[i], pieces_of(&b, LEAST),
					   true, &got[i]));
	ask(&stranger, &b, &s[6], 1);
	ask(&again, &b, &s[0], pieces_of(&b, LEAST));
	/* What the first holds is in the store: it queues like others. */
	sl_budget_give(&b, &s[0], got[0]);
	sl_budget_serve(&b, grant, &granted);
	assert_ptr_equal(TAILQ_FIRST(&granted), &stranger.ask);
	assert_null(TAILQ_NEXT(&stranger.ask, link));
	let_go(&stranger);
	TAILQ_INIT(&granted);
	sl_budget_serve(&b, grant, &granted);
	assert_ptr_equal(TAILQ_FIRST(&granted), &again.ask);
	let_go(&again);
	for (int i = 1; i < 6; i++) {
		sl_budget_give(&b, &s[i], got[i]);
		sl_budget_shut(&b, &s[i]);
	}
	assert_int_equal(b.reserved, 0);
	sl_budget_release(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_init),
		cmocka_unit_test(test_many_by_default),
		cmocka_unit_test(test_claims),
		cmocka_unit_test(test_fifo),
		cmocka_unit_test(test_turns),
		cmocka_unit_test(test_part_of_it),
		cmocka_unit_test(test_lent),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

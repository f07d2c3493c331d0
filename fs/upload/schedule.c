/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The part schedule. Of the store's part numbers three quarters belong to the
 * schedule; the rest is for parts cut early when memory is short. With N the
 * part limit a part is max(first, offset / (N/16)): constant at first, then
 * growing by the same ratio each time, until a quarter of the budget. When
 * the size is known the parts are equal, at most half of the budget.
 */
#include "upload/schedule.h"

#include <stdbool.h>

#include "upload/budget.h"

#define MIB ((uint64_t)1 << 20)
#define DEFAULT_FIRST (16 * MIB)
/* Never more pieces in a part than one vector of the system takes. */
#define MOST_PIECES 1024

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t max_u64(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

static uint64_t div_up(uint64_t a, uint64_t b)
{
	return a / b + (a % b != 0);
}

static uint64_t round_mib(uint64_t n)
{
	return n <= MIB ? n : div_up(n, MIB) * MIB;
}

/* Part numbers that the schedule itself may use. */
static uint32_t regular(const struct sl_schedule *s)
{
	return s->max_parts - s->max_parts / 4;
}

static uint64_t add_part(uint64_t at, uint64_t part)
{
	uint64_t sum;

	return __builtin_add_overflow(at, part, &sum) ? UINT64_MAX : sum;
}

static uint64_t largest_file(const struct sl_schedule *s)
{
	uint64_t at = 0;

	for (uint32_t i = 0; i < regular(s) && at < s->max_object; i++)
		at = add_part(at, sl_schedule_part(s, 0, at));
	return min_u64(at, s->max_object);
}

int sl_schedule_init(struct sl_schedule *s, const struct sl_backend_limits *l,
		     uint64_t budget, uint64_t first, struct sl_error *e)
{
	size_t piece = sl_budget_piece_size(budget);
	uint64_t most = min_u64(l->max_part, MOST_PIECES * (uint64_t)piece);

	*s = (struct sl_schedule){
		/* Not under one write: it crosses one border at most. */
		.least = max_u64(l->min_part, MIB),
		.cap = min_u64(budget / 4, most),
		.cap_known = min_u64(budget / 2, most),
		.max_put = l->max_put,
		.max_object = l->max_object,
		.max_parts = l->max_parts,
	};
	if (s->least > s->cap || !s->max_parts || !s->max_put)
		return sl_error_set(e, EINVAL,
				    "memory of %llu MiB is too small for parts "
				    "of %llu MiB: memory=%llu would do",
				    (unsigned long long)(budget / MIB),
				    (unsigned long long)(s->least / MIB),
				    (unsigned long long)(s->least * 4 / MIB +
							 1));
	s->first = first ? first : min_u64(DEFAULT_FIRST, budget / 8);
	s->first = min_u64(max_u64(s->first, s->least), s->cap);
	s->largest = largest_file(s);
	return 0;
}

static uint64_t part_of_known(const struct sl_schedule *s, uint64_t hint)
{
	uint64_t p = round_mib(div_up(hint, regular(s)));

	if (p > s->cap_known)
		p = div_up(hint, s->max_parts);
	return min_u64(max_u64(p, s->first), s->cap_known);
}

static uint64_t part_of_unknown(const struct sl_schedule *s, uint64_t offset)
{
	uint32_t k = s->max_parts / 16 ? s->max_parts / 16 : 1;
	uint64_t p = round_mib(offset / k);

	return min_u64(max_u64(p, s->first), s->cap);
}

uint64_t sl_schedule_part(const struct sl_schedule *s, uint64_t hint,
			  uint64_t offset)
{
	uint64_t p = part_of_unknown(s, offset);

	if (hint && offset < hint)
		p = part_of_known(s, hint);
	/* The first may be all there is, and then it is a single put. */
	return offset ? p : min_u64(p, s->max_put);
}

uint32_t sl_schedule_spare_parts(const struct sl_schedule *s, uint64_t hint)
{
	uint32_t most = s->max_parts / 4;
	uint64_t need;

	if (!hint)
		return most;
	need = div_up(hint, part_of_known(s, hint));
	if (need >= s->max_parts)
		return 0;
	return (uint32_t)min_u64(most, s->max_parts - need);
}

int sl_schedule_check(const struct sl_schedule *s, uint64_t size,
		      struct sl_error *e)
{
	uint64_t part = div_up(size, s->max_parts);

	if (size > s->max_object)
		return sl_error_set(e, EFBIG,
				    "a file of %llu bytes is larger than the "
				    "store takes (%llu)",
				    (unsigned long long)size,
				    (unsigned long long)s->max_object);
	if (part <= s->cap_known)
		return 0;
	return sl_error_set(e, EFBIG,
			    "a file of %llu bytes does not fit %u parts with "
			    "this memory: mount with memory=%llu",
			    (unsigned long long)size, s->max_parts,
			    (unsigned long long)(div_up(part, MIB) * 2));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for file data. Why it cannot deadlock:
 *
 * - An upload that has data holds a claim: the smallest part the store takes
 *   plus one write. It is admitted only if its claim fits beside what is
 *   reserved already; reserved never passes the limit, so a claim can always
 *   be honoured at once.
 * - An admitted upload that has less than the smallest part therefore always
 *   gets memory for its next write. One that has more can be made to send
 *   what it has, and the store's answer frees it.
 * - So admitted uploads wait for the store at most. Others wait for admitted
 *   ones to close; the engine ends that wait if nothing else can.
 *
 * Fairness: those who wait are served oldest first. One that does not fit
 * keeps younger ones from all memory but their own claims, else a stream of
 * small writes would starve a large one.
 */
#include "upload/budget.h"

#include <errno.h>
#include <stdlib.h>

#include "error.h"

#define LEAST_PIECE ((size_t)128 << 10)
#define LARGEST_PIECE ((size_t)4 << 20)
#define LARGEST_WRITE ((uint64_t)1 << 20)
/* Spare pieces kept for the next writer: this fraction of the limit. */
#define SPARE_PART 8

size_t sl_budget_piece_size(uint64_t limit)
{
	size_t n = LEAST_PIECE;

	while (n < limit / 2048 && n < LARGEST_PIECE)
		n *= 2;
	return n;
}

int sl_budget_init(struct sl_budget *b, uint64_t limit, uint64_t least)
{
	size_t piece = sl_budget_piece_size(limit);
	uint64_t claim;

	/* A write may touch a begun piece and cross into the next part. */
	if (__builtin_add_overflow(least, LARGEST_WRITE + 3 * piece, &claim) ||
	    claim > limit / 2)
		return -EINVAL;
	*b = (struct sl_budget){
		.limit = limit,
		.claim = claim,
		.piece = piece,
	};
	TAILQ_INIT(&b->asks);
	return 0;
}

static void free_pieces(struct sl_piece *p)
{
	while (p) {
		struct sl_piece *next = p->next;

		free(p);
		p = next;
	}
}

void sl_budget_release(struct sl_budget *b)
{
	if (b->used || b->reserved || b->asking)
		SL_BUG("budget has %llu bytes in use",
		       (unsigned long long)b->used);
	free_pieces(b->spare);
	b->spare = NULL;
	b->spare_bytes = 0;
}

/* What a share counts for. */
static uint64_t weight(const struct sl_budget *b, uint64_t held, bool open)
{
	return open && held < b->claim ? b->claim : held;
}

static struct sl_piece *one_piece(struct sl_budget *b)
{
	struct sl_piece *p = b->spare;

	if (!p)
		return malloc(sizeof(*p) + b->piece);
	b->spare = p->next;
	b->spare_bytes -= b->piece;
	return p;
}

static struct sl_piece *some_pieces(struct sl_budget *b, size_t n)
{
	struct sl_piece *list = NULL;

	while (n--) {
		struct sl_piece *p = one_piece(b);

		if (!p) {
			free_pieces(list);
			return NULL;
		}
		p->next = list;
		list = p;
	}
	return list;
}

bool sl_budget_take(struct sl_budget *b, struct sl_share *s, size_t n,
		    bool general, struct sl_piece **ret)
{
	uint64_t bytes = (uint64_t)n * b->piece;
	uint64_t before = weight(b, s->held, s->open);
	uint64_t after = weight(b, s->held + bytes, true);
	struct sl_piece *list = NULL;

	if (after > before &&
	    (!general || b->reserved - before + after > b->limit))
		return false;
	if (n) {
		list = some_pieces(b, n);
		if (!list)
			return false;
	}
	b->admitted += !s->open;
	s->open = true;
	s->held += bytes;
	b->used += bytes;
	b->reserved += after - before;
	*ret = list;
	return true;
}

void sl_budget_give(struct sl_budget *b, struct sl_share *s,
		    struct sl_piece *list)
{
	while (list) {
		struct sl_piece *p = list;

		list = p->next;
		b->reserved -= weight(b, s->held, s->open);
		s->held -= b->piece;
		b->reserved += weight(b, s->held, s->open);
		b->used -= b->piece;
		if (b->spare_bytes >= b->limit / SPARE_PART) {
			free(p);
			continue;
		}
		p->next = b->spare;
		b->spare = p;
		b->spare_bytes += b->piece;
	}
}

void sl_budget_shut(struct sl_budget *b, struct sl_share *s)
{
	if (!s->open)
		return;
	b->reserved -= weight(b, s->held, true);
	b->reserved += s->held;
	s->open = false;
	b->admitted--;
}

void sl_budget_ask(struct sl_budget *b, struct sl_ask *a)
{
	a->got = NULL;
	TAILQ_INSERT_TAIL(&b->asks, a, link);
	b->asking++;
}

void sl_budget_withdraw(struct sl_budget *b, struct sl_ask *a)
{
	TAILQ_REMOVE(&b->asks, a, link);
	b->asking--;
}

void sl_budget_serve(struct sl_budget *b, bool (*may)(struct sl_ask *),
		     struct sl_ask_list *granted)
{
	struct sl_ask *a = TAILQ_FIRST(&b->asks);
	bool general = true;

	while (a) {
		struct sl_ask *next = TAILQ_NEXT(a, link);

		if (!may || may(a)) {
			if (sl_budget_take(b, a->share, a->pieces, general,
					   &a->got)) {
				sl_budget_withdraw(b, a);
				TAILQ_INSERT_TAIL(granted, a, link);
			} else {
				general = false;
			}
		}
		a = next;
	}
}

struct sl_ask *sl_budget_newest(struct sl_budget *b)
{
	struct sl_ask *best = NULL;
	struct sl_ask *a;

	TAILQ_FOREACH(a, &b->asks, link) {
		if (!best || (best->share->open && !a->share->open) ||
		    (best->share->open == a->share->open &&
		     a->serial > best->serial))
			best = a;
	}
	return best;
}

bool sl_budget_trim(struct sl_budget *b)
{
	uint64_t keep = b->spare_bytes / 2;

	while (b->spare && (b->spare_bytes > keep ||
			    b->spare_bytes <= b->piece)) {
		struct sl_piece *p = one_piece(b);

		free(p);
	}
	return b->spare != NULL;
}

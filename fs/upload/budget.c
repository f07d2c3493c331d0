/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for file data. Why it cannot deadlock:
 *
 * - An upload that has data holds a claim: the smallest part the store takes.
 *   It is admitted only if its claim fits beside what is reserved already;
 *   reserved never passes the limit, so a claim can always be honoured at
 *   once.
 * - A write is taken in steps, none beyond the end of the part that is being
 *   filled, and all pieces of a part but its last are full. So an admitted
 *   upload that has less than the smallest part always gets memory for some
 *   bytes of its next write, until it has one. Then it can be made to send
 *   that, and the store's answer frees it.
 * - So admitted uploads wait for the store at most. Others wait for admitted
 *   ones to close; the engine ends that wait if nothing else can.
 *
 * Fairness: those who wait are served oldest first. One that does not fit
 * keeps younger ones from all memory but their own claims, else a stream of
 * small writes would starve a large one. An upload whose bytes are all in the
 * store queues again when others wait: a small file passes between large ones
 * after a part of theirs, not after the last.
 */
#include "upload/budget.h"

#include <errno.h>
#include <stdlib.h>

#include "error.h"
#include "upload/upload.h"

#define LEAST_PIECE ((size_t)128 << 10)
#define LARGEST_PIECE ((size_t)4 << 20)
/* Spare pieces kept for the next writer: this fraction of the limit. */
#define SPARE_PART 16

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

	/* In whole pieces. */
	if (__builtin_add_overflow(least, piece - 1, &claim))
		return -EINVAL;
	claim -= claim % piece;
	if (claim > limit / 2)
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

	if (p) {
		b->spare = p->next;
		b->spare_bytes -= b->piece;
	} else {
		p = malloc(sizeof(*p) + b->piece);
	}
	if (p)
		*p = (struct sl_piece){ .data = p->own, .cap = b->piece };
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

struct sl_piece *sl_budget_adopt(unsigned char *data, size_t n,
				 struct sl_lent *lent)
{
	struct sl_piece *p = malloc(sizeof(*p));

	if (p)
		*p = (struct sl_piece){ .data = data, .cap = n, .lent = lent };
	return p;
}

bool sl_budget_charge(struct sl_budget *b, struct sl_share *s, uint64_t bytes,
		      bool general)
{
	uint64_t before = weight(b, s->held, s->open);
	uint64_t after = weight(b, s->held + bytes, true);

	if (after > before &&
	    (!general || b->reserved - before + after > b->limit))
		return false;
	b->admitted += !s->open;
	s->open = true;
	s->held += bytes;
	b->used += bytes;
	b->reserved += after - before;
	return true;
}

static void discharge(struct sl_budget *b, struct sl_share *s, uint64_t bytes)
{
	b->reserved -= weight(b, s->held, s->open);
	s->held -= bytes;
	b->reserved += weight(b, s->held, s->open);
	b->used -= bytes;
}

/* Charges as many of n pieces as can be had now. */
static size_t charge_pieces(struct sl_budget *b, struct sl_share *s, size_t n,
			    bool general)
{
	uint64_t left;

	if (sl_budget_charge(b, s, (uint64_t)n * b->piece, general))
		return n;
	if (!s->open && !sl_budget_charge(b, s, 0, general))
		return 0;
	left = s->held < b->claim ? (b->claim - s->held) / b->piece : 0;
	if (n > left)
		n = (size_t)left;
	return sl_budget_charge(b, s, (uint64_t)n * b->piece, false) ? n : 0;
}

size_t sl_budget_take(struct sl_budget *b, struct sl_share *s, size_t n,
		      bool general, struct sl_piece **ret)
{
	size_t got = charge_pieces(b, s, n, general);

	*ret = got ? some_pieces(b, got) : NULL;
	if (got && !*ret) {
		discharge(b, s, (uint64_t)got * b->piece);
		return 0;
	}
	return got;
}

static void give_piece(struct sl_budget *b, struct sl_piece *p)
{
	if (p->lent)
		p->lent->give_back(p->lent);
	if (p->lent || b->spare_bytes >= b->limit / SPARE_PART) {
		free(p);
		return;
	}
	p->next = b->spare;
	b->spare = p;
	b->spare_bytes += b->piece;
}

void sl_budget_give(struct sl_budget *b, struct sl_share *s,
		    struct sl_piece *list)
{
	while (list) {
		struct sl_piece *p = list;

		list = p->next;
		discharge(b, s, p->cap);
		give_piece(b, p);
	}
	/* It holds nothing: its turn is over, see 'Fairness' above. */
	if (b->asking && !s->held)
		sl_budget_shut(b, s);
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

void sl_budget_ask(struct sl_budget *b, struct sl_ask *a, bool again)
{
	if (again)
		TAILQ_INSERT_HEAD(&b->asks, a, link);
	else
		TAILQ_INSERT_TAIL(&b->asks, a, link);
	b->asking++;
}

void sl_budget_withdraw(struct sl_budget *b, struct sl_ask *a)
{
	TAILQ_REMOVE(&b->asks, a, link);
	b->asking--;
}

void sl_budget_serve(struct sl_budget *b,
		     enum sl_grant (*grant)(struct sl_ask *, bool general),
		     struct sl_ask_list *granted)
{
	struct sl_ask *a = TAILQ_FIRST(&b->asks);
	bool general = true;

	while (a) {
		struct sl_ask *next = TAILQ_NEXT(a, link);
		enum sl_grant g = grant(a, general);

		if (g == SL_GRANT_SOME || g == SL_GRANT_ALL) {
			sl_budget_withdraw(b, a);
			TAILQ_INSERT_TAIL(granted, a, link);
		}
		if (g == SL_GRANT_SOME || g == SL_GRANT_NONE)
			general = false;
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
		free(one_piece(b));
	}
	return b->spare != NULL;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The byte limit that all uploads share. It counts pieces (small blocks that
 * are filled with file data), never reserved parts, so many open files cost
 * what they hold. Pure bookkeeping without a lock or a thread: the engine's
 * lock serialises every call. The rules that make it free of deadlock are at
 * the head of budget.c.
 */
#ifndef SL_BUDGET_H
#define SL_BUDGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

struct sl_lent;

struct sl_piece {
	struct sl_piece *next;
	unsigned char *data;
	size_t len, cap;	/* filled, and room for */
	struct sl_lent *lent;	/* whose memory it is; NULL: its own */
	unsigned char own[];	/* budget.piece bytes, unless lent */
};

/* What one upload has of the budget. Zero it to begin. */
struct sl_share {
	uint64_t held;	/* bytes of its pieces */
	bool open;	/* admitted: 'claim' bytes are kept for it */
};

/* A writer that waits. Owned by the asker; in one list at a time. */
struct sl_ask {
	TAILQ_ENTRY(sl_ask) link;
	struct sl_share *share;
	uint64_t serial;	/* of the upload: greater is newer */
};
TAILQ_HEAD(sl_ask_list, sl_ask);

struct sl_budget {
	uint64_t limit;
	uint64_t claim;	   /* bytes that an admitted upload can always get */
	uint64_t reserved; /* sum over shares of max(held, claim if open) */
	uint64_t used;	   /* bytes of pieces handed out */
	size_t piece;
	struct sl_piece *spare; /* free list */
	uint64_t spare_bytes;
	struct sl_ask_list asks; /* oldest first */
	int asking;
	int admitted;
};

/* Size of a piece for a budget of 'limit' bytes. */
size_t sl_budget_piece_size(uint64_t limit);

/* least: the smallest part that can be sent. -EINVAL: limit too small. */
int sl_budget_init(struct sl_budget *b, uint64_t limit, uint64_t least);
/* Everything must have been given back. */
void sl_budget_release(struct sl_budget *b);

/*
 * Counts 'bytes' for 's', all or nothing; admits it if need be. Only what its
 * claim covers while others wait ('general' false).
 */
bool sl_budget_charge(struct sl_budget *b, struct sl_share *s, uint64_t bytes,
		      bool general);
/*
 * Up to n pieces for 's', linked, into *ret: all of them, or those that the
 * claim still covers. Their number; 0: must wait.
 */
size_t sl_budget_take(struct sl_budget *b, struct sl_share *s, size_t n,
		      bool general, struct sl_piece **ret);
/* A piece of lent memory that was charged for; NULL: out of memory. */
struct sl_piece *sl_budget_adopt(unsigned char *data, size_t n,
				 struct sl_lent *lent);
/* Gives back a list of pieces; what was lent goes to its owner. */
void sl_budget_give(struct sl_budget *b, struct sl_share *s,
		    struct sl_piece *list);
/* No more bytes are expected: what it holds stays, its claim goes. */
void sl_budget_shut(struct sl_budget *b, struct sl_share *s);

/* Queues at the end; again: one that got a part of what it needs, in front. */
void sl_budget_ask(struct sl_budget *b, struct sl_ask *a, bool again);
/* Out of the queue, without a grant. */
void sl_budget_withdraw(struct sl_budget *b, struct sl_ask *a);

enum sl_grant {
	SL_GRANT_NOT_NOW, /* for another reason than memory */
	SL_GRANT_NONE,
	SL_GRANT_SOME,
	SL_GRANT_ALL,
};
/*
 * Grants what can be granted, oldest first, and moves it to 'granted'.
 * grant() takes the memory; 'general' as for sl_budget_take().
 */
void sl_budget_serve(struct sl_budget *b,
		     enum sl_grant (*grant)(struct sl_ask *, bool general),
		     struct sl_ask_list *granted);
/* The ask of the newest upload that is not admitted; else of any. */
struct sl_ask *sl_budget_newest(struct sl_budget *b);

/* Frees about half of the free list; true while there is more. */
bool sl_budget_trim(struct sl_budget *b);

#endif

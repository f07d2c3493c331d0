/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For parsers of components that may be of any size: a number, or a key, may
 * be cut by the border between two pieces. A cursor is what is left of a
 * piece; a gatherer keeps the begun number until its last byte has come.
 * bytes.h is for components that are kept whole.
 */
#ifndef SL_GATHER_H
#define SL_GATHER_H

#include <stdlib.h>

#include "sstable/bytes.h"

struct sl_cursor {
	const unsigned char *p, *end;
};

static inline size_t sl_cursor_left(const struct sl_cursor *c)
{
	return (size_t)(c->end - c->p);
}

/* Skips as many of *n bytes as are here, and takes them off *n. */
static inline void sl_cursor_skip(struct sl_cursor *c, uint64_t *n)
{
	size_t step = sl_cursor_left(c);

	if (step > *n)
		step = (size_t)*n;
	c->p += step;
	*n -= step;
}

/* All zero is empty. */
struct sl_gather {
	unsigned char b[32];
	unsigned have;
};

static inline bool sl_gather_fill(struct sl_gather *g, struct sl_cursor *c,
				  unsigned need)
{
	size_t step = sl_cursor_left(c);

	if (g->have >= need)
		return true;
	if (step > need - g->have)
		step = need - g->have;
	memcpy(g->b + g->have, c->p, step);
	c->p += step;
	g->have += (unsigned)step;
	return g->have == need;
}

/* True: 'need' (<= 32) bytes are in g->b, and the next call begins anew. */
static inline bool sl_gather(struct sl_gather *g, struct sl_cursor *c,
			     unsigned need)
{
	if (!sl_gather_fill(g, c, need))
		return false;
	g->have = 0;
	return true;
}

static inline bool sl_gather_be(struct sl_gather *g, struct sl_cursor *c,
				unsigned need, uint64_t *ret)
{
	if (!sl_gather(g, c, need))
		return false;
	*ret = sl_be(g->b, need);
	return true;
}

/* The form of sl_bytes_vint(). */
static inline bool sl_gather_vint(struct sl_gather *g, struct sl_cursor *c,
				  uint64_t *ret)
{
	struct sl_bytes b;
	unsigned n = 0;

	if (!sl_gather_fill(g, c, 1))
		return false;
	while (n < 8 && (g->b[0] & 0x80u >> n))
		n++;
	if (!sl_gather(g, c, 1 + n))
		return false;
	sl_bytes_init(&b, g->b, 1 + n);
	*ret = sl_bytes_vint(&b);
	return true;
}

/* A key of up to 65535 bytes: in the piece if it is whole there. */
struct sl_key {
	unsigned char *kept; /* owned */
	size_t cap, have;
};

/*
 * The key of n > 0 bytes that begins where 'c' is, or began in an earlier
 * piece; valid until the next call. NULL: not whole yet, or *err is -ENOMEM.
 */
const unsigned char *sl_key_take(struct sl_key *k, struct sl_cursor *c,
				 size_t n, int *err);
static inline void sl_key_release(struct sl_key *k)
{
	free(k->kept);
	k->kept = NULL;
	k->cap = k->have = 0;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See trie_walk.h. The high half of a node's first byte is its type; the low
 * half says what a key leads to, but for two types that have no room for it.
 * A zero byte is no node (a leaf that leads nowhere): it fills a page.
 */
#include "sstable/trie_walk.h"

/* Hash byte and a position of 1 to 8 bytes; or, below that, no hash byte. */
#define WITH_HASH 8

static const struct type {
	unsigned char head;  /* bytes that tell the length */
	unsigned char fixed; /* bytes beside those of the children */
	unsigned char nibbles; /* half bytes for each child */
	bool no_payload;
} types[16] = {
	{ 1, 1, 0, false },			/* leaf */
	{ 1, 2, 0, true },  { 1, 3, 0, false }, /* one child */
	{ 1, 3, 0, true },  { 1, 4, 0, false },
	{ 2, 2, 4, false }, { 2, 2, 5, false }, /* sparse */
	{ 2, 2, 6, false }, { 2, 2, 8, false },
	{ 2, 2, 12, false },
	{ 3, 3, 3, false }, { 3, 3, 4, false }, /* dense */
	{ 3, 3, 6, false }, { 3, 3, 8, false },
	{ 3, 3, 10, false }, { 3, 3, 16, false },
};

static unsigned payload(const struct type *t, unsigned first)
{
	unsigned bits = t->no_payload ? 0 : first & 0xf;

	return bits < WITH_HASH ? bits : 1 + bits - (WITH_HASH - 1);
}

/* A sparse node counts its children, a dense one says the last of a range. */
static unsigned children(const struct type *t, const unsigned char *b)
{
	if (t->head == 1)
		return 0;
	return t->head == 2 ? b[1] : b[2] + 1u;
}

static void take(struct sl_trie_walk *w, struct sl_cursor *c)
{
	unsigned first = w->head.have ? w->head.b[0] : *c->p;
	const struct type *t = &types[first >> 4];
	unsigned n;

	if (!first) {
		c->p++;
		return;
	}
	if (!w->head.have)
		w->node = w->at;
	if (!sl_gather(&w->head, c, t->head))
		return;
	n = payload(t, first);
	w->count += n > 0;
	w->payload = n;
	w->hashed = (first & 0xf) >= WITH_HASH;
	w->skip = t->fixed - t->head +
		  (t->nibbles * children(t, w->head.b) + 1) / 2;
}

static void into_data(struct sl_trie_walk *w, uint64_t position)
{
	if (w->direct && position <= w->position)
		w->disordered = true;
	else if (w->direct)
		sl_size_add(w->bounds, position - w->position, &w->sizes,
			    &w->sizes_less);
	w->direct++;
	w->position = position;
}

/* A signed number: at or above 0 in Rows.db, else the complement's. */
static void take_payload(struct sl_trie_walk *w, struct sl_cursor *c)
{
	unsigned n = w->payload - w->hashed;
	uint64_t v;

	if (!sl_gather(&w->value, c, w->payload))
		return;
	w->payload = 0;
	v = sl_be(w->value.b + w->hashed, n);
	if (v >> (8 * n - 1) & 1)
		into_data(w, ~(v | (n < 8 ? ~0ull << 8 * n : 0)));
	else if (v >= w->rows_end)
		w->rows_end = v + 1;
}

void sl_trie_walk_feed(struct sl_trie_walk *w, const unsigned char *p, size_t n)
{
	struct sl_cursor c = { p, p + n };

	while (c.p < c.end) {
		const unsigned char *from = c.p;

		if (w->skip)
			sl_cursor_skip(&c, &w->skip);
		else if (w->payload)
			take_payload(w, &c);
		else
			take(w, &c);
		w->at += (uint64_t)(c.p - from);
	}
}

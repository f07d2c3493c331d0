/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partitions.db of the "bti" formats: a trie, then
 *
 *	u16 length, first key, u16 length, last key,
 *	i64 where these begin, i64 count of keys, i64 root of the trie
 *
 * (PartitionIndex.java). No checksum. The footer is judged from the last TAIL
 * bytes, as many as the two keys can need; truncation shows, for other bytes
 * make no sense there. What leaves the tail is trie for certain and is walked;
 * the rest of it is walked when facts are asked for, and must end in the root
 * with as many keys as the footer says.
 *
 * Keys come in their order only if the trie lies in one page: of the branches
 * that do not fit into the page of their parent the largest is written first
 * (IncrementalTrieWriterPageAware.layoutChildren). The writer's estimate of
 * what fits may be half as much again, so half a page is sure.
 */
#include "sstable/key.h"
#include "sstable/pages.h"
#include "sstable/stream.h"
#include "sstable/trie_walk.h"

#define FOOTER 24
#define TAIL (FOOTER + 2 * (2 + (size_t)65535))
#define FIRST_CAP ((size_t)4096)
#define ORDERED ((uint64_t)2048)

struct partitions {
	bool pages_possible;
	struct sl_pages pages;
	int err;	     /* 0 or -ENOMEM */
	unsigned char *tail; /* owned: the last 'len' bytes */
	size_t len, cap;     /* cap <= 2 * TAIL: then it is shifted down */
	struct sl_trie_walk walk; /* of what left the tail */
	struct sl_size_bounds bounds;
};

static int partitions_begin(void *state, const struct sl_name *name,
			    const struct sl_prior *prior)
{
	struct partitions *x = state;

	(void)prior; /* nothing of it concerns these */
	x->pages_possible = sl_pages_possible(name);
	sl_size_bounds_init(&x->bounds);
	x->walk.bounds = &x->bounds;
	return 0;
}

static int grow(struct partitions *x)
{
	size_t cap = x->cap ? x->cap * 2 : FIRST_CAP;
	unsigned char *p;

	if (cap > 2 * TAIL)
		cap = 2 * TAIL;
	p = realloc(x->tail, cap);
	if (!p)
		return -ENOMEM;
	x->tail = p;
	x->cap = cap;
	return 0;
}

/* Makes room for at least one byte; the last TAIL bytes stay. */
static int make_room(struct partitions *x)
{
	if (x->len < x->cap)
		return 0;
	if (x->cap < 2 * TAIL)
		return grow(x);
	sl_trie_walk_feed(&x->walk, x->tail, x->len - TAIL);
	memmove(x->tail, x->tail + x->len - TAIL, TAIL);
	x->len = TAIL;
	return 0;
}

static void partitions_feed(void *state, const unsigned char *p, size_t n)
{
	struct partitions *x = state;
	size_t step;

	if (x->pages_possible)
		sl_pages_feed(&x->pages, p, n);
	for (; n && !x->err; p += step, n -= step) {
		x->err = make_room(x);
		step = x->cap - x->len;
		if (x->err)
			return;
		if (step > n)
			step = n;
		memcpy(x->tail + x->len, p, step);
		x->len += step;
	}
}

struct footer {
	uint64_t keys_at, count, root;
};

static bool read_keys(struct sl_bytes *b, uint64_t count,
		      struct sl_key_order *o)
{
	size_t first_len, last_len;
	const char *first = sl_bytes_utf(b, &first_len);
	const char *last = sl_bytes_utf(b, &last_len);
	bool same;

	if (!sl_bytes_done(b) || !first_len || !last_len)
		return false;
	sl_key_order_add(o, first, first_len);
	same = first_len == last_len && !memcmp(first, last, last_len);
	if (!same)
		sl_key_order_add(o, last, last_len);
	return same == (count == 1);
}

static bool read_footer(const struct partitions *x, uint64_t size,
			struct footer *ret)
{
	const unsigned char *p;

	if (x->len < FOOTER)
		return false;
	p = x->tail + x->len - FOOTER;
	ret->keys_at = sl_be(p, 8);
	ret->count = sl_be(p + 8, 8);
	ret->root = sl_be(p + 16, 8);
	return ret->count && ret->count <= INT64_MAX &&
	       ret->keys_at <= size - FOOTER && ret->root < ret->keys_at &&
	       size - ret->keys_at <= TAIL;
}

static void check_trie(const struct partitions *x, const struct footer *f,
		       struct sl_trie_walk *ret_walk, struct sl_facts *ret)
{
	struct sl_trie_walk w = x->walk;
	uint64_t dropped = ret->size - x->len;

	sl_trie_walk_feed(&w, x->tail, (size_t)(f->keys_at - dropped));
	*ret_walk = w;
	if (w.count != f->count)
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "the trie has %llu keys, %llu are said",
			       (unsigned long long)w.count,
			       (unsigned long long)f->count);
	else if (!sl_trie_walk_between(&w))
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "the trie ends within the node at %llu",
			       (unsigned long long)w.node);
	else if (w.node != f->root)
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "the last node is at %llu, the root at %llu",
			       (unsigned long long)w.node,
			       (unsigned long long)f->root);
	else if (w.disordered && f->keys_at <= ORDERED)
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "its positions in Data.db do not ascend");
}

static void note_footer(const struct partitions *x, struct sl_facts *ret)
{
	struct sl_trie_walk w = { 0 };
	struct sl_key_order o = { 0 };
	struct footer f = { 0 };
	struct sl_bytes b;
	size_t keys;

	if (!read_footer(x, ret->size, &f)) {
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "the last 24 of %llu bytes are no footer",
			       (unsigned long long)ret->size);
		return;
	}
	keys = (size_t)(ret->size - f.keys_at) - FOOTER;
	sl_bytes_init(&b, x->tail + x->len - FOOTER - keys, keys);
	if (read_keys(&b, f.count, &o))
		check_trie(x, &f, &w, ret);
	else
		sl_facts_found(ret, SL_RULE_PARTITIONS,
			       "no first and last of %llu keys at byte %llu",
			       (unsigned long long)f.count,
			       (unsigned long long)f.keys_at);
	ret->u.index = (struct sl_index_facts){
		.count = f.count,
		.first_key = o.first,
		.last_key = o.last,
		.last_position = w.direct ? w.position : 0,
		.sized = f.keys_at <= ORDERED && w.direct &&
			 w.direct == f.count,
		.sizes = w.sizes,
		.sizes_less = w.sizes_less,
		.rows_end = w.rows_end,
		.out_of_order = o.out_of_order,
		.out_of_order_at = o.out_of_order ? f.count - 1 : 0,
	};
}

static int partitions_facts(const void *state, struct sl_facts *ret)
{
	const struct partitions *x = state;

	if (x->err)
		return x->err;
	if (sl_pages_encrypted(&x->pages))
		sl_facts_found(ret, SL_RULE_ENCRYPTED, "%llu encrypted pages",
			       (unsigned long long)x->pages.whole);
	else
		note_footer(x, ret);
	return 0;
}

static void partitions_end(void *state)
{
	struct partitions *x = state;

	free(x->tail);
}

const struct sl_parser sl_partitions_parser = {
	.state = sizeof(struct partitions),
	.begin = partitions_begin,
	.feed = partitions_feed,
	.facts = partitions_facts,
	.end = partitions_end,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Index.db of the "big" formats: to the end of the file
 *
 *	u16 length, key, vint position in Data.db, vint size, size bytes
 *
 * No checksum covers it, and an index that ends early makes rows vanish
 * without a word; so each entry is walked, and what must hold within and
 * between them is held against them. The 'size' bytes are row_index.h's.
 *
 * States are the fields in the order above. After the first nonsense nothing
 * more is read: what follows has no known beginning.
 */
#include "sstable/gather.h"
#include "sstable/key.h"
#include "sstable/row_index.h"
#include "sstable/sizes.h"
#include "sstable/stream.h"

enum stage {
	KEY_LENGTH,
	KEY,
	POSITION,
	SIZE,
	ROWS,
	STAGES,
};

struct index {
	enum stage stage;
	bool rows_known; /* how a row index looks */
	const char *bad; /* what is wrong with the entry; NULL: nothing */
	int err;	 /* 0 or -ENOMEM */
	struct sl_gather g;
	struct sl_key key;
	struct sl_key_order order;
	struct sl_row_index rows;
	uint64_t at, entry_at; /* bytes: gone by; begin of the entry */
	uint64_t count;	       /* whole entries */
	uint64_t key_length, position, samples, sizes, sizes_less;
	struct sl_size_bounds bounds;
};

static int index_begin(void *state, const struct sl_name *name,
		       const struct sl_prior *prior)
{
	struct index *x = state;

	(void)prior; /* nothing of it concerns an index */
	x->samples = SL_LIST_HASH;
	sl_size_bounds_init(&x->bounds);
	/* From then on a deletion time has another size. */
	x->rows_known = !sl_version_from(name, "oa", NULL);
	return 0;
}

static void entry_done(struct index *x)
{
	x->count++;
	x->stage = KEY_LENGTH;
}

static void take_key_length(struct index *x, struct sl_cursor *c)
{
	if (!x->g.have)
		x->entry_at = x->at;
	if (!sl_gather_be(&x->g, c, 2, &x->key_length))
		return;
	if (!x->key_length)
		x->bad = "its key has no bytes";
	x->stage = KEY;
}

static void take_key(struct index *x, struct sl_cursor *c)
{
	size_t n = (size_t)x->key_length;
	const unsigned char *key = sl_key_take(&x->key, c, n, &x->err);

	if (!key)
		return;
	sl_key_order_add(&x->order, key, n);
	if (x->count % SL_INDEX_INTERVAL == 0) {
		x->samples = sl_list_hash(x->samples, x->order.last);
		x->samples = sl_list_hash(x->samples, x->entry_at);
	}
	x->stage = POSITION;
}

static void take_position(struct index *x, struct sl_cursor *c)
{
	uint64_t v;

	if (!sl_gather_vint(&x->g, c, &v))
		return;
	if (v > INT64_MAX)
		x->bad = "its position is beyond 2^63";
	else if (!x->count && v)
		x->bad = "the first position is not 0";
	else if (x->count && v <= x->position)
		x->bad = "its position does not follow the one before";
	if (x->count && !x->bad)
		sl_size_add(&x->bounds, v - x->position, &x->sizes,
			    &x->sizes_less);
	x->position = v;
	x->stage = SIZE;
}

static void take_size(struct index *x, struct sl_cursor *c)
{
	uint64_t size;

	if (!sl_gather_vint(&x->g, c, &size))
		return;
	if (!size) {
		entry_done(x);
		return;
	}
	sl_row_index_begin(&x->rows, size, x->key_length, x->rows_known);
	x->stage = ROWS;
}

static void take_rows(struct index *x, struct sl_cursor *c)
{
	if (!sl_row_index_feed(&x->rows, c))
		return;
	x->bad = x->rows.bad;
	if (!x->bad)
		entry_done(x);
}

static void (*const takes[STAGES])(struct index *, struct sl_cursor *) = {
	[KEY_LENGTH] = take_key_length,
	[KEY] = take_key,
	[POSITION] = take_position,
	[SIZE] = take_size,
	[ROWS] = take_rows,
};

static void index_feed(void *state, const unsigned char *p, size_t n)
{
	struct sl_cursor c = { p, p + n };
	struct index *x = state;

	while (c.p < c.end && !x->bad && !x->err) {
		const unsigned char *from = c.p;

		takes[x->stage](x, &c);
		x->at += (uint64_t)(c.p - from);
	}
}

static int index_facts(const void *state, struct sl_facts *ret)
{
	const struct index *x = state;

	if (x->err)
		return x->err;
	ret->u.index = (struct sl_index_facts){
		.count = x->count,
		.first_key = x->order.first,
		.last_key = x->order.last,
		.last_position = x->position,
		.sized = x->count,
		.sizes = x->sizes,
		.sizes_less = x->sizes_less,
		.out_of_order = x->order.out_of_order,
		.out_of_order_at = x->order.out_of_order_at,
		.samples = x->samples,
	};
	if (x->bad)
		sl_facts_found(ret, SL_RULE_INDEX,
			       "entry %llu at byte %llu: %s",
			       (unsigned long long)x->count,
			       (unsigned long long)x->entry_at, x->bad);
	else if (x->stage != KEY_LENGTH || x->g.have)
		sl_facts_found(ret, SL_RULE_INDEX,
			       "ends within entry %llu, begun at byte %llu",
			       (unsigned long long)x->count,
			       (unsigned long long)x->entry_at);
	return 0;
}

static void index_end(void *state)
{
	struct index *x = state;

	sl_key_release(&x->key);
}

const struct sl_parser sl_index_parser = {
	.state = sizeof(struct index),
	.begin = index_begin,
	.feed = index_feed,
	.facts = index_facts,
	.end = index_end,
};

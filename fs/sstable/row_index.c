/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See row_index.h. One state per field; 'left' bounds them all, whatever the
 * numbers inside say.
 */
#include "sstable/row_index.h"

#define DELETION_TIME 12

static void take_skip(struct sl_row_index *r, struct sl_cursor *c)
{
	uint64_t n = r->left;

	sl_cursor_skip(c, &n);
}

static void take_header(struct sl_row_index *r, struct sl_cursor *c)
{
	uint64_t v;

	if (!sl_gather_vint(&r->g, c, &v))
		return;
	/* A partition begins with u16, key and deletion time. */
	if (v < 2 + r->key + DELETION_TIME)
		r->bad = "the partition's header would be shorter than its key";
	r->stage = SL_ROW_INDEX_DELETION;
}

static void take_deletion(struct sl_row_index *r, struct sl_cursor *c)
{
	if (sl_gather(&r->g, c, DELETION_TIME))
		r->stage = SL_ROW_INDEX_COUNT;
}

static void take_count(struct sl_row_index *r, struct sl_cursor *c)
{
	if (sl_gather_vint(&r->g, c, &r->count))
		r->stage = SL_ROW_INDEX_PLAN;
}

/* Takes nothing: only now 'left' counts from the end of 'count'. */
static void take_plan(struct sl_row_index *r, struct sl_cursor *c)
{
	(void)c; /* of the type of its siblings */
	if (!r->count || r->count > (r->left - 1) / 4) {
		r->bad = "its row index has no room for its blocks";
		return;
	}
	r->blocks = r->skip = r->left - 4 * r->count;
	r->stage = SL_ROW_INDEX_BLOCKS;
}

static void take_blocks(struct sl_row_index *r, struct sl_cursor *c)
{
	sl_cursor_skip(c, &r->skip);
	if (!r->skip)
		r->stage = SL_ROW_INDEX_OFFSETS;
}

static void take_offsets(struct sl_row_index *r, struct sl_cursor *c)
{
	uint64_t v;

	if (!sl_gather_be(&r->g, c, 4, &v))
		return;
	if (v >= r->blocks || (r->seen ? v <= r->offset : v != 0))
		r->bad = "the blocks of its row index are out of order";
	r->offset = v;
	r->seen++;
}

static void (*const takes[SL_ROW_INDEX__STAGES])(struct sl_row_index *,
						 struct sl_cursor *) = {
	[SL_ROW_INDEX_SKIP] = take_skip,
	[SL_ROW_INDEX_HEADER] = take_header,
	[SL_ROW_INDEX_DELETION] = take_deletion,
	[SL_ROW_INDEX_COUNT] = take_count,
	[SL_ROW_INDEX_PLAN] = take_plan,
	[SL_ROW_INDEX_BLOCKS] = take_blocks,
	[SL_ROW_INDEX_OFFSETS] = take_offsets,
};

void sl_row_index_begin(struct sl_row_index *r, uint64_t size, uint64_t key,
			bool known)
{
	*r = (struct sl_row_index){ .left = size, .key = key };
	if (known)
		r->stage = SL_ROW_INDEX_HEADER;
}

bool sl_row_index_feed(struct sl_row_index *r, struct sl_cursor *c)
{
	struct sl_cursor in = *c;

	if (sl_cursor_left(&in) > r->left)
		in.end = in.p + r->left;
	while (in.p < in.end && !r->bad) {
		const unsigned char *p = in.p;

		takes[r->stage](r, &in);
		r->left -= (uint64_t)(in.p - p);
	}
	c->p = in.p;
	if (!r->left && !r->bad && r->stage != SL_ROW_INDEX_SKIP &&
	    r->stage != SL_ROW_INDEX_OFFSETS)
		r->bad = "its row index ends early";
	return !r->left || r->bad;
}

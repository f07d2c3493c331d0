/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The index of rows that an entry of Index.db carries for a wide partition
 * ("promoted index", RowIndexEntry.java of 3.0 to 4.1):
 *
 *	vint length of the partition's header, 12 bytes deletion time,
 *	vint count, blocks of rows, count x i32 offset of a block
 *
 * The numbers are held against each other; the blocks themselves hold
 * clustering values, which only the types in Statistics.db could tell apart.
 */
#ifndef SL_ROW_INDEX_H
#define SL_ROW_INDEX_H

#include "sstable/gather.h"

enum sl_row_index_stage {
	SL_ROW_INDEX_SKIP, /* all of it */
	SL_ROW_INDEX_HEADER,
	SL_ROW_INDEX_DELETION,
	SL_ROW_INDEX_COUNT,
	SL_ROW_INDEX_PLAN,
	SL_ROW_INDEX_BLOCKS,
	SL_ROW_INDEX_OFFSETS,
	SL_ROW_INDEX__STAGES,
};

struct sl_row_index {
	enum sl_row_index_stage stage;
	const char *bad;   /* what is wrong; NULL: nothing so far */
	struct sl_gather g;
	uint64_t left;	   /* bytes of it that are still to come */
	uint64_t key;	   /* length of the entry's key */
	uint64_t count, seen, offset; /* blocks, offsets of them, the last */
	uint64_t blocks, skip; /* bytes of all blocks; still to come */
};

/* 'size' > 0 bytes. known: of the layout above; else they are skipped. */
void sl_row_index_begin(struct sl_row_index *r, uint64_t size, uint64_t key,
			bool known);
/* True: all its bytes have come, or r->bad. */
bool sl_row_index_feed(struct sl_row_index *r, struct sl_cursor *c);

#endif

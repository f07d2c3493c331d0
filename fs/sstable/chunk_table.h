/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists behind two hashes: lengths of chunks (CompressionInfo.db) and CRC
 * words (CRC.db), packed, bounded over all streams together, and the hashes
 * themselves. A list is filled by one parser, then shared and never changed.
 */
#ifndef SL_CHUNK_TABLE_H
#define SL_CHUNK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "sstable/facts.h"

/* Bytes of all lists alive; never above SL_STREAM_TABLES. */
size_t sl_tables_bytes(void);

/*
 * Filling: add() returns -ENOSPC when there is no room for more lists, or
 * -ENOMEM; the list is then of no use, give it back. *t may be NULL before
 * the first add. Chunk lengths are at least 4; add all but the last. A table
 * that was shared is not added to; words that were are copied first.
 */
int sl_chunk_table_add(struct sl_chunk_table **t, uint64_t len) SL_MUST_CHECK;
int sl_crc_words_add(struct sl_crc_words **w, uint32_t word) SL_MUST_CHECK;

/* Walking. A zeroed 'at', or one from begin(). False: none left. */
struct sl_chunk_walk {
	const struct sl_chunk_table *table; /* borrowed */
	size_t at;
	uint64_t index, offset; /* of the chunk that next() returns next */
};
void sl_chunk_walk_begin(struct sl_chunk_walk *w,
			 const struct sl_chunk_table *t);
/* The length of chunk 'index' (CRC included); the last one has none. */
bool sl_chunk_walk_next(struct sl_chunk_walk *w, uint64_t *ret_len);

/* Lengths held: chunks - 1. NULL: a table of one chunk. */
uint64_t sl_chunk_table_count(const struct sl_chunk_table *t);
uint64_t sl_crc_words_count(const struct sl_crc_words *w);
/* index < count. */
uint32_t sl_crc_words_at(const struct sl_crc_words *w, uint64_t index);

/*
 * Chunks first..last (inclusive, from 0) alone, as sl_data_facts of a
 * Data.db that holds only these would be: for slices.
 */
struct sl_chunk_part {
	uint64_t count, hash, last_offset;
	/* Bytes from the first chunk to the end of the last one; 0: not known
	 * because 'last' is the last chunk of the table. */
	uint64_t length;
};
/* -ERANGE: the table does not have these chunks. */
int sl_chunk_table_part(const struct sl_chunk_table *t, uint64_t first,
			uint64_t last, struct sl_chunk_part *ret) SL_MUST_CHECK;

/* Hash over CRC words without zero words at its end; begins zeroed. */
struct sl_word_hash {
	uint64_t count, hashed, hash; /* hash: by sl_word_hash_value() */
};
void sl_word_hash_add(struct sl_word_hash *h, uint32_t word);
uint64_t sl_word_hash_value(const struct sl_word_hash *h);
/* The same of words first..last. -ERANGE as above. */
int sl_crc_words_part(const struct sl_crc_words *w, uint64_t first,
		      uint64_t last, struct sl_word_hash *ret) SL_MUST_CHECK;

#endif

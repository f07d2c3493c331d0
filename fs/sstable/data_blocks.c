/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Uncompressed data: the CRC32 of each block, hashed, and compared with those
 * of CRC.db where it came before. Words of 0 at the end of CRC.db belong to
 * no block.
 */
#include "sstable/data.h"

#include "crc.h"

static void block_done(struct sl_data_blocks *b)
{
	uint64_t index = b->sum.count;

	sl_word_hash_add(&b->sum, b->crc);
	if (b->with && index >= b->with->hashed && b->crc)
		b->beyond++;
	else if (b->with && index < b->with->hashed &&
		 b->crc != sl_crc_words_at(b->with->words, index) && !b->bad++)
		b->first_bad = index;
	b->whole = sl_data_blocks_sum(b);
	b->crc = 0;
	b->done = 0;
}

uint32_t sl_data_blocks_sum(const struct sl_data_blocks *b)
{
	return sl_crc32_combine(b->whole, b->crc, b->done);
}

void sl_data_blocks_feed(struct sl_data_blocks *b, const unsigned char *p,
			 size_t n)
{
	while (n) {
		size_t step = b->block - b->done;

		if (step > n)
			step = n;
		b->crc = sl_crc32(b->crc, p, step);
		b->done += (uint32_t)step;
		p += step;
		n -= step;
		if (b->done == b->block)
			block_done(b);
	}
}

static void find_bad(const struct sl_data_blocks *b, struct sl_facts *f)
{
	unsigned long long blocks = b->sum.count, have = b->with->hashed;

	if (b->beyond)
		sl_facts_found(f, SL_RULE_DATA_LENGTH,
			       "%llu blocks of %u bytes, CRC.db has %llu",
			       blocks, b->block, have);
	else if (blocks < have)
		sl_facts_found(f, SL_RULE_DATA_LENGTH,
			       "ends after %llu of %llu blocks of %u bytes",
			       blocks, have, b->block);
	if (b->bad)
		sl_facts_found(f, SL_RULE_DATA_CHUNK,
			       "block %llu at byte %llu; %llu of %llu are bad",
			       (unsigned long long)b->first_bad,
			       (unsigned long long)(b->first_bad * b->block),
			       (unsigned long long)b->bad, blocks);
}

void sl_data_blocks_facts(const struct sl_data_blocks *b, struct sl_facts *f)
{
	struct sl_data_facts *u = &f->u.data;
	struct sl_data_blocks end = *b;

	if (end.done)
		block_done(&end);
	u->mode = SL_DATA_PLAIN;
	u->block = end.block;
	u->count = end.sum.count;
	u->hashed = end.sum.hashed;
	u->hash = sl_word_hash_value(&end.sum);
	if (!end.with)
		return;
	u->checked = true;
	u->checked_with = end.with->hash;
	find_bad(&end, f);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CRC.db, for uncompressed data: an i32 block size, then the CRC32 of each
 * block of Data.db, as many as there are. Words of 0 at the end are the CRC
 * of no bytes: every compaction output has one. A slice of a Data.db keeps
 * the words of the whole.
 */
#include "sstable/chunk_table.h"
#include "sstable/gather.h"
#include "sstable/stream.h"

#define MAX_BLOCK (1 << 30)

struct crc_db {
	bool begun;  /* the block size has come */
	bool dropped; /* no room for the words */
	int err;     /* 0 or -ENOMEM */
	uint32_t block;
	struct sl_gather g;
	struct sl_word_hash sum;
	struct sl_crc_words *words;
};

static void crc_db_end(void *state)
{
	struct crc_db *c = state;

	sl_crc_words_unref(c->words);
	c->words = NULL;
}

static void take_word(struct crc_db *c, uint32_t word)
{
	int r;

	sl_word_hash_add(&c->sum, word);
	if (c->dropped)
		return;
	r = sl_crc_words_add(&c->words, word);
	if (!r)
		return;
	c->dropped = true;
	c->err = r == -ENOMEM ? r : 0;
	crc_db_end(c);
}

static void crc_db_feed(void *state, const unsigned char *p, size_t n)
{
	struct crc_db *c = state;
	struct sl_cursor in = { p, p + n };
	uint64_t v;

	while (sl_gather_be(&c->g, &in, 4, &v)) {
		if (c->begun)
			take_word(c, (uint32_t)v);
		else
			c->block = (uint32_t)v;
		c->begun = true;
	}
}

static int crc_db_facts(const void *state, struct sl_facts *f)
{
	const struct crc_db *c = state;
	struct sl_crc_facts *u = &f->u.crc;

	if (c->err)
		return c->err;
	u->block = c->block;
	u->count = c->sum.count;
	u->hashed = c->sum.hashed;
	u->hash = sl_word_hash_value(&c->sum);
	if (!c->begun || c->g.have)
		sl_facts_found(f, SL_RULE_CRC_DB,
			       "%llu bytes, not a multiple of 4",
			       (unsigned long long)f->size);
	else if (!c->block || c->block > MAX_BLOCK)
		sl_facts_found(f, SL_RULE_CRC_DB, "blocks of %u bytes",
			       c->block);
	else if (!c->sum.count)
		sl_facts_found(f, SL_RULE_CRC_DB, "no block");
	else
		u->words = sl_crc_words_ref(c->words);
	return 0;
}

const struct sl_parser sl_crc_parser = {
	.state = sizeof(struct crc_db),
	.feed = crc_db_feed,
	.facts = crc_db_facts,
	.end = crc_db_end,
};

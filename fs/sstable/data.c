/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data.db, the bulk of a snapshot. It has no header. Compressed, it is chunk
 * after chunk, payload and u32 CRC32 of it; uncompressed, it is rows, and
 * CRC.db has the CRC32 of each 64 KiB. Three ways lead to facts that can be
 * compared with the other components:
 *
 *	CompressionInfo.db came before: its table says where chunks end, and
 *	each is checked as it passes (data_check.c);
 *	CRC.db came before: likewise (data_blocks.c);
 *	neither came, or there was no room for its table, or this may be a
 *	slice, to which the tables of the whole do not apply: chunks show
 *	themselves, and are found (data_find.c, data_scan.c).
 *
 * Each costs one pass of CRC32 over the bytes, and a chunk is looked at where
 * it lies: only what a border between two pieces cuts is copied, and only in
 * the third way. The CRC32 of all bytes, which the store wants, is put
 * together from those of the chunks or blocks: no second pass.
 */
#include "sstable/data.h"

#include <string.h>

enum way {
	BY_TABLE,
	BY_WORDS,
	BY_LOOKING,
};

struct data {
	enum way way;
	union {
		struct sl_data_check check;
		struct sl_data_blocks blocks;
		struct sl_data_find find;
	};
};

/* DSE 6.8 streams parts of a Data.db with the tables of the whole. */
static bool may_be_slice(const struct sl_name *name)
{
	return name->format == SL_FORMAT_BTI && name->version[0] == 'b';
}

static bool has_table(const struct sl_prior *p)
{
	return p->has_compression && p->compression.count &&
	       p->compression.chunk_length &&
	       sl_chunk_table_count(p->compression.table) + 1 ==
		       p->compression.count;
}

static bool has_words(const struct sl_prior *p)
{
	return p->has_crc && !p->has_compression && p->crc.block &&
	       p->crc.count &&
	       sl_crc_words_count(p->crc.words) >= p->crc.count;
}

static int data_begin(void *state, const struct sl_name *name,
		      const struct sl_prior *prior)
{
	struct data *d = state;

	memset(d, 0, sizeof(*d));
	d->way = BY_LOOKING;
	if (!prior || may_be_slice(name))
		return 0;
	if (has_table(prior)) {
		d->way = BY_TABLE;
		sl_data_check_begin(&d->check, &prior->compression);
	} else if (has_words(prior)) {
		d->way = BY_WORDS;
		d->blocks.with = &prior->crc;
		d->blocks.block = prior->crc.block;
	}
	return 0;
}

static void data_feed(void *state, const unsigned char *p, size_t n)
{
	struct data *d = state;

	switch (d->way) {
	case BY_TABLE:
		sl_data_check_feed(&d->check, p, n);
		break;
	case BY_WORDS:
		sl_data_blocks_feed(&d->blocks, p, n);
		break;
	case BY_LOOKING:
		sl_data_find_feed(&d->find, p, n);
		break;
	}
}

static bool data_sum(const void *state, uint32_t *ret)
{
	const struct data *d = state;

	switch (d->way) {
	case BY_TABLE:
		*ret = sl_data_check_sum(&d->check);
		return true;
	case BY_WORDS:
		*ret = sl_data_blocks_sum(&d->blocks);
		return true;
	case BY_LOOKING:
		break;
	}
	return sl_data_find_sum(&d->find, ret);
}

static int data_facts(const void *state, struct sl_facts *f)
{
	const struct data *d = state;

	switch (d->way) {
	case BY_TABLE:
		sl_data_check_facts(&d->check, f);
		return 0;
	case BY_WORDS:
		sl_data_blocks_facts(&d->blocks, f);
		return 0;
	case BY_LOOKING:
		break;
	}
	return sl_data_find_facts(&d->find, f);
}

static void data_end(void *state)
{
	struct data *d = state;

	if (d->way == BY_LOOKING)
		sl_data_find_end(&d->find);
}

const struct sl_parser sl_data_parser = {
	.state = sizeof(struct data),
	.begin = data_begin,
	.feed = data_feed,
	.sum = data_sum,
	.facts = data_facts,
	.end = data_end,
};

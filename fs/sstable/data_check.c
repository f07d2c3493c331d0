/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chunks of a Data.db at the boundaries that CompressionInfo.db gave. The end
 * of the last one is the end of the file, which is not known while bytes
 * come: there the last four bytes are held back from the running CRC, as they
 * may be the CRC itself.
 *
 * What a chunk begins with shows its compressor, and for some how many bytes
 * it holds, which the table knows too. Chunks as long as the table's limit are
 * stored raw and begin with anything.
 */
#include "sstable/data.h"

#include <string.h>

#include "crc.h"
#include "sstable/bytes.h"

/* No compressor makes more than this of nothing, its CRC included. */
#define EMPTY_CHUNK 64

static void next_chunk(struct sl_data_check *c)
{
	c->last = !sl_chunk_walk_next(&c->walk, &c->len);
	c->got = 0;
	c->crc = 0;
	c->head_len = 0;
	c->tail_len = 0;
}

void sl_data_check_begin(struct sl_data_check *c,
			 const struct sl_compression_facts *with)
{
	uint64_t chunk = with->chunk_length;

	c->with = with;
	c->needed = with->data_length / chunk +
		    (with->data_length % chunk != 0);
	sl_chunk_walk_begin(&c->walk, with->table);
	next_chunk(c);
}

/* Bytes that chunk 'index' holds, by the table. */
static uint64_t holds(const struct sl_data_check *c, uint64_t index)
{
	if (index + 1 < c->needed)
		return c->with->chunk_length;
	return index < c->needed ?
		       c->with->data_length - index * c->with->chunk_length :
		       0;
}

/* A raw chunk holds all its bytes, or is padded to just where raw begins. */
static bool begin_right(const struct sl_data_check *c, uint64_t payload)
{
	uint64_t n = holds(c, c->sum.count);

	if (c->with->encrypted)
		return true;
	if (payload >= c->with->max_compressed)
		return payload == n || payload == c->with->max_compressed;
	return sl_data_begins(c->with->compressor, c->head, payload, n);
}

static void chunk_done(struct sl_data_check *c)
{
	uint64_t payload = c->got - 4;
	bool crc = c->crc == (uint32_t)sl_be(c->tail, 4);

	if (!crc || !begin_right(c, payload)) {
		if (!c->bad++) {
			c->first_bad = c->sum.count;
			c->bad_offset = c->sum.next;
			c->bad_begin = crc;
		}
	}
	sl_data_sum_add(&c->sum, c->head, c->got);
	c->whole = sl_data_check_sum(c);
}

uint32_t sl_data_check_sum(const struct sl_data_check *c)
{
	uint32_t crc = sl_crc32_combine(c->whole, c->crc, c->got - c->tail_len);

	return sl_crc32(crc, c->tail, c->tail_len);
}

static void take_payload(struct sl_data_check *c, const unsigned char *p,
			 size_t n)
{
	size_t head = SL_DATA_HEAD - c->head_len;

	if (head > n)
		head = n;
	memcpy(c->head + c->head_len, p, head);
	c->head_len += (unsigned)head;
	c->crc = sl_crc32(c->crc, p, n);
}

static size_t feed_known(struct sl_data_check *c, const unsigned char *p,
			 size_t n)
{
	uint64_t payload = c->len - 4;
	size_t step = n, rest;

	if (c->got < payload) {
		if (step > payload - c->got)
			step = (size_t)(payload - c->got);
		take_payload(c, p, step);
		c->got += step;
		return step;
	}
	rest = (size_t)(c->len - c->got);
	if (step > rest)
		step = rest;
	memcpy(c->tail + c->tail_len, p, step);
	c->tail_len += (unsigned)step;
	c->got += step;
	if (c->got == c->len) {
		chunk_done(c);
		next_chunk(c);
	}
	return step;
}

/* All but the last four bytes, some of which may be in the tail already. */
static void feed_last(struct sl_data_check *c, const unsigned char *p,
		      size_t n)
{
	size_t keep = n < 4 ? n : 4, out = c->tail_len + keep;

	out = out > 4 ? out - 4 : 0;
	take_payload(c, c->tail, out);
	memmove(c->tail, c->tail + out, c->tail_len - out);
	take_payload(c, p, n - keep);
	c->tail_len -= (unsigned)out;
	memcpy(c->tail + c->tail_len, p + n - keep, keep);
	c->tail_len += (unsigned)keep;
	c->got += n;
}

void sl_data_check_feed(struct sl_data_check *c, const unsigned char *p,
			size_t n)
{
	while (n && !c->last) {
		size_t step = feed_known(c, p, n);

		p += step;
		n -= step;
	}
	if (n)
		feed_last(c, p, n);
}

/* By how it ends. 'c' is within the last chunk or before it. */
static void find_length(const struct sl_data_check *c, struct sl_facts *f)
{
	unsigned long long count = c->with->count, index = c->sum.count;
	uint64_t longest = c->with->count > c->needed ?
				   EMPTY_CHUNK :
				   sl_data_longest(c->with->chunk_length);

	if (!c->last || c->got < 4)
		sl_facts_found(f, SL_RULE_DATA_LENGTH,
			       "ends at byte %llu, in chunk %llu of %llu, "
			       "where the last begins at byte %llu",
			       (unsigned long long)(c->sum.next + c->got),
			       index, count,
			       (unsigned long long)c->with->last_offset);
	else if (c->got > longest)
		sl_facts_found(f, SL_RULE_DATA_LENGTH,
			       "%llu bytes where the last chunk begins, at "
			       "byte %llu, and cannot have more than %llu",
			       (unsigned long long)c->got,
			       (unsigned long long)c->sum.next,
			       (unsigned long long)longest);
}

static void find_bad(const struct sl_data_check *c, struct sl_facts *f)
{
	if (!c->bad)
		return;
	if (c->bad_begin)
		sl_facts_found(f, SL_RULE_DATA_CHUNK,
			       "chunk %llu at byte %llu does not begin as one "
			       "that holds %llu bytes; %llu of %llu are bad",
			       (unsigned long long)c->first_bad,
			       (unsigned long long)c->bad_offset,
			       (unsigned long long)holds(c, c->first_bad),
			       (unsigned long long)c->bad,
			       (unsigned long long)c->with->count);
	else
		sl_facts_found(f, SL_RULE_DATA_CHUNK,
			       "chunk %llu at byte %llu; %llu of %llu are bad",
			       (unsigned long long)c->first_bad,
			       (unsigned long long)c->bad_offset,
			       (unsigned long long)c->bad,
			       (unsigned long long)c->with->count);
}

void sl_data_check_facts(const struct sl_data_check *c, struct sl_facts *f)
{
	struct sl_data_facts *u = &f->u.data;
	struct sl_data_check end = *c;

	u->checked = true;
	u->checked_with = c->with->hash;
	find_length(c, f);
	if (end.last && end.got >= 4 && !f->found_count)
		chunk_done(&end);
	find_bad(&end, f);
	if (f->found_count)
		return;
	u->mode = SL_DATA_CHUNKED;
	sl_data_sum_facts(&end.sum, u);
}

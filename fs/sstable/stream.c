/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chooses the parser of a component and keeps what all of them need: the
 * count of bytes, the name, and what was known of the others when it began
 * (held here, because a restart begins with it again). An SSTable's component
 * without a byte is judged here, once for all parsers.
 *
 * State: 'err' is set when a parser could not begin for want of memory; from
 * then on bytes are only counted, and facts returns it until a restart.
 */
#include "sstable/stream.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"

#define ZEROS ((size_t)64 << 10)

/* Component names are all that decides; NULL: nothing is parsed. */
static const struct sl_parser *const parsers[SL_COMP__COUNT] = {
	[SL_COMP_DATA] = &sl_data_parser,
	[SL_COMP_INDEX] = &sl_index_parser,
	[SL_COMP_SUMMARY] = &sl_summary_parser,
	[SL_COMP_PARTITIONS] = &sl_partitions_parser,
	[SL_COMP_ROWS] = &sl_rows_parser,
	[SL_COMP_FILTER] = &sl_filter_parser,
	[SL_COMP_COMPRESSION_INFO] = &sl_compression_parser,
	[SL_COMP_CRC] = &sl_crc_parser,
	[SL_COMP_STATISTICS] = &sl_statistics_parser,
	[SL_COMP_DIGEST] = &sl_digest_parser,
	[SL_COMP_TOC] = &sl_toc_parser,
	[SL_COMP_MANIFEST] = &sl_manifest_parser,
	[SL_COMP_SCHEMA] = &sl_schema_parser,
};

/* Of these, 0 bytes are a finding (Rows.db: no partition is wide). */
static const bool must_have_bytes[SL_COMP__COUNT] = {
	[SL_COMP_DATA] = true,	     [SL_COMP_INDEX] = true,
	[SL_COMP_SUMMARY] = true,    [SL_COMP_PARTITIONS] = true,
	[SL_COMP_FILTER] = true,     [SL_COMP_COMPRESSION_INFO] = true,
	[SL_COMP_CRC] = true,	     [SL_COMP_STATISTICS] = true,
	[SL_COMP_DIGEST] = true,     [SL_COMP_TOC] = true,
};

struct sl_stream {
	const struct sl_parser *parser; /* NULL: none */
	struct sl_name name;		/* id and text NULL */
	bool has_prior;
	struct sl_prior prior;		/* own references */
	uint64_t size;
	uint64_t sum_size;		/* so many bytes have this CRC32, */
	uint32_t sum;			/* by the parser */
	int err;			/* of begin: 0 or -ENOMEM */
	_Alignas(max_align_t) unsigned char state[];
};

static void keep_prior(struct sl_stream *s, const struct sl_prior *prior)
{
	if (!prior)
		return;
	s->has_prior = true;
	s->prior = *prior;
	if (prior->compression.table)
		s->prior.compression.table =
			sl_chunk_table_ref(prior->compression.table);
	if (prior->crc.words)
		s->prior.crc.words = sl_crc_words_ref(prior->crc.words);
}

static void drop_prior(struct sl_stream *s)
{
	if (s->prior.compression.table)
		sl_chunk_table_unref(s->prior.compression.table);
	if (s->prior.crc.words)
		sl_crc_words_unref(s->prior.crc.words);
}

static void begin(struct sl_stream *s)
{
	s->size = s->sum_size = 0;
	s->sum = 0;
	s->err = 0;
	if (s->parser && s->parser->begin)
		s->err = s->parser->begin(s->state, &s->name,
					  s->has_prior ? &s->prior : NULL);
}

static void end(struct sl_stream *s)
{
	if (s->parser && s->parser->end)
		s->parser->end(s->state);
}

int sl_stream_new(const struct sl_name *name, const struct sl_prior *prior,
		  struct sl_stream **ret)
{
	const struct sl_parser *p = parsers[name->component];
	struct sl_stream *s = calloc(1, sizeof(*s) + (p ? p->state : 0));

	if (!s)
		return -ENOMEM;
	s->parser = p;
	s->name = *name;
	/* They point into the caller's string. */
	memset(&s->name.id, 0, sizeof(s->name.id));
	memset(&s->name.text, 0, sizeof(s->name.text));
	keep_prior(s, prior);
	begin(s);
	if (s->err) {
		sl_stream_free(s);
		return -ENOMEM;
	}
	*ret = s;
	return 0;
}

void sl_stream_free(struct sl_stream *s)
{
	if (!s)
		return;
	end(s);
	drop_prior(s);
	free(s);
}

void sl_stream_feed(struct sl_stream *s, const void *p, size_t n)
{
	if (!n)
		return;
	s->size += n;
	if (s->parser && s->parser->feed && !s->err)
		s->parser->feed(s->state, p, n);
}

/* What the parser has summed, it has; the others are summed here. */
uint32_t sl_stream_feed_summed(struct sl_stream *s, const void *p, size_t n)
{
	bool from = s->sum_size == s->size;
	uint32_t before = s->sum;

	sl_stream_feed(s, p, n);
	if (s->err || !s->parser || !s->parser->sum ||
	    !s->parser->sum(s->state, &s->sum))
		return sl_crc32(0, p, n);
	s->sum_size = s->size;
	return from ? sl_crc32_combine(before, s->sum, n) : sl_crc32(0, p, n);
}

void sl_stream_zeros(struct sl_stream *s, uint64_t n)
{
	static const unsigned char zeros[ZEROS];

	while (n) {
		size_t step = n < ZEROS ? (size_t)n : ZEROS;

		sl_stream_feed(s, zeros, step);
		n -= step;
	}
}

void sl_stream_restart(struct sl_stream *s)
{
	end(s);
	if (s->parser)
		memset(s->state, 0, s->parser->state);
	begin(s);
}

static int judge(const struct sl_stream *s, struct sl_facts *f)
{
	if (s->err)
		return s->err;
	if (!s->size && must_have_bytes[s->name.component]) {
		sl_facts_found(f, SL_RULE_EMPTY_COMPONENT, "0 bytes");
		return 0;
	}
	return s->parser && s->parser->facts ?
		       s->parser->facts(s->state, f) : 0;
}

int sl_stream_facts(struct sl_stream *s, struct sl_facts *ret)
{
	int r;

	memset(ret, 0, sizeof(*ret));
	ret->name = s->name;
	ret->size = s->size;
	r = judge(s, ret);
	if (r < 0) {
		sl_facts_release(ret);
		memset(ret, 0, sizeof(*ret));
	}
	return r;
}

uint64_t sl_stream_size(const struct sl_stream *s)
{
	return s->size;
}

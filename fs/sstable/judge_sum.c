/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data.db against its three witnesses: Digest.crc32 (all bytes), and the
 * table in CompressionInfo.db or CRC.db (each chunk or block). Who is blamed
 * when they disagree is who is outvoted: data whose digest is right is right,
 * so its table is wrong; data whose every chunk is right is right, so its
 * digest is wrong; otherwise the data is.
 *
 * What was found while Data.db passed rests on the table of that moment. It
 * counts only while that table is the one that is here, and against Data.db
 * only while the digest does not say that its bytes are right. A part of an
 * SSTable (see SL_RULE_SLICE) is not what its tables describe.
 */
#include <inttypes.h>

#include "sstable/judge_internal.h"

static const struct sl_data_facts *data(const struct sl_jset *s)
{
	return sl_jpart_u(s->part[SL_COMP_DATA]);
}

static const struct sl_compression_facts *chunks(const struct sl_jset *s)
{
	return sl_jpart_u(s->part[SL_COMP_COMPRESSION_INFO]);
}

static const struct sl_crc_facts *words(const struct sl_jset *s)
{
	return sl_jpart_u(s->part[SL_COMP_CRC]);
}

bool sl_jset_slice(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque ? t->slice :
		   s->format == SL_FORMAT_BTI && s->version[0] == 'b';
}

enum sl_jproof sl_jset_digest(const struct sl_jset *s)
{
	const struct sl_jpart *d = s->part[SL_COMP_DATA];
	const uint32_t *digest = sl_jpart_u(s->part[SL_COMP_DIGEST]);

	if (!d || !d->has_crc32 || !digest)
		return SL_JPROOF_NONE;
	return d->crc32 == *digest ? SL_JPROOF_RIGHT : SL_JPROOF_WRONG;
}

static bool damaged(const struct sl_jset *s)
{
	const struct sl_jpart *d = s->part[SL_COMP_DATA];

	return sl_jpart_has_found(d, SL_RULE_DATA_CHUNK) ||
	       sl_jpart_has_found(d, SL_RULE_DATA_LENGTH);
}

static bool chunks_fit(const struct sl_data_facts *d,
		       const struct sl_compression_facts *c)
{
	return d->mode == SL_DATA_CHUNKED && d->count == c->count &&
	       d->hash == c->hash && d->last_offset == c->last_offset;
}

static bool words_fit(const struct sl_data_facts *d,
		      const struct sl_crc_facts *w)
{
	return d->mode == SL_DATA_PLAIN && d->block == w->block &&
	       d->hashed == w->hashed && d->hash == w->hash;
}

bool sl_jset_proven_by_table(const struct sl_jset *s)
{
	const struct sl_data_facts *d = data(s);

	if (!d || damaged(s) || sl_jset_slice(s))
		return false;
	return (chunks(s) && chunks_fit(d, chunks(s))) ||
	       (words(s) && words_fit(d, words(s)));
}

bool sl_jset_found_counts(const struct sl_jset *s)
{
	const struct sl_data_facts *d = data(s);
	uint64_t have = 0;

	if (!d || !d->checked || !damaged(s))
		return true;
	if (sl_jset_digest(s) == SL_JPROOF_RIGHT)
		return false;
	if (chunks(s))
		have = chunks(s)->hash;
	else if (words(s))
		have = words(s)->hash;
	else
		return true;
	return have == d->checked_with;
}

void sl_jcheck_digest(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_jpart *d = s->part[SL_COMP_DATA];
	const uint32_t *digest = sl_jpart_u(s->part[SL_COMP_DIGEST]);

	if (sl_jset_digest(s) != SL_JPROOF_WRONG)
		return;
	sl_jset_say(o, SL_RULE_DIGEST_MISMATCH, s,
		    sl_jset_proven_by_table(s) ? SL_COMP_DIGEST : SL_COMP_DATA,
		    "CRC32 of %" PRIu64 " bytes %" PRIu32
		    ", Digest.crc32 %" PRIu32,
		    d->size, d->crc32, *digest);
}

/* Too short for the last chunk to be there at all? */
static bool check_chunk_length(const struct sl_jset *s,
			       const struct sl_jout *o)
{
	const struct sl_compression_facts *c = chunks(s);
	uint64_t size = s->part[SL_COMP_DATA]->size;

	if (!c->count || (c->last_offset <= UINT64_MAX - 4 &&
			  size >= c->last_offset + 4))
		return false;
	if (sl_jset_digest(s) == SL_JPROOF_RIGHT)
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "its last chunk begins at byte %" PRIu64
			    ", Data.db has %" PRIu64,
			    c->last_offset, size);
	else
		sl_jset_say(o, SL_RULE_DATA_LENGTH, s, SL_COMP_DATA,
			    "%" PRIu64 " bytes, the last of %" PRIu64
			    " chunks begins at byte %" PRIu64,
			    size, c->count, c->last_offset);
	return true;
}

static bool known(enum sl_compressor c)
{
	return c != SL_COMPRESSOR_UNKNOWN && c != SL_COMPRESSOR_NOOP;
}

/* What chunks of LZ4 say that they hold, against the table. */
static bool sizes_fit(const struct sl_data_facts *d,
		      const struct sl_compression_facts *c)
{
	uint64_t last = c->chunk_length ? c->data_length % c->chunk_length : 0;

	/* A raw chunk says nothing, and looks as if it did. */
	if (c->encrypted || c->compressor != SL_COMPRESSOR_LZ4 ||
	    c->max_compressed != INT32_MAX)
		return true;
	if (d->plain_chunk && d->plain_chunk != c->chunk_length)
		return false;
	if (!last && c->data_length)
		last = c->chunk_length;
	return !d->plain_last || d->plain_last == last;
}

static void check_found_chunks(const struct sl_jset *s,
			       const struct sl_jout *o)
{
	const struct sl_data_facts *d = data(s);
	const struct sl_compression_facts *c = chunks(s);

	if (!chunks_fit(d, c))
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "Data.db has %" PRIu64 " chunks, the last at byte "
			    "%" PRIu64 "; the table %" PRIu64 ", the last at "
			    "byte %" PRIu64,
			    d->count, d->last_offset, c->count,
			    c->last_offset);
	else if (known(d->compressor) && known(c->compressor) &&
		 d->compressor != c->compressor)
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "it names another compressor than Data.db was "
			    "written by");
	else if (!sizes_fit(d, c))
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "chunks say they hold %u bytes and %u at the end; "
			    "the table %u of %" PRIu64 " in all",
			    d->plain_chunk, d->plain_last, c->chunk_length,
			    c->data_length);
}

/* The bytes did not show where chunks end, or they contradict the table. */
static void check_unsettled(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_data_facts *d = data(s);
	bool against = d && d->checked && damaged(s) &&
		       d->checked_with == chunks(s)->hash;

	if (against && sl_jset_digest(s) == SL_JPROOF_RIGHT)
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "%s; but Digest.crc32 says that Data.db is right",
			    s->part[SL_COMP_DATA]->found->detail);
	else if (!against)
		sl_jset_say(o, SL_RULE_CHUNK_TABLE_UNPROVEN, s,
			    SL_COMP_COMPRESSION_INFO, "%" PRIu64 " chunks",
			    chunks(s)->count);
}

/* Data that looks plain may be compressed in a way that does not show. */
static bool says_plain(const struct sl_jset *s)
{
	const struct sl_statistics_facts *t =
		sl_jpart_u(s->part[SL_COMP_STATISTICS]);

	return t && !t->opaque && t->compression_ratio < 0;
}

void sl_jcheck_chunks(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_data_facts *d = data(s);

	if (!chunks(s) || s->part[SL_COMP_CRC] || sl_jset_slice(s) ||
	    check_chunk_length(s, o) || sl_jset_digest(s) == SL_JPROOF_WRONG)
		return;
	if (d && d->mode == SL_DATA_CHUNKED)
		check_found_chunks(s, o);
	else if (d && d->mode == SL_DATA_PLAIN && says_plain(s))
		sl_jset_say(o, SL_RULE_CHUNK_TABLE, s,
			    SL_COMP_COMPRESSION_INFO,
			    "Data.db is not compressed");
	else
		check_unsettled(s, o);
}

/* As many blocks as there are words, but for words of 0 at the end? */
static bool check_word_count(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_crc_facts *w = words(s);
	uint64_t size = s->part[SL_COMP_DATA]->size, blocks;

	if (!w->block)
		return false;
	blocks = size / w->block + (size % w->block != 0);
	if (blocks >= w->hashed && blocks <= w->count)
		return false;
	if (sl_jset_digest(s) == SL_JPROOF_RIGHT)
		sl_jset_say(o, SL_RULE_CRC_TABLE, s, SL_COMP_CRC,
			    "%" PRIu64 " words for %" PRIu64 " blocks",
			    w->count, blocks);
	else
		sl_jset_say(o, SL_RULE_DATA_LENGTH, s, SL_COMP_DATA,
			    "%" PRIu64 " blocks, CRC.db has words for %" PRIu64,
			    blocks, w->hashed);
	return true;
}

void sl_jcheck_words(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_data_facts *d = data(s);
	const struct sl_crc_facts *w = words(s);
	bool right = sl_jset_digest(s) == SL_JPROOF_RIGHT;

	if (!w || s->part[SL_COMP_COMPRESSION_INFO] || sl_jset_slice(s) ||
	    check_word_count(s, o) || !d)
		return;
	if (d->mode == SL_DATA_CHUNKED)
		sl_jset_say(o, SL_RULE_CRC_TABLE, s, SL_COMP_CRC,
			    "Data.db is compressed");
	else if (d->checked && damaged(s) && d->checked_with == w->hash &&
		 right)
		sl_jset_say(o, SL_RULE_CRC_TABLE, s, SL_COMP_CRC,
			    "%s; but Digest.crc32 says that Data.db is right",
			    s->part[SL_COMP_DATA]->found->detail);
	else if (d->mode == SL_DATA_PLAIN && d->block == w->block &&
		 !words_fit(d, w))
		sl_jset_say(o, SL_RULE_CRC_TABLE, s,
			    right ? SL_COMP_CRC : SL_COMP_DATA,
			    "%" PRIu64 " blocks of %u bytes", d->count,
			    d->block);
}

/* Data.db itself tells which of the two is its own, if it can. */
void sl_jcheck_both(const struct sl_jset *s, const struct sl_jout *o)
{
	const struct sl_data_facts *d = data(s);
	bool plain = d && d->mode == SL_DATA_PLAIN &&
		     (!words(s) || words_fit(d, words(s)));

	sl_jset_say(o, SL_RULE_BOTH_CHECKSUMS, s,
		    plain ? SL_COMP_COMPRESSION_INFO : SL_COMP_CRC,
		    "Data.db is %s",
		    !d || d->mode == SL_DATA_UNSETTLED ? "of unknown form" :
		    plain ? "not compressed" : "compressed");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One component going by: bytes in pieces of any size, facts at the end.
 * Each kind of component has one file with a struct sl_parser; stream.c
 * chooses it. Memory is bounded whatever the bytes say: see 'size' of the
 * parsers, and SL_STREAM_TEXT for those that keep their content.
 *
 * Not thread safe; no I/O. Bytes are hostile.
 */
#ifndef SL_STREAM_H
#define SL_STREAM_H

#include "cleanup.h"
#include "sstable/facts.h"

/* Statistics.db, manifest.json, schema.cql, TOC.txt are kept whole: so much. */
#define SL_STREAM_TEXT ((size_t)8 << 20)
/* Packed chunk tables and CRC words alive at once, all streams together. */
#define SL_STREAM_TABLES ((size_t)64 << 20)

/*
 * What is known when a component begins, of others of its SSTable that came
 * before. References are the caller's.
 */
struct sl_prior {
	bool has_compression, has_crc;
	struct sl_compression_facts compression;
	struct sl_crc_facts crc;
};

struct sl_stream;

/* 'prior' may be NULL. -ENOMEM. */
int sl_stream_new(const struct sl_name *name, const struct sl_prior *prior,
		  struct sl_stream **ret) SL_MUST_CHECK;
void sl_stream_free(struct sl_stream *s);
static inline void sl_cleanup_stream(struct sl_stream **s)
{
	sl_stream_free(*s);
}
/* Takes bytes. Never fails: what is wrong with them is a fact. */
void sl_stream_feed(struct sl_stream *s, const void *p, size_t n);
/* The same, and the CRC32 of just these: without summing twice. */
uint32_t sl_stream_feed_summed(struct sl_stream *s, const void *p, size_t n);
/* n zero bytes. */
void sl_stream_zeros(struct sl_stream *s, uint64_t n);
/* Begins again from the first byte. */
void sl_stream_restart(struct sl_stream *s);
/*
 * The facts if this is the end. More bytes may follow, and it may be asked
 * again. The caller releases the facts. -ENOMEM, also for memory that was
 * missing while bytes were taken. SL_RULE_EMPTY_COMPONENT is found here, and
 * the parser is then not asked.
 */
int sl_stream_facts(struct sl_stream *s, struct sl_facts *ret) SL_MUST_CHECK;
/* The bytes of a plain pass over a component: pieces do not matter. */
uint64_t sl_stream_size(const struct sl_stream *s);

/*
 * What a parser is. 'state' bytes, zeroed, are given to each function; feed
 * is called with n > 0; facts must leave the state as it is. Failures of
 * memory are kept in the state and returned by facts.
 */
struct sl_parser {
	size_t state;
	/* NULL: nothing to be done. */
	int (*begin)(void *state, const struct sl_name *name,
		     const struct sl_prior *prior);
	void (*feed)(void *state, const unsigned char *p, size_t n);
	/*
	 * The CRC32 of all bytes since the first, if it comes out of the
	 * parser's own work; false: it does not. NULL: never.
	 */
	bool (*sum)(const void *state, uint32_t *ret);
	/* name and size are filled in; adds u and found. */
	int (*facts)(const void *state, struct sl_facts *ret);
	void (*end)(void *state);
};

extern const struct sl_parser sl_data_parser;	      /* data.c */
extern const struct sl_parser sl_compression_parser;  /* compression.c */
extern const struct sl_parser sl_crc_parser;	      /* crc_db.c */
extern const struct sl_parser sl_digest_parser;	      /* digest.c */
extern const struct sl_parser sl_statistics_parser;   /* statistics.c */
extern const struct sl_parser sl_index_parser;	      /* index.c */
extern const struct sl_parser sl_summary_parser;      /* summary.c */
extern const struct sl_parser sl_filter_parser;	      /* filter.c */
extern const struct sl_parser sl_partitions_parser;   /* partitions.c */
extern const struct sl_parser sl_rows_parser;	      /* rows.c */
extern const struct sl_parser sl_toc_parser;	      /* toc.c */
extern const struct sl_parser sl_manifest_parser;     /* manifest.c */
extern const struct sl_parser sl_schema_parser;	      /* schema.c */

#endif

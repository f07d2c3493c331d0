/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the parser of Data.db, shared by data*.c only. data.c tells
 * which part does what and when.
 */
#ifndef SL_DATA_H
#define SL_DATA_H

#include "sstable/chunk_table.h"
#include "sstable/stream.h"

#define SL_DATA_BLOCK 65536
/* Greatest chunk that is looked for, uncompressed. */
#define SL_DATA_CHUNK_MAX ((size_t)1 << 20)
/* So many of its first bytes are enough to tell what a chunk is. */
#define SL_DATA_HEAD 16

/* Chunks that have gone by. Begins zeroed. */
struct sl_data_sum {
	uint64_t count;
	uint64_t hash;	 /* over the lengths of all but the last */
	uint64_t offset; /* the last begins here */
	uint64_t next;	 /* and ends here */
	enum sl_compressor compressor;
	/* First words of chunks that hold something, as LZ4 has them. */
	uint64_t words;
	uint32_t word, common; /* of the last; of all before it */
	bool mixed;	       /* those before differ */
};
/* head: the first bytes, as many of SL_DATA_HEAD as the payload has. */
void sl_data_sum_add(struct sl_data_sum *s, const unsigned char *head,
		     uint64_t len);
void sl_data_sum_facts(const struct sl_data_sum *s, struct sl_data_facts *f);

/* The longest a chunk of n bytes becomes, its CRC included. */
static inline uint64_t sl_data_longest(uint64_t n)
{
	return n + n / 6 + 68;
}

/* Blocks of uncompressed data, compared with words if there are any. */
struct sl_data_blocks {
	const struct sl_crc_facts *with; /* borrowed; NULL: nothing */
	uint32_t block, done, crc;	 /* done: bytes of this block */
	struct sl_word_hash sum;
	uint64_t bad, first_bad, beyond;
	uint32_t whole; /* CRC32 of all blocks that are done */
};
void sl_data_blocks_feed(struct sl_data_blocks *b, const unsigned char *p,
			 size_t n);
uint32_t sl_data_blocks_sum(const struct sl_data_blocks *b);
void sl_data_blocks_facts(const struct sl_data_blocks *b, struct sl_facts *f);

/* Chunks at the boundaries of a table. */
struct sl_data_check {
	const struct sl_compression_facts *with; /* borrowed */
	uint64_t needed; /* chunks that hold something */
	struct sl_chunk_walk walk;
	struct sl_data_sum sum;
	bool last;	   /* its length is not known */
	uint64_t len, got; /* of this chunk; len: not of the last */
	uint32_t crc;	   /* of the payload so far */
	unsigned head_len, tail_len;
	unsigned char head[SL_DATA_HEAD];
	/* Bytes that may be the CRC: in the last chunk, the last four. */
	unsigned char tail[4];
	uint64_t bad, first_bad, bad_offset;
	bool bad_begin; /* the first bad one: right CRC, wrong beginning */
	uint32_t whole; /* CRC32 of all chunks before this one */
};
void sl_data_check_begin(struct sl_data_check *c,
			 const struct sl_compression_facts *with);
void sl_data_check_feed(struct sl_data_check *c, const unsigned char *p,
			size_t n);
uint32_t sl_data_check_sum(const struct sl_data_check *c);
void sl_data_check_facts(const struct sl_data_check *c, struct sl_facts *f);

/* What shows where a chunk may end. */
struct sl_data_hint {
	unsigned marker_len;	 /* 0: none is known */
	unsigned char marker[4]; /* first bytes of each chunk */
	uint32_t plain;		 /* uncompressed length; 0: not known */
};
/* False: these first SL_DATA_HEAD bytes are no known compressor's. */
bool sl_data_guess(const unsigned char *head, struct sl_data_hint *ret);
enum sl_compressor sl_data_compressor(const unsigned char *head);
/*
 * Can a payload of n bytes, which is not stored raw, with these first bytes
 * (as many of SL_DATA_HEAD as it has) be made by 'c' of 'holds' bytes?
 */
bool sl_data_begins(enum sl_compressor c, const unsigned char *head,
		    uint64_t n, uint64_t holds);
/* The first place >= from of the marker that ends by n; n: none. */
size_t sl_data_marker(const unsigned char *p, size_t from, size_t n,
		      const struct sl_data_hint *h);
/*
 * The end of the first chunk at p whose CRC is right and which holds at least
 * a byte, looking at every place; 0: none within n bytes. Slow.
 */
size_t sl_data_every(const unsigned char *p, size_t n);
/* Are p's n bytes a payload and its CRC? */
bool sl_data_whole(const unsigned char *p, size_t n);

/* Chunks found by what they are. */
enum sl_data_stage {
	SL_FIND_FIRST,	/* by its first bytes */
	SL_FIND_PROBE,	/* the first, at powers of two: stored as it is */
	SL_FIND_CHUNKS,
	SL_FIND_PLAIN,	/* not compressed */
	SL_FIND_LOST,
};
struct sl_data_find {
	enum sl_data_stage stage;
	bool hinted;		/* the hint is of this chunk or one before */
	int err;		/* 0 or -ENOMEM */
	struct sl_data_hint hint;
	size_t bound;		/* this chunk cannot be longer */
	size_t summed, searched; /* bytes of this chunk */
	size_t shortest;	/* chunks of late, about */
	size_t skipped;		/* so many bytes were not searched */
	uint32_t crc;		/* of 'summed' bytes */
	uint32_t stored;	/* next length to try as if stored raw; or 0 */
	uint64_t spent;		/* bytes looked at more than once */
	uint32_t whole;		/* CRC32 of all chunks before this one */
	struct sl_data_sum sum;
	struct sl_data_blocks blocks;
	/* The begin of a chunk whose end has not come; owned. */
	unsigned char *window;
	size_t len, cap;
};
void sl_data_find_feed(struct sl_data_find *f, const unsigned char *p,
		       size_t n);
/* False: some bytes were not summed. */
bool sl_data_find_sum(const struct sl_data_find *f, uint32_t *ret);
int sl_data_find_facts(const struct sl_data_find *f, struct sl_facts *ret);
void sl_data_find_end(struct sl_data_find *f);

#endif

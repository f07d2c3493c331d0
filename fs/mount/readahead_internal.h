/* SPDX-License-Identifier: Apache-2.0 */
/* Shared by readahead*.c; the whole is described in readahead.c. */
#ifndef SL_READAHEAD_INTERNAL_H
#define SL_READAHEAD_INTERNAL_H

#include <pthread.h>

#include "lock.h"
#include "mount/readahead.h"

#define SL_READ_BLOCK ((size_t)1 << 20)
#define SL_READ_BLOCKS 4 /* of a chunk */
#define SL_READ_CHUNK (SL_READ_BLOCK * SL_READ_BLOCKS)

TAILQ_HEAD(sl_read_asks, sl_read_ask);

/* A range on its way or here. Fields by readers.mu unless said otherwise. */
struct sl_read_chunk {
	struct sl_read_chunk *next;  /* of the reader, by offset */
	struct sl_readers *rs;
	struct sl_reader *reader;    /* NULL: nobody wants it any more */
	struct sl_read_ask *ask;     /* it is a single one */
	struct sl_read_file *file;   /* a reference */
	struct sl_read_from from;
	struct sl_op op;
	char *key;
	char etag[96];		     /* fixed once started */
	uint64_t offset;
	size_t len, have, served;
	size_t charged;		     /* of the memory */
	int refs;
	bool running;		     /* done() has not come */
	bool front;		     /* counted among the urgent ones */
	int err;
	char *block[SL_READ_BLOCKS]; /* filled up to 'have' */
};

struct sl_reader {
	struct sl_readers *rs;
	struct sl_read_file *file;
	struct sl_read_chunk *chunks;
	struct sl_read_asks asks;    /* that wait */
	uint64_t pos;		     /* the furthest byte asked for */
	uint64_t streak;	     /* bytes read in order */
	uint64_t edge;		     /* what was fetched, or asked, up to */
	bool touched, told;
	bool ahead;		     /* the streak is long enough */
};

/* What all descriptors of one file share: which version they read. */
struct sl_read_file {
	struct sl_read_file *hash_next;
	uint64_t id, version;
	int opens, refs;
	bool pinned, stale;
	uint64_t size;
	char etag[96];
};

#define SL_READ_HASH 256

struct sl_readers {
	struct sl_readers_config cfg;
	struct sl_mutex mu;
	struct sl_cond cond;
	struct sl_read_file *hash[SL_READ_HASH];
	char *spare[64];	     /* free blocks, part of 'used' */
	int spares;
	int active;		     /* readers with chunks */
	int front;		     /* urgent requests under way */
	struct sl_readers_stats stats;
};

/* readahead_file.c */
struct sl_read_file *sl_read_file_open(struct sl_readers *rs, uint64_t id,
				       uint64_t version);
void sl_read_file_close_locked(struct sl_readers *rs, struct sl_read_file *f);
void sl_read_file_unref_locked(struct sl_read_file *f);
/* Is 'o' the version that is read? The first answer settles it. -ESTALE */
int sl_read_file_match_locked(struct sl_read_file *f, uint64_t expected,
			      const struct sl_object *o);

/* readahead_chunk.c */
/* Starts a request; NULL: no memory for it now. */
struct sl_read_chunk *sl_read_chunk_start_locked(struct sl_reader *r,
						 const struct sl_read_from *f,
						 uint64_t offset, size_t len,
						 struct sl_read_ask *single);
void sl_read_chunk_unref_locked(struct sl_read_chunk *c);
/* Its reader does not want it; what is on its way is cancelled. */
void sl_read_chunk_drop_locked(struct sl_read_chunk *c);
/* Points the ask's vector at [from, to) of the chunk and holds it. */
bool sl_read_chunk_give_locked(struct sl_read_chunk *c, uint64_t from,
			       uint64_t to, struct sl_read_ask *a);
void sl_read_spares_free_locked(struct sl_readers *rs);

/* readahead.c */
/* Moves what can be answered now to 'ready'. */
void sl_reader_serve_locked(struct sl_reader *r, struct sl_read_asks *ready);
void sl_reader_unlink_locked(struct sl_reader *r, struct sl_read_chunk *c);
/* The request of 'c' failed: so do the asks that need it. */
void sl_reader_fail_locked(struct sl_reader *r, struct sl_read_chunk *c,
			   struct sl_read_asks *failed);

#endif

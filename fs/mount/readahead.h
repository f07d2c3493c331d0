/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads from the bucket: one struct sl_reader per descriptor, which sees
 * when it is read from front to back and then fetches ahead. Nothing of
 * FUSE here. What it does is described at the head of readahead.c.
 *
 * Threads: all functions may be called from any thread and never wait for
 * the network. Answers come on a backend thread, or on that of whoever
 * closes or interrupts.
 */
#ifndef SL_READAHEAD_H
#define SL_READAHEAD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>
#include <sys/uio.h>

#include "backend.h"

struct sl_readers;
struct sl_reader;
struct sl_read_chunk;
struct sl_read_file;

struct sl_readers_config {
	uint64_t limit;	 /* most bytes of read-ahead, for all readers */
	int connections; /* of the backend, to leave some to uploads */
};

/* What the memory option leaves for read-ahead. */
uint64_t sl_readers_limit(uint64_t memory);

int sl_readers_new(const struct sl_readers_config *cfg,
		   struct sl_readers **ret) SL_MUST_CHECK;
/* All readers are closed and the backends too. NULL is fine. */
void sl_readers_free(struct sl_readers *rs);

/*
 * A descriptor of file 'id'; 'version' differs when the file does. Every
 * descriptor has one, also those that only write. NULL: out of memory.
 */
struct sl_reader *sl_reader_open(struct sl_readers *rs, uint64_t id,
				 uint64_t version);
/* Reads that still wait end with -ECANCELED, within. NULL is fine. */
void sl_reader_close(struct sl_reader *r);

/* Where the bytes are; copied. */
struct sl_read_from {
	struct sl_backend *backend;
	const char *key;
	uint64_t size;		   /* of the object, as far as known */
	void (*hold)(void *arg);   /* a request is under way; or NULL */
	void (*let_go)(void *arg); /* it is not any more */
	void *arg;
};

#define SL_READ_IOV 12
#define SL_READ_HELD 6

struct sl_read_ask {
	uint64_t offset;
	size_t size;
	/* Only after SL_PARKED, once: 0 or -errno. Must not block. */
	void (*done)(struct sl_read_ask *a, int err);

	/* 0: the bytes, until sl_read_ask_release(). */
	struct iovec iov[SL_READ_IOV];
	int iov_count;
	struct sl_error error;
	bool tell; /* the first failure of this reader */

	/* readahead's own */
	TAILQ_ENTRY(sl_read_ask) link;
	struct sl_readers *rs;
	struct sl_reader *reader;
	struct sl_read_chunk *held[SL_READ_HELD];
	int held_count;
	struct sl_read_chunk *single; /* a request just for this */
	bool waiting;
};

/*
 * Bytes [offset, offset+size), which must lie within from->size. 0: there.
 * SL_PARKED. -ESTALE: the object was replaced while this file was open.
 */
int sl_reader_read(struct sl_reader *r, const struct sl_read_from *from,
		   struct sl_read_ask *a) SL_MUST_CHECK;
/*
 * The asker waits no longer. true: done() will not come, and the caller ends
 * the wait; else it comes soon.
 */
bool sl_read_ask_interrupt(struct sl_read_ask *a);
/* After an answer, whatever it was. */
void sl_read_ask_release(struct sl_read_ask *a);

struct sl_readers_stats {
	uint64_t limit, used;	/* bytes of read-ahead memory */
	uint64_t fetched;	/* bytes that came from the store */
	uint64_t given;		/* bytes given to readers */
	uint64_t ahead, single; /* requests, with and without read-ahead */
	int open;		/* descriptors that read ahead now */
	int waiting;		/* reads that wait */
};
void sl_readers_get_stats(struct sl_readers *rs,
			  struct sl_readers_stats *ret);

#endif

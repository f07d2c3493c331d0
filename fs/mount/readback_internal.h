/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What readback.c (listing and reading) and readback_own.c (what becomes of
 * what was read) share. Nothing else includes this.
 */
#ifndef SL_READBACK_INTERNAL_H
#define SL_READBACK_INTERNAL_H

#include <string.h>

#include "mount/control_internal.h"
#include "mount/readback.h"
#include "mount/store.h"
#include "mount/verdict.h"

#define SL_RB_SLOTS 4

struct sl_rb_target {
	char *path; /* owned; the ETag follows its NUL */
	uint64_t size;
	int64_t mtime_ms;
	uint32_t crc32;
	bool has_crc32, known; /* its facts are in the judge now */
};

struct sl_rb_slot {
	struct sl_op op;
	struct sl_readback *rb;
	struct sl_rb_target *t; /* NULL: free */
	struct sl_stream *stream; /* NULL: only asked for its checksum */
	uint32_t crc32;
};

struct sl_readback {
	struct sl_control_work work;
	struct sl_control_request *request;
	struct sl_mount *m;
	struct sl_store *store;
	char **nodes; /* owned */
	int node_count, at;
	struct sl_op list;
	bool listing;
	char prefix[300];
	struct sl_rb_target *target;
	size_t targets, cap, next;
	struct sl_rb_slot slot[SL_RB_SLOTS];
	bool stop;
	int err;
	struct sl_error error;
	uint64_t read, asked, adopted, failed, rejected;
};

static inline const char *sl_rb_etag(const struct sl_rb_target *t)
{
	return t->path + strlen(t->path) + 1;
}

void sl_rb_push(struct sl_readback *rb, void (*run)(struct sl_control_work *));
void sl_rb_targets_clear(struct sl_readback *rb);
/* The next node's listing, or the end. */
void sl_rb_run_next(struct sl_control_work *w);
/* readback_own.c: all of a node was read. */
void sl_rb_run_adopt(struct sl_control_work *w);
/* "NODE NODE", or our nodes when there is none. */
int sl_rb_cut_nodes(struct sl_readback *rb, const char *s,
		    struct sl_error *e) SL_MUST_CHECK;

#endif

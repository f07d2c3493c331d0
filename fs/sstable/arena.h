/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what is made out of one text and goes as one: types, names,
 * columns. With a maximum, for the text is not ours. A failure sticks. Not
 * thread safe.
 */
#ifndef SL_ARENA_H
#define SL_ARENA_H

#include <stddef.h>

#include "cleanup.h"

struct sl_arena_block;
struct sl_arena {
	struct sl_arena_block *blocks; /* owned; the newest first */
	size_t total, max;	       /* bytes handed out */
	int err;		       /* 0, -ENOMEM, -E2BIG */
};
#define SL_ARENA_INIT(limit) { .max = (limit) }

/* Zeroed, aligned for anything; NULL: see err. */
void *sl_arena_alloc(struct sl_arena *a, size_t n);
/* A NUL-ended copy. */
char *sl_arena_str(struct sl_arena *a, const char *p, size_t n);
void sl_arena_release(struct sl_arena *a);
static inline void sl_cleanup_arena(struct sl_arena *a)
{
	sl_arena_release(a);
}

#endif

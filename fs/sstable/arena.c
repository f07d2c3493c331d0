/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory that goes as one: blocks in a list, each handed out from its front.
 */
#include "sstable/arena.h"

#include <stdalign.h>
#include <string.h>

#define BLOCK ((size_t)4000)

struct sl_arena_block {
	struct sl_arena_block *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

static struct sl_arena_block *block_for(struct sl_arena *a, size_t n)
{
	struct sl_arena_block *b = a->blocks;
	size_t size = n > BLOCK ? n : BLOCK;

	if (b && n <= b->size - b->used)
		return b;
	b = calloc(1, sizeof(*b) + size);
	if (!b)
		return NULL;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *sl_arena_alloc(struct sl_arena *a, size_t n)
{
	const size_t align = alignof(max_align_t);
	struct sl_arena_block *b;
	void *p;

	if (a->err)
		return NULL;
	if (n > a->max || a->total > a->max - n) {
		a->err = -E2BIG;
		return NULL;
	}
	n = (n + align - 1) / align * align;
	b = block_for(a, n);
	if (!b) {
		a->err = -ENOMEM;
		return NULL;
	}
	p = b->data + b->used;
	b->used += n;
	a->total += n;
	return p;
}

char *sl_arena_str(struct sl_arena *a, const char *p, size_t n)
{
	char *s = sl_arena_alloc(a, n + 1);

	if (s && n)
		memcpy(s, p, n);
	return s;
}

void sl_arena_release(struct sl_arena *a)
{
	struct sl_arena_block *b = a->blocks;

	while (b) {
		struct sl_arena_block *next = b->next;

		free(b);
		b = next;
	}
	a->blocks = NULL;
	a->total = 0;
	a->err = 0;
}

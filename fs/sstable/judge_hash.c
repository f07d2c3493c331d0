/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A chained hash table of things that carry their own hook. All things in
 * one table are of one kind, so that a hook with the right hash, whatever
 * made it so, is never taken for another thing.
 */
#include "sstable/judge_internal.h"

#define FIRST_SIZE 256

uint64_t sl_jhash_bytes(uint64_t seed, const void *p, size_t n)
{
	const unsigned char *b = p;
	uint64_t h = seed;

	for (size_t i = 0; i < n; i++)
		h = (h ^ b[i]) * 0x100000001b3ull;
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93ull;
	return h ^ h >> 32;
}

static int grow(struct sl_jhash *t)
{
	size_t size = t->size ? t->size * 2 : FIRST_SIZE;
	struct sl_jhook **slots = calloc(size, sizeof(struct sl_jhook *));

	if (!slots)
		return -ENOMEM;
	for (size_t i = 0; i < t->size; i++)
		for (struct sl_jhook *h = t->slots[i], *next; h; h = next) {
			next = h->next;
			h->next = slots[h->hash & (size - 1)];
			slots[h->hash & (size - 1)] = h;
		}
	free(t->slots);
	t->slots = slots;
	t->size = size;
	return 0;
}

int sl_jhash_add(struct sl_jhash *t, struct sl_jhook *h, uint64_t hash)
{
	struct sl_jhook **slot;

	/* A full table is only slower. */
	if (t->count >= t->size && grow(t) && !t->size)
		return -ENOMEM;
	h->hash = hash;
	slot = &t->slots[hash & (t->size - 1)];
	h->next = *slot;
	*slot = h;
	t->count++;
	return 0;
}

void sl_jhash_remove(struct sl_jhash *t, struct sl_jhook *h)
{
	struct sl_jhook **p = &t->slots[h->hash & (t->size - 1)];

	while (*p != h)
		p = &(*p)->next;
	*p = h->next;
	t->count--;
}

struct sl_jhook *sl_jhash_first(const struct sl_jhash *t, uint64_t hash)
{
	struct sl_jhook *h = t->size ? t->slots[hash & (t->size - 1)] : NULL;

	while (h && h->hash != hash)
		h = h->next;
	return h;
}

struct sl_jhook *sl_jhash_next(const struct sl_jhook *h)
{
	uint64_t hash = h->hash;

	do
		h = h->next;
	while (h && h->hash != hash);
	return (struct sl_jhook *)(uintptr_t)h;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Cassandra's token of a key: the first half of MurmurHash3 x64 128 with seed
 * 0, except that Cassandra sign-extends the bytes of the tail
 * (MurmurHash.hash3_x64_128 in Java, where bytes are signed), and that the
 * smallest token stands for nothing, so it becomes the largest
 * (Murmur3Partitioner.normalize).
 */
#include "sstable/key.h"

#include <string.h>

#include "sstable/facts.h"
#include "sstable/gather.h"

#define C1 0x87c37b91114253d5ull
#define C2 0x4cf5ad432745937full

static uint64_t rotl(uint64_t v, unsigned n)
{
	return v << n | v >> (64 - n);
}

static uint64_t le64(const unsigned char *p)
{
	uint64_t v = 0;

	for (unsigned i = 8; i--;)
		v = v << 8 | p[i];
	return v;
}

/* Up to 8 bytes, each sign-extended to 64 bits before it is shifted. */
static uint64_t tail(const unsigned char *p, size_t n)
{
	uint64_t v = 0;

	for (size_t i = 0; i < n; i++)
		v ^= (uint64_t)(int64_t)(int8_t)p[i] << 8 * i;
	return v;
}

static uint64_t mix1(uint64_t k)
{
	return rotl(k * C1, 31) * C2;
}

static uint64_t mix2(uint64_t k)
{
	return rotl(k * C2, 33) * C1;
}

static uint64_t fmix(uint64_t k)
{
	k ^= k >> 33;
	k *= 0xff51afd7ed558ccdull;
	k ^= k >> 33;
	k *= 0xc4ceb9fe1a85ec53ull;
	return k ^ k >> 33;
}

int64_t sl_key_token(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t h1 = 0, h2 = 0;
	size_t left = n;

	for (; left >= 16; left -= 16, p += 16) {
		h1 ^= mix1(le64(p));
		h1 = (rotl(h1, 27) + h2) * 5 + 0x52dce729;
		h2 ^= mix2(le64(p + 8));
		h2 = (rotl(h2, 31) + h1) * 5 + 0x38495ab5;
	}
	if (left > 8)
		h2 ^= mix2(tail(p + 8, left - 8));
	if (left)
		h1 ^= mix1(tail(p, left < 8 ? left : 8));
	h1 ^= n;
	h2 ^= n;
	h1 += h2;
	h2 += h1;
	h1 = fmix(h1) + fmix(h2);
	return h1 == (uint64_t)INT64_MIN ? INT64_MAX : (int64_t)h1;
}

/*
 * Two keys of one token would be sorted by their bytes. That takes 2^32 keys
 * to happen by chance, so the key before is not kept: only the same key once
 * more is told from another of the same token.
 */
void sl_key_order_add(struct sl_key_order *o, const void *key, size_t n)
{
	int64_t token = sl_key_token(key, n);
	uint64_t hash = sl_key_hash(key, n);
	bool down = o->count && (token < o->token ||
				 (token == o->token && hash == o->last));

	if (down && !o->out_of_order) {
		o->out_of_order = true;
		o->out_of_order_at = o->count;
	}
	if (!o->count)
		o->first = hash;
	o->last = hash;
	o->token = token;
	o->count++;
}

static int reserve(struct sl_key *k, size_t n)
{
	unsigned char *p;

	if (n <= k->cap)
		return 0;
	p = realloc(k->kept, n);
	if (!p)
		return -ENOMEM;
	k->kept = p;
	k->cap = n;
	return 0;
}

const unsigned char *sl_key_take(struct sl_key *k, struct sl_cursor *c,
				 size_t n, int *err)
{
	size_t step = sl_cursor_left(c);
	const unsigned char *p = c->p;

	if (!k->have && step >= n) {
		c->p += n;
		return p;
	}
	*err = reserve(k, n);
	if (*err)
		return NULL;
	if (step > n - k->have)
		step = n - k->have;
	memcpy(k->kept + k->have, p, step);
	c->p += step;
	k->have += step;
	if (k->have < n)
		return NULL;
	k->have = 0;
	return k->kept;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Partition keys in order. Murmur3Partitioner sorts by a token first; to
 * compute it over every key of an index is the only way to see a flipped bit
 * in a key, for no checksum covers Index.db. Pure; thread safe.
 */
#ifndef SL_KEY_H
#define SL_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Murmur3Partitioner.getToken() of n > 0 bytes. */
int64_t sl_key_token(const void *key, size_t n);

/* A list of keys going by; all zero is an empty one. */
struct sl_key_order {
	uint64_t count;
	int64_t token;	      /* of the last */
	uint64_t first, last; /* sl_key_hash */
	bool out_of_order;
	uint64_t out_of_order_at;
};

void sl_key_order_add(struct sl_key_order *o, const void *key, size_t n);

#endif

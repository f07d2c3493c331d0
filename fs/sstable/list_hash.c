/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hashes that stand for lists too long to keep: chunk lengths, CRC words,
 * keys. Each step is a bijection of the hash for a fixed number, so a list
 * that differs in one place never ends in the same hash by that alone.
 */
#include "sstable/facts.h"

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93ull;
	x ^= x >> 29;
	x *= 0xff51afd7ed558ccdull;
	return x ^ x >> 32;
}

uint64_t sl_list_hash(uint64_t h, uint64_t v)
{
	return mix(h ^ v) + SL_LIST_HASH;
}

uint64_t sl_key_hash(const void *key, size_t n)
{
	const unsigned char *p = key;
	uint64_t h = 0xcbf29ce484222325ull;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * 0x100000001b3ull;
	return mix(h ^ n);
}

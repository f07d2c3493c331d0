/* SPDX-License-Identifier: Apache-2.0 */
/* The buckets of a histogram of sizes. See sizes.h. */
#include "sstable/sizes.h"

#include "sstable/facts.h"

void sl_size_bounds_init(struct sl_size_bounds *b)
{
	uint64_t last = 1;

	for (unsigned i = 0; i < SL_SIZE_BOUNDS; i++) {
		uint64_t next = (last * 12 + 5) / 10;

		b->bound[i] = last;
		last = next > last ? next : last + 1;
	}
}

unsigned sl_size_bucket(const struct sl_size_bounds *b, uint64_t size)
{
	unsigned from = 0, to = SL_SIZE_BOUNDS;

	while (from < to) {
		unsigned mid = (from + to) / 2;

		if (b->bound[mid] < size)
			from = mid + 1;
		else
			to = mid;
	}
	return from;
}

uint64_t sl_size_hash(unsigned bucket)
{
	return sl_list_hash(SL_LIST_HASH, bucket + 1);
}

void sl_size_add(const struct sl_size_bounds *b, uint64_t size, uint64_t *sizes,
		 uint64_t *less)
{
	unsigned bucket = sl_size_bucket(b, size);

	*sizes += sl_size_hash(bucket);
	if (bucket && b->bound[bucket - 1] == size - 1)
		bucket--;
	*less += sl_size_hash(bucket);
}

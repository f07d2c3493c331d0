/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How large partitions are is written twice: as a histogram in Statistics.db,
 * and as the distances of positions in the index. Both become a sum of one
 * number for each partition, that of its bucket; the order of summing does
 * not matter, and equal sums mean equal histograms. An index with one wrong
 * position, or another SSTable's that happens to have as many partitions,
 * shows by this alone: nothing else covers positions.
 *
 * Buckets are those of Cassandra's EstimatedHistogram, which never changed:
 * the bounds grow by a fifth. Older versions have 150, newer 155 of them.
 *
 * The writer of DataStax's 4.0 takes the size before it writes the byte that
 * ends a partition, others after it; so there are two sums, and one must fit.
 */
#ifndef SL_SIZES_H
#define SL_SIZES_H

#include <stdint.h>

#define SL_SIZE_BOUNDS 155

struct sl_size_bounds {
	uint64_t bound[SL_SIZE_BOUNDS];
};

void sl_size_bounds_init(struct sl_size_bounds *b);
/* The number of the bucket that holds 'size'. */
unsigned sl_size_bucket(const struct sl_size_bounds *b, uint64_t size);
/* What one partition in that bucket adds to the sum. */
uint64_t sl_size_hash(unsigned bucket);
/* Adds a partition of 'size' > 0 bytes; to 'less' as one of size - 1. */
void sl_size_add(const struct sl_size_bounds *b, uint64_t size, uint64_t *sizes,
		 uint64_t *less);

#endif

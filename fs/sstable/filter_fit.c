/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many bits of a Bloom filter are set is known from its keys: of m bits,
 * n keys with k hashes each leave m exp(-kn/m) untouched, give or take
 * the square root of the variance of throwing kn balls into m boxes. Over 1000
 * real filters the counts lie within 3 of these deviations. A hole of zeros,
 * or a filter of another SSTable, lies tens to thousands off.
 */
#include "sstable/facts.h"

#define DEVIATIONS 10.0
/* Filters of few bits follow no distribution. */
#define SLACK 8.0

/* exp(-x), x >= 0, to 12 digits: no libm for the sake of this. */
static double exp_minus(double x)
{
	double y = x / 1024;
	double e = 1 - y * (1 - y / 2 * (1 - y / 3 * (1 - y / 4)));

	if (x > 512)
		return 0;
	for (int i = 0; i < 10; i++)
		e *= e;
	return e;
}

bool sl_filter_fits(const struct sl_filter_facts *f, uint64_t keys)
{
	double m = 64.0 * (double)f->words;
	double load = (double)f->hashes * (double)keys / (m > 0 ? m : 1);
	double empty = exp_minus(load);
	double off = (double)f->ones - m * (1 - empty);
	double variance = m * empty * (1 - (1 + load) * empty);

	off = (off < 0 ? -off : off) - SLACK;
	return off <= 0 || off * off <= DEVIATIONS * DEVIATIONS * variance;
}

/* Scrubbing leaves the keys that it gave up in the filter: no harm is done. */
bool sl_filter_excess(const struct sl_filter_facts *f, uint64_t keys)
{
	double m = 64.0 * (double)f->words;
	double load = (double)f->hashes * (double)keys / (m > 0 ? m : 1);

	return (double)f->ones > m * (1 - exp_minus(load));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hedging. Among thousands of connections to a store some land on a server,
 * a path or a queue that crawls; the file, and the copy that waits for it,
 * then take as long as the slowest of its parts. A request that takes three
 * times as long as its likes, and some seconds, is sent once more on a
 * connection of its own (and to another address of the store, if it has
 * several); what is confirmed first counts and the other is cancelled.
 *
 * Its likes. An upload takes as long as its bytes do, so it is compared with
 * those of its size. Where these are too few, as for the short part at the
 * end of a file, larger ones tell at least what would be too long. A read is
 * judged only until its first byte, which does not take longer for a long
 * range than for a short one: all reads are of one kind. (Sorted by size, a
 * file's first ranges, which grow from one to the next, would often have too
 * few of theirs to be compared with.) Of the very first reads after a mount
 * nothing is known; they are given what would be slow for any store.
 *
 * Only where it does not matter which of the two arrives, and when: a part of
 * an upload (the same number with the same bytes; after Complete the store
 * refuses it) and a ranged GET before its first byte. Never a PUT of a whole
 * object or a Complete: a duplicate that the store acts on late would
 * overwrite what was written to that name since. Nor anything else.
 *
 * It must not become a load: a 64th of the requests (a token bucket, as
 * Google's clients have it), one at a time for 16 connections, on a
 * connection that nobody else waits for, not while the store asks to slow
 * down, while retries are held back, or under a rate limit, where the second
 * copy would slow the others.
 *
 * One that fails in passing while the other still runs settles nothing. A
 * refusal does: it would be the same for both.
 */
#include "backends/http/hedge.h"

#include <stdlib.h>
#include <string.h>

#define TOKEN 1000
#define TOKENS_AT_FIRST (2 * TOKEN)
#define TOKENS_MAX (4 * TOKEN)
#define PER_SUCCESS (TOKEN / 64)
#define MIN_SAMPLES 5
#define FIRST_BYTE_MS 3000
#define TIMES_MEDIAN 3
#define CONNECTIONS_PER_HEDGE 16

static unsigned class_of(uint64_t bytes, bool up)
{
	if (!up)
		return SL_HEDGE_READS;
	return bytes ? 63u - (unsigned)__builtin_clzll(bytes) : 0;
}

void sl_hedge_init(struct sl_hedge *h)
{
	memset(h, 0, sizeof(*h));
	h->tokens = TOKENS_AT_FIRST;
}

void sl_hedge_note(struct sl_hedge *h, uint64_t bytes, bool up, int64_t ms)
{
	struct sl_hedge_class *c = &h->cls[class_of(bytes, up)];

	if (ms < 0)
		ms = 0;
	c->ms[c->count++ % SL_HEDGE_SAMPLES] =
		ms < UINT32_MAX ? (uint32_t)ms : UINT32_MAX;
	/* Full again at the wrap, not empty. */
	if (!c->count)
		c->count = SL_HEDGE_SAMPLES;
	h->tokens += PER_SUCCESS;
	if (h->tokens > TOKENS_MAX)
		h->tokens = TOKENS_MAX;
}

static int by_size(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

static int64_t median_of(const struct sl_hedge_class *c)
{
	uint32_t sorted[SL_HEDGE_SAMPLES];
	size_t n = c->count < SL_HEDGE_SAMPLES ? c->count : SL_HEDGE_SAMPLES;

	if (n < MIN_SAMPLES)
		return -1;
	memcpy(sorted, c->ms, n * sizeof(sorted[0]));
	qsort(sorted, n, sizeof(sorted[0]), by_size);
	return sorted[n / 2];
}

int64_t sl_hedge_median(const struct sl_hedge *h, uint64_t bytes, bool up)
{
	unsigned i = class_of(bytes, up);
	int64_t ms = median_of(&h->cls[i]);

	if (!up)
		return ms < 0 ? FIRST_BYTE_MS : ms;
	while (ms < 0 && ++i < SL_HEDGE_READS)
		ms = median_of(&h->cls[i]);
	return ms;
}

bool sl_hedge_due(const struct sl_hedge *h, const struct sl_hedge_in *in)
{
	int most = in->connections / CONNECTIONS_PER_HEDGE;
	int64_t median;

	if (in->after_ms < 0 || in->limited || !in->calm ||
	    h->tokens < TOKEN || h->running >= (most ? most : 1) ||
	    in->elapsed_ms < in->after_ms)
		return false;
	median = sl_hedge_median(h, in->bytes, in->up);
	return median >= 0 && in->elapsed_ms > TIMES_MEDIAN * median;
}

void sl_hedge_begin(struct sl_hedge *h)
{
	h->tokens -= TOKEN;
	h->running++;
}

void sl_hedge_end(struct sl_hedge *h)
{
	h->running--;
}

bool sl_hedge_settles(int curl_code, int status)
{
	return !curl_code && status < 500 && status != 408 && status != 429;
}

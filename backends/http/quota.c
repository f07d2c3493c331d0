/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The retry budget. Back-off with jitter spreads the attempts of one request;
 * it does not know how many others do the same, and hundreds of waiting parts
 * at 20 s each are still a load for a store that is just coming back. So all
 * retries of a client share one bucket, as in the standard retry mode of the
 * AWS SDKs and in gRPC's retry throttling, with two differences.
 *
 * It delays and never refuses: how long trouble is retried is retry_for's
 * business. And time fills it too, one token a second, so that an empty
 * bucket lets probes through for ever.
 *
 *   a retry takes 1 · a success gives 2 · a second gives 1 · at most 100
 *
 * Retries that come of successes are thus at most twice as many as these. When
 * the store is back, the first probe that succeeds lets two retries go, their
 * successes four, and so on: some round trips until all move, without a wave.
 * First attempts are free, as are the few calls without credentials, which go
 * to another server (the DevOps API), and the last attempt at a deadline.
 */
#include "backends/http/quota.h"

#define TOKEN 1000
#define CAPACITY (100 * TOKEN)
#define PER_SUCCESS (2 * TOKEN)
/* Thousandths that a millisecond gives. */
#define PER_MS 1

static void add(struct sl_quota *q, int64_t n)
{
	q->tokens += n;
	if (q->tokens > CAPACITY)
		q->tokens = CAPACITY;
}

static void pass(struct sl_quota *q, int64_t now_ms)
{
	int64_t ms = now_ms - q->last_ms;

	if (ms <= 0)
		return;
	q->last_ms = now_ms;
	add(q, ms < CAPACITY / PER_MS ? ms * PER_MS : CAPACITY);
}

void sl_quota_init(struct sl_quota *q, int64_t now_ms)
{
	*q = (struct sl_quota){ .tokens = CAPACITY, .last_ms = now_ms };
}

int64_t sl_quota_wait(struct sl_quota *q, int64_t now_ms)
{
	pass(q, now_ms);
	if (q->tokens >= TOKEN)
		return 0;
	return (TOKEN - q->tokens + PER_MS - 1) / PER_MS;
}

int64_t sl_quota_take(struct sl_quota *q, int64_t now_ms)
{
	int64_t wait = sl_quota_wait(q, now_ms);

	if (wait)
		q->dry = true;
	else
		q->tokens -= TOKEN;
	return wait;
}

bool sl_quota_success(struct sl_quota *q, int64_t now_ms)
{
	bool dry = q->dry;

	pass(q, now_ms);
	add(q, PER_SUCCESS);
	q->dry = false;
	return dry;
}

bool sl_quota_calm(struct sl_quota *q, int64_t now_ms)
{
	pass(q, now_ms);
	return q->tokens >= CAPACITY / 2;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a slow request is sent a second time: what is remembered of the others
 * and the rule. Pure; no lock of its own.
 */
#ifndef SL_HTTP_HEDGE_H
#define SL_HTTP_HEDGE_H

#include <stdbool.h>
#include <stdint.h>

#define SL_HEDGE_SAMPLES 16
#define SL_HEDGE_READS 64 /* all reads; below, uploads by powers of two */
#define SL_HEDGE_CLASSES (SL_HEDGE_READS + 1)

/* The newest durations of requests of a kind, in ms. */
struct sl_hedge_class {
	uint32_t ms[SL_HEDGE_SAMPLES];
	uint32_t count; /* ever */
};

struct sl_hedge {
	struct sl_hedge_class cls[SL_HEDGE_CLASSES];
	int tokens; /* thousandths of a second request */
	int running;
};

struct sl_hedge_in {
	uint64_t bytes;
	bool up;
	int64_t elapsed_ms;
	int after_ms;	 /* never sooner */
	int connections; /* bounds how many run at once */
	bool calm;	 /* no throttling, retries are affordable */
	bool limited;	 /* a rate is set */
};

void sl_hedge_init(struct sl_hedge *h);
/* An attempt that succeeded took so long; a read, until its first byte. */
void sl_hedge_note(struct sl_hedge *h, uint64_t bytes, bool up, int64_t ms);
/* What is usual for its likes; -1: too few to tell. */
int64_t sl_hedge_median(const struct sl_hedge *h, uint64_t bytes, bool up);
/* Should there be a second one now? */
bool sl_hedge_due(const struct sl_hedge *h, const struct sl_hedge_in *in);
/* It was begun, or has ended. */
void sl_hedge_begin(struct sl_hedge *h);
void sl_hedge_end(struct sl_hedge *h);
/*
 * One of two ended so: does that settle the request? Otherwise the other one
 * goes on alone.
 */
bool sl_hedge_settles(int curl_code, int status);

#endif

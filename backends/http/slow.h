/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Is a transfer so slow that a new connection is the better bet? Pure.
 */
#ifndef SL_HTTP_SLOW_H
#define SL_HTTP_SLOW_H

#include <stdbool.h>
#include <stdint.h>

struct sl_slow {
	int64_t since_ms;  /* since then not enough has moved */
	uint64_t bytes;	   /* that had moved by then */
	int64_t held_ms;   /* that the rate limit had held it back by then */
};

/* Bytes a second below which a request of that size is given up. */
uint64_t sl_slow_floor(uint64_t size);
void sl_slow_begin(struct sl_slow *s, int64_t now_ms);
/*
 * 'bytes' have moved in all, for 'held_ms' in all nothing was allowed to.
 * True: for 'window_s' seconds it has been slower than 'floor'.
 */
bool sl_slow_check(struct sl_slow *s, int64_t now_ms, uint64_t bytes,
		   int64_t held_ms, uint64_t floor, int window_s);

#endif

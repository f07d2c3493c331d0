/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Low speed. libcurl has such a limit of its own, but counts a transfer that
 * our rate limit holds back as a slow one, and knows one number for all. Here
 * time that a transfer was held back does not count, and a large request has
 * to be faster than a small one: at 1 KiB/s, 128 MiB would take a day and a
 * half, and a healthy connection next to it minutes. Two hours are allowed
 * for a whole request; waiting for the answer counts as silence.
 */
#include "backends/http/slow.h"

#define FLOOR_MIN 1024
#define LONGEST_S 7200

uint64_t sl_slow_floor(uint64_t size)
{
	uint64_t n = size / LONGEST_S;

	return n > FLOOR_MIN ? n : FLOOR_MIN;
}

void sl_slow_begin(struct sl_slow *s, int64_t now_ms)
{
	*s = (struct sl_slow){ .since_ms = now_ms };
}

bool sl_slow_check(struct sl_slow *s, int64_t now_ms, uint64_t bytes,
		   int64_t held_ms, uint64_t floor, int window_s)
{
	int64_t active = now_ms - s->since_ms - (held_ms - s->held_ms);

	/* Less than before: it was begun anew by libcurl. */
	if (bytes < s->bytes ||
	    bytes - s->bytes >= floor * (uint64_t)window_s) {
		*s = (struct sl_slow){ now_ms, bytes, held_ms };
		return false;
	}
	return active >= (int64_t)window_s * 1000;
}

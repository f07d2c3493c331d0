/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast bytes reach the store: the difference between the newest and the
 * oldest of a few samples, which the worker takes every two seconds.
 */
#include "mount/control_internal.h"

#include <string.h>

void sl_rate_add(struct sl_rate *r, int64_t mono_ms, uint64_t bytes)
{
	int last = r->count - 1;

	/* Another store counts from the beginning. */
	if (last >= 0 && bytes < r->sample[last].bytes)
		r->count = 0;
	if (r->count == SL_RATE_SAMPLES) {
		memmove(&r->sample[0], &r->sample[1],
			sizeof(r->sample) - sizeof(r->sample[0]));
		r->count--;
	}
	r->sample[r->count].mono_ms = mono_ms;
	r->sample[r->count].bytes = bytes;
	r->count++;
}

double sl_rate_get(const struct sl_rate *r)
{
	int last = r->count - 1;
	int64_t ms;

	if (last < 1)
		return -1;
	ms = r->sample[last].mono_ms - r->sample[0].mono_ms;
	if (ms <= 0)
		return -1;
	return (double)(r->sample[last].bytes - r->sample[0].bytes) * 1000 /
	       (double)ms;
}

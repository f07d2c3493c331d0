/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time, injectable so that tests need not wait. Milliseconds everywhere.
 * Thread safe.
 */
#ifndef SL_CLOCK_H
#define SL_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"

struct sl_clock {
	/* CLOCK_MONOTONIC in milliseconds; never goes back. */
	int64_t (*mono_ms)(const struct sl_clock *);
	/* Milliseconds since 1970-01-01 UTC by the local clock. */
	int64_t (*wall_ms)(const struct sl_clock *);
};

/* The machine's clocks. */
extern const struct sl_clock sl_clock_system;

static inline int64_t sl_mono_ms(const struct sl_clock *c)
{
	return c->mono_ms(c);
}

static inline int64_t sl_wall_ms(const struct sl_clock *c)
{
	return c->wall_ms(c);
}

/*
 * RFC 3339 and the shorter ISO 8601 forms that the DevOps API takes
 * ("2026-12-01T14:30Z", seconds and a fraction optional, "Z" or "+hh:mm").
 * The whole string must match. Milliseconds since 1970; -EINVAL.
 */
int sl_time_parse(const char *s, int64_t *ret_ms) SL_MUST_CHECK;

/* An HTTP date, IMF-fixdate only (RFC 9110 5.6.7). -EINVAL. */
int sl_time_parse_http(const char *s, int64_t *ret_ms) SL_MUST_CHECK;

/* "2026-12-01T14:30:00Z"; 'size' >= 32 is always enough. Returns dst. */
char *sl_time_format(char *dst, size_t size, int64_t ms);

/* Uniform in [0, bound); not for secrets. Thread safe. bound 0 gives 0. */
uint64_t sl_random_below(uint64_t bound);

#endif

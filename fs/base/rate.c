/* SPDX-License-Identifier: Apache-2.0 */
/* Upload rates: bytes, in units of 1024, never bits. */
#include "rate.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	char unit;
	int shift;
} units[] = { { 'G', 30 }, { 'M', 20 }, { 'K', 10 } };

static int shift_of(const char *s, int *ret)
{
	*ret = 0;
	if (!*s)
		return 0;
	for (size_t i = 0; i < SL_ARRAY_LEN(units); i++) {
		if ((*s & ~0x20) == units[i].unit && !s[1]) {
			*ret = units[i].shift;
			return 0;
		}
	}
	return -EINVAL;
}

int sl_rate_parse(const char *s, uint64_t *ret)
{
	uint64_t n = 0;
	int shift;

	if (!strcmp(s, "off") || !strcmp(s, "0")) {
		*ret = 0;
		return 0;
	}
	if (*s < '1' || *s > '9')
		return -EINVAL;
	for (; *s >= '0' && *s <= '9'; s++) {
		n = n * 10 + (uint64_t)(*s - '0');
		if (n > SL_RATE_MAX)
			return -EINVAL;
	}
	if (shift_of(s, &shift) || n > SL_RATE_MAX >> shift ||
	    n << shift < SL_RATE_MIN)
		return -EINVAL;
	*ret = n << shift;
	return 0;
}

char *sl_rate_format(char *dst, size_t size, uint64_t rate)
{
	for (size_t i = 0; rate && i < SL_ARRAY_LEN(units); i++) {
		uint64_t n = rate >> units[i].shift;

		if (n << units[i].shift != rate)
			continue;
		snprintf(dst, size, "%" PRIu64 "%c", n, units[i].unit);
		return dst;
	}
	if (rate)
		snprintf(dst, size, "%" PRIu64, rate);
	else
		snprintf(dst, size, "off");
	return dst;
}

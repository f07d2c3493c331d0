/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The simulator's clock and the time formats of the two APIs. The wall clock
 * may be moved (--clock-offset) so that a client meets a skewed server.
 */
#include "util.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Atomic int64_t offset_ms;

int64_t sim_monotonic_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t sim_wall_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000 + offset_ms;
}

void sim_clock_offset(int64_t ms)
{
	offset_ms = ms;
}

static void format(int64_t ms, const char *fmt, char *dst, size_t size)
{
	time_t t = (time_t)(ms / 1000);
	struct tm tm;

	gmtime_r(&t, &tm);
	/* fmt is one of the literals below. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	strftime(dst, size, fmt, &tm);
#pragma GCC diagnostic pop
}

void sim_iso(int64_t ms, char dst[32])
{
	format(ms, "%Y-%m-%dT%H:%M:%SZ", dst, 32);
}

void sim_iso_ms(int64_t ms, char dst[32])
{
	char tmp[32];

	format(ms, "%Y-%m-%dT%H:%M:%S", tmp, sizeof(tmp));
	snprintf(dst, 32, "%.20s.%03dZ", tmp, (int)(ms % 1000));
}

void sim_http_date(int64_t ms, char dst[40])
{
	format(ms, "%a, %d %b %Y %H:%M:%S GMT", dst, 40);
}

/* The rest after the minutes: [:SS[.fraction]] (Z | +hh:mm | -hh:mm) */
static bool parse_tail(const char *s, struct tm *tm, int *zone_s)
{
	int h, m;
	char sign;

	if (*s == ':') {
		s = strptime(s, ":%S", tm);
		if (!s)
			return false;
		if (*s == '.')
			s += 1 + strspn(s + 1, "0123456789");
	}
	*zone_s = 0;
	if (!strcmp(s, "Z"))
		return true;
	if (strlen(s) != 6 || sscanf(s, "%c%2d:%2d", &sign, &h, &m) != 3 ||
	    !strchr("+-", sign))
		return false;
	*zone_s = (h * 3600 + m * 60) * (sign == '-' ? -1 : 1);
	return true;
}

int64_t sim_iso_parse(const char *s)
{
	struct tm tm = { 0 };
	int zone = 0;

	s = strptime(s, "%Y-%m-%dT%H:%M", &tm);
	if (!s || !parse_tail(s, &tm, &zone))
		return -1;
	return ((int64_t)timegm(&tm) - zone) * 1000;
}

int64_t sim_amz_parse(const char *s)
{
	struct tm tm = { 0 };

	if (strlen(s) != 16)
		return -1;
	s = strptime(s, "%Y%m%dT%H%M%S", &tm);
	if (!s || strcmp(s, "Z"))
		return -1;
	return (int64_t)timegm(&tm) * 1000;
}

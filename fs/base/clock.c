/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The machine's clocks, the three written forms of time that services use,
 * and randomness for jitter. Parsing is by a scanner of fixed-width fields:
 * strptime(3) depends on the locale and accepts too much.
 */
#include "clock.h"

#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "error.h"

static int64_t clock_ms(clockid_t id)
{
	struct timespec ts;

	if (clock_gettime(id, &ts))
		SL_BUG("clock %d cannot be read", (int)id);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static int64_t system_mono(const struct sl_clock *c)
{
	(void)c;
	return clock_ms(CLOCK_MONOTONIC);
}

static int64_t system_wall(const struct sl_clock *c)
{
	(void)c;
	return clock_ms(CLOCK_REALTIME);
}

const struct sl_clock sl_clock_system = {
	.mono_ms = system_mono,
	.wall_ms = system_wall,
};

/* A cursor; 'bad' sticks, so that a form is checked once, at its end. */
struct scan {
	const char *p;
	bool bad;
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Exactly 'width' digits with a value in [lo, hi]. */
static int scan_num(struct scan *s, int width, int lo, int hi)
{
	int v = 0;

	for (int i = 0; i < width && !s->bad; i++) {
		if (!is_digit(*s->p)) {
			s->bad = true;
			return 0;
		}
		v = v * 10 + (*s->p++ - '0');
	}
	if (v < lo || v > hi)
		s->bad = true;
	return v;
}

static bool scan_opt(struct scan *s, const char *any)
{
	if (s->bad || !*s->p || !strchr(any, *s->p))
		return false;
	s->p++;
	return true;
}

static void scan_lit(struct scan *s, const char *lit)
{
	size_t n = strlen(lit);

	if (s->bad || strncmp(s->p, lit, n))
		s->bad = true;
	else
		s->p += n;
}

/* ".123456" of any length, cut to milliseconds. */
static int scan_fraction(struct scan *s)
{
	int ms = 0, scale = 100;

	if (!is_digit(*s->p))
		s->bad = true;
	for (; is_digit(*s->p); s->p++) {
		ms += (*s->p - '0') * scale;
		scale /= 10;
	}
	return ms;
}

/* "Z" or "+hh:mm": minutes east of UTC. */
static int scan_zone(struct scan *s)
{
	int sign, h, m;

	if (scan_opt(s, "Zz"))
		return 0;
	sign = *s->p == '-' ? -1 : 1;
	if (!scan_opt(s, "+-"))
		s->bad = true;
	h = scan_num(s, 2, 0, 23);
	scan_lit(s, ":");
	m = scan_num(s, 2, 0, 59);
	return sign * (h * 60 + m);
}

static int days_in_month(int year, int month)
{
	static const int days[] = { 31, 28, 31, 30, 31, 30,
				    31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return days[month - 1] + (month == 2 && leap);
}

/* tm_year and tm_mon hold what people write; false: no such day. */
static bool tm_to_ms(struct tm *tm, int64_t *ret)
{
	if (tm->tm_mday > days_in_month(tm->tm_year, tm->tm_mon))
		return false;
	tm->tm_year -= 1900;
	tm->tm_mon -= 1;
	*ret = (int64_t)timegm(tm) * 1000;
	return true;
}

int sl_time_parse(const char *str, int64_t *ret_ms)
{
	struct scan s = { .p = str };
	struct tm tm = { 0 };
	int64_t ms;
	int fraction = 0, zone;

	tm.tm_year = scan_num(&s, 4, 1, 9999);
	scan_lit(&s, "-");
	tm.tm_mon = scan_num(&s, 2, 1, 12);
	scan_lit(&s, "-");
	tm.tm_mday = scan_num(&s, 2, 1, 31);
	if (!scan_opt(&s, "Tt"))
		return -EINVAL;
	tm.tm_hour = scan_num(&s, 2, 0, 23);
	scan_lit(&s, ":");
	tm.tm_min = scan_num(&s, 2, 0, 59);
	if (scan_opt(&s, ":")) {
		tm.tm_sec = scan_num(&s, 2, 0, 60);
		if (scan_opt(&s, "."))
			fraction = scan_fraction(&s);
	}
	zone = scan_zone(&s);
	if (s.bad || *s.p || !tm_to_ms(&tm, &ms))
		return -EINVAL;
	*ret_ms = ms + fraction - (int64_t)zone * 60000;
	return 0;
}

static const char week_days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

/* A three-letter name of 'table'; its place from 0. */
static int scan_name(struct scan *s, const char *table)
{
	for (int i = 0; !s->bad && table[3 * i]; i++) {
		if (!strncmp(s->p, table + 3 * i, 3)) {
			s->p += 3;
			return i;
		}
	}
	s->bad = true;
	return 0;
}

int sl_time_parse_http(const char *str, int64_t *ret_ms)
{
	struct scan s = { .p = str };
	struct tm tm = { 0 };
	int64_t ms;
	int wday = scan_name(&s, week_days);
	bool leap;

	scan_lit(&s, ", ");
	tm.tm_mday = scan_num(&s, 2, 1, 31);
	scan_lit(&s, " ");
	tm.tm_mon = scan_name(&s, months) + 1;
	scan_lit(&s, " ");
	tm.tm_year = scan_num(&s, 4, 1, 9999);
	scan_lit(&s, " ");
	tm.tm_hour = scan_num(&s, 2, 0, 23);
	scan_lit(&s, ":");
	tm.tm_min = scan_num(&s, 2, 0, 59);
	scan_lit(&s, ":");
	tm.tm_sec = scan_num(&s, 2, 0, 60);
	scan_lit(&s, " GMT");
	/* timegm rolls a leap second over, at midnight into the next day. */
	leap = tm.tm_sec == 60;
	if (s.bad || *s.p || !tm_to_ms(&tm, &ms))
		return -EINVAL;
	if (!leap && tm.tm_wday != wday)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

char *sl_time_format(char *dst, size_t size, int64_t ms)
{
	time_t t = (time_t)(ms / 1000 - (ms % 1000 < 0));
	struct tm tm;

	if (!gmtime_r(&t, &tm) ||
	    !strftime(dst, size, "%Y-%m-%dT%H:%M:%SZ", &tm))
		dst[0] = '\0';
	return dst;
}

/* splitmix64: one word of state per thread, so no lock. */
static uint64_t next_random(void)
{
	static __thread uint64_t state;
	static __thread bool seeded;
	uint64_t z;

	if (!seeded) {
		if (getrandom(&state, sizeof(state), GRND_NONBLOCK) !=
		    (ssize_t)sizeof(state))
			state = (uint64_t)clock_ms(CLOCK_REALTIME) ^
				(uint64_t)(uintptr_t)&state;
		seeded = true;
	}
	state += UINT64_C(0x9e3779b97f4a7c15);
	z = state;
	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

uint64_t sl_random_below(uint64_t bound)
{
	uint64_t least, r;

	if (bound == 0)
		return 0;
	/* Numbers under 2^64 mod bound would favour small results. */
	least = -bound % bound;
	do
		r = next_random();
	while (r < least);
	return r % bound;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small readers of what servers write: numbers, times, percent-encoding.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

int sl_s3_number(const char *text, uint64_t *ret)
{
	uint64_t v = 0;

	if (!*text)
		return -EPROTO;
	for (; *text; text++) {
		if (*text < '0' || *text > '9' ||
		    __builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*text - '0'), &v))
			return -EPROTO;
	}
	*ret = v;
	return 0;
}

int64_t sl_s3_time(const char *text)
{
	int64_t ms;

	return sl_time_parse(text, &ms) == 0 ? ms : 0;
}

static int hex_value(char c)
{
	static const char digits[] = "0123456789abcdef";
	const char *p = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return p ? (int)(p - digits) : -1;
}

bool sl_s3_url_decode(char *s)
{
	char *d = s;

	for (; *s; s++) {
		int hi, lo;

		if (*s != '%') {
			*d++ = *s == '+' ? ' ' : *s;
			continue;
		}
		hi = hex_value(s[1]);
		lo = hi < 0 ? -1 : hex_value(s[2]);
		if (lo < 0 || (hi == 0 && lo == 0))
			return false;
		*d++ = (char)(hi * 16 + lo);
		s += 2;
	}
	*d = '\0';
	return true;
}

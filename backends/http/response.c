/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading what an answer's headers say. Headers are kept as one bounded text
 * of "name: value\n" lines, which is all that the few look-ups need.
 */
#include <errno.h>
#include <string.h>

#include "backends/http/internal.h"

/* The value of the last header 'name' (lower case), and its length. */
static const char *find(const struct sl_http_response *r, const char *name,
			size_t *ret_len)
{
	const char *line = sl_buf_str(&r->headers), *found = NULL;
	size_t n = strlen(name);

	while (*line) {
		size_t len = strcspn(line, "\n");

		if (len > n + 1 && line[n] == ':' && !memcmp(line, name, n)) {
			found = line + n + 2;
			*ret_len = len - n - 2;
		}
		line += len + (line[len] == '\n');
	}
	return found;
}

bool sl_http_header(const struct sl_http_response *r, const char *name,
		    char *dst, size_t size)
{
	size_t len = 0;
	const char *v = find(r, name, &len);

	if (!v) {
		*dst = '\0';
		return false;
	}
	sl_text_clean(dst, size, v, len);
	return true;
}

static bool number(const char *s, int64_t max, int64_t *ret)
{
	char *end;
	long long v;

	if (*s < '0' || *s > '9')
		return false;
	errno = 0;
	v = strtoll(s, &end, 10);
	if (*end)
		return false;
	*ret = errno || v > max ? max : v;
	return true;
}

int64_t sl_http_retry_after(const struct sl_http_response *r, int64_t wall_ms)
{
	char v[64];
	int64_t n, now = r->date_ms ? r->date_ms : wall_ms;

	if (sl_http_header(r, "x-amz-retry-after", v, sizeof(v)) &&
	    number(v, 86400000, &n))
		return n;
	if (!sl_http_header(r, "retry-after", v, sizeof(v)))
		return 0;
	if (number(v, 86400, &n))
		return n * 1000;
	if (sl_time_parse_http(v, &n) == 0 && n > now)
		return n - now;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory and strings. The encodings are in encode.c, time in simtime.c.
 */
#include "util.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sim_autofree(void *pp)
{
	free(*(void **)pp);
}

void sim_autoclose(int *fd)
{
	if (*fd >= 0 && close(*fd) < 0)
		perror("astra-sim: close");
}

static void *checked(void *p)
{
	if (!p) {
		fputs("astra-sim: out of memory\n", stderr);
		abort();
	}
	return p;
}

void *sim_alloc(size_t n)
{
	return checked(calloc(1, n ? n : 1));
}

void *sim_grow(void *p, size_t n)
{
	return checked(realloc(p, n ? n : 1));
}

char *sim_strdup(const char *s)
{
	return checked(strdup(s));
}

char *sim_strndup(const char *s, size_t n)
{
	return checked(strndup(s, n));
}

char *sim_format(const char *fmt, ...)
{
	va_list ap;
	char *s = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : s);
}

void sim_buf_add(struct sim_buf *b, const void *data, size_t n)
{
	if (b->n + n + 1 > b->cap) {
		b->cap = (b->n + n + 1) * 2;
		b->p = sim_grow(b->p, b->cap);
	}
	if (n)
		memcpy(b->p + b->n, data, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void sim_buf_str(struct sim_buf *b, const char *s)
{
	sim_buf_add(b, s, strlen(s));
}

void sim_buf_printf(struct sim_buf *b, const char *fmt, ...)
{
	char *s = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	s = checked(n < 0 ? NULL : s);
	sim_buf_add(b, s, (size_t)n);
	free(s);
}

void sim_buf_free(struct sim_buf *b)
{
	free(b->p);
	memset(b, 0, sizeof(*b));
}

bool sim_starts(const char *s, const char *prefix)
{
	return !strncmp(s, prefix, strlen(prefix));
}

bool sim_number(const char *s, int64_t min, int64_t max, int64_t *ret)
{
	char *end = NULL;
	intmax_t v;

	if (!*s || strspn(s, "-0123456789") != strlen(s))
		return false;
	errno = 0;
	v = strtoimax(s, &end, 10);
	if (errno || *end || v < min || v > max)
		return false;
	*ret = v;
	return true;
}

int sim_write_all(int fd, const void *data, size_t n)
{
	const char *p = data;

	while (n) {
		ssize_t w = write(fd, p, n);

		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		p += w;
		n -= (size_t)w;
	}
	return 0;
}

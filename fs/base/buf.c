/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounded byte strings. A block that is outgrown is wiped before it is freed:
 * tokens and credential answers are collected in such buffers, and the cost
 * is that of one memset per doubling.
 */
#include "buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#define FIRST_CAP 64

void sl_buf_init(struct sl_buf *b, size_t max)
{
	*b = (struct sl_buf)SL_BUF_INIT(max);
}

void sl_buf_release(struct sl_buf *b)
{
	int saved = errno;

	free(b->data);
	sl_buf_init(b, b->max);
	errno = saved;
}

void sl_buf_wipe(struct sl_buf *b)
{
	if (b->data)
		explicit_bzero(b->data, b->cap);
	sl_buf_release(b);
}

void sl_buf_clear(struct sl_buf *b)
{
	b->len = 0;
	b->err = 0;
	if (b->data)
		b->data[0] = '\0';
}

/* Makes room for 'need' bytes and the NUL. */
static int reserve(struct sl_buf *b, size_t need)
{
	size_t cap = b->cap ? b->cap : FIRST_CAP;
	char *p;

	if (need < b->cap)
		return 0;
	while (cap <= need)
		if (__builtin_mul_overflow(cap, 2, &cap))
			return -ENOMEM;
	p = malloc(cap);
	if (!p)
		return -ENOMEM;
	if (b->data) {
		memcpy(p, b->data, b->len + 1);
		explicit_bzero(b->data, b->cap);
		free(b->data);
	}
	b->data = p;
	b->cap = cap;
	b->data[b->len] = '\0';
	return 0;
}

int sl_buf_append(struct sl_buf *b, const void *p, size_t n)
{
	if (b->err || !n)
		return b->err;
	if (n > b->max || b->len > b->max - n)
		b->err = -E2BIG;
	else
		b->err = reserve(b, b->len + n);
	if (b->err)
		return b->err;
	memcpy(b->data + b->len, p, n);
	b->len += n;
	b->data[b->len] = '\0';
	return 0;
}

int sl_buf_puts(struct sl_buf *b, const char *s)
{
	return sl_buf_append(b, s, strlen(s));
}

int sl_buf_printf(struct sl_buf *b, const char *fmt, ...)
{
	SL_CLEANUP(secret) char *s = NULL;
	va_list ap;
	int n;

	if (b->err)
		return b->err;
	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0) {
		s = NULL;
		b->err = -ENOMEM;
		return b->err;
	}
	return sl_buf_append(b, s, (size_t)n);
}

const char *sl_buf_str(const struct sl_buf *b)
{
	return b->data ? b->data : "";
}

char *sl_buf_steal(struct sl_buf *b)
{
	char *s = NULL;

	if (!b->err)
		s = b->data ? sl_steal(&b->data) : strdup("");
	sl_buf_release(b);
	return s;
}

void sl_secret_free(char *s)
{
	int saved = errno;

	if (s)
		explicit_bzero(s, strlen(s));
	free(s);
	errno = saved;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A growable byte string with a maximum, so that no peer decides how much
 * memory we use. A failure sticks: after one, appends do nothing, and
 * sl_buf_error() tells; so a sequence of appends is checked once at its end.
 * Invariant: data is NULL or ends in a NUL byte that len does not count.
 * Not thread safe.
 */
#ifndef SL_BUF_H
#define SL_BUF_H

#include <stddef.h>

#include "cleanup.h"

struct sl_buf {
	char *data; /* owned; NULL while empty */
	size_t len;
	size_t cap;
	size_t max; /* greatest len */
	int err;    /* 0, -ENOMEM or -E2BIG (max would be passed) */
};

#define SL_BUF_INIT(limit) { .max = (limit) }

void sl_buf_init(struct sl_buf *b, size_t max);
/* Frees; the buffer may be used again with the same max. */
void sl_buf_release(struct sl_buf *b);
/* Overwrites the bytes with zeros before freeing: for secrets. */
void sl_buf_wipe(struct sl_buf *b);
/* Empties and clears the error, keeps the memory. */
void sl_buf_clear(struct sl_buf *b);
/* Each append returns b->err. */
int sl_buf_append(struct sl_buf *b, const void *p, size_t n);
int sl_buf_puts(struct sl_buf *b, const char *s);
int sl_buf_printf(struct sl_buf *b, const char *fmt, ...) SL_PRINTF(2, 3);
static inline int sl_buf_error(const struct sl_buf *b)
{
	return b->err;
}
/* The string, "" when empty; borrowed until the next change. */
const char *sl_buf_str(const struct sl_buf *b);
/* Takes the string out (malloc'd, NUL-ended); NULL after an error. */
char *sl_buf_steal(struct sl_buf *b);

static inline void sl_cleanup_buf(struct sl_buf *b)
{
	sl_buf_release(b);
}

/* A malloc'd string that is wiped when it goes. NULL is fine. */
void sl_secret_free(char *s);
static inline void sl_cleanup_secret(char **s)
{
	sl_secret_free(*s);
}

#endif

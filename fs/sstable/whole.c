/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See whole.h. Memory doubles, so feeding single bytes costs as much as one
 * piece; what does not fit is given back at once, for a component that is too
 * large is never read.
 */
#include "sstable/whole.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "sstable/stream.h"

#define FIRST ((size_t)4096)

static void drop(struct sl_whole *w)
{
	free(w->data);
	w->data = NULL;
	w->len = w->cap = 0;
}

/* need <= max. */
static int reserve(struct sl_whole *w, size_t need, size_t max)
{
	size_t cap = w->cap ? w->cap : FIRST;
	unsigned char *p;

	if (need <= w->cap)
		return 0;
	while (cap < need)
		cap = cap > max / 2 ? max : cap * 2;
	p = realloc(w->data, cap);
	if (!p)
		return -ENOMEM;
	w->data = p;
	w->cap = cap;
	return 0;
}

void sl_whole_feed(struct sl_whole *w, const unsigned char *p, size_t n)
{
	size_t max = w->max ? w->max : SL_STREAM_TEXT;

	if (w->err || w->overflow || !n)
		return;
	if (n > max - w->len) {
		w->overflow = true;
		drop(w);
		return;
	}
	w->err = reserve(w, w->len + n, max);
	if (w->err) {
		drop(w);
		return;
	}
	memcpy(w->data + w->len, p, n);
	w->len += n;
}

void sl_whole_release(struct sl_whole *w)
{
	drop(w);
	w->overflow = false;
	w->err = 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * For parsers of components that are small and are best read as a whole:
 * keeps the bytes that go by, up to a limit. All zero is a valid beginning,
 * so that a parser may have one in its state without a begin function.
 */
#ifndef SL_WHOLE_H
#define SL_WHOLE_H

#include <stdbool.h>
#include <stddef.h>

struct sl_whole {
	unsigned char *data; /* owned; NULL while empty */
	size_t len, cap;
	size_t max;	     /* 0: SL_STREAM_TEXT */
	bool overflow;	     /* there were more: nothing is kept */
	int err;	     /* 0 or -ENOMEM: nothing is kept */
};

void sl_whole_feed(struct sl_whole *w, const unsigned char *p, size_t n);
/* Frees; as at the beginning, with the same max. */
void sl_whole_release(struct sl_whole *w);

#endif

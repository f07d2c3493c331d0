/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making a struct sl_header, one allocation whatever it holds. A maker is run
 * twice over the same source: first it counts, then, with the memory there,
 * it copies. Bounded: a header with more than SL_HEADER_COLUMNS or
 * SL_HEADER_TEXT is refused before anything is allocated.
 */
#ifndef SL_HEADER_H
#define SL_HEADER_H

#include "sstable/facts.h"

#define SL_HEADER_COLUMNS 65535u	    /* clustering columns apart */
#define SL_HEADER_TEXT ((size_t)4 << 20)

struct sl_header_maker {
	struct sl_header *header; /* owned; NULL: counting */
	size_t clusterings, columns, text; /* so far */
	/* While copying: where the next goes. */
	const char **clustering;
	struct sl_column *column;
	char *next;
};

/* Bytes are copied; a NUL is added. */
void sl_header_key(struct sl_header_maker *m, const char *type, size_t n);
void sl_header_clustering(struct sl_header_maker *m, const char *type,
			  size_t n);
/* A name that is no printable UTF-8 becomes 0x and hex digits. */
void sl_header_name(struct sl_header_maker *m, const char *name, size_t n);
/* After the name of the column, which it completes. */
void sl_header_column(struct sl_header_maker *m, bool is_static,
		      const char *type, size_t n);
/*
 * Ends the counting: what follows must be the same calls again. -EMSGSIZE:
 * beyond the bounds; -ENOMEM.
 */
int sl_header_allocate(struct sl_header_maker *m) SL_MUST_CHECK;

#endif

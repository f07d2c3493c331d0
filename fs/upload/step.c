/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bytes of one step, without any lock: copied, summed, and shown to who
 * looks at them. Each piece is small enough to stay in the processor's cache
 * from the first of these to the last: memory is read once. What is summed is
 * what will be sent, where it lies then. Who looks sums it too, mostly, and
 * answers with the CRC32, which is joined to that of the bytes before.
 */
#include <string.h>

#include "crc.h"
#include "upload/internal.h"

#define IN_CACHE ((size_t)64 << 10)

/* Copies and sums bytes; what is there already is only summed. */
static void do_bytes(struct sl_step *st, struct sl_source *src,
		     struct sl_tap *tap, unsigned char *dst, size_t n)
{
	if (!src->data)
		memset(dst, 0, n);
	else if (dst != src->data)
		memcpy(dst, src->data, n);
	if (tap)
		st->crc = sl_crc32_combine(st->crc, tap->bytes(tap, dst, n),
					   n);
	else
		st->crc = sl_crc32(st->crc, dst, n);
	st->sum = sl_sum(st->kind, st->sum, dst, n);
	if (src->data)
		src->data += n;
}

void sl_step_run(struct sl_step *st, struct sl_source *src,
		 struct sl_tap *tap)
{
	struct sl_piece *p = st->first;
	uint64_t n = st->n;

	for (; n; p = p->next) {
		size_t k = p->cap - p->len < n ? p->cap - p->len : (size_t)n;

		for (size_t at = 0; at < k; at += IN_CACHE)
			do_bytes(st, src, tap, p->data + p->len + at,
				 k - at < IN_CACHE ? k - at : IN_CACHE);
		n -= k;
	}
	src->left -= st->n;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds for every parser of a component, whatever the bytes: one piece
 * or many give the same facts, facts may be asked for on the way without any
 * change, a restart forgets all, and the facts survive being packed.
 */
#ifndef SL_FUZZ_PARSER_H
#define SL_FUZZ_PARSER_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"
#include "sstable/stream.h"

#define FUZZ_FACTS_MAX ((size_t)64 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void sl_fuzz_pack(struct sl_stream *s, struct sl_buf *out)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 }, again = { 0 };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(FUZZ_FACTS_MAX);

	if (sl_stream_facts(s, &f) || sl_facts_pack(&f, out) ||
	    f.found_count > SL_FACTS_FOUND)
		abort();
	if (sl_facts_unpack(out->data, out->len, &again) ||
	    sl_facts_pack(&again, &b) || b.len != out->len ||
	    memcmp(b.data, out->data, b.len))
		abort();
}

static inline void sl_fuzz_same(struct sl_stream *s, const struct sl_buf *want)
{
	SL_CLEANUP(buf) struct sl_buf got = SL_BUF_INIT(FUZZ_FACTS_MAX);

	sl_fuzz_pack(s, &got);
	if (got.len != want->len || memcmp(got.data, want->data, got.len))
		abort();
}

/* The first byte says how the rest is cut. */
static inline void sl_fuzz_pieces(struct sl_stream *s, unsigned how,
				  const uint8_t *data, size_t size)
{
	unsigned seed = how;

	while (size) {
		size_t step = 1 + (seed >> 4) % (1 + how % 61);
		uint8_t *copy;

		if (step > size)
			step = size;
		copy = malloc(step); /* ASan sees a read beyond the piece */
		if (!copy)
			abort();
		memcpy(copy, data, step);
		if (sl_stream_feed_summed(s, copy, step) !=
		    sl_crc32(0, copy, step))
			abort();
		free(copy);
		data += step;
		size -= step;
		seed = seed * 1664525u + 1013904223u;
		if ((seed & 0xff0) == 0) {
			SL_CLEANUP(facts) struct sl_facts f = { 0 };

			if (sl_stream_facts(s, &f))
				abort();
		}
	}
}

/* 'name' such as "nb-1-big-Index.db"; prior may be NULL. */
static inline int sl_fuzz_prior(const char *text, const struct sl_prior *prior,
				const uint8_t *data, size_t size)
{
	SL_CLEANUP(buf) struct sl_buf whole = SL_BUF_INIT(FUZZ_FACTS_MAX);
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	struct sl_name name;

	if (!size)
		return 0;
	sl_name_parse(text, strlen(text), &name);
	if (sl_stream_new(&name, prior, &s))
		abort();
	sl_stream_feed(s, data + 1, size - 1);
	sl_fuzz_pack(s, &whole);
	sl_fuzz_same(s, &whole);
	sl_stream_restart(s);
	sl_fuzz_pieces(s, data[0], data + 1, size - 1);
	sl_fuzz_same(s, &whole);
	return 0;
}

static inline int sl_fuzz_parser(const char *text, const uint8_t *data,
				 size_t size)
{
	return sl_fuzz_prior(text, NULL, data, size);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making files of Statistics.db out of a real one, for tests and the fuzz
 * target. The table of contents is read here once more, so that a mistake of
 * the parser is not a mistake of both.
 */
#ifndef SL_TEST_STATISTICS_RIG_H
#define SL_TEST_STATISTICS_RIG_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "crc.h"

static inline uint32_t rig_u32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	       (uint32_t)p[2] << 8 | p[3];
}

static inline void rig_put_u32(unsigned char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (unsigned char)(v >> (24 - 8 * i));
}

/* Makes all checksums right where the table of contents makes sense. */
static inline void rig_mend(unsigned char *p, size_t n)
{
	uint32_t crc;

	if (n < 44)
		return;
	crc = sl_crc32(0, p, 4);
	rig_put_u32(p + 4, crc);
	rig_put_u32(p + 40, sl_crc32(crc, p + 8, 32));
	for (unsigned i = 0; i < 4; i++) {
		size_t from = rig_u32(p + 12 + 8 * i);
		size_t to = i < 3 ? rig_u32(p + 20 + 8 * i) : n;

		if (to > n || from > to || to - from < 4)
			return;
		rig_put_u32(p + to - 4, sl_crc32(0, p + from, to - from - 4));
	}
}

struct text {
	unsigned char p[16384];
	size_t n;
};

static inline void add(struct text *t, const void *p, size_t n)
{
	if (n > sizeof(t->p) - t->n)
		abort();
	memcpy(t->p + t->n, p, n);
	t->n += n;
}

static inline void add_int(struct text *t, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i--;) {
		unsigned char c = (unsigned char)(v >> 8 * i);

		add(t, &c, 1);
	}
}

/* The four components of a file with checksums, without these. */
static inline void take_parts(const struct text *t, struct text parts[4])
{
	for (unsigned i = 0; i < 4; i++) {
		size_t from = rig_u32(t->p + 12 + 8 * i);
		size_t to = i < 3 ? rig_u32(t->p + 20 + 8 * i) : t->n;

		parts[i].n = 0;
		add(&parts[i], t->p + from, to - from - 4);
	}
}

/* And together again; ck: with checksums, as from na. */
static inline void make(const struct text parts[4], int ck, struct text *t)
{
	size_t at = ck ? 44 : 36;

	t->n = 0;
	add_int(t, 4, 4);
	if (ck)
		add_int(t, 0, 4);
	for (unsigned i = 0; i < 4; i++) {
		add_int(t, i, 4);
		add_int(t, at, 4);
		at += parts[i].n + (ck ? 4 : 0);
	}
	if (ck)
		add_int(t, 0, 4);
	for (unsigned i = 0; i < 4; i++) {
		add(t, parts[i].p, parts[i].n);
		if (ck)
			add_int(t, 0, 4);
	}
	if (ck)
		rig_mend(t->p, t->n);
}

/* xorshift, so that the places are the same in every run. */
static inline uint32_t next(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* See pages.h. The first plain page ends all work. */
#include "sstable/pages.h"

#include "crc.h"

#define SUMMED (SL_PAGE - 4)

static void take(struct sl_pages *g, struct sl_cursor *c)
{
	size_t step = sl_cursor_left(c);

	if (g->at < SUMMED) {
		if (step > SUMMED - g->at)
			step = SUMMED - g->at;
		g->crc = sl_crc32(g->crc, c->p, step);
		c->p += step;
		g->at += (unsigned)step;
		return;
	}
	if (!sl_gather(&g->trailer, c, 4)) {
		g->at = SUMMED + g->trailer.have;
		return;
	}
	g->plain = sl_be(g->trailer.b, 4) != g->crc;
	g->crc = 0;
	g->at = 0;
	g->whole++;
}

void sl_pages_feed(struct sl_pages *g, const unsigned char *p, size_t n)
{
	struct sl_cursor c = { p, p + n };

	while (c.p < c.end && !g->plain)
		take(g, &c);
}

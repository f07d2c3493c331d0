/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows.db: the row tries of wide partitions, 0 bytes if there are none. It has
 * neither checksum nor footer, and only Partitions.db knows where its tries
 * begin; all that can be seen as it passes is that it is encrypted.
 */
#include "sstable/pages.h"
#include "sstable/stream.h"

struct rows {
	bool pages_possible;
	struct sl_pages pages;
};

static int rows_begin(void *state, const struct sl_name *name,
		      const struct sl_prior *prior)
{
	struct rows *r = state;

	(void)prior; /* nothing of it concerns these */
	r->pages_possible = sl_pages_possible(name);
	return 0;
}

static void rows_feed(void *state, const unsigned char *p, size_t n)
{
	struct rows *r = state;

	if (r->pages_possible)
		sl_pages_feed(&r->pages, p, n);
}

static int rows_facts(const void *state, struct sl_facts *ret)
{
	const struct rows *r = state;

	if (sl_pages_encrypted(&r->pages))
		sl_facts_found(ret, SL_RULE_ENCRYPTED, "%llu encrypted pages",
			       (unsigned long long)r->pages.whole);
	return 0;
}

const struct sl_parser sl_rows_parser = {
	.state = sizeof(struct rows),
	.begin = rows_begin,
	.feed = rows_feed,
	.facts = rows_facts,
};

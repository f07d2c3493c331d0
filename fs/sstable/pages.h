/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Does a trie index (Partitions.db, Rows.db) of DSE 6.8 or HCD look encrypted?
 * Then it is pages of 4096 bytes, each of which ends in the CRC32 of its other
 * 4092 (EncryptedSequentialWriter.java); no plain file is by chance.
 */
#ifndef SL_PAGES_H
#define SL_PAGES_H

#include "sstable/gather.h"
#include "sstable/name.h"

#define SL_PAGE 4096u

/* All zero: nothing has come. */
struct sl_pages {
	bool plain; /* a page was no such page */
	uint32_t crc;
	unsigned at; /* in the page */
	struct sl_gather trailer;
	uint64_t whole; /* pages */
};

/* Only these versions have such pages. */
static inline bool sl_pages_possible(const struct sl_name *name)
{
	return sl_version_from(name, NULL, "ba") &&
	       !sl_version_from(name, NULL, "da");
}
void sl_pages_feed(struct sl_pages *g, const unsigned char *p, size_t n);
static inline bool sl_pages_encrypted(const struct sl_pages *g)
{
	return !g->plain && g->whole && !g->at;
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie in Partitions.db, node after node as they lie in the file. Children
 * come before their parents, the root last; a node's length shows in its first
 * bytes (TrieNode.java); what a key leads to follows the node. So without
 * following a pointer it can be seen whether the nodes fill the file, how
 * many keys they hold, where these lead, and which is the root: there is no
 * checksum. No key is the beginning of another, so within a page, where all
 * children come in their order, keys do too.
 */
#ifndef SL_TRIE_WALK_H
#define SL_TRIE_WALK_H

#include "sstable/gather.h"
#include "sstable/sizes.h"

/* All zero but 'bounds': at the begin. May be copied. */
struct sl_trie_walk {
	const struct sl_size_bounds *bounds; /* borrowed */
	struct sl_gather head, value;
	uint64_t at, skip;    /* bytes: gone by; of the node still to come */
	unsigned payload;     /* bytes after those */
	bool hashed;	      /* the first of them is of the key's hash */
	uint64_t node, count; /* where the last begins; keys */
	/*
	 * Keys lead into Data.db, or, if their partition is wide, into
	 * Rows.db: how many of the first kind, the last position, the sums
	 * of sizes.h over distances; for the second the largest position + 1.
	 */
	uint64_t direct, position, sizes, sizes_less, rows_end;
	bool disordered; /* positions in Data.db do not ascend */
};

void sl_trie_walk_feed(struct sl_trie_walk *w, const unsigned char *p,
		       size_t n);
/* Not within a node. */
static inline bool sl_trie_walk_between(const struct sl_trie_walk *w)
{
	return !w->skip && !w->payload && !w->head.have;
}

#endif

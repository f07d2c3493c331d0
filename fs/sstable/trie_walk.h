/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trie in Partitions.db, node after node as they lie in the file. Children
 * come before their parents, the root last; a node's length shows in its first
 * bytes (TrieNode.java); what a key leads to follows the node. So without
 * following a pointer it can be seen whether the nodes fill the file, how
 * many keys they hold, and which is the root: there is no checksum.
 */
#ifndef SL_TRIE_WALK_H
#define SL_TRIE_WALK_H

#include "sstable/gather.h"

/* All zero: at the begin. May be copied. */
struct sl_trie_walk {
	struct sl_gather head;
	uint64_t at, skip;    /* bytes: gone by; of the node still to come */
	uint64_t node, count; /* where the last begins; keys */
};

void sl_trie_walk_feed(struct sl_trie_walk *w, const unsigned char *p,
		       size_t n);
/* Not within a node. */
static inline bool sl_trie_walk_between(const struct sl_trie_walk *w)
{
	return !w->skip && !w->head.have;
}

#endif

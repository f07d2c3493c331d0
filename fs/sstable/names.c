/* SPDX-License-Identifier: Apache-2.0 */
/*
 * References to a list of names, which the facts of a manifest and the judge
 * of its table share. The list itself never changes.
 */
#include <stdlib.h>

#include "sstable/facts.h"

struct sl_names *sl_names_ref(struct sl_names *n)
{
	if (n)
		__atomic_add_fetch(&n->refs, 1, __ATOMIC_RELAXED);
	return n;
}

void sl_names_unref(struct sl_names *n)
{
	if (n && !__atomic_sub_fetch(&n->refs, 1, __ATOMIC_ACQ_REL))
		free(n);
}

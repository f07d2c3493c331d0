/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals at the gate: of each node that was named with one, the seal of what
 * is listed is made as it is listed, and compared at the end. See seal.h.
 */
#include <inttypes.h>
#include <string.h>

#include "migration/gate_internal.h"

static const char *expected(const struct sl_gate *g, const char *node)
{
	for (int i = 0; g->seals && i < g->expect_count; i++)
		if (g->seals[i] && !strcmp(g->expect[i], node))
			return g->seals[i];
	return NULL;
}

int sl_gate_seal_begin(struct sl_gate *g, struct sl_gate_tree *n)
{
	return expected(g, n->name) ? sl_seal_new(&n->seal) : 0;
}

void sl_gate_seal_listed(struct sl_gate_tree *n, const char *key,
			 const struct sl_object *obj)
{
	if (n->seal && !n->seal_err)
		n->seal_err = sl_seal_add(n->seal, key + strlen(n->name) + 1,
					  obj->size, obj->etag);
}

static int differs(struct sl_gate *g, const char *node,
		   const struct sl_seal_parts *there,
		   const struct sl_seal_parts *sealed)
{
	static const char cure[] = "run the copy on that node again and seal "
				   "it anew";

	if (there->files == sealed->files && there->bytes == sealed->bytes)
		return sl_gate_say(g, SL_GATE_SEAL, node, "'%s' is not what "
				   "its seal says: as many files (%" PRIu64
				   ") and bytes (%" PRIu64 "), but names, "
				   "sizes or ETags differ; %s", node,
				   there->files, there->bytes, cure);
	return sl_gate_say(g, SL_GATE_SEAL, node, "'%s' is not what its seal "
			   "says: %" PRIu64 " files of %" PRIu64 " bytes are "
			   "there, %" PRIu64 " files of %" PRIu64 " bytes "
			   "were sealed; %s", node, there->files,
			   there->bytes, sealed->files, sealed->bytes, cure);
}

static int compare(struct sl_gate *g, struct sl_gate_tree *n,
		   const char *want)
{
	struct sl_seal_parts there = { 0 }, sealed = { 0 };
	char have[SL_SEAL_SIZE];
	int r = n->seal_err;

	if (!r)
		r = sl_seal_end(n->seal, have);
	if (!r && !strcmp(have, want))
		return 0;
	if (r || sl_seal_parse(have, &there) || sl_seal_parse(want, &sealed))
		return sl_gate_add(g, SL_GATE_SEAL, n->name, NULL);
	return differs(g, n->name, &there, &sealed);
}

/* A node of which nothing is listed is missing, which is said elsewhere. */
int sl_gate_seals_finish(struct sl_gate *g)
{
	int r = 0;

	for (int i = 0; !r && g->seals && i < g->expect_count; i++) {
		struct sl_gate_tree *n = g->seals[i] ?
			sl_gate_tree_find(g, g->expect[i]) : NULL;

		if (n && n->seal && n->files)
			r = compare(g, n, g->seals[i]);
	}
	return r;
}

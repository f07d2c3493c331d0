/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A copy tool that dies between close and rename leaves a temporary name
 * behind, closed and complete but not committed: it counts as open, because
 * its path has not arrived. Once the path is committed by another run, such
 * leftovers mean nothing any more and go, with their parts.
 */
#include <string.h>

#include "mount/version.h"

/* More temporaries of one path than this go at the next commit. */
#define AT_ONCE 16

/* FNV-1a: names of one directory differ in a few letters. */
static struct sl_file **slot_locked(struct sl_tree *t, const char *key)
{
	uint64_t h = 0xcbf29ce484222325ull;

	for (; *key; key++)
		h = (h ^ (unsigned char)*key) * 0x100000001b3ull;
	return &t->versions[(h >> 32) % SL_TREE_VERSIONS];
}

void sl_version_index_locked(struct sl_file *f)
{
	struct sl_file **at = slot_locked(f->m->tree, f->key);

	f->key_next = *at;
	*at = f;
}

void sl_version_unindex_locked(struct sl_file *f)
{
	struct sl_file **at = slot_locked(f->m->tree, f->key);

	while (*at && *at != f)
		at = &(*at)->key_next;
	if (*at)
		*at = f->key_next;
}

/* References to the temporaries of this path; returns how many. */
static size_t collect(struct sl_file *f, struct sl_file **ret)
{
	struct sl_tree *t = f->m->tree;
	size_t count = 0;

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_file *o = *slot_locked(t, f->key); o && count < AT_ONCE;
	     o = o->key_next) {
		if (o != f && o->node->temp && !strcmp(o->key, f->key))
			ret[count++] = sl_file_ref(o);
	}
	return count;
}

static void drop_closed(struct sl_file *o)
{
	struct sl_tree *t = o->m->tree;

	SL_LOCK_SCOPE(&o->mu);
	if (o->writers || o->err || o->commit.state != SL_ST_SETTLED)
		return; /* somebody is still at work on it */
	o->err = -ESTALE;
	if (o->up)
		sl_upload_abandon(o->up, false);
	sl_mutex_lock(&t->mu);
	sl_tree_unlink_locked(t, o->node);
	sl_mutex_unlock(&t->mu);
}

void sl_version_supersede(struct sl_file *f)
{
	struct sl_file *other[AT_ONCE];
	size_t count = collect(f, other);

	for (size_t i = 0; i < count; i++) {
		drop_closed(other[i]);
		sl_version_detach(other[i]);
		sl_file_unref(other[i]);
	}
}

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

static bool is_leftover(const struct sl_node *n, const struct sl_file *f)
{
	const struct sl_file *o = n->kind == SL_NODE_FILE ? n->u.f.open : NULL;

	return o && n->temp && o != f && !strcmp(o->key, f->key);
}

/* 'n' of the path's directory, or in a directory there, as --partial-dir has */
static const struct sl_node *look_at(struct sl_tree *t, struct sl_node *n,
				     const struct sl_file *f)
{
	sl_mutex_assume_held(&t->mu);
	if (n->kind == SL_NODE_DIR)
		n = sl_tree_find_locked(t, n, sl_last_segment(f->key));
	return n && is_leftover(n, f) ? n : NULL;
}

/* References to the other versions of this path; returns how many. */
static size_t collect(struct sl_file *f, struct sl_file **ret)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;
	size_t count = 0;

	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_walk_locked(t, f->key);
	n = n ? n->parent->child : NULL;
	for (; n && count < AT_ONCE; n = n->next) {
		const struct sl_node *o = look_at(t, n, f);

		if (o)
			ret[count++] = sl_file_ref(o->u.f.open);
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

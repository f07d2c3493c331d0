/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A link under a name that is to be renamed: cp --force, ln -f and a second
 * rsync -H make one when the name that they mean is taken, and rename it over
 * the old one. Only the rename says what is meant, so such a name is an
 * alias, without bytes of its own, until then. Where the object of the final
 * name has the bytes already (size and checksum say so), the alias takes its
 * place and nothing is sent: a copy with hard links run again makes no
 * request. Else the bytes are copied, and the rename waits for them.
 *
 * A source that was skipped has no bytes here. Its alias is granted where
 * the object has its size and time, by which rsync itself would have left it
 * alone; else the rename fails.
 */
#include "mount/link.h"

#include <string.h>

#include "log.h"

/* Has the object of that name the bytes of the source? */
static bool is_same(const struct sl_link *l, const struct sl_node *n)
{
	char room[SL_ETAG_ROOM];

	if (n->kind != SL_NODE_FILE || !n->in_bucket || n->u.f.open ||
	    n->u.f.state != SL_FILE_COMMITTED || n->size != l->from.size)
		return false;
	if (l->skipped)
		return n->mtime_ns == l->mtime_ns;
	if (n->has_crc32 && l->from.has_crc32)
		return n->u.f.crc32 == l->from.crc32;
	return l->etag[0] && !strcmp(sl_node_etag(n, room), l->etag);
}

/* What the bucket has under the name is from now on what 'n' stands for. */
static void inherit_locked(struct sl_tree *t, struct sl_node *n,
			   struct sl_node *old)
{
	char room[SL_ETAG_ROOM];

	sl_mutex_assume_held(&t->mu);
	n->alias = n->temp = false;
	free(n->u.f.note);
	n->u.f.note = NULL;
	if (!old || old->kind != SL_NODE_FILE)
		return;
	n->in_bucket = old->in_bucket;
	n->has_crc32 = old->has_crc32;
	n->u.f.crc32 = old->u.f.crc32;
	if (sl_node_set_etag(n, sl_node_etag(old, room)))
		sl_log_debug("no memory for an etag");
	n->mtime_ns = old->mtime_ns;
	sl_tree_set_size_locked(t, n, old->size);
	sl_tree_set_state_locked(t, n, old->u.f.state);
	sl_tree_set_verdict_locked(t, n, old->verdict);
}

static int take(struct sl_link *l, struct sl_node *from)
{
	if (from->kind == SL_NODE_FILE && from->u.f.state == SL_FILE_SKIPPED)
		return sl_link_take_skipped_locked(l, from);
	return sl_link_take_locked(l, from);
}

static int place_locked(struct sl_park *p, const struct sl_path *to,
			bool *ret_same, bool *ret_fresh)
{
	struct sl_tree *t = p->m->tree;
	struct sl_node *n = p->node, *from, *old;
	struct sl_link *l = p->link;
	int r;

	sl_mutex_assume_held(&t->mu);
	from = n->u.f.note ? sl_tree_walk_locked(t, n->u.f.note) : NULL;
	r = from ? take(l, from) : -ENOENT;
	if (r)
		return r;
	old = sl_tree_find_locked(t, p->node2, p->name);
	*ret_same = old && is_same(l, old);
	if (l->skipped && !*ret_same)
		return -EPERM;
	*ret_fresh = !old || !old->in_bucket;
	if (old)
		sl_tree_pin_locked(old);
	r = sl_tree_move_locked(t, n, p->node2, p->name);
	if (!r) {
		n->u.f.cls = to->cls;
		n->u.f.why = to->why;
		inherit_locked(t, n, old);
		sl_tree_touch_locked(p->node2);
	}
	if (!r && *ret_same)
		sl_link_dress_locked(l, n);
	if (old)
		sl_tree_unpin_locked(t, old);
	return r;
}

int sl_link_place(struct sl_park *p, const struct sl_path *to)
{
	struct sl_tree *t = p->m->tree;
	struct sl_link *l = p->link;
	bool same = false, fresh = false;
	int r;

	l->m = p->m;
	l->user = &p->w;
	sl_mutex_lock(&t->mu);
	r = place_locked(p, to, &same, &fresh);
	if (!r) {
		sl_tree_pin_locked(p->node);
		l->target = p->node;
	}
	sl_mutex_unlock(&t->mu);
	if (r == -EPERM)
		sl_mount_event(p->m, EPERM, p->name, SL_LINK_NO_BYTES, NULL);
	if (r || same) {
		if (same)
			sl_row_save(p->m, p->node);
		return r;
	}
	return sl_link_copy(l, fresh);
}

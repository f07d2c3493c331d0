/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See readback.h: whose files are read back, and what becomes of ours that
 * no ledger knew.
 */
#include "mount/readback_internal.h"

#include <string.h>

#include "log.h"
#include "mount/file.h"
#include "mount/tree.h"

static void find_reject(void *arg, const struct sl_finding *f)
{
	if (f->verdict == SL_REJECT &&
	    sl_rule_info(f->rule)->when != SL_WHEN_GATE)
		*(bool *)arg = true;
}

static struct sl_node *adopt_locked(struct sl_mount *m,
				    const struct sl_rb_target *t)
{
	struct sl_tree *tree = m->tree;
	struct sl_node *n;
	bool had;

	sl_mutex_assume_held(&tree->mu);
	n = sl_tree_walk_locked(tree, t->path);
	had = n != NULL;
	if (!n)
		n = sl_tree_make_locked(m, t->path, SL_NODE_FILE);
	/* What this mount knows better is left as it is. */
	if (!n || n->kind != SL_NODE_FILE || n->u.f.open ||
	    (had && n->u.f.state != SL_FILE_COMMITTED))
		return NULL;
	n->in_bucket = true;
	n->hidden = false;
	n->has_crc32 = t->has_crc32;
	n->u.f.crc32 = t->crc32;
	if (!had)
		n->mtime_ns = n->ctime_ns = t->mtime_ms * 1000000;
	sl_tree_set_size_locked(tree, n, t->size);
	sl_tree_set_state_locked(tree, n, SL_FILE_COMMITTED);
	if (sl_node_set_etag(n, sl_rb_etag(t)))
		return NULL;
	sl_tree_pin_locked(n);
	return n;
}

static void save_facts(struct sl_readback *rb, const char *path)
{
	SL_CLEANUP(buf) struct sl_buf packed = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_ledger *l = sl_store_ledger(rb->store, path, NULL);

	if (!l || sl_verdicts_facts(rb->store->verdicts, path, &f) ||
	    sl_facts_pack(&f, &packed))
		return;
	if (sl_ledger_facts_put(l, path, packed.data, packed.len))
		sl_log_debug("'%s': the ledger has no facts", path);
}

static void adopt(struct sl_readback *rb, const struct sl_rb_target *t)
{
	struct sl_tree *tree = rb->m->tree;
	struct sl_node *n;
	bool bad = false;

	if (t->known && (sl_verdicts_of(rb->store->verdicts, t->path,
					find_reject, &bad) || bad))
		return;
	sl_mutex_lock(&tree->mu);
	n = adopt_locked(rb->m, t);
	sl_mutex_unlock(&tree->mu);
	if (!n)
		return;
	sl_row_save(rb->m, n);
	if (t->known)
		save_facts(rb, t->path);
	rb->adopted++;
	SL_LOCK_SCOPE(&tree->mu);
	sl_tree_unpin_locked(tree, n);
}

/* The next time, what is kept of other nodes is dropped first. */
static void remember(struct sl_readback *rb, struct sl_rb_target *t)
{
	struct sl_controls *cs = rb->m->controls;
	char **more;

	SL_LOCK_SCOPE(&cs->mu);
	more = reallocarray(cs->verified, cs->verified_count + 1,
			    sizeof(*more));
	if (!more)
		return;
	cs->verified = more;
	more[cs->verified_count++] = sl_steal(&t->path);
}

void sl_rb_run_adopt(struct sl_control_work *w)
{
	struct sl_readback *rb = sl_container_of(w, struct sl_readback, work);
	bool own = sl_mount_owns(rb->m, rb->prefix);

	for (size_t i = 0; i < rb->targets && !rb->err; i++) {
		if (own)
			adopt(rb, &rb->target[i]);
		else if (rb->target[i].known)
			remember(rb, &rb->target[i]);
	}
	sl_rb_targets_clear(rb);
	rb->at++;
	sl_rb_run_next(w);
}

static int add_node(struct sl_readback *rb, const char *s, size_t n)
{
	char **more = reallocarray(rb->nodes, (size_t)rb->node_count + 1,
				   sizeof(*more));

	if (!more)
		return -ENOMEM;
	rb->nodes = more;
	more[rb->node_count] = strndup(s, n);
	return more[rb->node_count++] ? 0 : -ENOMEM;
}

static int own_nodes(struct sl_readback *rb)
{
	const struct sl_options *o = rb->m->opt;
	int r = 0;

	if (o->any_node)
		return sl_mount_own_nodes(rb->m, &rb->nodes, &rb->node_count);
	for (int i = 0; i < o->node_count && !r; i++)
		r = add_node(rb, o->nodes[i], strlen(o->nodes[i]));
	return r;
}

int sl_rb_cut_nodes(struct sl_readback *rb, const char *s, struct sl_error *e)
{
	int r = 0;

	for (s += strspn(s, " \t"); *s && !r; s += strspn(s, " \t")) {
		size_t n = strcspn(s, " \t");

		if (!sl_node_name_valid(s, n) ||
		    n + 2 > sizeof(rb->prefix))
			return sl_error_set(e, EINVAL, "'%.64s' is not a node "
					    "name", s);
		r = add_node(rb, s, n);
		s += n;
	}
	if (!r && !rb->node_count)
		r = own_nodes(rb);
	if (!r && !rb->node_count)
		return sl_error_set(e, EINVAL, "nothing was copied here: name "
				    "the nodes, 'verify NODE...'");
	return r ? sl_error_set(e, -r, "out of memory") : 0;
}

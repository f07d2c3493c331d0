/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tree, the ledger and .errors say when a version comes to its end.
 * Called with file.mu held (or by the last owner); takes tree.mu.
 */
#include <string.h>

#include "log.h"
#include "mount/verdict.h"
#include "mount/version.h"

static bool is_data_db(const char *key)
{
	static const char suffix[] = "-Data.db";
	size_t n = strlen(key);

	return n >= sizeof(suffix) - 1 &&
	       !strcmp(key + n - (sizeof(suffix) - 1), suffix);
}

/* Another Data.db that is in the bucket and not known to be wrong. */
static bool has_other_data(struct sl_file *f, uint32_t crc32)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;

	if (!is_data_db(f->key) ||
	    sl_policy_verdict(f->m->opt->policy, SL_RULE_OTHER_DATA) !=
	    SL_REJECT)
		return false;
	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_walk_locked(t, f->key);
	return n && n->kind == SL_NODE_FILE && n->in_bucket && n->has_crc32 &&
	       n->u.f.crc32 != crc32;
}

int sl_outcome_may_replace(struct sl_file *f, uint32_t crc32)
{
	struct sl_finding other = {
		.rule = SL_RULE_OTHER_DATA,
		.verdict = SL_REJECT,
		.path = f->key,
	};
	char text[SL_VERDICT_TEXT];

	if (!has_other_data(f, crc32))
		return 0;
	sl_verdict_say(&other, text, sizeof(text));
	return sl_version_fail_locked(f, EBADMSG, text);
}

/* Is the node where it will be committed, or does it bear another name? */
static bool at_key_locked(struct sl_file *f)
{
	char path[SL_PATH_MAX];

	sl_mutex_assume_held(&f->m->tree->mu);
	return !sl_tree_path_locked(f->m->tree, f->node, path) &&
	       !strcmp(path, f->key);
}

/* The directory of the key, made if needed; NULL: no memory. */
static struct sl_node *key_dir_locked(struct sl_file *f)
{
	char dir[SL_PATH_MAX];
	const char *name = sl_last_segment(f->key);

	if (name == f->key)
		return NULL;
	memcpy(dir, f->key, (size_t)(name - f->key));
	dir[name - f->key - 1] = '\0';
	return sl_tree_make_locked(f->m, dir, SL_NODE_DIR);
}

/* Brings the node (or a new one) to its final name. */
static struct sl_node *place_locked(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *dir;

	sl_mutex_assume_held(&t->mu);
	if (at_key_locked(f))
		return f->node;
	if (!f->node->linked)
		return sl_tree_make_locked(f->m, f->key, SL_NODE_FILE);
	dir = key_dir_locked(f);
	if (!dir || sl_tree_move_locked(t, f->node, dir,
					sl_last_segment(f->key)))
		return NULL;
	sl_tree_touch_locked(dir);
	return f->node;
}

static struct sl_node *show_locked(struct sl_file *f,
				   const struct sl_object *o)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n = place_locked(f);

	sl_mutex_assume_held(&t->mu);
	if (!n)
		return NULL;
	sl_tree_seen_locked(t, n);
	sl_tree_seen_locked(t, n->parent);
	n->from_ledger = false;
	sl_tree_set_verdict_locked(t, n, SL_ACCEPT);
	n->temp = false;
	n->in_bucket = true;
	n->hidden = false;
	n->has_crc32 = o->has_crc32;
	n->u.f.crc32 = o->crc32;
	sl_tree_set_size_locked(t, n, o->size);
	sl_tree_set_state_locked(t, n, SL_FILE_COMMITTED);
	n->u.f.old_size = o->size;
	n->u.f.old_mtime_ns = n->mtime_ns;
	if (sl_node_set_etag(n, o->etag) ||
	    sl_node_set_text(&n->u.f.note, NULL))
		return NULL;
	sl_tree_pin_locked(n);
	return n;
}

static void unpin(struct sl_mount *m, struct sl_node *n)
{
	SL_LOCK_SCOPE(&m->tree->mu);
	sl_tree_unpin_locked(m->tree, n);
}

void sl_outcome_committed(struct sl_file *f, const struct sl_object *o)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;

	sl_mutex_lock(&t->mu);
	n = show_locked(f, o);
	sl_mutex_unlock(&t->mu);
	if (!n) {
		sl_mount_event(f->m, ENOMEM, f->key, "the file is in the "
			       "bucket, but there is no memory to note it; "
			       "copy it again", NULL);
		return;
	}
	sl_row_save(f->m, n);
	unpin(f->m, n);
	sl_leftovers_abort(f->store, f->key);
}

void sl_outcome_pending(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;

	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_make_locked(f->m, f->key, SL_NODE_FILE);
	if (!n || n->u.f.open)
		return; /* a newer copy speaks for the path */
	n->hidden = !n->in_bucket;
	sl_tree_set_state_locked(t, n, SL_FILE_OPEN);
}

bool sl_outcome_arrived_locked(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;

	sl_mutex_assume_held(&t->mu);
	n = sl_tree_walk_locked(t, f->key);
	return n && n->kind == SL_NODE_FILE && n->in_bucket &&
	       n->u.f.state == SL_FILE_COMMITTED;
}

/*
 * What a dying tool left under a temporary name says nothing about a path
 * that another copy has brought meanwhile.
 */
static bool overtaken(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;

	SL_LOCK_SCOPE(&t->mu);
	if (f->replaces || at_key_locked(f) || !sl_outcome_arrived_locked(f))
		return false;
	if (f->node->temp)
		sl_tree_unlink_locked(t, f->node);
	return true;
}

/* The path as it was before: the old version, or nothing to be seen. */
static struct sl_node *mark_locked(struct sl_file *f, enum sl_file_state s,
				   const char *text)
{
	struct sl_tree *t = f->m->tree;
	bool self = at_key_locked(f);
	struct sl_node *n = self ? f->node :
		sl_tree_make_locked(f->m, f->key, SL_NODE_FILE);

	sl_mutex_assume_held(&t->mu);
	if (!n)
		return NULL;
	/* A temporary name whose tool is dead would be open for ever. */
	if (!self && f->node->temp)
		sl_tree_unlink_locked(t, f->node);
	sl_tree_seen_locked(t, n);
	if (self && n->in_bucket) {
		sl_tree_set_size_locked(t, n, n->u.f.old_size);
		n->mtime_ns = n->u.f.old_mtime_ns;
	}
	n->hidden = !n->in_bucket;
	sl_tree_set_state_locked(t, n, s);
	sl_tree_set_verdict_locked(t, n, sl_verdict_of_row(s, text));
	if (sl_node_set_text(&n->u.f.note, text))
		return NULL;
	sl_tree_pin_locked(n);
	return n;
}

void sl_outcome_lost(struct sl_file *f, enum sl_file_state state, int errnum,
		     const char *text, const struct sl_error *detail)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n;

	if (overtaken(f)) {
		sl_mount_event(f->m, errnum, f->key, text, detail);
		sl_leftovers_abort(f->store, f->key);
		return;
	}
	sl_mutex_lock(&t->mu);
	n = mark_locked(f, state, text);
	sl_mutex_unlock(&t->mu);
	sl_mount_event(f->m, errnum, f->key, text, detail);
	if (!n)
		return;
	sl_row_save(f->m, n);
	unpin(f->m, n);
}

void sl_outcome_skipped(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n = f->node;

	sl_mutex_lock(&t->mu);
	if (n->linked) {
		sl_tree_seen_locked(t, n);
		n->hidden = false;
		sl_tree_set_state_locked(t, n, SL_FILE_SKIPPED);
		if (sl_node_set_text(&n->u.f.note,
				     sl_rule_info(n->u.f.why)->sentence))
			sl_log_debug("no memory for a note");
	}
	sl_mutex_unlock(&t->mu);
	sl_row_save(f->m, n);
}

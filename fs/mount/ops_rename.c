/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RENAME. Copy tools write under a temporary name and rename: that is where
 * their files are committed, without copying anything. Everything else that
 * renaming could mean is a move within what is local, or refused so that the
 * tool copies by itself (EXDEV) or the user hears why (EPERM).
 *
 * The kernel holds the locks of both directories meanwhile, so a rename
 * gives up after a minute; the engine goes on and the outcome is adopted.
 */
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mount/link.h"

#define RENAME_MS 60000

struct move {
	struct sl_mount *m;
	struct sl_node *from_dir, *to_dir;
	const char *from, *to;
	char from_path[SL_PATH_MAX], to_path[SL_PATH_MAX];
	struct sl_path from_judged, to_judged;
	struct sl_node *node;	 /* pinned */
	struct sl_file *file;	 /* a reference or NULL */
	bool is_dir, target_dir;
	bool alias;		 /* linked, not renamed yet */
	bool temp;		 /* a copy tool's own name */
	bool timed;		 /* its time was set after the last write */
};

static void move_release(struct move *v)
{
	sl_file_unref(v->file);
	if (!v->node)
		return;
	SL_LOCK_SCOPE(&v->m->tree->mu);
	sl_tree_unpin_locked(v->m->tree, v->node);
}

static int look(struct move *v)
{
	struct sl_tree *t = v->m->tree;
	struct sl_node *n, *target;

	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_find_locked(t, v->from_dir, v->from);
	if (!n || n->hidden)
		return -ENOENT;
	target = sl_tree_find_locked(t, v->to_dir, v->to);
	v->target_dir = target && target->kind == SL_NODE_DIR;
	sl_tree_pin_locked(n);
	v->node = n;
	v->is_dir = n->kind == SL_NODE_DIR;
	v->alias = n->alias;
	v->temp = n->temp;
	v->timed = n->timed;
	if (!v->is_dir && n->u.f.open)
		v->file = sl_file_ref(n->u.f.open);
	return 0;
}

/* Directories move only while nothing is in them. */
static int move_dir(struct move *v)
{
	struct sl_tree *t = v->m->tree;
	int r;

	SL_LOCK_SCOPE(&t->mu);
	if (v->node->child || v->target_dir)
		return v->node->child ? -EXDEV : -EEXIST;
	r = sl_tree_move_locked(t, v->node, v->to_dir, v->to);
	if (!r)
		sl_tree_touch_locked(v->to_dir);
	return r;
}

/* parked: the new name is a copy tool's own, whatever it looks like. */
static int move_local(struct move *v, bool parked)
{
	struct sl_tree *t = v->m->tree;
	int r;

	sl_mutex_lock(&t->mu);
	r = sl_tree_move_locked(t, v->node, v->to_dir, v->to);
	if (!r) {
		sl_tree_touch_locked(v->from_dir);
		sl_tree_touch_locked(v->to_dir);
		v->node->u.f.cls = parked ? SL_PATH_UPLOAD : v->to_judged.cls;
		v->node->u.f.why = parked ? SL_RULE_NONE : v->to_judged.why;
		v->node->temp = parked;
	}
	sl_mutex_unlock(&t->mu);
	return r;
}

/* A file that is not uploaded: it may move among its like. */
static int move_skipped(struct move *v)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(v->m, NULL);
	int r;

	if (v->to_judged.cls != SL_PATH_SKIP) {
		sl_mount_event(v->m, EPERM, v->to_path, "what was taken as "
			       "skipped cannot become part of a snapshot; copy "
			       "it from its source to this name (rsync with "
			       "--partial-dir=.rsync-partial, if with one)",
			       NULL);
		return -EPERM;
	}
	r = move_local(v, v->to_judged.temporary);
	if (r)
		return r;
	if (s && !v->from_judged.temporary)
		sl_store_forget(s, v->from_path);
	sl_row_save(v->m, v->node);
	return 0;
}

static void rename_finish(struct sl_park *p, int err)
{
	int r = p->file ? sl_file_adopt(p->file) : 0;

	sl_reply_error(p->req, r ? r : err, NULL);
}

static void rename_interrupt(struct sl_park *p)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(p->m, NULL);

	if (s)
		sl_wait_interrupt(s->engine, &p->w);
}

static void commit_rename(fuse_req_t req, struct move *v)
{
	struct sl_park *p = sl_park_new(req, rename_finish);

	if (!p)
		return;
	p->file = sl_file_ref(v->file);
	p->interrupt = rename_interrupt;
	p->w.deadline_ms = sl_mono_ms(&sl_clock_system) + RENAME_MS;
	sl_park_result(p, sl_file_rename(v->file, v->to_path, false, &p->w));
}

/*
 * rsync --partial-dir=DIR moves what it could not end from .NAME.XXXXXX to
 * DIR/NAME, whatever DIR is called. Nobody else moves a temporary there: the
 * files of an index directory have their temporaries in it.
 */
static bool into_partial_dir(const struct move *v)
{
	const char *key = v->file->key, *name = sl_last_segment(key);
	size_t dir = (size_t)(name - key);
	const char *rest = v->to_path + dir;
	size_t partial;

	if (!v->temp || strncmp(v->to_path, key, dir))
		return false;
	partial = strcspn(rest, "/");
	return partial && rest[partial] && !strcmp(rest + partial + 1, name);
}

/*
 * What rsync moves to a partial directory because it could not end has had no
 * time set. It would read it again and write from its middle, which cannot
 * be: better that it sends the file anew. (--delay-updates moves whole files
 * there, with their times, or to its own directory.)
 */
static bool given_up(const struct move *v)
{
	static const char delayed[] = "/.~tmp~/";

	return v->temp && !v->timed && into_partial_dir(v) &&
	       !strstr(v->to_path, delayed);
}

static int give_up(struct move *v)
{
	sl_mutex_lock(&v->file->mu);
	sl_version_fail_locked(v->file, EINTR, "rsync was cut off and put "
			       "what it had into its partial directory; run "
			       "the same copy again");
	sl_mutex_unlock(&v->file->mu);
	sl_version_detach(v->file);
	return -EIO;
}

/* A version being written gets another name. True: replied already. */
static bool move_open(fuse_req_t req, struct move *v, int *r)
{
	bool parked = v->to_judged.temporary || into_partial_dir(v);

	if (!v->temp && !parked) {
		*r = -EXDEV;
		return false;
	}
	if (v->to_judged.cls != SL_PATH_UPLOAD && !parked) {
		*r = v->to_judged.cls == SL_PATH_REFUSE ? -EOPNOTSUPP : -EXDEV;
		return false;
	}
	if (!parked) {
		commit_rename(req, v);
		return true;
	}
	if (given_up(v)) {
		*r = give_up(v);
		return false;
	}
	*r = sl_file_rename(v->file, v->to_path, true, NULL);
	if (!*r)
		*r = move_local(v, true);
	return false;
}

/* The tool's own name of a link comes to the name that was meant. */
static bool move_alias(fuse_req_t req, struct move *v, int *r)
{
	struct sl_park *p;

	if (v->to_judged.cls != SL_PATH_UPLOAD || v->to_judged.temporary) {
		*r = -EXDEV;
		return false;
	}
	p = sl_park_new(req, rename_finish);
	if (!p)
		return true;
	sl_park_node(p, v->node);
	sl_park_node(p, v->to_dir);
	p->name = strdup(v->to);
	p->link = calloc(1, sizeof(*p->link));
	if (!p->name || !p->link) {
		sl_park_end(p, -ENOMEM);
		return true;
	}
	p->interrupt = sl_link_interrupt;
	p->w.deadline_ms = sl_mono_ms(&sl_clock_system) + RENAME_MS;
	sl_park_result(p, sl_link_place(p, &v->to_judged));
	return true;
}

/* A name that seems to be skipped, but has bytes that were kept. */
static bool in_partial_dir(const struct move *v)
{
	return v->file && v->temp && !v->file->skip;
}

static bool do_move(fuse_req_t req, struct move *v, int *r)
{
	if (v->is_dir)
		*r = move_dir(v);
	else if (v->target_dir)
		*r = -EISDIR;
	else if (v->alias)
		return move_alias(req, v, r);
	else if (v->from_judged.cls == SL_PATH_SKIP && !in_partial_dir(v))
		*r = move_skipped(v);
	else if (v->file)
		return move_open(req, v, r);
	else if (v->from_judged.temporary)
		*r = -EIO; /* its version failed: .errors says why */
	else
		*r = -EXDEV; /* in the bucket: mv copies by itself */
	return false;
}

void sl_op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		  fuse_ino_t newparent, const char *newname, unsigned flags)
{
	struct sl_mount *m = sl_req_mount(req);
	struct move v = { .m = m, .from = name, .to = newname };
	struct sl_error e = { 0 };
	int r = flags & ~1u ? -EINVAL : 0; /* 1: RENAME_NOREPLACE */

	v.from_dir = sl_tree_node(m->tree, parent);
	v.to_dir = sl_tree_node(m->tree, newparent);
	if (!r)
		r = sl_may_change(m, v.from_dir, name, v.from_path, &e);
	if (!r)
		r = sl_may_change(m, v.to_dir, newname, v.to_path, &e);
	if (!r)
		r = look(&v);
	if (!r) {
		sl_path_judge(&m->rules, v.from_path, v.is_dir,
			      &v.from_judged);
		sl_path_judge(&m->rules, v.to_path, v.is_dir, &v.to_judged);
		if (do_move(req, &v, &r)) {
			move_release(&v);
			return;
		}
	}
	sl_reply_error(req, r, &e);
	move_release(&v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* FUSE operations on names: lookup, mkdir, unlink and what is refused. */
#include <string.h>

#include "log.h"
#include "mount/ops.h"
#include "mount/verdict.h"

static void lookup_finish(struct sl_park *p, int err)
{
	struct sl_tree *t = p->m->tree;
	struct fuse_entry_param e;
	struct sl_node *n = NULL;

	if (!err) {
		SL_LOCK_SCOPE(&t->mu);
		n = sl_tree_find_locked(t, p->node, p->name);
		if (n && n->hidden)
			n = NULL;
		if (n)
			sl_entry_fill_locked(t, n, &e);
		else
			err = -ENOENT;
	}
	if (err)
		sl_reply_error(p->req, err, NULL);
	else if (fuse_reply_entry(p->req, &e))
		sl_log_debug("a lookup was interrupted");
}

static struct sl_park *park_name(fuse_req_t req, fuse_ino_t parent,
				 const char *name,
				 void (*finish)(struct sl_park *, int))
{
	struct sl_park *p = sl_park_new(req, finish);

	if (!p)
		return NULL;
	sl_park_node(p, sl_tree_node(p->m->tree, parent));
	p->name = strdup(name);
	if (!p->name) {
		sl_park_end(p, -ENOMEM);
		return NULL;
	}
	return p;
}

void sl_op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct sl_park *p;
	bool known;

	if (strlen(name) > 255) {
		sl_reply_error(req, -ENAMETOOLONG, NULL);
		return;
	}
	p = park_name(req, parent, name, lookup_finish);
	if (!p)
		return;
	/* Control files answer whatever the network does. */
	if (p->node == p->m->tree->root && sl_control_find(name)) {
		sl_park_end(p, 0);
		return;
	}
	sl_mutex_lock(&p->m->tree->mu);
	known = sl_tree_find_locked(p->m->tree, p->node, name);
	sl_mutex_unlock(&p->m->tree->mu);
	/* A name we lack may have come from another node meanwhile. */
	sl_park_list(p, p->node, !known);
}

void sl_op_forget(fuse_req_t req, fuse_ino_t ino, uint64_t count)
{
	struct sl_tree *t = sl_req_mount(req)->tree;

	sl_mutex_lock(&t->mu);
	sl_tree_forget_locked(t, sl_tree_node(t, ino), count);
	sl_mutex_unlock(&t->mu);
	fuse_reply_none(req);
}

void sl_op_forget_multi(fuse_req_t req, size_t n, struct fuse_forget_data *f)
{
	struct sl_tree *t = sl_req_mount(req)->tree;

	sl_mutex_lock(&t->mu);
	for (size_t i = 0; i < n; i++)
		sl_tree_forget_locked(t, sl_tree_node(t, f[i].ino),
				      f[i].nlookup);
	sl_mutex_unlock(&t->mu);
	fuse_reply_none(req);
}

static int make_dir_locked(struct sl_park *p, struct sl_node **ret)
{
	struct sl_tree *t = p->m->tree;
	const struct fuse_ctx *c = fuse_req_ctx(p->req);
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&t->mu);
	if (sl_tree_find_locked(t, p->node, p->name))
		return -EEXIST;
	r = sl_tree_add_locked(p->m, p->node, p->name, SL_NODE_DIR, &n);
	if (r)
		return r;
	n->mode = S_IFDIR | ((mode_t)p->number & 07777);
	n->uid = c->uid;
	n->gid = c->gid;
	/* The parent's listing has no such directory: nothing is in it. */
	if (n->u.d.listed == SL_LISTED_NO)
		n->u.d.listed = SL_LISTED_YES;
	sl_tree_touch_locked(p->node);
	sl_tree_pin_locked(n);
	*ret = n;
	return 0;
}

/* A name that can never be part of a migration is refused with the reason. */
static int judge(struct sl_mount *m, const char *path, bool is_dir,
		 struct sl_error *e)
{
	struct sl_path j;

	sl_path_judge(&m->rules, path, is_dir, &j);
	if (j.cls != SL_PATH_REFUSE && j.cls != SL_PATH_INVALID)
		return sl_verdicts_create(m, &j, path, is_dir, e);
	return sl_mount_refuse(m, path, j.why, e);
}

static void mkdir_finish(struct sl_park *p, int err)
{
	struct sl_tree *t = p->m->tree;
	struct fuse_entry_param e;
	struct sl_node *n = NULL;

	if (!err) {
		SL_LOCK_SCOPE(&t->mu);
		err = make_dir_locked(p, &n);
		if (!err)
			sl_entry_fill_locked(t, n, &e);
	}
	if (err) {
		sl_reply_error(p->req, err, NULL);
		return;
	}
	sl_row_save(p->m, n);
	if (fuse_reply_entry(p->req, &e))
		sl_log_debug("a mkdir was interrupted");
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_unpin_locked(t, n);
}

void sl_op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *dir = sl_tree_node(m->tree, parent);
	struct sl_error e = { 0 };
	char path[SL_PATH_MAX];
	struct sl_park *p;
	int r = sl_may_change(m, dir, name, path, &e);

	if (!r)
		r = judge(m, path, true, &e);
	if (r) {
		sl_reply_error(req, r, &e);
		return;
	}
	p = park_name(req, parent, name, mkdir_finish);
	if (!p)
		return;
	p->number = mode;
	sl_park_list(p, dir, false);
}

/* Refused or failed: not to be seen, so not to be removed by its name. */
static bool is_remnant(const struct sl_node *n)
{
	return n->kind == SL_NODE_FILE && n->hidden && !n->in_bucket &&
	       !n->u.f.open && n->u.f.state == SL_FILE_FAILED;
}

static struct sl_node *first_in_locked(struct sl_park *p)
{
	struct sl_node *dir;

	sl_mutex_assume_held(&p->m->tree->mu);
	dir = sl_tree_find_locked(p->m->tree, p->node, p->name);
	return dir && dir->kind == SL_NODE_DIR ? dir->child : NULL;
}

static bool has_only_remnants(struct sl_park *p)
{
	SL_LOCK_SCOPE(&p->m->tree->mu);
	for (struct sl_node *n = first_in_locked(p); n; n = n->next) {
		if (!is_remnant(n))
			return false;
	}
	return true;
}

/* One of the directory's, with its path; 0: none is left; -errno. */
static int take_remnant(struct sl_park *p, char *path)
{
	struct sl_tree *t = p->m->tree;
	struct sl_node *n;
	int r;

	SL_LOCK_SCOPE(&t->mu);
	n = first_in_locked(p);
	if (!n || !is_remnant(n))
		return 0;
	r = sl_tree_path_locked(t, n, path);
	if (r)
		return r;
	sl_tree_unlink_locked(t, n);
	return 1;
}

/*
 * Who removes a directory of which only refused files are left has decided to
 * leave them out, a materialized view, say: they must not close the gate.
 */
static int forget_remnants(struct sl_park *p)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(p->m, NULL);
	char path[SL_PATH_MAX];
	int r = 0;

	if (!s || !has_only_remnants(p))
		return 0;
	while ((r = take_remnant(p, path)) > 0) {
		sl_store_forget(s, path);
		sl_leftovers_abort(s, path);
	}
	return r;
}

static void rmdir_finish(struct sl_park *p, int err)
{
	struct sl_tree *t = p->m->tree;
	char path[SL_PATH_MAX] = "";

	if (!err)
		err = forget_remnants(p);
	if (!err) {
		struct sl_node *n;

		SL_LOCK_SCOPE(&t->mu);
		n = sl_tree_find_locked(t, p->node, p->name);
		if (!n)
			err = -ENOENT;
		else if (n->kind != SL_NODE_DIR)
			err = -ENOTDIR;
		else if (n->child)
			err = -ENOTEMPTY;
		else
			err = sl_tree_path_locked(t, n, path);
		if (!err) {
			sl_tree_unlink_locked(t, n);
			sl_tree_touch_locked(p->node);
		}
	}
	if (!err) {
		SL_CLEANUP(store) struct sl_store *s =
			sl_mount_store(p->m, NULL);

		if (s)
			sl_store_forget(s, path);
	}
	sl_reply_error(p->req, err, NULL);
}

static void rmdir_listed(struct sl_park *p, int err)
{
	rmdir_finish(p, err);
}

void sl_op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *dir = sl_tree_node(m->tree, parent), *n;
	struct sl_error e = { 0 };
	char path[SL_PATH_MAX];
	struct sl_park *p;
	int r = sl_may_change(m, dir, name, path, &e);

	if (r) {
		sl_reply_error(req, r, &e);
		return;
	}
	p = park_name(req, parent, name, rmdir_listed);
	if (!p)
		return;
	sl_mutex_lock(&m->tree->mu);
	n = sl_tree_find_locked(m->tree, dir, name);
	if (n && n->kind == SL_NODE_DIR) {
		sl_tree_pin_locked(n);
		p->node2 = n;
	}
	sl_mutex_unlock(&m->tree->mu);
	/* What other tools put there counts too. */
	sl_park_list(p, p->node2 ? p->node2 : dir, false);
}

/* Removal of an object: park->op goes to the backend. */
struct removal {
	struct sl_op op;
	struct sl_park *p;
	struct sl_store *store;
	char path[SL_PATH_MAX];
};

static int drop_name(struct sl_mount *m, struct sl_node *dir,
		     const char *name)
{
	struct sl_tree *t = m->tree;
	struct sl_file *open = NULL;
	struct sl_node *n;
	bool at_key = true;

	sl_mutex_lock(&t->mu);
	n = sl_tree_find_locked(t, dir, name);
	if (n && n->u.f.open)
		open = sl_file_ref(n->u.f.open);
	if (n) {
		at_key = !n->temp;
		sl_tree_unlink_locked(t, n);
		sl_tree_touch_locked(dir);
	}
	sl_mutex_unlock(&t->mu);
	if (open)
		sl_file_unlinked(open, at_key);
	sl_file_unref(open);
	return n ? 0 : -ENOENT;
}

static void unlink_finish(struct sl_park *p, int err)
{
	sl_reply_error(p->req, err, NULL);
}

static void on_removed(struct sl_op *op)
{
	struct removal *rm = op->arg;
	struct sl_park *p = rm->p;
	int r = op->err;

	if (r) {
		sl_mount_event(p->m, -r, rm->path, "the object cannot be "
			       "removed from the bucket", &op->error);
	} else {
		r = drop_name(p->m, p->node, p->name);
		sl_store_forget(rm->store, rm->path);
	}
	p->w.done(&p->w, r);
	sl_store_unref(rm->store);
	free(rm);
}

static int remove_object(struct sl_park *p, const char *path)
{
	struct removal *rm = calloc(1, sizeof(*rm));

	if (!rm)
		return -ENOMEM;
	rm->store = sl_mount_store(p->m, NULL);
	if (!rm->store) {
		free(rm);
		return -EROFS;
	}
	memcpy(rm->path, path, strlen(path) + 1);
	rm->p = p;
	rm->op = (struct sl_op){
		.key = rm->path,
		.done = on_removed,
		.arg = rm,
		.retry_for_ms = 60000,
	};
	sl_backend_remove(rm->store->backend, &rm->op);
	return SL_PARKED;
}

/* A path that only we know of: no request. */
static int remove_local(struct sl_mount *m, struct sl_node *dir,
			const char *name, const char *path)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	int r = drop_name(m, dir, name);

	if (!r && s)
		sl_store_forget(s, path);
	return r;
}

void sl_op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *dir = sl_tree_node(m->tree, parent), *n;
	struct sl_error e = { 0 };
	char path[SL_PATH_MAX];
	bool in_bucket = false;
	struct sl_park *p;
	int r = sl_may_change(m, dir, name, path, &e);

	sl_mutex_lock(&m->tree->mu);
	n = sl_tree_find_locked(m->tree, dir, name);
	if (!r && !n)
		r = -ENOENT;
	else if (!r && n->kind == SL_NODE_DIR)
		r = -EISDIR;
	else if (!r)
		in_bucket = n->in_bucket;
	sl_mutex_unlock(&m->tree->mu);
	if (r) {
		sl_reply_error(req, r, &e);
		return;
	}
	p = park_name(req, parent, name, unlink_finish);
	if (p)
		sl_park_result(p, in_bucket ? remove_object(p, path) :
			       remove_local(m, dir, name, path));
}

void sl_op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name,
		 mode_t mode, dev_t dev)
{
	(void)parent;
	(void)name;
	(void)mode;
	(void)dev;
	sl_reply_error(req, -EPERM, NULL);
}

void sl_op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent,
		   const char *name)
{
	(void)target;
	(void)parent;
	(void)name;
	sl_reply_error(req, -EPERM, NULL);
}

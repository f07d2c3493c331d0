/* SPDX-License-Identifier: Apache-2.0 */
/* FUSE operations on open files. What they mean is file.c's business. */
#include <fcntl.h>
#include <string.h>

#include "log.h"
#include "mount/ops.h"
#include "mount/verdict.h"
#include "mount/version.h"

static struct sl_fh *fh_of(const struct fuse_file_info *fi)
{
	return (struct sl_fh *)(uintptr_t)fi->fh;
}

/*
 * Past the page cache: what is copied is not read again on this host, so it
 * must not push the database's pages out, and it saves a copy. What is read
 * ahead is held by readahead.c. (Forgetting pages after the last close would
 * be a call into the kernel that waits for requests which the same daemon
 * must answer, in a state that not even kill -9 ends.) The price: no shared
 * mapping (libfuse 3.14 cannot ask Linux 6.6 for it); a private one works.
 */
static void set_handle(struct fuse_file_info *fi, struct sl_fh *fh)
{
	fi->fh = (uint64_t)(uintptr_t)fh;
	fi->direct_io = 1;
}

static void engine_interrupt(struct sl_park *p)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(p->m, NULL);

	if (s)
		sl_wait_interrupt(s->engine, &p->w);
}

/* First what may come before the write's own bytes, see hole.c. */
static void write_interrupt(struct sl_park *p)
{
	sl_hole_interrupt(p->file);
	engine_interrupt(p);
}

static int fh_open(fuse_req_t req, struct sl_node *n, int flags, bool created,
		   struct sl_fh **ret)
{
	struct sl_open_how how = {
		.pid = fuse_req_ctx(req)->pid,
		.write = (flags & O_ACCMODE) != O_RDONLY,
		.append = flags & O_APPEND,
		.trunc = flags & O_TRUNC,
		.created = created,
	};
	struct sl_error e = { 0 };
	struct sl_fh *fh = sl_fh_new(sl_req_mount(req));
	int r;

	if (!fh)
		return -ENOMEM;
	r = sl_file_open(sl_req_mount(req), n, &how, &fh->file, &e);
	if (r) {
		sl_log_debug("open: %s", e.text);
		sl_fh_free(sl_req_mount(req), fh, 0);
		return r;
	}
	fh->reader = sl_fh_reader(fh->file->m, n);
	if (!fh->reader) {
		sl_fh_free(fh->file->m, fh, 0);
		return -ENOMEM;
	}
	*ret = fh;
	return 0;
}

/* The node for a new file: a fresh one, or one that is hidden so far. */
static int create_locked(struct sl_park *p, struct sl_node **ret)
{
	struct sl_tree *t = p->m->tree;
	const struct fuse_ctx *c = fuse_req_ctx(p->req);
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&t->mu);
	n = sl_tree_find_locked(t, p->node, p->name);
	if (n && !n->hidden) {
		if (n->kind == SL_NODE_DIR)
			return -EISDIR;
		if (p->offset & O_EXCL)
			return -EEXIST;
	}
	if (!n) {
		r = sl_tree_add_locked(p->m, p->node, p->name, SL_NODE_FILE,
				       &n);
		if (r)
			return r;
		n->hidden = true;
	}
	if (n->hidden) {
		n->mode = S_IFREG | ((mode_t)p->number & 07777);
		n->uid = c->uid;
		n->gid = c->gid;
	}
	sl_tree_touch_locked(p->node);
	sl_tree_pin_locked(n);
	*ret = n;
	return 0;
}

static void create_reply(struct sl_park *p, struct sl_node *n,
			 struct sl_fh *fh)
{
	struct sl_tree *t = p->m->tree;
	struct fuse_file_info fi = { .flags = (int)p->offset };
	struct fuse_entry_param e;

	set_handle(&fi, fh);
	sl_mutex_lock(&t->mu);
	sl_entry_fill_locked(t, n, &e);
	sl_mutex_unlock(&t->mu);
	if (!fuse_reply_create(p->req, &e, &fi))
		return;
	/* The caller was killed meanwhile: there will be no RELEASE. */
	sl_fh_free(p->m, fh, 0);
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_forget_locked(t, n, 1);
}

static void create_finish(struct sl_park *p, int err)
{
	struct sl_tree *t = p->m->tree;
	struct sl_node *n = NULL;
	struct sl_fh *fh;
	bool fresh = false;

	if (!err) {
		SL_LOCK_SCOPE(&t->mu);
		err = create_locked(p, &n);
		fresh = n && n->hidden;
	}
	if (!err)
		err = fh_open(p->req, n, (int)p->offset, fresh, &fh);
	if (err)
		sl_reply_error(p->req, err, NULL);
	else
		create_reply(p, n, fh);
	if (!n)
		return;
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_unpin_locked(t, n);
}

static int judge_new(struct sl_mount *m, const char *path)
{
	struct sl_path j;

	sl_path_judge(&m->rules, path, false, &j);
	if (j.cls == SL_PATH_UPLOAD || j.cls == SL_PATH_SKIP)
		return sl_verdicts_create(m, &j, path, false, NULL);
	return sl_mount_refuse(m, path, j.why, NULL);
}

void sl_op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		  mode_t mode, struct fuse_file_info *fi)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *dir = sl_tree_node(m->tree, parent);
	struct sl_error e = { 0 };
	char path[SL_PATH_MAX];
	struct sl_park *p;
	int r = sl_may_change(m, dir, name, path, &e);

	if (!r)
		r = judge_new(m, path);
	if (r) {
		sl_reply_error(req, r, &e);
		return;
	}
	p = sl_park_new(req, create_finish);
	if (!p)
		return;
	sl_park_node(p, dir);
	p->name = strdup(name);
	p->number = mode;
	p->offset = (uint64_t)(unsigned)fi->flags;
	if (p->name)
		sl_park_list(p, dir, false);
	else
		sl_park_end(p, -ENOMEM);
}

/* What another tool put there against a rule is not written over either. */
static int may_open(struct sl_mount *m, struct sl_node *n, int flags)
{
	enum sl_rule why = SL_RULE_NONE;
	char path[SL_PATH_MAX];
	int r = 0;

	if ((flags & O_ACCMODE) == O_RDONLY)
		return 0;
	sl_mutex_lock(&m->tree->mu);
	if (n->u.f.cls == SL_PATH_REFUSE) {
		why = n->u.f.why;
		r = sl_tree_path_locked(m->tree, n, path);
	}
	sl_mutex_unlock(&m->tree->mu);
	return r || !why ? r : sl_mount_refuse(m, path, why, NULL);
}

void sl_op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	struct sl_fh *fh;
	int r;

	if (n->kind == SL_NODE_CONTROL) {
		sl_control_open(req, n, fi);
		return;
	}
	r = may_open(m, n, fi->flags);
	if (!r)
		r = fh_open(req, n, fi->flags, false, &fh);
	if (r) {
		sl_reply_error(req, r, NULL);
		return;
	}
	set_handle(fi, fh);
	if (fuse_reply_open(req, fi))
		sl_fh_free(m, fh, 0);
}

static void write_finish(struct sl_park *p, int err)
{
	uint64_t n = (uint64_t)p->number, left = err == -EINTR ? n : 0;

	if (!err)
		left = p->w.left;
	if (left)
		sl_file_unwrite(p->file, p->offset + n - left, left);
	if (!err) {
		if (fuse_reply_write(p->req, (size_t)(n - left)))
			sl_log_debug("a write was interrupted");
		return;
	}
	if (err != -EINTR)
		err = sl_file_broken(p->file, err);
	sl_reply_error(p->req, err, NULL);
}

void sl_op_write(fuse_req_t req, fuse_ino_t ino, const char *buf, size_t size,
		 off_t off, struct fuse_file_info *fi)
{
	struct sl_fh *fh = fh_of(fi);
	struct sl_bytes b = {
		.data = buf,
		.n = size,
		.off = (uint64_t)off,
		.lent = sl_loop_lend(),
	};
	struct sl_park *p;

	(void)ino;
	if (fh->control) {
		sl_control_fh_write(req, fh, buf, size);
		return;
	}
	if (!fh->file->write || off < 0 || !size) {
		sl_reply_error(req, fh->file->write ? -EINVAL : -EBADF, NULL);
		return;
	}
	p = sl_park_new(req, write_finish);
	if (!p)
		return;
	p->file = sl_file_ref(fh->file->file);
	p->number = (int64_t)size;
	p->offset = (uint64_t)off;
	p->interrupt = write_interrupt;
	sl_park_result(p, sl_file_write(fh->file, &b, fuse_req_ctx(req)->pid,
					&p->w));
}

/*
 * Many a program (dd, Python) takes EINTR from close(2) as "closed, go on" and
 * ends with 0. A file that is not committed must not look like that.
 */
static void flush_finish(struct sl_park *p, int err)
{
	int r = sl_file_adopt(p->file);

	if (!r)
		r = err;
	sl_reply_error(p->req, r == -EINTR ? -EIO : r, NULL);
}

void sl_op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sl_fh *fh = fh_of(fi);
	struct sl_park *p;

	(void)ino;
	if (fh->control) {
		sl_control_fh_flush(req, fh);
		return;
	}
	if (!fh->file->write) {
		sl_reply_error(req, 0, NULL);
		return;
	}
	p = sl_park_new(req, flush_finish);
	if (!p)
		return;
	p->file = sl_file_ref(fh->file->file);
	p->interrupt = engine_interrupt;
	sl_park_result(p, sl_file_flush(fh->file, fuse_req_ctx(req)->pid,
					&p->w));
}

static void fsync_finish(struct sl_park *p, int err)
{
	sl_reply_error(p->req, err, NULL);
}

void sl_op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync,
		 struct fuse_file_info *fi)
{
	struct sl_fh *fh = fh_of(fi);
	struct sl_park *p;

	(void)ino;
	(void)datasync;
	if (fh->control || !fh->file->write) {
		sl_reply_error(req, 0, NULL);
		return;
	}
	p = sl_park_new(req, fsync_finish);
	if (!p)
		return;
	p->interrupt = engine_interrupt;
	sl_park_result(p, sl_file_fsync(fh->file, &p->w));
}

void sl_op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sl_fh *fh = fh_of(fi);

	(void)ino;
	sl_fh_free(sl_req_mount(req), fh, fuse_req_ctx(req)->pid);
	sl_reply_error(req, 0, NULL);
}

void sl_op_fallocate(fuse_req_t req, fuse_ino_t ino, int mode, off_t off,
		     off_t len, struct fuse_file_info *fi)
{
	(void)ino;
	(void)mode;
	(void)off;
	(void)len;
	(void)fi;
	/* Tools that preallocate go on without. */
	sl_reply_error(req, -EOPNOTSUPP, NULL);
}

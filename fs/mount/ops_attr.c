/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Attributes. Times, modes and owners are taken as given and kept in the
 * ledger, never refused: tools that preserve them must succeed, and the next
 * rsync compares against them. None of it costs a request.
 */
#include <string.h>
#include <sys/statvfs.h>

#include "log.h"
#include "mount/ops.h"
#include "mount/version.h"

static void reply_attr(fuse_req_t req, struct sl_node *n)
{
	struct sl_tree *t = sl_req_mount(req)->tree;
	struct stat st;

	sl_mutex_lock(&t->mu);
	if (n->kind == SL_NODE_FILE)
		sl_tree_seen_locked(t, n);
	sl_tree_stat_locked(t, n, &st);
	sl_mutex_unlock(&t->mu);
	if (fuse_reply_attr(req, &st, SL_CACHE_S))
		sl_log_debug("a getattr was interrupted");
}

void sl_op_getattr(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, sl_tree_node(sl_req_mount(req)->tree, ino));
}

static int64_t to_ns(const struct timespec *ts)
{
	return (int64_t)ts->tv_sec * 1000000000 + ts->tv_nsec;
}

static void set_locked(struct sl_node *n, const struct stat *st, int what)
{
	int64_t now = sl_now_ns();

	if (what & FUSE_SET_ATTR_MODE)
		n->mode = (n->mode & S_IFMT) | (st->st_mode & 07777);
	if (what & FUSE_SET_ATTR_UID)
		n->uid = st->st_uid;
	if (what & FUSE_SET_ATTR_GID)
		n->gid = st->st_gid;
	if (what & FUSE_SET_ATTR_MTIME_NOW)
		n->mtime_ns = now;
	else if (what & FUSE_SET_ATTR_MTIME)
		n->mtime_ns = to_ns(&st->st_mtim);
	n->ctime_ns = now;
}

static void setattr_finish(struct sl_park *p, int err)
{
	if (err)
		sl_reply_error(p->req, err, NULL);
	else
		reply_attr(p->req, p->node);
}

/*
 * truncate(2) by name: only what changes nothing. No close would follow that
 * could say whether the new version arrived. (truncate(1), ":>" and dd open
 * the file, and their close does.)
 */
static int truncate_closed(struct sl_mount *m, struct sl_node *n, off_t size)
{
	char path[SL_PATH_MAX];
	bool same;
	int r;

	sl_mutex_lock(&m->tree->mu);
	same = n->size == (uint64_t)size;
	r = same ? 0 : sl_tree_path_locked(m->tree, n, path);
	sl_mutex_unlock(&m->tree->mu);
	if (same)
		return 0;
	sl_mount_event(m, EOPNOTSUPP, r ? NULL : path, "a size cannot be set "
		       "by name; open the file and set it, as truncate(1) "
		       "does, or copy it again", NULL);
	return -EOPNOTSUPP;
}

/*
 * Programs do not expect that a size is set in part: only who is being killed
 * need not wait until the zeros are taken.
 */
static void size_interrupt(struct sl_park *p)
{
	if (sl_signal_is_kill(p->pid))
		sl_hole_interrupt(p->file);
}

static void set_size(fuse_req_t req, struct sl_node *n, off_t size,
		     struct fuse_file_info *fi)
{
	struct sl_fh *fh = fi ? (struct sl_fh *)(uintptr_t)fi->fh : NULL;
	struct sl_park *p = sl_park_new(req, setattr_finish);

	if (!p)
		return;
	sl_park_node(p, n);
	if (!fh || !fh->file || !fh->file->write) {
		sl_park_end(p, truncate_closed(p->m, n, size));
		return;
	}
	p->file = sl_file_ref(fh->file->file);
	p->pid = fuse_req_ctx(req)->pid;
	p->interrupt = size_interrupt;
	sl_park_result(p, sl_file_truncate(fh->file, (uint64_t)size,
					   fuse_req_ctx(req)->pid, &p->w));
}

/* Changing what another node keeps is refused; our own always works. */
static int may_set(struct sl_mount *m, struct sl_node *n)
{
	struct sl_tree *t = m->tree;

	SL_LOCK_SCOPE(&t->mu);
	return n == t->root || n->own ? 0 : -EPERM;
}

void sl_op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *st, int what,
		   struct fuse_file_info *fi)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *n = sl_tree_node(m->tree, ino);
	int r;

	if (n->kind == SL_NODE_CONTROL) {
		/* "> .init" truncates; modes are the table's. */
		if (what & (FUSE_SET_ATTR_MODE | FUSE_SET_ATTR_UID |
			    FUSE_SET_ATTR_GID))
			sl_reply_error(req, -EPERM, NULL);
		else
			reply_attr(req, n);
		return;
	}
	r = may_set(m, n);
	if (r) {
		sl_reply_error(req, r, NULL);
		return;
	}
	sl_mutex_lock(&m->tree->mu);
	set_locked(n, st, what);
	if (what & FUSE_SET_ATTR_MTIME) {
		n->timed = true;
		sl_tree_seen_locked(m->tree, n);
	}
	sl_mutex_unlock(&m->tree->mu);
	if (what & FUSE_SET_ATTR_SIZE) {
		set_size(req, n, st->st_size, fi);
		return;
	}
	sl_row_save(m, n);
	reply_attr(req, n);
}

void sl_op_statfs(fuse_req_t req, fuse_ino_t ino)
{
	struct sl_mount *m = sl_req_mount(req);
	const uint64_t block = 1 << 20;
	struct statvfs st = {
		.f_bsize = block, .f_frsize = block, .f_namemax = 255,
		.f_files = 1u << 31, .f_ffree = 1u << 30, .f_favail = 1u << 30,
	};
	struct sl_counts c;
	uint64_t used;

	(void)ino;
	sl_mount_counts(m, &c);
	used = (c.bytes[SL_FILE_COMMITTED] + block - 1) / block;
	/* Free space is large: tools look at it before they copy. */
	st.f_bfree = st.f_bavail = 1ull << 30;
	st.f_blocks = st.f_bfree + used;
	if (fuse_reply_statfs(req, &st))
		sl_log_debug("a statfs was interrupted");
}

/*
 * Attributes only: that takes no lock in the kernel which a request that
 * waits for us may hold (as the forgetting of a name would, in a RENAME).
 */
void sl_mount_attr_changed(struct sl_mount *m, struct sl_node *n)
{
	if (m->session && fuse_lowlevel_notify_inval_inode(m->session,
				sl_tree_ino(m->tree, n), -1, 0))
		sl_log_debug("the kernel does not know this file");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Descriptors and the version they share. What an event means is decided by
 * the table in fs/upload/commit.c; here it is carried out (see version.c for
 * the ends a version can come to).
 *
 * A version begins with O_CREAT, O_TRUNC, a truncation to 0 or a write at
 * offset 0: opening a file for writing alone (touch) replaces nothing.
 */
#include <stdio.h>
#include <string.h>

#include "log.h"
#include "mount/verdict.h"
#include "mount/version.h"

#define LOOK_FROM ((uint64_t)1 << 20)

struct sl_file *sl_file_ref(struct sl_file *f)
{
	__atomic_add_fetch(&f->refs, 1, __ATOMIC_RELAXED);
	return f;
}

void sl_file_unref(struct sl_file *f)
{
	if (!f || __atomic_sub_fetch(&f->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sl_verdict_release(f);
	sl_upload_unref(f->up);
	sl_mutex_lock(&f->m->tree->mu);
	sl_tree_unpin_locked(f->m->tree, f->node);
	sl_mutex_unlock(&f->m->tree->mu);
	sl_mutex_release(&f->mu);
	free(f);
}

/* tree.mu held. A version for node 'n', not yet begun. */
static int file_new_locked(struct sl_mount *m, struct sl_store *s,
			   struct sl_node *n, struct sl_file **ret)
{
	struct sl_file *f = calloc(1, sizeof(*f));
	char path[SL_PATH_MAX];
	struct sl_path p;
	int r;

	sl_mutex_assume_held(&m->tree->mu);
	if (!f)
		return -ENOMEM;
	r = sl_tree_path_locked(m->tree, n, path);
	if (r) {
		free(f);
		return r;
	}
	sl_path_judge(&m->rules, path, false, &p);
	snprintf(f->key, sizeof(f->key), "%s",
		 p.temporary ? p.final_key : path);
	f->skip = p.cls == SL_PATH_SKIP;
	f->refs = 1; /* the node's */
	f->m = m;
	f->store = s;
	f->node = n;
	sl_tree_pin_locked(n);
	sl_mutex_init(&f->mu);
	sl_commit_init(&f->commit, p.temporary);
	n->u.f.open = f;
	sl_version_index_locked(f);
	f->replaces = sl_outcome_arrived_locked(f);
	*ret = f;
	return 0;
}

/* The version of a node, with a reference; made if there is none. */
static int file_get(struct sl_mount *m, struct sl_store *s,
		    struct sl_node *n, struct sl_file **ret)
{
	int r = 0;

	SL_LOCK_SCOPE(&m->tree->mu);
	if (!n->u.f.open)
		r = file_new_locked(m, s, n, ret);
	else
		*ret = n->u.f.open;
	if (!r)
		sl_file_ref(*ret);
	return r;
}

/* Opens a writer on a version that has not come to its end. */
static int writer_open(struct sl_handle *h, struct sl_store *s,
		       const struct sl_open_how *how)
{
	for (;;) {
		struct sl_file *f;
		int r = file_get(h->m, s, h->node, &f);

		if (r)
			return r;
		sl_mutex_lock(&f->mu);
		/* A new copy over one that failed, still open elsewhere. */
		if (!f->ended && !(f->err && how->trunc)) {
			f->writers++;
			if (how->created || how->trunc) {
				sl_version_begin_locked(f, how->pid);
				h->pid = how->pid;
				h->tgid = f->commit.opener;
			}
			sl_mutex_unlock(&f->mu);
			h->file = f;
			h->wrote = how->created || how->trunc;
			return 0;
		}
		sl_mutex_unlock(&f->mu);
		sl_version_replace(f);
		sl_file_unref(f);
	}
}

static int may_write(struct sl_mount *m, struct sl_node *n,
		     struct sl_error *e)
{
	char path[SL_PATH_MAX];
	int r;

	sl_mutex_lock(&m->tree->mu);
	r = sl_tree_path_locked(m->tree, n, path);
	sl_mutex_unlock(&m->tree->mu);
	if (r)
		return r;
	if (!sl_mount_owns(m, path))
		return sl_error_set(e, EPERM, "'%s' belongs to a node that "
				    "this mount does not write; see -o node=",
				    path);
	return sl_mount_may_write(m, e);
}

/*
 * What was skipped has no bytes. diff -r gives up at a read that fails, but
 * goes on after an open that does. A copy tool may open its own temporary.
 */
static int may_read(struct sl_mount *m, const struct sl_node *n)
{
	SL_LOCK_SCOPE(&m->tree->mu);
	return n->u.f.state == SL_FILE_SKIPPED && !n->temp ? -ENODATA : 0;
}

int sl_file_open(struct sl_mount *m, struct sl_node *n,
		 const struct sl_open_how *how, struct sl_handle **ret,
		 struct sl_error *e)
{
	SL_CLEANUP(store) struct sl_store *s = NULL;
	struct sl_handle *h;
	int r = how->write ? may_write(m, n, e) : may_read(m, n);

	if (r)
		return r;
	if (how->write && !(s = sl_mount_store(m, e)))
		return -EROFS;
	h = calloc(1, sizeof(*h));
	if (!h)
		return sl_error_set(e, ENOMEM, "out of memory");
	h->m = m;
	h->node = n;
	h->write = how->write;
	h->append = how->append;
	r = how->write ? writer_open(h, s, how) : 0;
	if (r) {
		free(h);
		return sl_error_set(e, -r, "cannot open the file");
	}
	sl_mutex_lock(&m->tree->mu);
	sl_tree_pin_locked(n);
	if (!how->write && n->u.f.open)
		h->file = sl_file_ref(n->u.f.open);
	sl_mutex_unlock(&m->tree->mu);
	if (h->write)
		__atomic_add_fetch(&m->open_files, 1, __ATOMIC_RELAXED);
	*ret = h;
	return 0;
}

void sl_version_size_locked(struct sl_file *f, uint64_t size)
{
	struct sl_tree *t = f->m->tree;

	f->size = size;
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_set_size_locked(t, f->node, size > f->keep ? size : f->keep);
	f->node->mtime_ns = f->node->ctime_ns = sl_now_ns();
	f->node->timed = false;
}

uint64_t sl_version_size(struct sl_file *f)
{
	SL_LOCK_SCOPE(&f->mu);
	return f->size;
}

/* An earlier copy may have left parts: they need not be sent again. */
static void resume_locked(struct sl_file *f)
{
	sl_leftovers_resume(f->store, f->key, f->up);
}

int sl_version_upload_locked(struct sl_file *f)
{
	struct sl_error e = { 0 };
	int r;

	if (f->up)
		return 0;
	r = sl_upload_new(f->store->engine, f->key, 0, f, &f->up, &e);
	if (r)
		return sl_version_fail_locked(f, -r, e.text);
	r = sl_verdict_begin_locked(f);
	if (r)
		return sl_version_fail_locked(f, -r, "there is no memory to "
			"judge the file; copy it again");
	resume_locked(f);
	return 0;
}

/*
 * The size of the file that the writer copies, if it can be seen: parts are
 * cut to it, and one that cannot fit is refused early. Not asked for small
 * files, where the look costs more than the write.
 */
static int look_at_size_locked(struct sl_handle *h, pid_t pid, uint64_t end)
{
	struct sl_file *f = h->file;
	struct sl_caller c = { 0 };
	struct sl_error e = { 0 };
	int r;

	if (f->looked || end < LOOK_FROM)
		return 0;
	f->looked = true;
	sl_caller_look(pid, h->pid == pid ? h->tgid : 0,
		       sl_last_segment(f->key), 0, &c);
	r = c.source_same_name ?
		    sl_upload_expect(f->up, c.source_size, &e) : 0;
	return r ? sl_version_fail_locked(f, -r, e.text) : 0;
}

/* Where a write lands: 0 behind what was taken (with a hole), -ESPIPE. */
static int place_locked(struct sl_handle *h, uint64_t off, pid_t pid,
			struct sl_hole *hole)
{
	struct sl_file *f = h->file;

	if (f->err)
		return f->err;
	if (!f->begun || (!off && f->size && !h->wrote)) {
		if (!f->begun)
			sl_version_begin_locked(f, pid);
		else
			sl_version_restart_locked(f);
		sl_hole_keep_locked(f);
	}
	h->wrote = true;
	if (f->err || f->skip)
		return f->err;
	if (off < f->size)
		return sl_version_fail_locked(f, ESPIPE, "a write went back "
			"into bytes that were taken already; copy the file "
			"from its beginning, with cp, cat or rsync");
	return sl_hole_find_locked(f, off, hole);
}

/* Asking /proc at every write would cost more than the write. */
static pid_t tgid_of(struct sl_handle *h, pid_t pid)
{
	if (h->pid != pid) {
		h->tgid = sl_caller_tgid(pid);
		h->pid = pid;
	}
	return h->tgid;
}

static int write_event_locked(struct sl_file *f, pid_t tgid, uint64_t end)
{
	struct sl_commit_event ev = {
		.kind = SL_EV_WRITE,
		.caller.tgid = tgid,
		.size = end,
	};

	switch (sl_commit_step(&f->commit, &ev)) {
	case SL_DO_REOPEN:
		return sl_version_reopen_locked(f);
	case SL_DO_FAIL:
		return f->err ? f->err : -EIO;
	default:
		return 0;
	}
}

static int take(struct sl_handle *h, uint64_t off, size_t n, pid_t pid,
		struct sl_hole *hole)
{
	struct sl_file *f = h->file;
	uint64_t end = off + n;
	int r;

	SL_LOCK_SCOPE(&f->mu);
	r = place_locked(h, off, pid, hole);
	if (!r && !f->skip)
		r = write_event_locked(f, tgid_of(h, pid), end);
	if (!r && !f->skip)
		r = sl_version_upload_locked(f);
	if (!r && !f->skip)
		r = look_at_size_locked(h, pid, end);
	if (r)
		return r;
	if (end > f->size)
		sl_version_size_locked(f, end);
	return 0;
}

int sl_file_write(struct sl_handle *h, const struct sl_bytes *b, pid_t pid,
		  struct sl_wait *w)
{
	struct sl_file *f = h->file;
	struct sl_hole hole = { 0 };
	int r = take(h, b->off, b->n, pid, &hole);

	if (r || f->skip)
		return r;
	r = hole.old || hole.zeros ?
		sl_hole_write(f, &hole, b->data, b->n, w) :
		sl_upload_write_lent(f->up, b->data, b->n, b->lent, w);
	if (r < 0)
		sl_file_broken(f, r);
	return r;
}

void sl_file_unwrite(struct sl_file *f, uint64_t off, uint64_t n)
{
	SL_LOCK_SCOPE(&f->mu);
	if (f->size == off + n)
		sl_version_size_locked(f, off);
}

static uint64_t shown_size(struct sl_file *f)
{
	SL_LOCK_SCOPE(&f->m->tree->mu);
	return f->node->size;
}

/* A size set, other than the one the file has. */
static int resize_locked(struct sl_handle *h, uint64_t size, pid_t pid,
			 struct sl_hole *hole)
{
	struct sl_file *f = h->file;
	int r;

	if (!f->begun) {
		sl_version_begin_locked(f, pid);
		sl_hole_keep_locked(f);
	} else if (!size) {
		sl_version_restart_locked(f);
	} else if (size < f->size && !f->skip) {
		return sl_version_fail_locked(f, ESPIPE, "the file cannot be "
			"cut to a size inside what was taken; copy it again");
	}
	h->wrote = true;
	if (f->err)
		return f->err;
	r = f->skip ? 0 : sl_hole_find_locked(f, size, hole);
	f->keep = 0; /* what lies behind is cut off */
	return r;
}

/* 1: a hole is to be filled at the end. */
static int truncate_locked(struct sl_handle *h, uint64_t size, pid_t pid,
			   struct sl_hole *hole)
{
	struct sl_file *f = h->file;
	uint64_t have = f->begun ? f->size : shown_size(f);
	int r;

	if (f->err)
		return f->err;
	if (size == have && (size || f->begun)) {
		f->keep = 0;
		if (f->begun)
			sl_version_size_locked(f, size);
		return 0;
	}
	r = resize_locked(h, size, pid, hole);
	if (r)
		return r;
	if (hole->old || hole->zeros)
		return 1;
	sl_version_size_locked(f, size);
	return 0;
}

int sl_file_truncate(struct sl_handle *h, uint64_t size, pid_t pid,
		     struct sl_wait *w)
{
	struct sl_hole hole = { 0 };
	struct sl_file *f = h->file;
	bool fill;
	int r;

	sl_mutex_lock(&f->mu);
	r = truncate_locked(h, size, pid, &hole);
	fill = r == 1;
	if (fill) {
		r = write_event_locked(f, tgid_of(h, pid), size);
		if (!r)
			r = sl_version_upload_locked(f);
		if (!r)
			sl_version_size_locked(f, size);
	}
	sl_mutex_unlock(&f->mu);
	if (r || !fill)
		return r;
	r = sl_hole_write(f, &hole, NULL, 0, w);
	if (r < 0)
		sl_file_broken(f, r);
	return r;
}

int sl_file_fsync(struct sl_handle *h, struct sl_wait *w)
{
	struct sl_upload *up;

	if (!h->file || h->file->skip)
		return 0;
	sl_mutex_lock(&h->file->mu);
	up = h->file->up;
	sl_mutex_unlock(&h->file->mu);
	return up ? sl_upload_settle(up, w) : 0;
}

void sl_file_release(struct sl_handle *h, pid_t pid)
{
	struct sl_mount *m = h->m;
	struct sl_node *n = h->node;

	if (h->write)
		sl_version_release(h->file, pid);
	sl_file_unref(h->file);
	sl_mutex_lock(&m->tree->mu);
	sl_tree_unpin_locked(m->tree, n);
	sl_mutex_unlock(&m->tree->mu);
	if (h->write)
		sl_mount_writer_went(m);
	free(h);
}

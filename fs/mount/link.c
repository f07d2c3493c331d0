/* SPDX-License-Identifier: Apache-2.0 */
/*
 * LINK. The bucket has no hard links, so the second name becomes an object
 * of its own: the committed bytes are read back and sent under the new key,
 * and link(2) returns when they are confirmed. The names are separate inodes
 * with equal size, times and mode, and st_nlink stays 1: a write to one does
 * not show in the other, and a tool that reads from here must not take
 * them for one file.
 *
 * What becomes of a link, by where it comes from and where it goes:
 *
 *   source              new name        answer
 *   any file            skipped         noted as skipped, no bytes
 *   skipped             upload          EPERM: its bytes were not kept
 *   skipped             a tool's own    an alias, see link_alias.c
 *   committed           upload          copied
 *   being committed     upload          its commit first, then copied
 *   being written       upload          EBUSY: no half of a file is linked
 *   committed           a tool's own    an alias: see link_alias.c
 *
 * Waiting for somebody who still writes is impossible: the kernel holds the
 * lock of the source's inode during LINK, and close(2) of it needs that.
 */
#include "mount/link.h"
#include "mount/verdict.h"

#include <fnmatch.h>
#include <string.h>

#include "log.h"

#define ALNUM "[A-Za-z0-9]"

/* Names that cp and ln (CuXXXXXX) and rsync (.NAME.PID) link to first. */
static bool is_tool_name(const char *name)
{
	static const char *const globs[] = {
		"Cu" ALNUM ALNUM ALNUM ALNUM ALNUM ALNUM,
		".*.[0-9]", ".*.[0-9][0-9]", ".*.[0-9][0-9][0-9]",
		".*.[0-9][0-9][0-9][0-9]", ".*.[0-9][0-9][0-9][0-9][0-9]",
		".*.[0-9][0-9][0-9][0-9][0-9][0-9]",
		".*.[0-9][0-9][0-9][0-9][0-9][0-9][0-9]",
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(globs); i++) {
		if (!fnmatch(globs[i], name, 0))
			return true;
	}
	return false;
}

void sl_link_free(struct sl_link *l)
{
	if (!l)
		return;
	sl_feed_release(&l->feed);
	sl_file_unref(l->source);
	if (l->target) {
		SL_LOCK_SCOPE(&l->m->tree->mu);
		sl_tree_unpin_locked(l->m->tree, l->target);
	}
	free(l);
}

void sl_link_interrupt(struct sl_park *p)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(p->m, NULL);

	if (!s)
		return;
	sl_feed_cancel(&p->link->feed);
	sl_wait_interrupt(s->engine, &p->link->w);
}

static int take_any_locked(struct sl_link *l, struct sl_node *n)
{
	struct sl_tree *t = l->m->tree;

	sl_mutex_assume_held(&t->mu);
	l->from.length = l->from.size = n->size;
	l->mtime_ns = n->mtime_ns;
	l->mode = n->mode;
	l->uid = n->uid;
	l->gid = n->gid;
	return sl_tree_path_locked(t, n, l->from.key);
}

int sl_link_take_skipped_locked(struct sl_link *l, struct sl_node *n)
{
	l->skipped = true;
	return take_any_locked(l, n);
}

int sl_link_take_locked(struct sl_link *l, struct sl_node *n)
{
	struct sl_tree *t = l->m->tree;
	char room[SL_ETAG_ROOM];

	sl_mutex_assume_held(&t->mu);
	if (n->kind != SL_NODE_FILE)
		return -EPERM;
	if (n->u.f.state == SL_FILE_OPEN || n->alias)
		return -EBUSY;
	if (n->u.f.state != SL_FILE_COMMITTED || !n->in_bucket)
		return -EIO;
	l->from.retry_for_ms = -1;
	l->from.has_crc32 = n->has_crc32;
	l->from.crc32 = n->u.f.crc32;
	snprintf(l->etag, sizeof(l->etag), "%s", sl_node_etag(n, room));
	return take_any_locked(l, n);
}

void sl_link_dress_locked(const struct sl_link *l, struct sl_node *n)
{
	n->mode = S_IFREG | (l->mode & 07777);
	n->uid = l->uid;
	n->gid = l->gid;
	n->mtime_ns = l->mtime_ns;
	n->ctime_ns = sl_now_ns();
}

/* The node of the new name, pinned as l->target. */
static int make_locked(struct sl_park *p, bool hidden)
{
	struct sl_tree *t = p->m->tree;
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&t->mu);
	n = sl_tree_find_locked(t, p->node, p->name);
	if (n && (!n->hidden || n->kind != SL_NODE_FILE))
		return -EEXIST;
	r = n ? 0 : sl_tree_add_locked(p->m, p->node, p->name, SL_NODE_FILE,
				       &n);
	if (r)
		return r;
	n->hidden = hidden;
	sl_tree_seen_locked(t, p->node);
	sl_tree_touch_locked(p->node);
	sl_tree_pin_locked(n);
	p->link->target = n;
	return 0;
}

static int link_skipped(struct sl_park *p)
{
	struct sl_tree *t = p->m->tree;
	struct sl_link *l = p->link;
	int r;

	sl_mutex_lock(&t->mu);
	r = make_locked(p, false);
	if (!r) {
		struct sl_node *n = l->target;

		r = take_any_locked(l, p->node2);
		sl_link_dress_locked(l, n);
		sl_tree_set_size_locked(t, n, l->from.size);
		sl_tree_set_state_locked(t, n, SL_FILE_SKIPPED);
		if (!r)
			r = sl_node_set_text(&n->u.f.note,
					     sl_rule_info(l->why)->sentence);
	}
	sl_mutex_unlock(&t->mu);
	if (!r)
		sl_row_save(p->m, l->target);
	return r;
}

static int link_alias(struct sl_park *p)
{
	struct sl_tree *t = p->m->tree;
	struct sl_link *l = p->link;
	struct sl_node *n;
	int r;

	SL_LOCK_SCOPE(&t->mu);
	r = make_locked(p, false);
	if (r)
		return r;
	n = l->target;
	n->alias = n->temp = true;
	sl_tree_set_size_locked(t, n, l->from.size);
	sl_link_dress_locked(l, n);
	return sl_node_set_text(&n->u.f.note, l->from.key);
}

/* The answer, when all is over; file.mu not held. */
static int copy_over(struct sl_link *l, int err)
{
	struct sl_handle *h = sl_steal(&l->h);
	int r;

	if (err && err != -EINTR && err != -ETIMEDOUT)
		sl_file_broken(h->file, err);
	r = sl_file_adopt(h->file);
	sl_file_release(h, 0);
	return r ? r : err;
}

static void on_committed(struct sl_wait *w, int err)
{
	struct sl_link *l = sl_container_of(w, struct sl_link, w);

	l->user->done(l->user, copy_over(l, err));
}

static void dress(struct sl_link *l, struct sl_node *n)
{
	SL_LOCK_SCOPE(&l->m->tree->mu);
	sl_link_dress_locked(l, n);
}

/* All bytes are in the engine: as the close of a file would. */
static int commit(struct sl_link *l)
{
	struct sl_commit_event ev = { .kind = SL_EV_FLUSH };
	struct sl_file *f = l->h->file;
	enum sl_commit_decision d;
	int r;

	dress(l, f->node);
	sl_mutex_lock(&f->mu);
	ev.caller.tgid = f->commit.opener;
	ev.size = f->size;
	d = f->err ? SL_DO_FAIL : sl_commit_step(&f->commit, &ev);
	r = f->err ? f->err : -EIO;
	sl_mutex_unlock(&f->mu);
	if (d != SL_DO_COMMIT)
		return r;
	l->w = (struct sl_wait){ .done = on_committed,
				 .deadline_ms = l->user->deadline_ms };
	return sl_version_commit(f, &l->w);
}

static void on_fed(struct sl_wait *w, int err)
{
	struct sl_link *l = sl_container_of(w, struct sl_link, w);
	int r = err;

	if (err)
		sl_file_broken(l->h->file, err);
	else
		r = commit(l);
	if (r != SL_PARKED)
		l->user->done(l->user, copy_over(l, r));
}

static int account(struct sl_link *l)
{
	struct sl_commit_event ev = { .kind = SL_EV_WRITE };
	struct sl_file *f = l->h->file;
	int r;

	SL_LOCK_SCOPE(&f->mu);
	/* A process of another pid namespace than /proc's is not seen. */
	if (!f->commit.opener)
		f->commit.opener = getpid();
	ev.caller.tgid = f->commit.opener;
	ev.size = l->from.size;
	r = f->err;
	if (r || !ev.size)
		return r;
	if (sl_commit_step(&f->commit, &ev) != SL_DO_NOTHING)
		return -EIO;
	r = sl_version_upload_locked(f);
	if (!r)
		sl_version_size_locked(f, ev.size);
	return r;
}

int sl_link_copy(struct sl_link *l, bool created)
{
	struct sl_open_how how = {
		.pid = getpid(),
		.write = true,
		.trunc = !created,
		.created = created,
	};
	struct sl_error e = { 0 };
	int r = sl_file_open(l->m, l->target, &how, &l->h, &e);

	if (r)
		return r;
	r = account(l);
	if (!r && l->from.size) {
		l->w = (struct sl_wait){ .done = on_fed };
		r = sl_feed_start(&l->feed, l->h->file, &l->from, &l->w);
	} else if (!r) {
		r = commit(l);
	}
	return r == SL_PARKED ? r : copy_over(l, r);
}

static int link_copy(struct sl_park *p)
{
	struct sl_tree *t = p->m->tree;
	struct sl_link *l = p->link;
	int r;

	sl_mutex_lock(&t->mu);
	r = make_locked(p, true);
	sl_mutex_unlock(&t->mu);
	return r ? r : sl_link_copy(l, true);
}

static int refuse(struct sl_park *p, int errnum, const char *text)
{
	char path[SL_PATH_MAX];
	int r;

	sl_mutex_lock(&p->m->tree->mu);
	r = sl_tree_join_locked(p->m->tree, p->node, p->name, path);
	sl_mutex_unlock(&p->m->tree->mu);
	sl_mount_event(p->m, errnum, r ? p->name : path, text, NULL);
	return -errnum;
}

/* The source is committed, or never will be. */
static int link_ready(struct sl_park *p)
{
	struct sl_link *l = p->link;
	int r;

	sl_mutex_lock(&p->m->tree->mu);
	r = sl_link_take_locked(l, p->node2);
	sl_mutex_unlock(&p->m->tree->mu);
	if (r == -EBUSY)
		return refuse(p, EBUSY, "the file to be linked is still being "
			      "written; link it when its copy has ended");
	if (r)
		return refuse(p, -r, "the file to be linked has no version "
			      "in the bucket; copy it again");
	return l->temporary ? link_alias(p) : link_copy(p);
}

static void on_source(struct sl_wait *w, int err)
{
	struct sl_link *l = sl_container_of(w, struct sl_link, w);
	struct sl_park *p = sl_container_of(l->user, struct sl_park, w);
	int r = sl_file_adopt(l->source);

	if (!r)
		r = err;
	if (!r)
		r = link_ready(p);
	if (r != SL_PARKED)
		p->w.done(&p->w, r);
}

/* 0: nothing to wait for. */
static int await_source(struct sl_park *p)
{
	struct sl_link *l = p->link;
	struct sl_file *f;
	bool busy;
	int r;

	sl_mutex_lock(&p->m->tree->mu);
	if (p->node2->u.f.open)
		l->source = sl_file_ref(p->node2->u.f.open);
	sl_mutex_unlock(&p->m->tree->mu);
	f = l->source;
	if (!f)
		return 0;
	sl_mutex_lock(&f->mu);
	busy = !f->err && f->commit.state == SL_ST_COMMITTING;
	sl_mutex_unlock(&f->mu);
	if (!busy)
		return 0;
	l->w = (struct sl_wait){ .done = on_source };
	r = sl_version_commit(f, &l->w);
	return r == SL_PARKED ? r : sl_file_adopt(f);
}

/* The rename of it can only be granted where the bytes are already. */
static int link_skipped_alias(struct sl_park *p)
{
	int r;

	sl_mutex_lock(&p->m->tree->mu);
	r = sl_link_take_skipped_locked(p->link, p->node2);
	sl_mutex_unlock(&p->m->tree->mu);
	return r ? r : link_alias(p);
}

static bool is_skipped(struct sl_mount *m, const struct sl_node *n)
{
	SL_LOCK_SCOPE(&m->tree->mu);
	return n->u.f.cls == SL_PATH_SKIP || n->u.f.state == SL_FILE_SKIPPED;
}

static int link_start(struct sl_park *p)
{
	int r;

	if (p->link->to == SL_PATH_SKIP)
		return link_skipped(p);
	if (is_skipped(p->m, p->node2))
		return p->link->temporary ? link_skipped_alias(p) :
			refuse(p, EPERM, SL_LINK_NO_BYTES);
	r = await_source(p);
	return r ? r : link_ready(p);
}

static void link_finish(struct sl_park *p, int err)
{
	struct sl_tree *t = p->m->tree;
	struct fuse_entry_param e;

	if (err) {
		sl_reply_error(p->req, err, NULL);
		return;
	}
	sl_mutex_lock(&t->mu);
	sl_entry_fill_locked(t, p->link->target, &e);
	sl_mutex_unlock(&t->mu);
	if (!fuse_reply_entry(p->req, &e))
		return;
	SL_LOCK_SCOPE(&t->mu);
	sl_tree_forget_locked(t, p->link->target, 1);
}

static int judge(struct sl_mount *m, const char *path, struct sl_path *j)
{
	sl_path_judge(&m->rules, path, false, j);
	if (j->cls == SL_PATH_UPLOAD || j->cls == SL_PATH_SKIP)
		return sl_verdicts_create(m, j, path, false, NULL);
	return sl_mount_refuse(m, path, j->why, NULL);
}

void sl_op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent,
		const char *name)
{
	struct sl_mount *m = sl_req_mount(req);
	struct sl_node *dir = sl_tree_node(m->tree, parent);
	struct sl_node *from = sl_tree_node(m->tree, ino);
	struct sl_error e = { 0 };
	char path[SL_PATH_MAX];
	struct sl_path j;
	struct sl_park *p;
	int r = sl_may_change(m, dir, name, path, &e);

	if (!r && from->kind != SL_NODE_FILE)
		r = -EPERM;
	if (!r)
		r = judge(m, path, &j);
	if (r) {
		sl_reply_error(req, r, &e);
		return;
	}
	p = sl_park_new(req, link_finish);
	if (!p)
		return;
	sl_park_node(p, dir);
	sl_park_node(p, from);
	p->name = strdup(name);
	p->link = calloc(1, sizeof(*p->link));
	if (!p->name || !p->link) {
		sl_park_end(p, -ENOMEM);
		return;
	}
	p->link->m = m;
	p->link->user = &p->w;
	p->link->to = j.cls;
	p->link->why = j.why;
	p->link->temporary = j.temporary || is_tool_name(name);
	p->interrupt = sl_link_interrupt;
	sl_park_result(p, link_start(p));
}

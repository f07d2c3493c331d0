/* SPDX-License-Identifier: Apache-2.0 */
/* Parking and replying: see ops.h. */
#include "mount/ops.h"

#include <string.h>

#include "log.h"
#include "mount/link.h"

struct sl_mount *sl_req_mount(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

/* Words that only we use among ourselves. */
static const struct {
	int from, to;
} errno_map[] = {
	{ ECANCELED, EIO },
	{ EPROTO, EIO },
	{ ESTALE, EIO },
	{ EINPROGRESS, EIO },
	{ EUCLEAN, EIO },
	{ EPIPE, EIO },
};

int sl_fuse_errno(int err)
{
	if (err < 0)
		err = -err;
	for (size_t i = 0; i < SL_ARRAY_LEN(errno_map); i++) {
		if (errno_map[i].from == err)
			return errno_map[i].to;
	}
	return err;
}

void sl_reply_error(fuse_req_t req, int err, const struct sl_error *e)
{
	if (e && e->text[0])
		sl_log_debug("%s: %s", sl_errno_name(-err), e->text);
	/* ENOENT: the kernel took the request back; nothing to do. */
	if (fuse_reply_err(req, sl_fuse_errno(err)))
		sl_log_debug("a reply found no request");
}

static void pass_on(struct sl_park *p)
{
	if (!p->interrupt)
		return;
	if (p->picky && !sl_signal_is_meant(p->pid))
		sl_signal_watch(p);
	else
		p->interrupt(p);
}

/* A libfuse worker heard an INTERRUPT; runs with the request's lock held. */
static void on_interrupt(fuse_req_t req, void *data)
{
	struct sl_park *p = data;
	int was = __atomic_exchange_n(&p->stage, SL_STAGE_HEARD,
				      __ATOMIC_ACQ_REL);

	(void)req;
	if (was == SL_STAGE_ASKED)
		pass_on(p);
}

static void unpin(struct sl_park *p)
{
	SL_LOCK_SCOPE(&p->m->tree->mu);
	if (p->node)
		sl_tree_unpin_locked(p->m->tree, p->node);
	if (p->node2)
		sl_tree_unpin_locked(p->m->tree, p->node2);
}

void sl_park_ref(struct sl_park *p)
{
	__atomic_add_fetch(&p->refs, 1, __ATOMIC_RELAXED);
}

void sl_park_unref(struct sl_park *p)
{
	if (__atomic_sub_fetch(&p->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sl_file_unref(p->file);
	sl_link_free(p->link);
	unpin(p);
	free(p->name);
	free(p->name2);
	free(p);
}

static void answer(struct sl_park *p, int err)
{
	__atomic_store_n(&p->answered, true, __ATOMIC_RELEASE);
	/* Waits for an on_interrupt() that is under way. */
	fuse_req_interrupt_func(p->req, NULL, NULL);
	p->finish(p, err);
	sl_park_unref(p);
}

static void on_done(struct sl_wait *w, int err)
{
	answer(sl_container_of(w, struct sl_park, w), err);
}

static void on_listed(struct sl_list_wait *w, int err)
{
	answer(sl_container_of(w, struct sl_park, lw), err);
}

struct sl_park *sl_park_new(fuse_req_t req,
			    void (*finish)(struct sl_park *, int))
{
	struct sl_park *p = calloc(1, sizeof(*p));

	if (!p) {
		sl_reply_error(req, -ENOMEM, NULL);
		return NULL;
	}
	p->refs = 2;
	p->req = req;
	p->m = sl_req_mount(req);
	p->finish = finish;
	p->w.done = on_done;
	p->lw.ready = on_listed;
	fuse_req_interrupt_func(req, on_interrupt, p);
	return p;
}

void sl_park_node(struct sl_park *p, struct sl_node *n)
{
	SL_LOCK_SCOPE(&p->m->tree->mu);
	sl_tree_pin_locked(n);
	if (!p->node)
		p->node = n;
	else
		p->node2 = n;
}

void sl_park_end(struct sl_park *p, int err)
{
	answer(p, err);
	sl_park_unref(p);
}

void sl_park_result(struct sl_park *p, int r)
{
	int was = SL_STAGE_ASKING;

	if (r != SL_PARKED) {
		sl_park_end(p, r);
		return;
	}
	if (!__atomic_compare_exchange_n(&p->stage, &was, SL_STAGE_ASKED,
					 false, __ATOMIC_ACQ_REL,
					 __ATOMIC_ACQUIRE))
		pass_on(p);
	sl_park_unref(p);
}

static void answer_list_interrupted(struct sl_control_work *work)
{
	answer(sl_container_of(work, struct sl_park, work), -EINTR);
}

/* The request's lock is held here, so the answer comes from the worker. */
static void list_interrupt(struct sl_park *p)
{
	if (sl_list_forget(p->m, p->listed, &p->lw))
		sl_control_push(p->m->controls, &p->work);
}

void sl_park_list(struct sl_park *p, struct sl_node *dir, bool fresh)
{
	p->listed = dir;
	p->work.run = answer_list_interrupted;
	p->interrupt = list_interrupt;
	sl_park_result(p, sl_list_ensure(p->m, dir, fresh, &p->lw));
}

void sl_entry_fill_locked(struct sl_tree *t, struct sl_node *n,
			  struct fuse_entry_param *e)
{
	sl_mutex_assume_held(&t->mu);
	memset(e, 0, sizeof(*e));
	n->nlookup++;
	if (n->kind == SL_NODE_FILE)
		sl_tree_seen_locked(t, n);
	e->ino = sl_tree_ino(t, n);
	e->generation = 1;
	e->attr_timeout = SL_CACHE_S;
	e->entry_timeout = SL_CACHE_S;
	sl_tree_stat_locked(t, n, &e->attr);
}

/*
 * The store takes keys up to a length, told before the first byte. Copy
 * tools' temporary names are longer than what they become.
 */
static int fits(struct sl_mount *m, const char *path, struct sl_error *e)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	size_t max = s ? s->backend->limits.max_key : 0;
	struct sl_path j;

	if (!s || strlen(path) <= max)
		return 0;
	sl_path_judge(&m->rules, path, false, &j);
	if (j.cls == SL_PATH_SKIP)
		return 0;
	if (j.temporary && strlen(j.final_key) <= max)
		return 0;
	sl_error_set(e, ENAMETOOLONG, "a path of %zu bytes; the store takes "
		     "at most %zu", strlen(path), max);
	sl_mount_event(m, ENAMETOOLONG, path, e->text, NULL);
	return -ENAMETOOLONG;
}

int sl_may_change(struct sl_mount *m, struct sl_node *dir, const char *name,
		  char *ret, struct sl_error *e)
{
	int r;

	if (strlen(name) > 255)
		return -ENAMETOOLONG;
	sl_mutex_lock(&m->tree->mu);
	r = sl_tree_join_locked(m->tree, dir, name, ret);
	sl_mutex_unlock(&m->tree->mu);
	if (r)
		return r;
	if (dir == m->tree->root && sl_control_find(name))
		return sl_error_set(e, EPERM, "'%s' is a control file", name);
	r = sl_mount_may_write(m, e);
	if (r)
		return r;
	if (!sl_mount_owns(m, ret))
		return sl_error_set(e, EPERM, "'%s' belongs to a node that "
				    "this mount does not write; see -o node=",
				    ret);
	return fits(m, ret, e);
}

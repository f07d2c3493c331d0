/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See readback.h. One node after the other, each in these turns, none of
 * which waits:
 *
 *   list   backend  what of the node is not known goes on a list
 *   read   backend  at most 4 objects at a time: a component of up to
 *                   SMALL_MAX bytes goes through its parser as it comes, of
 *                   a larger one (Data.db) the store's CRC32 and size are
 *                   asked, which the judge compares with Digest.crc32
 *   adopt  worker   files of our own nodes that no ledger knew, and that
 *                   nothing speaks against, become committed
 *
 * Memory: the paths of one node, and the parsers of 4 components.
 *
 * cs->mu guards what turns share (slots, 'next', 'stop', 'err'); the rest
 * belongs to the turn at work. done() takes cs->mu and the verdicts' lock, one
 * after the other. One runs at a time; a second write gets EBUSY.
 */
#include "mount/readback_internal.h"

#include <inttypes.h>
#include <string.h>

#include "crc.h"
#include "mount/tree.h"

#define SMALL_MAX ((uint64_t)64 << 20)
#define RETRY_MS 60000
/* As many as a listing of one directory may have in the tree. */
#define TARGETS_MAX 1000000

static void free_names(char **names, int count)
{
	for (int i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}

void sl_rb_targets_clear(struct sl_readback *rb)
{
	for (size_t i = 0; i < rb->targets; i++)
		free(rb->target[i].path);
	rb->targets = rb->next = 0;
}

static void readback_free(struct sl_readback *rb)
{
	sl_rb_targets_clear(rb);
	free(rb->target);
	free_names(rb->nodes, rb->node_count);
	sl_store_unref(rb->store);
	free(rb);
}

void sl_readback_forget(char **paths, size_t count)
{
	free_names(paths, (int)count);
}

void sl_rb_push(struct sl_readback *rb, void (*run)(struct sl_control_work *))
{
	rb->work.run = run;
	sl_control_push(rb->m->controls, &rb->work);
}

/* Keeps the first error. */
static void fail_locked(struct sl_readback *rb, int err,
			const struct sl_error *e)
{
	if (rb->err)
		return;
	rb->err = err;
	if (e)
		rb->error = *e;
}

/* --- reading */

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	struct sl_rb_slot *s = sl_container_of(op, struct sl_rb_slot, op);

	s->crc32 = sl_crc32(s->crc32, p, n);
	sl_stream_feed(s->stream, p, n);
	return 0;
}

static void count_reject(void *arg, const struct sl_finding *f)
{
	if (f->verdict == SL_REJECT)
		++*(uint64_t *)arg;
}

static int take_facts(struct sl_rb_slot *s, struct sl_facts *f)
{
	const char *name = sl_last_segment(s->t->path);

	if (s->stream) {
		int r = sl_stream_facts(s->stream, f);

		f->has_crc32 = true;
		f->crc32 = s->crc32;
		return r;
	}
	sl_name_parse(name, strlen(name), &f->name);
	f->size = s->op.obj.size;
	f->has_crc32 = s->op.obj.has_crc32;
	f->crc32 = s->op.obj.crc32;
	f->unread = true;
	return 0;
}

static int judge_slot(struct sl_rb_slot *s, uint64_t *rejected)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_verdicts *vs = s->rb->store->verdicts;
	int r = take_facts(s, &f);

	if (r)
		return r;
	/* What an earlier version of the object said is void. */
	sl_verdicts_drop(vs, s->t->path);
	r = sl_verdicts_put(vs, s->t->path, &f, count_reject, rejected);
	s->t->known = !r;
	if (f.has_crc32) {
		s->t->has_crc32 = true;
		s->t->crc32 = f.crc32;
	}
	return r == -EINVAL ? 0 : r; /* no file of a snapshot */
}

static void start_slots_locked(struct sl_readback *rb);

static bool is_idle_locked(const struct sl_readback *rb)
{
	for (int i = 0; i < SL_RB_SLOTS; i++)
		if (rb->slot[i].t)
			return false;
	return true;
}

static void on_read(struct sl_op *op)
{
	struct sl_rb_slot *s = sl_container_of(op, struct sl_rb_slot, op);
	struct sl_readback *rb = s->rb;
	struct sl_controls *cs = rb->m->controls;
	uint64_t rejected = 0;
	bool gone = op->err == -ENOENT, idle;
	int r = op->err;

	if (!r)
		r = judge_slot(s, &rejected);
	sl_mutex_lock(&cs->mu);
	rb->rejected += rejected;
	if (r && !gone) {
		rb->failed++;
		fail_locked(rb, r, &op->error);
	} else if (s->stream) {
		rb->read++;
	} else {
		rb->asked++;
	}
	sl_stream_free(s->stream);
	s->stream = NULL;
	s->t = NULL;
	start_slots_locked(rb);
	idle = is_idle_locked(rb);
	sl_mutex_unlock(&cs->mu);
	if (idle)
		sl_rb_push(rb, sl_rb_run_adopt);
}

static bool is_small(const struct sl_rb_target *t, const struct sl_name *n)
{
	return t->size <= SMALL_MAX &&
	       !(n->sstable && n->component == SL_COMP_DATA);
}

/* Has it a parser at all? */
static bool has_parser(const struct sl_name *n)
{
	return n->component != SL_COMP_OTHER;
}

static int start_slot(struct sl_rb_slot *s, struct sl_rb_target *t)
{
	struct sl_backend *b = s->rb->store->backend;
	const char *file = sl_last_segment(t->path);
	struct sl_name name;
	int r = 0;

	sl_name_parse(file, strlen(file), &name);
	s->crc32 = 0;
	s->op = (struct sl_op){
		.key = t->path,
		.length = t->size,
		.if_match = sl_rb_etag(t)[0] ? sl_rb_etag(t) : NULL,
		.on_data = on_data,
		.done = on_read,
		.priority = 2,
		.retry_for_ms = RETRY_MS,
	};
	if (has_parser(&name) && is_small(t, &name))
		r = sl_stream_new(&name, NULL, &s->stream);
	if (r)
		return r;
	s->t = t;
	if (s->stream)
		sl_backend_get(b, &s->op);
	else
		sl_backend_head(b, &s->op);
	return 0;
}

static void start_slots_locked(struct sl_readback *rb)
{
	for (int i = 0; i < SL_RB_SLOTS; i++) {
		int r;

		if (rb->stop || rb->err || rb->next >= rb->targets)
			return;
		if (rb->slot[i].t)
			continue;
		rb->slot[i].rb = rb;
		r = start_slot(&rb->slot[i], &rb->target[rb->next++]);
		if (r)
			fail_locked(rb, r, NULL);
	}
}

/* --- listing */

static bool is_unknown(struct sl_readback *rb, const char *key)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	/* Another node's may have changed since. */
	if (!sl_mount_owns(rb->m, key))
		return true;
	return sl_verdicts_facts(rb->store->verdicts, key, &f) || f.unread;
}

static int add_target(struct sl_readback *rb, const struct sl_list_entry *e)
{
	size_t n = strlen(e->key) + 1, m = strlen(e->obj.etag) + 1;
	struct sl_rb_target *t;
	char *path;

	if (rb->targets == TARGETS_MAX)
		return -EOVERFLOW;
	if (rb->targets == rb->cap) {
		size_t cap = rb->cap ? rb->cap * 2 : 256;

		t = reallocarray(rb->target, cap, sizeof(*t));
		if (!t)
			return -ENOMEM;
		rb->target = t;
		rb->cap = cap;
	}
	path = malloc(n + m);
	if (!path)
		return -ENOMEM;
	memcpy(path, e->key, n);
	memcpy(path + n, e->obj.etag, m);
	rb->target[rb->targets++] = (struct sl_rb_target){
		.path = path,
		.size = e->obj.size,
		.mtime_ms = e->obj.mtime_ms,
		.crc32 = e->obj.crc32,
		.has_crc32 = e->obj.has_crc32,
	};
	return 0;
}

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct sl_readback *rb = sl_container_of(op, struct sl_readback, list);
	struct sl_path p;

	if (e->is_prefix)
		return 0;
	sl_path_judge(&rb->m->rules, e->key, false, &p);
	if (p.cls != SL_PATH_UPLOAD || p.temporary || !is_unknown(rb, e->key))
		return 0;
	return add_target(rb, e);
}

static void on_listed(struct sl_op *op)
{
	struct sl_readback *rb = sl_container_of(op, struct sl_readback, list);
	struct sl_controls *cs = rb->m->controls;
	bool idle;

	sl_mutex_lock(&cs->mu);
	rb->listing = false;
	if (op->err)
		fail_locked(rb, op->err, &op->error);
	start_slots_locked(rb);
	idle = is_idle_locked(rb);
	sl_mutex_unlock(&cs->mu);
	if (idle)
		sl_rb_push(rb, sl_rb_run_adopt);
}

/* --- beginning and end */

static void finish(struct sl_readback *rb)
{
	struct sl_controls *cs = rb->m->controls;
	struct sl_control_request *r = rb->request;
	int err = rb->err;
	struct sl_error e = rb->error;

	if (!err && rb->stop)
		err = sl_error_set(&e, ECANCELED, "stopped; write it again to "
				   "go on");
	else if (err)
		err = sl_error_set(&e, -err, "not everything could be read "
				   "back: %s", rb->error.text[0] ?
				   rb->error.text : strerror(-err));
	snprintf(r->note, sizeof(r->note), "%" PRIu64 " files read back, %"
		 PRIu64 " known by their checksum, %" PRIu64 " taken into the "
		 "ledger, %" PRIu64 " findings against them", rb->read,
		 rb->asked, rb->adopted, rb->rejected);
	if (rb->adopted)
		sl_mount_event(rb->m, 0, NULL, r->note, NULL);
	/* First, or who is answered might find it taken. This is the worker. */
	sl_mutex_lock(&cs->mu);
	cs->readback = NULL;
	sl_mutex_unlock(&cs->mu);
	readback_free(rb);
	sl_control_request_end(r, err, &e);
}

void sl_rb_run_next(struct sl_control_work *w)
{
	struct sl_readback *rb = sl_container_of(w, struct sl_readback, work);
	struct sl_controls *cs = rb->m->controls;
	bool over;

	sl_mutex_lock(&cs->mu);
	over = rb->err || rb->stop || cs->stopping || rb->at == rb->node_count;
	rb->stop |= cs->stopping;
	if (!over) {
		snprintf(rb->prefix, sizeof(rb->prefix), "%s/",
			 rb->nodes[rb->at]);
		rb->list = (struct sl_op){
			.prefix = rb->prefix,
			.recursive = true,
			.on_entry = on_entry,
			.done = on_listed,
			.retry_for_ms = RETRY_MS,
		};
		rb->listing = true;
		sl_backend_list(rb->store->backend, &rb->list);
	}
	sl_mutex_unlock(&cs->mu);
	if (over)
		finish(rb);
}

/* What was kept of other nodes is read anew, or is gone. */
static void run_first(struct sl_control_work *w)
{
	struct sl_readback *rb = sl_container_of(w, struct sl_readback, work);
	struct sl_controls *cs = rb->m->controls;
	char **old;
	size_t n;

	sl_mutex_lock(&cs->mu);
	old = sl_steal(&cs->verified);
	n = cs->verified_count;
	cs->verified_count = 0;
	sl_mutex_unlock(&cs->mu);
	for (size_t i = 0; i < n; i++)
		sl_verdicts_drop(rb->store->verdicts, old[i]);
	sl_readback_forget(old, n);
	sl_rb_run_next(w);
}

void sl_readback_cancel_locked(struct sl_controls *cs)
{
	struct sl_readback *rb = cs->readback;

	if (!rb)
		return;
	rb->stop = true;
	if (rb->listing)
		sl_backend_cancel(rb->store->backend, &rb->list);
	for (int i = 0; i < SL_RB_SLOTS; i++)
		if (rb->slot[i].t)
			sl_backend_cancel(rb->store->backend,
					  &rb->slot[i].op);
}

static void on_interrupt(struct sl_control_request *r)
{
	sl_readback_cancel_locked(r->m->controls);
}

static int prepare(struct sl_readback *rb, const char *rest,
		   struct sl_error *e)
{
	const unsigned need = SL_CAP_LIST | SL_CAP_READ;
	int r = sl_rb_cut_nodes(rb, rest, e);

	if (r)
		return r;
	rb->store = sl_mount_store(rb->m, e);
	if (!rb->store)
		return -EROFS;
	if ((rb->store->backend->caps & need) != need)
		return sl_error_set(e, EACCES, "this store gives nothing "
				    "back");
	return 0;
}

static int claim(struct sl_readback *rb, struct sl_error *e)
{
	struct sl_controls *cs = rb->m->controls;

	SL_LOCK_SCOPE(&cs->mu);
	if (cs->stopping)
		return sl_error_set(e, ECANCELED, "this mount is going away");
	if (cs->readback)
		return sl_error_set(e, EBUSY, "files are being read back "
				    "already; read .verify");
	cs->readback = rb;
	rb->request->interrupt_locked = on_interrupt;
	return 0;
}

int sl_act_verify(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e)
{
	static const char word[] = "verify";
	size_t n = sizeof(word) - 1;
	struct sl_readback *rb;
	int r;

	if (strncmp(line, word, n) || (line[n] && !strchr(" \t", line[n])))
		return sl_error_set(e, EINVAL, ".verify takes 'verify' or "
				    "'verify NODE...', not '%.64s'", line);
	rb = calloc(1, sizeof(*rb));
	if (!rb)
		return sl_error_set(e, ENOMEM, "out of memory");
	rb->m = m;
	rb->request = sl_control_request_of(w);
	r = prepare(rb, line + n, e);
	if (!r)
		r = claim(rb, e);
	if (r) {
		readback_free(rb);
		return r;
	}
	sl_rb_push(rb, run_first);
	return SL_PARKED;
}

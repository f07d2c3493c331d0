/* SPDX-License-Identifier: Apache-2.0 */
/*
 * To see what a mount asks of its store without a packet capture. The inner
 * op is a copy of the outer one: its callbacks point here, its outputs are
 * copied back, so the wrapper works over any backend and stacks.
 */
#include "backends/trace/trace.h"

#include <errno.h>
#include <string.h>

#include "clock.h"
#include "lock.h"
#include "log.h"

struct trace {
	struct sl_backend b;
	struct sl_backend *inner; /* owned */
	struct sl_mutex lock;	  /* guards traced */
	struct traced *traced;	  /* ops under way */
};

struct traced {
	struct traced *next, *prev;
	struct sl_op op; /* the inner one */
	struct sl_op *outer;
	struct trace *trace;
	const char *name;
	int64_t started_ms;
};

static int pass_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct traced *t = sl_container_of(op, struct traced, op);

	return t->outer->on_entry(t->outer, e);
}

static int pass_upload(struct sl_op *op, const struct sl_upload_entry *e)
{
	struct traced *t = sl_container_of(op, struct traced, op);

	return t->outer->on_upload(t->outer, e);
}

static int pass_part(struct sl_op *op, const struct sl_part *p)
{
	struct traced *t = sl_container_of(op, struct traced, op);

	return t->outer->on_part(t->outer, p);
}

static int pass_data(struct sl_op *op, const void *p, size_t n)
{
	struct traced *t = sl_container_of(op, struct traced, op);

	/* Size and version are to be there before the first byte. */
	t->outer->obj = op->obj;
	return t->outer->on_data(t->outer, p, n);
}

static void log_end(const struct traced *t)
{
	const struct sl_op *op = &t->op;
	long long ms = sl_mono_ms(&sl_clock_system) - t->started_ms;
	const char *key = op->key ? op->key : op->prefix;

	if (op->err)
		sl_log_debug("%s: %s '%s' %llu bytes: %s in %lld ms: %s",
			     t->trace->inner->ops->name, t->name,
			     key ? key : "", (unsigned long long)op->size,
			     sl_errno_name(-op->err), ms, op->error.text);
	else
		sl_log_debug("%s: %s '%s' %llu bytes: ok in %lld ms",
			     t->trace->inner->ops->name, t->name,
			     key ? key : "", (unsigned long long)op->size, ms);
}

static void link_traced(struct traced *t)
{
	struct trace *tr = t->trace;

	SL_LOCK_SCOPE(&tr->lock);
	t->next = tr->traced;
	if (t->next)
		t->next->prev = t;
	tr->traced = t;
}

static void unlink_traced(struct traced *t)
{
	struct trace *tr = t->trace;

	SL_LOCK_SCOPE(&tr->lock);
	if (t->prev)
		t->prev->next = t->next;
	else
		tr->traced = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

static void trace_done(struct sl_op *op)
{
	struct traced *t = sl_container_of(op, struct traced, op);
	struct sl_op *outer = t->outer;

	log_end(t);
	unlink_traced(t);
	__atomic_store_n(&t->trace->b.proof,
			 (int)sl_backend_proof(t->trace->inner),
			 __ATOMIC_RELEASE);
	outer->err = op->err;
	outer->error = op->error;
	outer->obj = op->obj;
	outer->part = op->part;
	outer->new_upload_id = op->new_upload_id;
	free(t);
	outer->done(outer);
}

static void start(struct sl_backend *b, struct sl_op *outer, const char *name,
		  sl_backend_start_fn *fn)
{
	struct trace *tr = sl_container_of(b, struct trace, b);
	struct traced *t = calloc(1, sizeof(*t));

	if (!t) {
		/* Untraced is better than failed. */
		fn(tr->inner, outer);
		return;
	}
	t->op = *outer;
	t->op.impl = NULL;
	t->op.on_entry = outer->on_entry ? pass_entry : NULL;
	t->op.on_upload = outer->on_upload ? pass_upload : NULL;
	t->op.on_part = outer->on_part ? pass_part : NULL;
	t->op.on_data = outer->on_data ? pass_data : NULL;
	t->op.done = trace_done;
	t->outer = outer;
	t->trace = tr;
	t->name = name;
	t->started_ms = sl_mono_ms(&sl_clock_system);
	link_traced(t);
	fn(tr->inner, &t->op);
}

#define TRACED(op_) \
	static void trace_##op_(struct sl_backend *b, struct sl_op *op) \
	{ \
		struct trace *tr = sl_container_of(b, struct trace, b); \
\
		start(b, op, #op_, tr->inner->ops->op_); \
	}

TRACED(put)
TRACED(upload_begin)
TRACED(part)
TRACED(complete)
TRACED(abort)
TRACED(list_parts)
TRACED(uploads)
TRACED(head)
TRACED(get)
TRACED(list)
TRACED(remove)

static void trace_cancel(struct sl_backend *b, struct sl_op *outer)
{
	struct trace *tr = sl_container_of(b, struct trace, b);
	struct traced *t;

	SL_LOCK_SCOPE(&tr->lock);
	for (t = tr->traced; t && t->outer != outer; t = t->next)
		;
	/* One that found no memory to be traced is the inner backend's. */
	sl_backend_cancel(tr->inner, t ? &t->op : outer);
}

static bool trace_trouble(struct sl_backend *b, struct sl_error *ret)
{
	struct trace *tr = sl_container_of(b, struct trace, b);

	return sl_backend_trouble(tr->inner, ret);
}

static void trace_close(struct sl_backend *b)
{
	struct trace *tr = sl_container_of(b, struct trace, b);

	sl_backend_close(tr->inner);
	sl_mutex_release(&tr->lock);
	free(tr);
}

static const struct sl_backend_ops trace_ops = {
	.name = "trace",
	.put = trace_put,
	.upload_begin = trace_upload_begin,
	.part = trace_part,
	.complete = trace_complete,
	.abort = trace_abort,
	.list_parts = trace_list_parts,
	.uploads = trace_uploads,
	.head = trace_head,
	.get = trace_get,
	.list = trace_list,
	.remove = trace_remove,
	.trouble = trace_trouble,
	.cancel = trace_cancel,
	.close = trace_close,
};

int sl_trace_backend_open(struct sl_backend *inner, struct sl_backend **ret)
{
	struct trace *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->b = (struct sl_backend){
		.ops = &trace_ops,
		.caps = inner->caps,
		.limits = inner->limits,
		.sum = inner->sum,
		.proof = (int)sl_backend_proof(inner),
	};
	t->inner = inner;
	sl_mutex_init(&t->lock);
	*ret = &t->b;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Running ops as chains of HTTP calls: see cloud.h for the picture and the
 * threads. Here are the turns from step to step, the end of an op, and
 * cancelling; what a ranged read takes from an answer is in object.c.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/internal.h"

enum sl_verdict sl_cloud_fatal(struct sl_cloud_task *t, int errnum,
			       const char *text)
{
	sl_error_set(&t->call.error, errnum, "'%s': %s",
		     t->op->key ? t->op->key : t->cloud->place, text);
	return SL_V_FATAL;
}

enum sl_verdict sl_cloud_lost(struct sl_cloud_task *t,
			      const struct sl_cloud_step *next)
{
	t->step = next;
	if (!t->call.error.errnum)
		sl_error_set(&t->call.error, ETIMEDOUT, "the answer was lost");
	return SL_V_RETRY;
}

enum sl_verdict sl_cloud_turn(struct sl_cloud_task *t,
			      const struct sl_cloud_step *next)
{
	t->step = next;
	return SL_CLOUD_AGAIN;
}

static void free_task(struct sl_cloud_task *t)
{
	if (t->cloud->dialect->free_task)
		t->cloud->dialect->free_task(t);
	sl_buf_release(&t->text);
	free(t->marker);
	free(t->marker2);
	free(t->last);
	free(t);
}

static void unlink_locked(struct sl_cloud *c, struct sl_cloud_task *t)
	SL_REQUIRES(c->lock)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		c->tasks = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

static void finish(struct sl_cloud_task *t, int err)
{
	struct sl_cloud *c = t->cloud;
	struct sl_op *op = t->op;

	sl_mutex_lock(&c->lock);
	unlink_locked(c, t);
	op->impl = NULL;
	sl_mutex_unlock(&c->lock);
	op->err = err;
	op->error = t->call.error;
	if (err)
		op->error.errnum = -err;
	else
		sl_error_clear(&op->error);
	free_task(t);
	op->done(op);
	sl_mutex_lock(&c->lock);
	c->running--;
	sl_cond_broadcast(&c->idle);
	sl_mutex_unlock(&c->lock);
}

static void begin_step(struct sl_cloud_task *t,
		       const struct sl_cloud_step *step);

static void call_done(struct sl_http_call *call, int err)
{
	struct sl_cloud_task *t = sl_container_of(call, struct sl_cloud_task,
						  call);
	const struct sl_cloud_step *next = NULL;

	if ((t->step->local && err == SL_CLOUD_NOTHING_SENT) ||
	    (t->step->sink && err == SL_CLOUD_ENOUGH))
		err = 0;
	if (!err && t->step->next)
		next = t->step->next(t);
	if (next)
		begin_step(t, next);
	else
		finish(t, err);
}

static const struct sl_http_call_ops plain_ops = {
	.prepare = sl_cloud_prepare,
	.judge = sl_cloud_judge,
	.done = call_done,
};

static const struct sl_http_call_ops sink_ops = {
	.prepare = sl_cloud_prepare,
	.judge = sl_cloud_judge,
	.sink = sl_cloud_sink,
	.done = call_done,
};

static int64_t remaining(const struct sl_cloud_task *t)
{
	int64_t left;

	if (t->op->retry_for_ms <= 0)
		return t->op->retry_for_ms;
	left = t->deadline_ms - sl_mono_ms(t->cloud->clock);
	return left > 1 ? left : 1;
}

static void begin_step(struct sl_cloud_task *t,
		       const struct sl_cloud_step *step)
{
	struct sl_cloud *c = t->cloud;

	t->step = step;
	t->call.ops = step->sink ? &sink_ops : &plain_ops;
	t->call.creds = step->no_creds ? NULL : c->creds;
	t->call.idempotent = true;
	t->call.retry_for_ms = remaining(t);
	t->call.priority = t->op->priority;
	sl_mutex_lock(&c->lock);
	sl_http_start(c->http, &t->call);
	if (t->cancelled || c->closing)
		sl_http_cancel(c->http, &t->call);
	sl_mutex_unlock(&c->lock);
}

/*
 * An op that found no memory must still end on a thread of the backend: a
 * call kept ready for that is sent through the client, whose prepare() ends
 * it at once.
 */
static int oom_prepare(struct sl_http_call *c, struct sl_http_request *req,
		       const struct sl_cred *cred)
{
	(void)c;
	(void)req;
	(void)cred; /* nothing is sent */
	return -ENOMEM;
}

static struct sl_op *take_oom(struct sl_cloud *c)
{
	struct sl_op *op;

	SL_LOCK_SCOPE(&c->lock);
	op = c->oom;
	if (op)
		c->oom = op->impl;
	else
		c->oom_under_way = false;
	return op;
}

static void oom_done(struct sl_http_call *call, int err)
{
	struct sl_cloud *c = sl_container_of(call, struct sl_cloud, oom_call);
	struct sl_op *op;

	while ((op = take_oom(c))) {
		op->impl = NULL;
		op->err = err == -ECANCELED ? err : -ENOMEM;
		op->done(op);
	}
	sl_mutex_lock(&c->lock);
	c->running--;
	sl_cond_broadcast(&c->idle);
	sl_mutex_unlock(&c->lock);
}

static const struct sl_http_call_ops oom_ops = {
	.prepare = oom_prepare,
	.done = oom_done,
};

static void run_out_of_memory(struct sl_cloud *c, struct sl_op *op)
{
	SL_LOCK_SCOPE(&c->lock);
	op->impl = c->oom;
	c->oom = op;
	if (c->oom_under_way)
		return;
	c->oom_under_way = true;
	c->running++;
	c->oom_call = (struct sl_http_call){ .ops = &oom_ops };
	sl_http_start(c->http, &c->oom_call);
}

static bool is_oom_locked(const struct sl_cloud *c, const struct sl_op *op)
	SL_REQUIRES(c->lock)
{
	for (const struct sl_op *o = c->oom; o; o = o->impl)
		if (o == op)
			return true;
	return false;
}

void sl_cloud_run(struct sl_backend *b, struct sl_op *op,
		  const struct sl_cloud_step *first)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);
	const struct sl_cloud_dialect *d = c->dialect;
	struct sl_cloud_task *t = calloc(1, d->task_size);
	const struct sl_cloud_step *before;

	if (!t) {
		run_out_of_memory(c, op);
		return;
	}
	t->cloud = c;
	t->op = op;
	t->first = first;
	sl_buf_init(&t->text, SL_CLOUD_MAX_ANSWER);
	t->started_ms = sl_cloud_server_now(c);
	t->deadline_ms = sl_mono_ms(c->clock) + op->retry_for_ms;
	op->obj = (struct sl_object){ 0 };
	sl_mutex_lock(&c->lock);
	c->running++;
	t->next = c->tasks;
	if (t->next)
		t->next->prev = t;
	c->tasks = t;
	op->impl = t;
	sl_mutex_unlock(&c->lock);
	before = d->before ? d->before(c) : NULL;
	begin_step(t, before ? before : first);
}

void sl_cloud_cancel(struct sl_backend *b, struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);
	struct sl_cloud_task *t;

	SL_LOCK_SCOPE(&c->lock);
	t = is_oom_locked(c, op) ? NULL : op->impl;
	if (!t)
		return;
	t->cancelled = true;
	sl_http_cancel(c->http, &t->call);
}

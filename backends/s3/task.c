/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The frame of every op: a task goes through steps, each one HTTP call.
 *
 *   sl_s3_run --> [discover] --> first step --> next() ... --> op->done()
 *
 * Within one call, judge() may exchange the step for another and ask for a
 * retry: that is how a lost answer is cleared up (PUT -> HEAD and compare ->
 * PUT again only if needed) under one deadline and one back-off. A step that
 * succeeded is followed by next() in a new call (pages of a listing).
 *
 * Threads: a task is used by the thread that runs its call's callbacks, one
 * at a time. s3->lock guards the list of tasks, cancelling and the shared
 * facts (region, clock, ids); it is taken before the HTTP client's lock and
 * never held in a callback.
 */
#include <errno.h>
#include <string.h>

#include "backends/s3/internal.h"

enum sl_verdict sl_s3_fatal(struct sl_s3_task *t, int errnum, const char *text)
{
	sl_error_set(&t->call.error, errnum, "'%s': %s",
		     t->op->key ? t->op->key : t->s3->bucket, text);
	return SL_V_FATAL;
}

enum sl_verdict sl_s3_lost(struct sl_s3_task *t, const struct sl_s3_step *next)
{
	t->step = next;
	if (!t->call.error.errnum)
		sl_error_set(&t->call.error, ETIMEDOUT, "the answer was lost");
	return SL_V_RETRY;
}

static void free_task(struct sl_s3_task *t)
{
	sl_buf_release(&t->xml);
	free(t->marker);
	free(t->marker2);
	free(t->last);
	free(t);
}

static void unlink_locked(struct sl_s3 *s, struct sl_s3_task *t)
	SL_REQUIRES(s->lock)
{
	if (t->prev)
		t->prev->next = t->next;
	else
		s->tasks = t->next;
	if (t->next)
		t->next->prev = t->prev;
}

static void finish(struct sl_s3_task *t, int err)
{
	struct sl_s3 *s = t->s3;
	struct sl_op *op = t->op;

	sl_mutex_lock(&s->lock);
	unlink_locked(s, t);
	op->impl = NULL;
	sl_mutex_unlock(&s->lock);
	op->err = err;
	op->error = t->call.error;
	if (err)
		op->error.errnum = -err;
	else
		sl_error_clear(&op->error);
	free_task(t);
	op->done(op);
	sl_mutex_lock(&s->lock);
	s->running--;
	sl_cond_broadcast(&s->idle);
	sl_mutex_unlock(&s->lock);
}

/* Not every store heeds If-Match: the answer must name the version too. */
static int look(struct sl_s3_task *t, const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;

	if (t->looked)
		return 0;
	t->looked = true;
	sl_s3_object(r, o);
	if (!t->etag[0] || !o->etag[0] || !strcmp(t->etag, o->etag))
		return 0;
	return sl_error_set(&t->call.error, ESTALE,
			    "'%s': it changed while being read", t->op->key);
}

static int sink(struct sl_http_call *c, const void *p, size_t n)
{
	struct sl_s3_task *t = sl_container_of(c, struct sl_s3_task, call);
	const char *from = p;
	uint64_t left = t->op->length - t->got, skip;
	int err = look(t, c->answer);

	if (err)
		return err;
	/* A server that ignores ranges sends the object from its start. */
	if (c->answer->status == 200) {
		uint64_t want = t->op->offset + t->got;

		skip = t->skip < want ? want - t->skip : 0;
		if (skip > n)
			skip = n;
		t->skip += n;
		from += skip;
		n -= skip;
	}
	if (n > left)
		n = left;
	if (!n)
		return 0;
	t->got += n;
	return t->op->on_data(t->op, from, n);
}

static void begin_step(struct sl_s3_task *t, const struct sl_s3_step *step);

static void call_done(struct sl_http_call *c, int err)
{
	struct sl_s3_task *t = sl_container_of(c, struct sl_s3_task, call);
	const struct sl_s3_step *next = NULL;

	if (!err && t->step->next)
		next = t->step->next(t);
	if (next)
		begin_step(t, next);
	else
		finish(t, err);
}

static const struct sl_http_call_ops plain_ops = {
	.prepare = sl_s3_prepare,
	.judge = sl_s3_judge,
	.done = call_done,
};

static const struct sl_http_call_ops sink_ops = {
	.prepare = sl_s3_prepare,
	.judge = sl_s3_judge,
	.sink = sink,
	.done = call_done,
};

static int64_t remaining(const struct sl_s3_task *t)
{
	int64_t left;

	if (t->op->retry_for_ms <= 0)
		return t->op->retry_for_ms;
	left = t->deadline_ms - sl_mono_ms(t->s3->clock);
	return left > 1 ? left : 1;
}

static void begin_step(struct sl_s3_task *t, const struct sl_s3_step *step)
{
	struct sl_s3 *s = t->s3;

	t->step = step;
	t->call.ops = step->sink ? &sink_ops : &plain_ops;
	t->call.creds = step->discover ? NULL : s->creds;
	t->call.idempotent = true;
	t->call.retry_for_ms = remaining(t);
	t->call.priority = t->op->priority;
	sl_mutex_lock(&s->lock);
	sl_http_start(s->http, &t->call);
	if (t->cancelled || s->closing)
		sl_http_cancel(s->http, &t->call);
	sl_mutex_unlock(&s->lock);
}

static const struct sl_s3_step *first_step(struct sl_s3 *s,
					   const struct sl_s3_step *first)
{
	SL_LOCK_SCOPE(&s->lock);
	return s->region_known ? first : &sl_s3_discover;
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

static struct sl_op *take_oom(struct sl_s3 *s)
{
	struct sl_op *op;

	SL_LOCK_SCOPE(&s->lock);
	op = s->oom;
	if (op)
		s->oom = op->impl;
	else
		s->oom_under_way = false;
	return op;
}

static void oom_done(struct sl_http_call *c, int err)
{
	struct sl_s3 *s = sl_container_of(c, struct sl_s3, oom_call);
	struct sl_op *op;

	while ((op = take_oom(s))) {
		op->impl = NULL;
		op->err = err == -ECANCELED ? err : -ENOMEM;
		op->done(op);
	}
	sl_mutex_lock(&s->lock);
	s->running--;
	sl_cond_broadcast(&s->idle);
	sl_mutex_unlock(&s->lock);
}

static const struct sl_http_call_ops oom_ops = {
	.prepare = oom_prepare,
	.done = oom_done,
};

static void run_out_of_memory(struct sl_s3 *s, struct sl_op *op)
{
	SL_LOCK_SCOPE(&s->lock);
	op->impl = s->oom;
	s->oom = op;
	if (s->oom_under_way)
		return;
	s->oom_under_way = true;
	s->running++;
	s->oom_call = (struct sl_http_call){ .ops = &oom_ops };
	sl_http_start(s->http, &s->oom_call);
}

static bool is_oom_locked(const struct sl_s3 *s, const struct sl_op *op)
	SL_REQUIRES(s->lock)
{
	for (const struct sl_op *o = s->oom; o; o = o->impl)
		if (o == op)
			return true;
	return false;
}

void sl_s3_run(struct sl_backend *b, struct sl_op *op,
	       const struct sl_s3_step *first)
{
	struct sl_s3 *s = sl_container_of(b, struct sl_s3, b);
	struct sl_s3_task *t = calloc(1, sizeof(*t));

	if (!t) {
		run_out_of_memory(s, op);
		return;
	}
	t->s3 = s;
	t->op = op;
	t->first = first;
	sl_buf_init(&t->xml, SL_S3_MAX_XML);
	t->started_ms = sl_s3_server_now(s);
	t->deadline_ms = sl_mono_ms(s->clock) + op->retry_for_ms;
	op->obj = (struct sl_object){ 0 };
	sl_mutex_lock(&s->lock);
	s->running++;
	t->next = s->tasks;
	if (t->next)
		t->next->prev = t;
	s->tasks = t;
	op->impl = t;
	sl_mutex_unlock(&s->lock);
	begin_step(t, first_step(s, first));
}

void sl_s3_cancel(struct sl_backend *b, struct sl_op *op)
{
	struct sl_s3 *s = sl_container_of(b, struct sl_s3, b);
	struct sl_s3_task *t;

	SL_LOCK_SCOPE(&s->lock);
	t = is_oom_locked(s, op) ? NULL : op->impl;
	if (!t)
		return;
	t->cancelled = true;
	sl_http_cancel(s->http, &t->call);
}

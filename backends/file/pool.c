/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The worker pool: local file systems have no asynchronous interface that
 * works everywhere, so a few threads block instead of the callers.
 *
 * Thread model. submit() appends a job and signals; it never blocks on I/O. A
 * worker takes the oldest job of the smallest priority, runs it without the
 * lock, takes it off the running list and calls done(). cancel() looks an op
 * up in queue and running list under the lock and sets its flag; an op whose
 * done() is about to run is in neither, so a late cancel touches nothing. An
 * op for which no job could be allocated waits on 'starved', linked through
 * op->impl, and is answered -ENOMEM by a worker: done() never runs in submit().
 */
#include "internal.h"

#include <string.h>


/* What the contract's caller sees; other errors become EIO. */
static const struct {
	int from, to;
} contract_errors[] = {
	{ EACCES, EACCES },	  { EPERM, EACCES },
	{ EROFS, EROFS },	  { ECANCELED, ECANCELED },
	{ ENOMEM, ENOMEM },	  { ENOENT, ENOENT },
	{ ESTALE, ESTALE },	  { EBADMSG, EBADMSG },
	{ EFBIG, EFBIG },	  { ENOSPC, ENOSPC },
	{ EDQUOT, ENOSPC },	  { ENAMETOOLONG, ENAMETOOLONG },
	{ EINVAL, EINVAL },
};

static int to_contract(int err)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(contract_errors); i++)
		if (contract_errors[i].from == -err)
			return -contract_errors[i].to;
	return -EIO;
}

static void finish(struct sl_op *op, const char *verb, int err, bool verbatim)
{
	int shown = err < 0 && !verbatim ? to_contract(err) : err;

	if (err && !op->error.errnum)
		sl_error_set(&op->error, -shown, "cannot %s '%s': %s", verb,
			     op->key ? op->key : op->prefix ? op->prefix : "",
			     strerror(-err));
	op->error.errnum = -shown;
	op->err = shown;
	op->impl = NULL;
	op->done(op);
}

static void unlink_running(struct sl_file *f, struct sl_file_job *j)
{
	struct sl_file_job **p = &f->running;

	SL_LOCK_SCOPE(&f->lock);
	while (*p && *p != j)
		p = &(*p)->next;
	if (!*p)
		SL_BUG("file job is not running");
	*p = j->next;
}

static void run_job(struct sl_file *f, struct sl_file_job *j)
{
	struct sl_op *op = j->op;
	int err = sl_file_cancelled(j) ? -ECANCELED : j->run(j);

	unlink_running(f, j);
	finish(op, j->verb, err, j->verbatim);
	free(j);
}

static struct sl_file_job *pop_locked(struct sl_file *f)
{
	for (int i = 0; i < SL_FILE_PRIORITIES; i++) {
		struct sl_file_queue *q = &f->queue[i];
		struct sl_file_job *j = q->head;

		if (!j)
			continue;
		q->head = j->next;
		if (!q->head)
			q->tail = &q->head;
		j->next = f->running;
		f->running = j;
		return j;
	}
	return NULL;
}

/* Waits for work: a job, or an op that has none; false: closing. */
static bool next_work(struct sl_file *f, struct sl_file_job **ret_job,
		      struct sl_op **ret_starved)
{
	SL_LOCK_SCOPE(&f->lock);
	for (;;) {
		*ret_starved = f->starved;
		if (*ret_starved) {
			f->starved = (*ret_starved)->impl;
			return true;
		}
		*ret_job = pop_locked(f);
		if (*ret_job)
			return true;
		if (f->closing)
			return false;
		sl_cond_wait(&f->more, &f->lock);
	}
}

static void *worker(void *arg)
{
	struct sl_file *f = arg;
	struct sl_file_job *j = NULL;
	struct sl_op *starved = NULL;

	while (next_work(f, &j, &starved)) {
		if (starved)
			finish(starved, "start", -ENOMEM, false);
		else
			run_job(f, j);
	}
	return NULL;
}

int sl_file_pool_start(struct sl_file *f, int threads)
{
	sl_mutex_init(&f->lock);
	sl_cond_init(&f->more);
	for (int i = 0; i < SL_FILE_PRIORITIES; i++)
		f->queue[i].tail = &f->queue[i].head;
	f->threads = calloc((size_t)threads, sizeof(*f->threads));
	if (!f->threads)
		return -ENOMEM;
	while (f->thread_count < threads) {
		int r = pthread_create(&f->threads[f->thread_count], NULL,
				       worker, f);

		if (r)
			return -r;
		f->thread_count++;
	}
	return 0;
}

static void cancel_list(struct sl_file_job *j, const struct sl_op *op)
{
	for (; j; j = j->next)
		if (!op || j->op == op)
			__atomic_store_n(&j->cancelled, 1, __ATOMIC_RELAXED);
}

/* 'op' NULL: all of them. */
static void cancel_locked(struct sl_file *f, const struct sl_op *op)
	SL_REQUIRES(f->lock)
{
	for (int i = 0; i < SL_FILE_PRIORITIES; i++)
		cancel_list(f->queue[i].head, op);
	cancel_list(f->running, op);
}

void sl_file_cancel(struct sl_backend *b, struct sl_op *op)
{
	struct sl_file *f = sl_file_of(b);

	SL_LOCK_SCOPE(&f->lock);
	cancel_locked(f, op);
}

void sl_file_pool_stop(struct sl_file *f)
{
	sl_mutex_lock(&f->lock);
	f->closing = true;
	cancel_locked(f, NULL);
	sl_cond_broadcast(&f->more);
	sl_mutex_unlock(&f->lock);
	for (int i = 0; i < f->thread_count; i++)
		if (pthread_join(f->threads[i], NULL))
			SL_BUG("cannot join a file worker");
	free(f->threads);
	sl_cond_release(&f->more);
	sl_mutex_release(&f->lock);
}

void sl_file_submit(struct sl_file *f, struct sl_op *op, const char *verb,
		    int (*run)(struct sl_file_job *))
{
	struct sl_file_job *j = calloc(1, sizeof(*j));
	struct sl_file_queue *q;
	int p = op->priority;

	p = p < 0 ? 0 : p < SL_FILE_PRIORITIES ? p : SL_FILE_PRIORITIES - 1;
	q = &f->queue[p];
	sl_error_clear(&op->error);
	SL_LOCK_SCOPE(&f->lock);
	if (j) {
		*j = (struct sl_file_job){ .f = f, .op = op, .verb = verb,
					   .run = run };
		j->cancelled = f->closing;
		*q->tail = j;
		q->tail = &j->next;
	} else {
		op->impl = f->starved;
		f->starved = op;
	}
	sl_cond_signal(&f->more);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The store that checks size and CRC32 of what it is given and discards it.
 * One thread answers, for done() must not run inside a wrapper. Ops wait
 * linked through op->impl, their answer or CHECK_BODY in op->err, so nothing
 * is allocated. 'lock' guards 'waiting' and 'closing'; it is a leaf.
 */
#include "null.h"

#include <string.h>

#include "crc.h"
#include "lock.h"

#define CHECK_BODY 1

struct null_store {
	struct sl_backend base; /* first */
	struct sl_mutex lock;
	struct sl_cond more;
	struct sl_op *waiting;
	bool closing;
	pthread_t thread;
};

static void enqueue(struct sl_backend *b, struct sl_op *op, int err)
{
	struct null_store *s = sl_container_of(b, struct null_store, base);

	sl_error_clear(&op->error);
	op->err = err;
	op->obj = (struct sl_object){ .size = op->size, .has_crc32 = true,
		.crc32 = op->crc32, .proof = SL_PROOF_CRC32 };
	SL_LOCK_SCOPE(&s->lock);
	op->impl = s->waiting;
	s->waiting = op;
	sl_cond_signal(&s->more);
}

static int check_body(struct sl_op *op)
{
	uint64_t size = 0;
	uint32_t crc = 0;

	for (int i = 0; i < op->body_count; i++) {
		crc = sl_crc32(crc, op->body[i].iov_base, op->body[i].iov_len);
		size += op->body[i].iov_len;
	}
	op->part = (struct sl_part){ .number = op->part_number,
				     .size = size, .crc32 = crc };
	return size == op->size && crc == op->crc32 ? 0 : -EBADMSG;
}

static void start_body(struct sl_backend *b, struct sl_op *op)
{
	enqueue(b, op, CHECK_BODY);
}

static void start_begin(struct sl_backend *b, struct sl_op *op)
{
	op->new_upload_id = strdup("null");
	enqueue(b, op, op->new_upload_id ? 0 : -ENOMEM);
}

static void start_complete(struct sl_backend *b, struct sl_op *op)
{
	const struct sl_part *p = op->parts, *end = p + op->part_count;
	uint64_t size = 0;
	uint32_t crc = 0;

	for (; p < end; size += p++->size)
		crc = sl_crc32_combine(crc, p->crc32, p->size);
	enqueue(b, op, size == op->size && crc == op->crc32 ? 0 : -EBADMSG);
}

static void start_abort(struct sl_backend *b, struct sl_op *op)
{
	enqueue(b, op, 0);
}

static struct sl_op *take_all(struct null_store *s)
{
	SL_LOCK_SCOPE(&s->lock);
	while (!s->waiting && !s->closing)
		sl_cond_wait(&s->more, &s->lock);
	return sl_steal(&s->waiting);
}

static void *answer(void *arg)
{
	struct sl_op *op, *next;

	while ((op = take_all(arg)))
		for (; op; op = next) {
			next = op->impl;
			if (op->err == CHECK_BODY)
				op->err = check_body(op);
			if (op->err)
				sl_error_set(&op->error, -op->err,
					     "cannot take '%s'", op->key);
			op->done(op);
		}
	return NULL;
}

static void leave(struct sl_backend *b, struct sl_op *op)
{
	(void)b, (void)op; /* the outcome is never far */
}

static void discard(struct sl_backend *b)
{
	struct null_store *s = sl_container_of(b, struct null_store, base);

	sl_mutex_lock(&s->lock);
	s->closing = true;
	sl_cond_signal(&s->more);
	sl_mutex_unlock(&s->lock);
	if (pthread_join(s->thread, NULL)) /* answers what waits first */
		SL_BUG("cannot join the null thread");
	sl_cond_release(&s->more);
	sl_mutex_release(&s->lock);
	free(s);
}

int sl_null_backend_open(const struct sl_backend_config *cfg,
			 struct sl_backend **ret, struct sl_error *e)
{
	static const struct sl_backend_ops ops = {
		.name = "null", .put = start_body, .part = start_body,
		.upload_begin = start_begin, .complete = start_complete,
		.abort = start_abort, .cancel = leave, .close = discard };
	static const struct sl_backend prototype = {
		.ops = &ops,
		.caps = SL_CAP_CHECKSUM | SL_CAP_PARALLEL | SL_CAP_ABORT,
		.limits = { 1, 1ULL << 32, 10000, 1ULL << 32, 1ULL << 45,
			    1024 }, .proof = SL_PROOF_CRC32 };
	struct null_store *s = calloc(1, sizeof(*s));

	(void)cfg;
	if (!s)
		return sl_error_set(e, ENOMEM, "out of memory");
	*s = (struct null_store){ .base = prototype, .lock = SL_MUTEX_INIT };
	sl_cond_init(&s->more);
	if (!pthread_create(&s->thread, NULL, answer, s)) {
		*ret = &s->base;
		return 0;
	}
	free(s);
	return sl_error_set(e, EAGAIN, "cannot start a thread");
}

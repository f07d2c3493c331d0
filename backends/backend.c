/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checked wrappers: what the contract asks of callers is asserted before
 * an op starts, and what it promises is asserted before done() is passed on.
 * A violation is a program error and ends the program, because going on
 * might report a copy as good that is not.
 */
#include "backend.h"

#include <errno.h>
#include <string.h>

#include "lock.h"

bool sl_key_valid(const char *key)
{
	if (!key || !*key)
		return false;
	for (;;) {
		size_t n = strcspn(key, "/");

		if (!n || (n == 1 && key[0] == '.') ||
		    (n == 2 && key[0] == '.' && key[1] == '.'))
			return false;
		if (!key[n])
			return true;
		key += n + 1;
	}
}

enum wants {
	WANT_KEY = 1 << 0,
	WANT_ID = 1 << 1,
	WANT_BODY = 1 << 2,
	WANT_PARTS = 1 << 3,
	WANT_PREFIX = 1 << 4,
	GIVES_OBJECT = 1 << 5, /* of op->size */
	GIVES_PART = 1 << 6,
	GIVES_ID = 1 << 7,
	HAS_SUM = 1 << 8, /* the store has a checksum of its own */
};

static void check_body(const struct sl_op *op)
{
	uint64_t sum = 0;

	for (int i = 0; i < op->body_count; i++)
		sum += op->body[i].iov_len;
	if (sum != op->size)
		SL_BUG("'%s': a body of %llu bytes said to have %llu", op->key,
		       (unsigned long long)sum, (unsigned long long)op->size);
}

static void check_parts(const struct sl_op *op)
{
	uint64_t sum = 0;

	if (!op->part_count || !op->parts)
		SL_BUG("'%s': complete without parts", op->key);
	for (uint32_t i = 0; i < op->part_count; i++) {
		sum += op->parts[i].size;
		if (op->parts[i].number != i + 1)
			SL_BUG("'%s': part %u stands at place %u", op->key,
			       op->parts[i].number, i + 1);
	}
	if (sum != op->size)
		SL_BUG("'%s': the parts do not add up", op->key);
}

/* Who has not asked for a sum must not take one for checked. */
static void check_sums(const struct sl_op *op, unsigned wants)
{
	if ((wants & (WANT_BODY | WANT_PARTS)) && op->sum)
		SL_BUG("'%s': a sum that the store has not asked for", op->key);
	for (uint32_t i = 0; (wants & WANT_PARTS) && i < op->part_count; i++)
		if (op->parts[i].sum)
			SL_BUG("'%s': part %u has a sum that the store has "
			       "not asked for", op->key, i + 1);
}

static void check_before(const struct sl_backend *b, const struct sl_op *op,
			 unsigned cap, unsigned wants)
{
	if ((b->caps & cap) != cap)
		SL_BUG("%s cannot do that", b->ops->name);
	if (!op->done)
		SL_BUG("an op without done()");
	if ((wants & WANT_KEY) &&
	    (!sl_key_valid(op->key) || strlen(op->key) > b->limits.max_key))
		SL_BUG("an op with a bad key");
	if ((wants & WANT_ID) && (!op->upload_id || !*op->upload_id))
		SL_BUG("'%s': no upload id", op->key);
	if ((wants & WANT_PREFIX) && !op->prefix)
		SL_BUG("a listing without prefix");
	if (wants & WANT_BODY)
		check_body(op);
	if (wants & WANT_PARTS)
		check_parts(op);
	if (b->sum == SL_SUM_NONE)
		check_sums(op, wants);
}

static void check_object(const struct sl_op *op)
{
	const struct sl_object *o = &op->obj;

	if (o->size != op->size || (o->has_crc32 && o->crc32 != op->crc32))
		SL_BUG("'%s': success for other bytes", op->key);
	if ((o->proof == SL_PROOF_CRC32C || o->proof == SL_PROOF_CRC64) &&
	    !(op->promises & HAS_SUM))
		SL_BUG("'%s': proof by a sum that was not given", op->key);
}

static void check_after(const struct sl_op *op)
{
	if (op->err > 0)
		SL_BUG("an op ended with %d", op->err);
	if (op->err)
		return;
	if (op->promises & GIVES_OBJECT)
		check_object(op);
	if ((op->promises & GIVES_PART) &&
	    (op->part.number != op->part_number || op->part.size != op->size))
		SL_BUG("'%s': success for another part", op->key);
	if ((op->promises & GIVES_ID) && !op->new_upload_id)
		SL_BUG("'%s': an upload without id", op->key);
}

static void checked_done(struct sl_op *op)
{
	check_after(op);
	if (op->err && !op->error.errnum)
		sl_error_set(&op->error, -op->err, "%s", strerror(-op->err));
	op->done = op->callers_done;
	op->done(op);
}

static void run(struct sl_backend *b, sl_backend_start_fn *start,
		struct sl_op *op, unsigned cap, unsigned wants)
{
	check_before(b, op, cap, wants);
	op->err = 0;
	sl_error_clear(&op->error);
	if (wants & GIVES_ID)
		op->new_upload_id = NULL;
	op->promises = wants | (b->sum == SL_SUM_NONE ? 0u : HAS_SUM);
	op->callers_done = op->done;
	op->done = checked_done;
	start(b, op);
}

void sl_backend_put(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->put, op, 0, WANT_KEY | WANT_BODY | GIVES_OBJECT);
}

void sl_backend_upload_begin(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->upload_begin, op, 0, WANT_KEY | GIVES_ID);
}

void sl_backend_part(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->part, op, 0,
	    WANT_KEY | WANT_ID | WANT_BODY | GIVES_PART);
}

void sl_backend_complete(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->complete, op, 0,
	    WANT_KEY | WANT_ID | WANT_PARTS | GIVES_OBJECT);
}

void sl_backend_abort(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->abort, op, 0, WANT_KEY | WANT_ID);
}

void sl_backend_list_parts(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->list_parts, op, SL_CAP_UPLOADS, WANT_KEY | WANT_ID);
}

void sl_backend_uploads(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->uploads, op, SL_CAP_UPLOADS, WANT_PREFIX);
}

void sl_backend_head(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->head, op, SL_CAP_READ, WANT_KEY);
}

void sl_backend_get(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->get, op, SL_CAP_READ, WANT_KEY);
}

void sl_backend_list(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->list, op, SL_CAP_LIST, WANT_PREFIX);
}

void sl_backend_remove(struct sl_backend *b, struct sl_op *op)
{
	run(b, b->ops->remove, op, SL_CAP_REMOVE, WANT_KEY);
}

void sl_backend_cancel(struct sl_backend *b, struct sl_op *op)
{
	b->ops->cancel(b, op);
}

bool sl_backend_trouble(struct sl_backend *b, struct sl_error *ret)
{
	return b->ops->trouble && b->ops->trouble(b, ret);
}

void sl_backend_close(struct sl_backend *b)
{
	if (b)
		b->ops->close(b);
}

enum sl_proof sl_backend_proof(const struct sl_backend *b)
{
	return (enum sl_proof)__atomic_load_n(&b->proof, __ATOMIC_ACQUIRE);
}

struct waiter {
	struct sl_mutex lock;
	struct sl_cond cond;
	bool done;
};

static void wake_waiter(struct sl_op *op)
{
	struct waiter *w = op->arg;

	SL_LOCK_SCOPE(&w->lock);
	w->done = true;
	sl_cond_signal(&w->cond);
}

int sl_backend_wait(struct sl_backend *b,
		    void (*start)(struct sl_backend *, struct sl_op *),
		    struct sl_op *op)
{
	struct waiter w = { .done = false };

	sl_mutex_init(&w.lock);
	sl_cond_init(&w.cond);
	op->done = wake_waiter;
	op->arg = &w;
	start(b, op);
	sl_mutex_lock(&w.lock);
	while (!w.done)
		sl_cond_wait(&w.cond, &w.lock);
	sl_mutex_unlock(&w.lock);
	op->arg = NULL;
	sl_cond_release(&w.cond);
	sl_mutex_release(&w.lock);
	return op->err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The ledger's queue and its thread. What lies on the disk, and when it is
 * durable, is described at the head of ledger_db.c.
 *
 * Threads. Any thread queues a change: one allocation, one append under
 * 'lock'. The ledger's thread takes the queue as a batch and writes it as
 * one transaction, without the lock. It waits for a batch to gather: until
 * 100 ms after the first change or 500 changes, or, once somebody waits for
 * the disk, 5 ms, so that uploads which begin together share one sync.
 * done() is called from this thread, without the lock. Reading (load and its
 * like) happens on the caller's thread; SQLite serialises the connection.
 *
 * Bounded. Changes that are queued or failed count their bytes; past 64 MiB
 * the caller waits for this thread. The thread itself (a done() that queues)
 * never waits, nor does anybody while the disk fails: then it is -errno.
 *
 * Failure. A batch that cannot be written stays, in order, and is tried
 * again every second: a full disk loses nothing once there is room. Whoever
 * waited for it, or for anything behind it, has been told. The first error
 * is remembered for good: the launch gate asks for it. At close the last
 * attempt decides.
 *
 * sl_wait.deadline_ms is not watched here: a wait is as long as one sync of
 * the local disk.
 *
 * Lock order: 'lock' is a leaf.
 */
#include "migration/ledger.h"

#include <signal.h>
#include <string.h>

#include "clock.h"
#include "lock.h"
#include "migration/ledger_db.h"

#define QUEUE_BYTES (64u << 20)
#define GATHER_MS 100
#define GATHER_URGENT_MS 5
#define GATHER_ROWS 500
#define BATCH_ROWS 4096
#define RETRY_MS 1000

struct op_list {
	struct sl_ledger_op *head, **tail;
	size_t count, bytes;
};

struct sl_ledger {
	struct sl_ledger_db *db;
	pthread_t thread;
	struct sl_mutex lock;
	struct sl_cond work; /* for the thread */
	struct sl_cond room; /* for those who queue */
	/* All below: guarded by lock. */
	struct op_list queue;
	size_t in_flight;    /* bytes of the batch being written */
	int64_t write_at_ms; /* when the present queue is due */
	bool urgent, stop;
	int failing;	     /* -errno of the last batch; 0: it went well */
	int lost;	     /* -errno of a batch given up at close */
	struct sl_error error;
};

static void list_init(struct op_list *l)
{
	*l = (struct op_list){ .tail = &l->head };
}

static void list_push(struct op_list *l, struct sl_ledger_op *op)
{
	op->next = NULL;
	*l->tail = op;
	l->tail = &op->next;
	l->count++;
	l->bytes += op->bytes;
}

static struct sl_ledger_op *list_pop(struct op_list *l)
{
	struct sl_ledger_op *op = l->head;

	if (!op)
		return NULL;
	l->head = op->next;
	if (!l->head)
		l->tail = &l->head;
	l->count--;
	l->bytes -= op->bytes;
	return op;
}

/* Moves all of 'from' to the end of 'to'. */
static void list_move(struct op_list *to, struct op_list *from)
{
	struct sl_ledger_op *op;

	while ((op = list_pop(from)))
		list_push(to, op);
}

static void list_free(struct op_list *l)
{
	struct sl_ledger_op *op;

	while ((op = list_pop(l)))
		sl_ledger_op_free(op);
}

static void wait_for_work_locked(struct sl_ledger *l) SL_REQUIRES(l->lock)
{
	while (!l->queue.head && !l->stop)
		sl_cond_wait(&l->work, &l->lock);
	while (!l->stop && (l->urgent || l->failing ||
			    l->queue.count < GATHER_ROWS) &&
	       sl_mono_ms(&sl_clock_system) < l->write_at_ms)
		sl_cond_wait_until(&l->work, &l->lock, l->write_at_ms);
}

/* False: stopped, and nothing is left. */
static bool take_batch(struct sl_ledger *l, struct op_list *batch)
{
	struct sl_ledger_op *op;

	SL_LOCK_SCOPE(&l->lock);
	wait_for_work_locked(l);
	while (batch->count < BATCH_ROWS && (op = list_pop(&l->queue)))
		list_push(batch, op);
	l->in_flight = batch->bytes;
	if (!l->queue.head)
		l->urgent = false;
	return batch->head != NULL;
}

/* Takes the waits out of the batch: after done() they are not ours. */
static struct sl_wait *take_waits(struct op_list *batch)
{
	struct sl_wait *head = NULL, **tail = &head;

	for (struct sl_ledger_op *op = batch->head; op; op = op->next) {
		if (!op->w)
			continue;
		*tail = op->w;
		op->w->next = NULL;
		tail = &op->w->next;
		op->w = NULL;
	}
	return head;
}

/*
 * After a failure returns the waits of what is queued behind the batch: it
 * cannot be on disk before the batch is.
 */
static struct sl_wait *note_result(struct sl_ledger *l, struct op_list *batch,
				   int r, const struct sl_error *e)
{
	struct sl_wait *behind = NULL;

	SL_LOCK_SCOPE(&l->lock);
	l->in_flight = 0;
	l->failing = r;
	if (r && !l->error.errnum)
		l->error = *e;
	if (r && l->stop) {
		l->lost = r;
	} else if (r) {
		behind = take_waits(&l->queue);
		list_move(batch, &l->queue);
		list_move(&l->queue, batch);
		l->urgent = false;
		l->write_at_ms = sl_mono_ms(&sl_clock_system) + RETRY_MS;
	}
	sl_cond_broadcast(&l->room);
	return behind;
}

static void tell(struct sl_wait *w, int r)
{
	while (w) {
		struct sl_wait *next = w->next;

		w->done(w, r);
		w = next;
	}
}

static void *ledger_thread(void *arg)
{
	struct sl_ledger *l = arg;
	struct op_list batch;

	list_init(&batch);
	while (take_batch(l, &batch)) {
		struct sl_wait *w = take_waits(&batch), *behind;
		struct sl_error e;
		int r;

		sl_error_clear(&e);
		r = sl_ledger_db_write(l->db, batch.head, w != NULL, &e);
		behind = note_result(l, &batch, r, &e);
		list_free(&batch);
		tell(w, r);
		tell(behind, r);
	}
	return NULL;
}

/* Signals are for the program's main thread, not for this one. */
static int start_thread(struct sl_ledger *l)
{
	sigset_t all, old;
	int r;

	sigfillset(&all);
	r = pthread_sigmask(SIG_SETMASK, &all, &old);
	if (r)
		return r;
	r = pthread_create(&l->thread, NULL, ledger_thread, l);
	if (pthread_sigmask(SIG_SETMASK, &old, NULL))
		SL_BUG("the signal mask cannot be restored");
	return r;
}

int sl_ledger_open(const char *path, struct sl_ledger **ret,
		   bool *ret_unclean, struct sl_error *e)
{
	struct sl_ledger *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return sl_error_set(e, ENOMEM, "out of memory");
	r = sl_ledger_db_open(path, &l->db, ret_unclean, e);
	if (r) {
		free(l);
		return r;
	}
	sl_mutex_init(&l->lock);
	sl_cond_init(&l->work);
	sl_cond_init(&l->room);
	list_init(&l->queue);
	r = start_thread(l);
	if (!r) {
		*ret = l;
		return 0;
	}
	/* The failure to tell is that of the thread. */
	(void)sl_ledger_db_close(l->db, NULL);
	sl_cond_release(&l->room);
	sl_cond_release(&l->work);
	sl_mutex_release(&l->lock);
	free(l);
	return sl_error_set(e, r, "cannot start the ledger's thread (%s)",
			    sl_errno_name(r));
}

static void stop_thread(struct sl_ledger *l)
{
	sl_mutex_lock(&l->lock);
	l->stop = true;
	sl_cond_signal(&l->work);
	sl_mutex_unlock(&l->lock);
	if (pthread_join(l->thread, NULL))
		SL_BUG("the ledger's thread cannot be joined");
}

int sl_ledger_close(struct sl_ledger *l, bool clean, struct sl_error *e)
{
	int r, c;

	if (!l)
		return 0;
	stop_thread(l);
	r = l->lost;
	if (r && e)
		*e = l->error;
	if (!r && clean)
		r = sl_ledger_db_mark_clean(l->db, e);
	c = sl_ledger_db_close(l->db, r ? NULL : e);
	sl_cond_release(&l->room);
	sl_cond_release(&l->work);
	sl_mutex_release(&l->lock);
	free(l);
	return r ? r : c;
}

static int wait_for_room_locked(struct sl_ledger *l, size_t bytes)
	SL_REQUIRES(l->lock)
{
	bool own = pthread_equal(pthread_self(), l->thread);

	while (!own && l->queue.bytes + l->in_flight + bytes > QUEUE_BYTES) {
		if (l->failing)
			return l->failing;
		sl_cond_wait(&l->room, &l->lock);
	}
	return 0;
}

static void schedule_locked(struct sl_ledger *l, bool urgent)
	SL_REQUIRES(l->lock)
{
	int64_t due = sl_mono_ms(&sl_clock_system) +
		      (urgent ? GATHER_URGENT_MS : GATHER_MS);
	bool first = l->queue.count == 1;

	if ((first && !l->failing) || (urgent && !l->urgent))
		l->write_at_ms = due;
	l->urgent |= urgent;
	if (first || urgent || l->queue.count == GATHER_ROWS)
		sl_cond_signal(&l->work);
}

/* Takes 'op', also on failure; NULL is out of memory. */
static int queue(struct sl_ledger *l, struct sl_ledger_op *op)
{
	int r;

	if (!op)
		return -ENOMEM;
	SL_LOCK_SCOPE(&l->lock);
	r = wait_for_room_locked(l, op->bytes);
	if (r) {
		sl_ledger_op_free(op);
		return r;
	}
	list_push(&l->queue, op);
	schedule_locked(l, op->w != NULL);
	return 0;
}

int sl_ledger_put(struct sl_ledger *l, const struct sl_ledger_row *r)
{
	const char *strs[] = { r->path, sl_file_state_name(r->state),
			       r->note ? r->note : "",
			       r->etag ? r->etag : "" };
	struct sl_ledger_op *op = sl_ledger_op_new(SL_OP_PUT, strs, 4);

	if (op) {
		op->num[0] = (int64_t)r->size;
		op->num[1] = r->mtime_ns;
		op->num[2] = r->mode;
		op->num[3] = r->uid;
		op->num[4] = r->gid;
		op->num[5] = r->crc32;
		op->last_null = !r->has_crc32;
		sl_text_redact(op->str[2]);
	}
	return queue(l, op);
}

int sl_ledger_remove(struct sl_ledger *l, const char *path)
{
	return queue(l, sl_ledger_op_new(SL_OP_REMOVE, &path, 1));
}

int sl_ledger_facts_put(struct sl_ledger *l, const char *path, const void *p,
			size_t n)
{
	struct sl_ledger_op *op = sl_ledger_op_new(p ? SL_OP_FACTS :
						   SL_OP_FACTS_DEL, &path, 1);

	return queue(l, op && p ? sl_ledger_op_blob(op, p, n) : op);
}

int sl_ledger_upload_begin(struct sl_ledger *l, const char *key,
			   const char *upload_id, struct sl_wait *w)
{
	const char *strs[] = { upload_id, key };
	struct sl_ledger_op *op = sl_ledger_op_new(SL_OP_BEGIN, strs, 2);
	int r;

	if (op)
		op->w = w;
	r = queue(l, op);
	return r ? r : SL_PARKED;
}

int sl_ledger_upload_part(struct sl_ledger *l, const char *upload_id,
			  const struct sl_part *p)
{
	const char *strs[] = { upload_id, p->etag };
	struct sl_ledger_op *op = sl_ledger_op_new(SL_OP_PART, strs, 2);

	if (op) {
		op->num[0] = p->number;
		op->num[1] = (int64_t)p->size;
		op->num[2] = p->crc32;
		op->num[3] = (int64_t)p->sum;
		op->last_null = !p->sum;
	}
	return queue(l, op);
}

int sl_ledger_upload_end(struct sl_ledger *l, const char *upload_id)
{
	return queue(l, sl_ledger_op_new(SL_OP_END, &upload_id, 1));
}

int sl_ledger_event(struct sl_ledger *l, int64_t wall_ms, int errnum,
		    const char *path, const char *text)
{
	SL_CLEANUP(free) char *clean = strdup(text ? text : "");
	const char *strs[] = { path ? path : "", clean };
	struct sl_ledger_op *op;

	if (!clean)
		return -ENOMEM;
	sl_text_redact(clean);
	op = sl_ledger_op_new(SL_OP_EVENT, strs, 2);
	if (op) {
		op->num[0] = wall_ms;
		op->num[1] = errnum;
	}
	return queue(l, op);
}

int sl_ledger_meta_set(struct sl_ledger *l, const char *name,
		       const char *value)
{
	const char *strs[] = { name, value };

	return queue(l, sl_ledger_op_new(value ? SL_OP_META_SET :
					 SL_OP_META_DEL, strs,
					 value ? 2 : 1));
}

int sl_ledger_barrier(struct sl_ledger *l, struct sl_wait *w)
{
	struct sl_ledger_op *op = sl_ledger_op_new(SL_OP_BARRIER, NULL, 0);
	int r;

	if (op)
		op->w = w;
	r = queue(l, op);
	return r ? r : SL_PARKED;
}

int sl_ledger_load(struct sl_ledger *l,
		   int (*row)(void *arg, const struct sl_ledger_row *r),
		   void *arg, struct sl_error *e)
{
	return sl_ledger_read_rows(l->db, row, arg, e);
}

int sl_ledger_uploads(struct sl_ledger *l,
		      int (*up)(void *arg, const char *key,
				const char *upload_id),
		      void *arg, struct sl_error *e)
{
	return sl_ledger_read_uploads(l->db, up, arg, e);
}

int sl_ledger_parts(struct sl_ledger *l, const char *upload_id,
		    int (*one)(void *arg, const struct sl_part *p), void *arg,
		    struct sl_error *e)
{
	return sl_ledger_read_parts(l->db, upload_id, one, arg, e);
}

int sl_ledger_facts(struct sl_ledger *l,
		    int (*one)(void *arg, const char *path, const void *p,
			       size_t n),
		    void *arg, struct sl_error *e)
{
	return sl_ledger_read_facts(l->db, one, arg, e);
}

char *sl_ledger_meta_get(struct sl_ledger *l, const char *name)
{
	return sl_ledger_read_meta(l->db, name);
}

int sl_ledger_error(struct sl_ledger *l, struct sl_error *ret)
{
	SL_LOCK_SCOPE(&l->lock);
	if (ret)
		*ret = l->error;
	return -l->error.errnum;
}

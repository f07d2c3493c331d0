/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See feed.h. One ranged GET at a time, its bytes written in steps that the
 * engine takes; a step that must wait for the budget is parked there. Runs
 * on backend and engine threads only, one at a time: what is not guarded
 * belongs to the thread that was called last.
 */
#include "mount/feed.h"

#include <string.h>

#include "crc.h"

#define CHUNK ((size_t)4 << 20)
#define STEP ((size_t)1 << 20)	/* the engine's largest write */

static void next(struct sl_feed *fd);

static void end(struct sl_feed *fd, int err)
{
	const struct sl_feed_from *from = &fd->from;

	if (!err && from->has_crc32 && !from->offset &&
	    from->length == from->size && fd->crc != from->crc32)
		err = -EBADMSG;
	fd->user->done(fd->user, err);
}

static int write_step(struct sl_feed *fd)
{
	struct sl_file *f = fd->to;
	size_t left = fd->have - fd->given;

	fd->step = left < STEP ? left : STEP;
	SL_LOCK_SCOPE(&f->mu);
	if (f->err || !f->up)
		return f->err ? f->err : -ECANCELED;
	return sl_upload_write(f->up, fd->data + fd->given, fd->step, &fd->w);
}

static void give(struct sl_feed *fd)
{
	while (fd->given < fd->have) {
		int r = write_step(fd);

		if (r == SL_PARKED)
			return;
		if (r) {
			end(fd, r);
			return;
		}
		fd->given += fd->step;
	}
	fd->at += fd->have;
	next(fd);
}

static void on_written(struct sl_wait *w, int err)
{
	struct sl_feed *fd = sl_container_of(w, struct sl_feed, w);

	if (err || w->left) {
		end(fd, err ? err : -EINTR);
		return;
	}
	fd->given += fd->step;
	give(fd);
}

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	struct sl_feed *fd = op->arg;

	if (n > fd->want - fd->have)
		return -EPROTO; /* more than was asked for */
	memcpy(fd->data + fd->have, p, n);
	fd->have += n;
	return 0;
}

static bool was_cancelled(struct sl_feed *fd)
{
	SL_LOCK_SCOPE(&fd->mu);
	fd->reading = false;
	return fd->cancelled;
}

static void on_read(struct sl_op *op)
{
	struct sl_feed *fd = op->arg;
	int r = op->err;

	if (was_cancelled(fd))
		r = -EINTR;
	else if (!r && fd->have != fd->want)
		r = -ENODATA; /* the object became shorter */
	if (r) {
		end(fd, r);
		return;
	}
	fd->crc = sl_crc32(fd->crc, fd->data, fd->have);
	give(fd);
}

static bool begin_read(struct sl_feed *fd)
{
	SL_LOCK_SCOPE(&fd->mu);
	if (fd->cancelled)
		return false;
	fd->reading = true;
	sl_backend_get(fd->store->backend, &fd->op);
	return true;
}

static void next(struct sl_feed *fd)
{
	uint64_t left = fd->end - fd->at;

	if (!left) {
		end(fd, 0);
		return;
	}
	fd->want = left < fd->room ? (size_t)left : fd->room;
	fd->have = fd->given = 0;
	fd->op = (struct sl_op){
		.key = fd->from.key,
		.offset = fd->at,
		.length = fd->want,
		.on_data = on_data,
		.done = on_read,
		.arg = fd,
		.retry_for_ms = fd->from.retry_for_ms,
	};
	if (!begin_read(fd))
		end(fd, -EINTR);
}

int sl_feed_start(struct sl_feed *fd, struct sl_file *f,
		  const struct sl_feed_from *from, struct sl_wait *user)
{
	if (!(f->store->backend->caps & SL_CAP_READ))
		return -EOPNOTSUPP;
	*fd = (struct sl_feed){
		.w.done = on_written,
		.user = user,
		.from = *from,
		.at = from->offset,
		.end = from->offset + from->length,
		.room = from->length < CHUNK ? (size_t)from->length : CHUNK,
	};
	fd->data = malloc(fd->room ? fd->room : 1);
	if (!fd->data)
		return -ENOMEM;
	sl_mutex_init(&fd->mu);
	fd->to = sl_file_ref(f);
	fd->store = f->store;
	next(fd);
	return SL_PARKED;
}

void sl_feed_cancel(struct sl_feed *fd)
{
	if (!fd->to)
		return;
	sl_mutex_lock(&fd->mu);
	fd->cancelled = true;
	/* While it is marked so, its answer waits for this lock. */
	if (fd->reading)
		sl_backend_cancel(fd->store->backend, &fd->op);
	sl_mutex_unlock(&fd->mu);
	sl_wait_interrupt(fd->store->engine, &fd->w);
}

void sl_feed_release(struct sl_feed *fd)
{
	if (!fd->to)
		return;
	sl_file_unref(sl_steal(&fd->to));
	sl_mutex_release(&fd->mu);
	free(sl_steal(&fd->data));
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between the bytes taken so far and where a write begins. A new
 * version that began without truncation stands on the one in the bucket: up
 * to that one's end the old bytes stay (an appending program, rsync --append
 * or --inplace, dd conv=notrunc), and are read back; behind it a hole is
 * zeros. Then the write's own bytes. The kernel holds the inode's lock
 * meanwhile, so no close can come between, and there is one filling at most.
 * An interrupt ends it: what was filled by then stays, the size goes back to
 * it, and the same write once more finds a smaller hole. It waits for the old
 * bytes, though: who is interrupted by a timer would never see the end.
 *
 * Only a version of up to one part is read back: SSTables never change, so
 * who adds to a large one is about to make a mistake, and hears it.
 */
#include <string.h>

#include "mount/feed.h"
#include "mount/version.h"

#define KEEP_MAX ((uint64_t)16 << 20)
#define RETRY_MS 60000

struct sl_filling {
	struct sl_wait w;
	struct sl_wait *user;
	struct sl_file *file;
	struct sl_feed feed;
	struct sl_feed_from from;
	bool stop;		/* interrupted; guarded by file->mu */
	uint64_t zeros;
	uint64_t off;		/* of the data */
	size_t n;
	char data[];
};

void sl_hole_keep_locked(struct sl_file *f)
{
	struct sl_tree *t = f->m->tree;
	struct sl_node *n = f->node;

	sl_mutex_lock(&t->mu);
	f->keep = n->in_bucket && !f->skip ? n->u.f.old_size : 0;
	sl_mutex_unlock(&t->mu);
	/* As on a disk: the old end shows until it is passed or cut off. */
	sl_version_size_locked(f, f->size);
}

int sl_hole_find_locked(struct sl_file *f, uint64_t to, struct sl_hole *ret)
{
	uint64_t old_end = to < f->keep ? to : f->keep;

	*ret = (struct sl_hole){ .at = f->size, .size = f->keep };
	if (old_end > f->size)
		ret->old = old_end - f->size;
	if (to > f->size + ret->old)
		ret->zeros = to - f->size - ret->old;
	if (ret->old && f->keep > KEEP_MAX)
		return sl_version_fail_locked(f, ESPIPE, "the file is in the "
			"bucket and larger than 16 MiB: bytes cannot be added "
			"to it or changed within it; copy the whole file "
			"again");
	return 0;
}

/* Later interrupts do not find it. */
static void hide(struct sl_filling *g)
{
	struct sl_file *f = g->file;

	SL_LOCK_SCOPE(&f->mu);
	if (f->filling == g)
		f->filling = NULL;
}

static void filling_free(struct sl_filling *g)
{
	hide(g);
	sl_feed_release(&g->feed);
	sl_file_unref(g->file);
	free(g);
}

static void filling_end(struct sl_filling *g, int err)
{
	struct sl_wait *user = g->user;

	/* Its answer may be followed by the next write. */
	filling_free(g);
	user->done(user, err);
}

/* The write itself, whose waiter is the user's. */
static int put_data(struct sl_filling *g)
{
	struct sl_file *f = g->file;

	if (!g->n)
		return 0;
	SL_LOCK_SCOPE(&f->mu);
	if (f->err || !f->up)
		return f->err ? f->err : -ECANCELED;
	if (g->stop)
		return -EINTR;
	return sl_upload_write(f->up, g->data, g->n, g->user);
}

static void put_rest(struct sl_filling *g, int err)
{
	int r = err ? err : put_data(g);

	if (r == SL_PARKED)
		filling_free(g);
	else
		filling_end(g, r);
}

/* The file ends at 'to' so far. */
static void go_back(struct sl_filling *g, uint64_t to)
{
	sl_file_unwrite(g->file, to, g->off + g->n - to);
}

static void on_zeros(struct sl_wait *w, int err)
{
	struct sl_filling *g = sl_container_of(w, struct sl_filling, w);

	if (err == -EINTR)
		go_back(g, g->off - w->left);
	put_rest(g, err);
}

static int put_zeros(struct sl_filling *g)
{
	struct sl_file *f = g->file;

	if (!g->zeros)
		return 0;
	g->w = (struct sl_wait){ .done = on_zeros };
	SL_LOCK_SCOPE(&f->mu);
	if (f->err || !f->up)
		return f->err ? f->err : -ECANCELED;
	if (g->stop)
		return -EINTR;
	return sl_upload_zeros(f->up, g->zeros, &g->w);
}

static void on_old(struct sl_wait *w, int err)
{
	struct sl_filling *g = sl_container_of(w, struct sl_filling, w);
	int r = err ? err : put_zeros(g);

	if (!err && r == -EINTR)
		go_back(g, g->off - g->zeros);
	if (r != SL_PARKED)
		put_rest(g, r);
}

static void describe(struct sl_file *f, const struct sl_hole *h,
		     struct sl_feed_from *from)
{
	*from = (struct sl_feed_from){
		.offset = h->at,
		.length = h->old,
		.size = h->size,
		.retry_for_ms = RETRY_MS,
	};
	memcpy(from->key, f->key, sizeof(from->key));
	SL_LOCK_SCOPE(&f->m->tree->mu);
	from->has_crc32 = f->node->has_crc32;
	from->crc32 = f->node->u.f.crc32;
}

int sl_hole_write(struct sl_file *f, const struct sl_hole *h,
		  const void *data, size_t n, struct sl_wait *user)
{
	struct sl_filling *g = calloc(1, sizeof(*g) + n);
	int r;

	if (!g)
		return -ENOMEM;
	g->user = user;
	g->zeros = h->zeros;
	g->off = h->at + h->old + h->zeros;
	g->n = n;
	if (n)
		memcpy(g->data, data, n);
	g->file = sl_file_ref(f);
	describe(f, h, &g->from);
	sl_mutex_lock(&f->mu);
	f->filling = g;
	sl_mutex_unlock(&f->mu);
	if (h->old) {
		g->w = (struct sl_wait){ .done = on_old };
		r = sl_feed_start(&g->feed, f, &g->from, &g->w);
	} else {
		r = put_zeros(g);
	}
	if (r == SL_PARKED)
		return r;
	/* Parked with the user's own wait, it does not come back to us. */
	if (!r)
		r = put_data(g);
	filling_free(g);
	return r;
}

void sl_hole_interrupt(struct sl_file *f)
{
	struct sl_filling *g;

	SL_LOCK_SCOPE(&f->mu);
	g = f->filling;
	if (!g)
		return;
	g->stop = true;
	sl_wait_interrupt(f->store->engine, &g->w);
}

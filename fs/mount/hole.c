/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What lies between the bytes taken so far and where a write begins. A new
 * version that began without truncation stands on the one in the bucket: up
 * to that one's end the old bytes stay (an appending program, rsync --append
 * or --inplace, dd conv=notrunc), and are read back; behind it a hole is
 * zeros. Then the write's own bytes. The kernel holds the inode's lock
 * meanwhile, so no close can come between.
 *
 * Only a version of up to one part is read back: SSTables never change, so
 * who adds to a large one is about to make a mistake, and hears it.
 */
#include <string.h>

#include "mount/feed.h"
#include "mount/version.h"

#define KEEP_MAX ((uint64_t)16 << 20)
#define RETRY_MS 60000

struct filling {
	struct sl_wait w;
	struct sl_wait *user;
	struct sl_file *file;
	struct sl_feed feed;
	struct sl_feed_from from;
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

static void filling_free(struct filling *g)
{
	sl_feed_release(&g->feed);
	sl_file_unref(g->file);
	free(g);
}

static void filling_end(struct filling *g, int err)
{
	g->user->done(g->user, err);
	filling_free(g);
}

/* The write itself, whose waiter is the user's. */
static int put_data(struct filling *g)
{
	struct sl_file *f = g->file;

	if (!g->n)
		return 0;
	SL_LOCK_SCOPE(&f->mu);
	if (f->err || !f->up)
		return f->err ? f->err : -ECANCELED;
	return sl_upload_write(f->up, g->data, g->n, g->user);
}

static void on_zeros(struct sl_wait *w, int err)
{
	struct filling *g = sl_container_of(w, struct filling, w);
	int r = err ? err : put_data(g);

	if (err == -EINTR)
		sl_file_unwrite(g->file, g->off - w->left, g->n + w->left);
	if (r == SL_PARKED)
		filling_free(g);
	else
		filling_end(g, r);
}

static int put_zeros(struct filling *g)
{
	struct sl_file *f = g->file;

	if (!g->zeros)
		return 0;
	g->w = (struct sl_wait){ .done = on_zeros };
	SL_LOCK_SCOPE(&f->mu);
	if (f->err || !f->up)
		return f->err ? f->err : -ECANCELED;
	return sl_upload_zeros(f->up, g->zeros, &g->w);
}

static void on_old(struct sl_wait *w, int err)
{
	struct filling *g = sl_container_of(w, struct filling, w);
	int r = err ? err : put_zeros(g);

	if (r != SL_PARKED)
		on_zeros(&g->w, r);
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
	struct filling *g = calloc(1, sizeof(*g) + n);
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

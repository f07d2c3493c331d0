/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store has, learned lazily: one listing per directory, when it is
 * first looked into. The bucket is the truth and the ledger is what the
 * listing cannot say: a file that the ledger calls committed but that the
 * listing lacks is no longer there (a copy sends it again), one whose size or
 * ETag differ shows the bucket's size and counts as failed.
 *
 * A directory is NO, PENDING (a listing is under way; waits queue) or YES.
 * Where listing is forbidden, local knowledge has to do: the directory
 * becomes YES and an event says so once. Directories of other nodes, which
 * change behind our back, are listed again when their knowledge is old.
 */
#include "mount/tree.h"

#include <string.h>

#include "clock.h"
#include "log.h"

#define FOREIGN_FRESH_MS 1000
/* How long one listing is retried: a shell hangs meanwhile. */
#define LIST_RETRY_MS 60000

struct found {
	char *name;
	bool is_dir;
	struct sl_object obj;
};

struct listing {
	struct sl_op op;
	struct sl_mount *m;
	struct sl_store *store;
	struct sl_node *dir; /* pinned */
	char prefix[SL_PATH_MAX + 1];
	struct found *found;
	size_t count, cap;
};

static void listing_free(struct listing *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->found[i].name);
	free(l->found);
	sl_store_unref(l->store);
	free(l);
}

static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct listing *l = op->arg;
	const char *name = e->key + strlen(l->prefix);
	size_t n = strlen(name);
	struct found *f;

	if (e->is_prefix && n)
		n--;
	if (!n || memchr(name, '/', n))
		return 0; /* a directory marker somebody left: not ours */
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct found *more = realloc(l->found, cap * sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->found = more;
		l->cap = cap;
	}
	f = &l->found[l->count];
	*f = (struct found){ .is_dir = e->is_prefix };
	if (!e->is_prefix)
		f->obj = e->obj;
	f->name = strndup(name, n);
	if (!f->name)
		return -ENOMEM;
	l->count++;
	return 0;
}

/* A file new to us, or one that another tool or node wrote. */
static int adopt_listed(struct sl_node *n, const struct sl_object *o)
{
	n->in_bucket = true;
	n->hidden = false;
	n->mtime_ns = n->ctime_ns = o->mtime_ms * 1000000;
	n->has_crc32 = o->has_crc32;
	n->u.f.crc32 = o->crc32;
	return sl_node_set_text(&n->u.f.etag, o->etag);
}

static bool same_object(const struct sl_node *n, const struct sl_object *o)
{
	if (n->size != o->size)
		return false;
	return !n->u.f.etag || !*o->etag || !strcmp(n->u.f.etag, o->etag);
}

/* The listing has nothing to add to what we know of this file. */
static bool is_settled(struct sl_node *n, const struct sl_object *o)
{
	if (n->kind != SL_NODE_FILE || n->u.f.cls == SL_PATH_SKIP)
		return true;
	if (n->u.f.open)
		return true;
	if (n->u.f.state != SL_FILE_COMMITTED)
		return false;
	/* Committed since mount: the listing may be older than that. */
	return (n->own && !n->from_ledger) || same_object(n, o);
}

/* The ledger calls it committed, the bucket has something else. */
static int contradict(struct sl_tree *t, struct sl_node *n)
	SL_REQUIRES(t->mu);
static int contradict(struct sl_tree *t, struct sl_node *n)
{
	if (n->u.f.state != SL_FILE_COMMITTED || !n->from_ledger)
		return 0;
	/* Size and time of the bucket make the next copy send it. */
	sl_tree_set_state_locked(t, n, SL_FILE_FAILED);
	return sl_node_set_text(&n->u.f.note, "the bucket holds other bytes "
				"than were copied; copy it again");
}

static int merge_file(struct sl_mount *m, struct sl_node *dir,
		      const struct found *f)
{
	struct sl_tree *t = m->tree;
	struct sl_node *n;
	int r = 0;

	sl_mutex_assume_held(&t->mu);
	n = sl_tree_find_locked(t, dir, f->name);
	if (n && is_settled(n, &f->obj)) {
		n->in_bucket |= n->kind == SL_NODE_FILE;
		return 0;
	}
	if (n) {
		r = contradict(t, n);
	} else {
		r = sl_tree_add_locked(m, dir, f->name, SL_NODE_FILE, &n);
		if (r)
			return r == -ENAMETOOLONG ? 0 : r;
		sl_tree_set_state_locked(t, n, SL_FILE_COMMITTED);
	}
	sl_tree_set_size_locked(t, n, f->obj.size);
	return r ? r : adopt_listed(n, &f->obj);
}

static int merge_dir(struct sl_mount *m, struct sl_node *dir,
		     const struct found *f)
{
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&m->tree->mu);
	n = sl_tree_find_locked(m->tree, dir, f->name);
	if (n)
		return 0;
	r = sl_tree_add_locked(m, dir, f->name, SL_NODE_DIR, &n);
	return r == -ENAMETOOLONG ? 0 : r;
}

static int by_name(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return strcmp(x->name, y->name);
}

/* Files that should be there and were not listed. */
static void drop_unlisted(struct sl_tree *t, struct listing *l)
{
	struct sl_node *next;

	sl_mutex_assume_held(&t->mu);
	for (struct sl_node *n = l->dir->child; n; n = next) {
		struct found key = { .name = n->name };

		next = n->next;
		if (n->kind != SL_NODE_FILE || n->u.f.open || !n->in_bucket ||
		    n->u.f.cls == SL_PATH_SKIP ||
		    bsearch(&key, l->found, l->count, sizeof(key), by_name))
			continue;
		/* Committed while this listing was under way: keep it. */
		if (n->own && !n->from_ledger &&
		    n->u.f.state == SL_FILE_COMMITTED)
			continue;
		if (n->own)
			sl_log_warn("'%s' is no longer in the bucket; copy it "
				    "again", n->name);
		sl_tree_unlink_locked(t, n);
	}
}

static int merge(struct listing *l)
{
	struct sl_tree *t = l->m->tree;
	int r = 0;

	SL_LOCK_SCOPE(&t->mu);
	/* The directory may have been dropped with its migration. */
	if (!l->dir->linked)
		return -ESTALE;
	if (l->count)
		qsort(l->found, l->count, sizeof(*l->found), by_name);
	for (size_t i = 0; i < l->count && !r; i++)
		r = l->found[i].is_dir ?
			merge_dir(l->m, l->dir, &l->found[i]) :
			merge_file(l->m, l->dir, &l->found[i]);
	if (!r)
		drop_unlisted(t, l);
	return r;
}

/* Local knowledge has to do where the store will not list. */
static bool may_do_without(int err)
{
	return err == -EACCES || err == -EROFS || err == -EKEYEXPIRED;
}

static void on_done(struct sl_op *op)
{
	struct listing *l = op->arg;
	struct sl_tree *t = l->m->tree;
	struct sl_list_wait *w, *next;
	int r = op->err ? op->err : merge(l);

	if (r)
		sl_mount_event(l->m, -r, *l->prefix ? l->prefix : NULL,
			       "cannot list this directory of the bucket",
			       &op->error);
	if (may_do_without(r))
		r = 0;
	sl_mutex_lock(&t->mu);
	w = l->dir->u.d.waits;
	l->dir->u.d.waits = NULL;
	l->dir->u.d.listed = r ? SL_LISTED_NO : SL_LISTED_YES;
	l->dir->u.d.listed_ms = sl_mono_ms(&sl_clock_system);
	sl_tree_unpin_locked(t, l->dir);
	sl_mutex_unlock(&t->mu);
	for (; w; w = next) {
		next = w->next;
		w->ready(w, r);
	}
	listing_free(l);
}

static bool is_known(struct sl_tree *t, struct sl_node *dir, bool fresh)
{
	int64_t age = sl_mono_ms(&sl_clock_system) - dir->u.d.listed_ms;
	bool foreign = dir == t->root || !dir->own;

	if (dir->u.d.listed == SL_LISTED_LOCAL)
		return true;
	if (dir->u.d.listed != SL_LISTED_YES)
		return false;
	return !(fresh && foreign && age > FOREIGN_FRESH_MS);
}

static struct listing *listing_new(struct sl_mount *m, struct sl_store *store,
				   struct sl_node *dir)
{
	struct listing *l = calloc(1, sizeof(*l));

	if (!l) {
		sl_store_unref(store);
		return NULL;
	}
	l->m = m;
	l->store = store;
	l->dir = dir;
	l->op = (struct sl_op){
		.prefix = l->prefix,
		.on_entry = on_entry,
		.done = on_done,
		.arg = l,
		.retry_for_ms = LIST_RETRY_MS,
	};
	return l;
}

/* 0 known; SL_PARKED queued; *ret_start: the caller must begin a listing. */
static int enqueue(struct listing *l, bool fresh, struct sl_list_wait *w,
		   bool *ret_start)
{
	struct sl_tree *t = l->m->tree;
	struct sl_node *dir = l->dir;
	int r;

	SL_LOCK_SCOPE(&t->mu);
	if (is_known(t, dir, fresh))
		return 0;
	r = sl_tree_path_locked(t, dir, l->prefix);
	if (r)
		return r;
	if (*l->prefix)
		memcpy(l->prefix + strlen(l->prefix), "/", 2);
	*ret_start = dir->u.d.listed != SL_LISTED_PENDING;
	w->next = dir->u.d.waits;
	dir->u.d.waits = w;
	dir->u.d.listed = SL_LISTED_PENDING;
	if (*ret_start)
		sl_tree_pin_locked(dir);
	return SL_PARKED;
}

int sl_list_ensure(struct sl_mount *m, struct sl_node *dir, bool fresh,
		   struct sl_list_wait *w)
{
	struct sl_store *store = sl_mount_store(m, NULL);
	struct listing *l;
	bool first = false;
	int r;

	if (!store)
		return 0; /* nothing but what is local */
	l = listing_new(m, store, dir);
	if (!l)
		return -ENOMEM;
	r = enqueue(l, fresh, w, &first);
	if (first)
		sl_backend_list(store->backend, &l->op);
	else
		listing_free(l);
	return r;
}

bool sl_list_forget(struct sl_mount *m, struct sl_node *dir,
		    struct sl_list_wait *w)
{
	struct sl_list_wait **at;

	SL_LOCK_SCOPE(&m->tree->mu);
	if (dir->kind != SL_NODE_DIR)
		return false;
	at = &dir->u.d.waits;
	while (*at && *at != w)
		at = &(*at)->next;
	if (!*at)
		return false;
	*at = w->next;
	return true;
}

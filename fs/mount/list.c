/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store has, learned lazily: one listing per directory, when it is
 * first looked into. The bucket is the truth and the ledger is what the
 * listing cannot say: a file that the ledger calls committed but that the
 * listing lacks is no longer there (a copy sends it again), one whose size or
 * ETag differ shows the bucket's size and counts as failed.
 *
 * Every name that is listed marks its node; when the listing is whole, what
 * should be there and has no mark is gone.
 *
 * A directory is NO, PENDING (a listing is under way; waits queue) or YES.
 * Where listing is forbidden, local knowledge has to do: the directory
 * becomes YES and an event says so once. Directories of other nodes, which
 * change behind our back, are listed again when their knowledge is old.
 */
#include "mount/tree.h"

#include <limits.h>
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mount/verdict.h"

#define FOREIGN_FRESH_MS 1000
/* A listing that took long is good for that many times as long. */
#define FOREIGN_FRESH_TIMES 4
/* How long one listing is retried: a shell hangs meanwhile. */
#define LIST_RETRY_MS 60000
/*
 * No directory of a snapshot comes near; a store that goes on beyond it may
 * have at most some 250 MB of our memory.
 */
#define LIST_MAX 1000000

struct listing {
	struct sl_op op;
	struct sl_mount *m;
	struct sl_store *store;
	struct sl_node *dir; /* pinned */
	char prefix[SL_PATH_MAX + 1];
	int64_t started_ms;
	uint64_t count;
	uint64_t unusable; /* names that no directory can hold */
};

static void listing_free(struct listing *l)
{
	sl_store_unref(l->store);
	free(l);
}

/* A file new to us, or one that another tool or node wrote. */
static int adopt_listed(struct sl_node *n, const struct sl_object *o)
{
	n->in_bucket = true;
	n->hidden = false;
	n->mtime_ns = n->ctime_ns = o->mtime_ms * 1000000;
	n->has_crc32 = o->has_crc32;
	n->u.f.crc32 = o->crc32;
	return sl_node_set_etag(n, o->etag);
}

static bool same_object(const struct sl_node *n, const struct sl_object *o)
{
	char room[SL_ETAG_ROOM];
	const char *etag = sl_node_etag(n, room);

	if (n->size != o->size)
		return false;
	return !*etag || !*o->etag || !strcmp(etag, o->etag);
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

/* A file of ours that did not come through here: nobody judged it. */
static void note_unread(struct listing *l, const struct sl_node *n,
			const struct sl_object *o)
{
	char path[SL_PATH_MAX];

	sl_mutex_assume_held(&l->m->tree->mu);
	if (n->own && n->u.f.cls == SL_PATH_UPLOAD &&
	    !sl_tree_path_locked(l->m->tree, n, path))
		sl_verdicts_unread(l->store->verdicts, path, o);
}

static int merge_file(struct listing *l, const char *name,
		      const struct sl_object *o)
{
	struct sl_mount *m = l->m;
	struct sl_tree *t = m->tree;
	struct sl_node *dir = l->dir, *n;
	int r = 0;

	sl_mutex_assume_held(&t->mu);
	n = sl_tree_find_locked(t, dir, name);
	if (n)
		n->marked = true;
	if (n && is_settled(n, o)) {
		n->in_bucket |= n->kind == SL_NODE_FILE;
		return 0;
	}
	if (n) {
		r = contradict(t, n);
	} else {
		r = sl_tree_add_locked(m, dir, name, SL_NODE_FILE, &n);
		if (r)
			return r == -ENAMETOOLONG ? 0 : r;
		n->marked = true;
		sl_tree_set_state_locked(t, n, SL_FILE_COMMITTED);
		note_unread(l, n, o);
	}
	sl_tree_set_size_locked(t, n, o->size);
	return r ? r : adopt_listed(n, o);
}

static int merge_dir(struct sl_mount *m, struct sl_node *dir,
		     const char *name)
{
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&m->tree->mu);
	n = sl_tree_find_locked(m->tree, dir, name);
	if (n)
		return 0;
	r = sl_tree_add_locked(m, dir, name, SL_NODE_DIR, &n);
	return r == -ENAMETOOLONG ? 0 : r;
}

static bool usable(const char *name, size_t n)
{
	if (n > NAME_MAX || memchr(name, '/', n))
		return false;
	return strcmp(name, ".") && strcmp(name, "..");
}

/*
 * Each name goes into the tree as it comes, so that a listing needs no
 * memory of its own; nobody looks into a directory while one is under way.
 */
static int on_entry(struct sl_op *op, const struct sl_list_entry *e)
{
	struct listing *l = op->arg;
	struct sl_tree *t = l->m->tree;
	char name[SL_PATH_MAX];
	size_t n = strlen(e->key + strlen(l->prefix));

	if (++l->count > LIST_MAX)
		return -EOVERFLOW;
	if (n >= sizeof(name)) {
		l->unusable++;
		return 0;
	}
	memcpy(name, e->key + strlen(l->prefix), n + 1);
	if (e->is_prefix && n)
		name[--n] = '\0';
	if (!n)
		return 0; /* a directory marker somebody left: not ours */
	if (!usable(name, n)) {
		l->unusable++;
		return 0;
	}
	SL_LOCK_SCOPE(&t->mu);
	/* The directory may have been dropped with its migration. */
	if (!l->dir->linked)
		return -ESTALE;
	return e->is_prefix ? merge_dir(l->m, l->dir, name) :
		merge_file(l, name, &e->obj);
}

/* A file that should be there and was not listed. */
static bool is_missing(const struct sl_node *n)
{
	if (n->kind != SL_NODE_FILE || n->u.f.open || !n->in_bucket ||
	    n->u.f.cls == SL_PATH_SKIP || n->marked)
		return false;
	/* Committed while this listing was under way: keep it. */
	return !n->own || n->from_ledger || n->u.f.state != SL_FILE_COMMITTED;
}

static void lose_locked(struct sl_tree *t, struct listing *l,
			const struct sl_node *n) SL_REQUIRES(t->mu);
static void lose_locked(struct sl_tree *t, struct listing *l,
			const struct sl_node *n)
{
	char path[SL_PATH_MAX];

	sl_log_warn("'%s' is no longer in the bucket; copy it again",
		    n->name);
	if (!sl_tree_path_locked(t, n, path))
		sl_verdicts_drop(l->store->verdicts, path);
}

/* Ends what marks mean; after a whole listing, what has none is dropped. */
static void sweep_locked(struct sl_tree *t, struct listing *l, bool whole)
	SL_REQUIRES(t->mu);
static void sweep_locked(struct sl_tree *t, struct listing *l, bool whole)
{
	struct sl_node *next;

	for (struct sl_node *n = l->dir->child; n; n = next) {
		bool missing = is_missing(n);

		next = n->next;
		n->marked = false;
		if (!whole || !missing)
			continue;
		if (n->own)
			lose_locked(t, l, n);
		sl_tree_unlink_locked(t, n);
	}
}

/* Local knowledge has to do where the store will not list. */
static bool may_do_without(int err)
{
	return err == -EACCES || err == -EROFS || err == -EKEYEXPIRED;
}

/* What is wrong with the directory, for .errors. */
static void report(struct listing *l, int err)
{
	const char *path = *l->prefix ? l->prefix : NULL;

	if (err == -EOVERFLOW)
		sl_mount_event(l->m, EOVERFLOW, path, "the bucket lists more "
			       "than 1,000,000 names in this directory, which "
			       "no snapshot has; it is not shown", NULL);
	else if (err)
		sl_mount_event(l->m, -err, path, "cannot list this directory "
			       "of the bucket", &l->op.error);
	if (l->unusable)
		sl_mount_event(l->m, 0, path, "the bucket has names here that "
			       "no directory can hold ('.', '..', or over 255 "
			       "bytes); they are not shown", NULL);
}

/* The directory is known now, or (err) as unknown as before. */
static struct sl_list_wait *settle(struct listing *l, int err)
{
	struct sl_tree *t = l->m->tree;
	struct sl_node *dir = l->dir;
	int64_t now = sl_mono_ms(&sl_clock_system);
	struct sl_list_wait *w;

	SL_LOCK_SCOPE(&t->mu);
	if (dir->linked)
		sweep_locked(t, l, !l->op.err);
	w = dir->u.d.waits;
	dir->u.d.waits = NULL;
	dir->u.d.listed = err ? SL_LISTED_NO : SL_LISTED_YES;
	dir->u.d.listed_ms = now;
	dir->u.d.cost_ms = (uint32_t)(now - l->started_ms);
	/* Half of an endless listing is of no use to anybody. */
	if (err && !dir->own)
		sl_tree_prune_locked(t, dir);
	sl_tree_unpin_locked(t, dir);
	return w;
}

static void on_done(struct sl_op *op)
{
	struct listing *l = op->arg;
	struct sl_list_wait *w, *next;
	int r = op->err;

	report(l, r);
	if (may_do_without(r))
		r = 0;
	w = settle(l, r);
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
	return !fresh || !foreign || age <= FOREIGN_FRESH_MS ||
	       age <= (int64_t)dir->u.d.cost_ms * FOREIGN_FRESH_TIMES;
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
	l->started_ms = sl_mono_ms(&sl_clock_system);
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

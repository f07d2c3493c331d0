/* SPDX-License-Identifier: Apache-2.0 */
/* See tree.h. One hash table over (parent, name), siblings in lists. */
#include "mount/tree.h"

#include <string.h>
#include <time.h>

int64_t sl_now_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_REALTIME, &ts))
		return 0;
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

static size_t bucket_of(const struct sl_tree *t, const struct sl_node *dir,
			const char *name)
{
	uint64_t h = (uint64_t)(uintptr_t)dir * 0x9e3779b97f4a7c15u;

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * 0x100000001b3u;
	return (size_t)((h ^ (h >> 29)) & (t->hash_size - 1));
}

static void hash_insert(struct sl_tree *t, struct sl_node *n)
{
	struct sl_node **b = &t->hash[bucket_of(t, n->parent, n->name)];

	n->hash_next = *b;
	*b = n;
	t->entries++;
}

static void hash_remove(struct sl_tree *t, struct sl_node *n)
{
	struct sl_node **p = &t->hash[bucket_of(t, n->parent, n->name)];

	while (*p != n)
		p = &(*p)->hash_next;
	*p = n->hash_next;
	t->entries--;
}

/* Doubles the table; staying small only costs time, so no error. */
static void hash_grow(struct sl_tree *t)
{
	size_t size = t->hash_size * 2;
	struct sl_node **old = t->hash;
	struct sl_node **fresh;
	size_t old_size = t->hash_size;

	if (t->entries < t->hash_size)
		return;
	fresh = calloc(size, sizeof(*fresh));
	if (!fresh)
		return;
	t->hash = fresh;
	t->hash_size = size;
	t->entries = 0;
	for (size_t i = 0; i < old_size; i++) {
		for (struct sl_node *n = old[i], *next; n; n = next) {
			next = n->hash_next;
			hash_insert(t, n);
		}
	}
	free(old);
}

static void node_free(struct sl_node *n)
{
	for (struct sl_xattr *x = n->xattrs, *next; x; x = next) {
		next = x->next;
		free(x->value);
		free(x);
	}
	if (n->kind == SL_NODE_FILE) {
		sl_node_drop_etag(n);
		free(n->u.f.note);
	}
	if (n->name != n->room)
		free(n->name);
	free(n);
}

/* A node with its name behind it, in one piece: there may be many. */
static struct sl_node *node_alloc(const char *name)
{
	size_t len = strlen(name);
	struct sl_node *n = len < SL_PATH_MAX ?
		calloc(1, sizeof(*n) + len + 1) : NULL;

	if (!n)
		return NULL;
	n->name = n->room;
	n->capacity = (uint16_t)len;
	memcpy(n->room, name, len + 1);
	return n;
}

static void link_into(struct sl_node *dir, struct sl_node *n)
{
	n->parent = dir;
	n->prev = NULL;
	n->next = dir->child;
	if (dir->child)
		dir->child->prev = n;
	dir->child = n;
}

static void unlink_from(struct sl_node *n)
{
	if (n->prev)
		n->prev->next = n->next;
	else
		n->parent->child = n->next;
	if (n->next)
		n->next->prev = n->prev;
	n->prev = n->next = NULL;
}

/* Nodes without a name are kept in a list until the kernel forgets them. */
static void node_maybe_free(struct sl_tree *t, struct sl_node *n)
{
	if (n->linked || n->nlookup || n->pins)
		return;
	if (n->prev)
		n->prev->next = n->next;
	else
		t->orphans = n->next;
	if (n->next)
		n->next->prev = n->prev;
	node_free(n);
}

static void make_orphan(struct sl_tree *t, struct sl_node *n)
{
	n->linked = false;
	n->next = t->orphans;
	if (n->next)
		n->next->prev = n;
	t->orphans = n;
	node_maybe_free(t, n);
}

int sl_tree_new(struct sl_tree **ret)
{
	SL_CLEANUP(free) struct sl_tree *t = calloc(1, sizeof(*t));
	SL_CLEANUP(free) struct sl_node *root = node_alloc("");

	if (!t || !root)
		return -ENOMEM;
	t->hash_size = 1024;
	t->hash = calloc(t->hash_size, sizeof(*t->hash));
	if (!t->hash)
		return -ENOMEM;
	root->kind = SL_NODE_DIR;
	root->linked = true;
	root->mode = S_IFDIR | 0755;
	root->uid = geteuid();
	root->gid = getegid();
	root->mtime_ns = root->ctime_ns = sl_now_ns();
	root->u.d.cls = SL_PATH_ROOT;
	sl_mutex_init(&t->mu);
	t->root = sl_steal(&root);
	*ret = sl_steal(&t);
	return 0;
}

static void free_below(struct sl_node *n)
{
	while (n->child) {
		struct sl_node *c = n->child;

		unlink_from(c);
		free_below(c);
		node_free(c);
	}
}

void sl_tree_free(struct sl_tree *t)
{
	if (!t)
		return;
	free_below(t->root);
	node_free(t->root);
	for (struct sl_node *n = t->orphans, *next; n; n = next) {
		next = n->next;
		node_free(n);
	}
	sl_mutex_release(&t->mu);
	free(t->hash);
	free(t);
}

struct sl_node *sl_tree_node(struct sl_tree *t, uint64_t ino)
{
	return ino == 1 ? t->root : (struct sl_node *)(uintptr_t)ino;
}

uint64_t sl_tree_ino(const struct sl_tree *t, const struct sl_node *n)
{
	return n == t->root ? 1 : (uint64_t)(uintptr_t)n;
}

struct sl_node *sl_tree_find_locked(struct sl_tree *t, struct sl_node *dir,
				    const char *name)
{
	struct sl_node *n = t->hash[bucket_of(t, dir, name)];

	while (n && (n->parent != dir || strcmp(n->name, name)))
		n = n->hash_next;
	return n;
}

/* -1: nothing is said of it so far. */
static int verdict_of(const struct sl_node *n)
{
	switch ((enum sl_file_state)n->u.f.state) {
	case SL_FILE_SKIPPED:
		return SL_SKIP;
	case SL_FILE_COMMITTED:
		return n->verdict == SL_ACCEPT && n->u.f.why ? SL_WARN :
			(int)n->verdict;
	case SL_FILE_FAILED:
		return n->verdict == SL_REJECT ? SL_REJECT : -1;
	default:
		return -1;
	}
}

static void count(struct sl_tree *t, const struct sl_node *n, int sign)
{
	int v;

	enum sl_file_state s = n->u.f.state;

	if (n->kind != SL_NODE_FILE || !n->linked || !n->own)
		return;
	t->counts.n[s] += (uint64_t)sign;
	t->counts.bytes[s] += (uint64_t)sign * n->size;
	v = verdict_of(n);
	if (v >= 0)
		t->counts.verdict[v] += (uint64_t)sign;
}

void sl_tree_seen_locked(struct sl_tree *t, struct sl_node *n)
{
	if (!n->seen && n->from_ledger)
		t->unseen--;
	n->seen = true;
}

void sl_tree_expect_locked(struct sl_tree *t, struct sl_node *n)
{
	if (n->from_ledger || n->seen)
		return;
	n->from_ledger = true;
	t->unseen++;
	if (n->kind == SL_NODE_FILE)
		sl_tree_expect_locked(t, n->parent);
}

static void classify(struct sl_mount *m, struct sl_node *n, const char *path)
{
	struct sl_path p;

	sl_path_judge(&m->rules, path, n->kind == SL_NODE_DIR, &p);
	n->own = sl_mount_owns(m, path);
	n->temp = p.temporary;
	if (n->kind == SL_NODE_DIR) {
		n->u.d.cls = p.cls;
		n->u.d.why = p.why;
		n->u.d.listed = p.cls == SL_PATH_SKIP || p.temporary ?
			SL_LISTED_LOCAL : SL_LISTED_NO;
	} else {
		n->u.f.cls = p.cls;
		n->u.f.why = p.why;
	}
}

int sl_tree_add_locked(struct sl_mount *m, struct sl_node *dir,
		       const char *name, enum sl_node_kind kind,
		       struct sl_node **ret)
{
	struct sl_tree *t = m->tree;
	char path[SL_PATH_MAX];
	struct sl_node *n;
	int r;

	sl_mutex_assume_held(&t->mu);
	r = sl_tree_join_locked(t, dir, name, path);
	if (r)
		return r;
	n = node_alloc(name);
	if (!n)
		return -ENOMEM;
	n->kind = (unsigned char)kind;
	n->mode = kind == SL_NODE_DIR ? S_IFDIR | 0755 : S_IFREG | 0644;
	n->uid = dir->uid;
	n->gid = dir->gid;
	n->mtime_ns = n->ctime_ns = sl_now_ns();
	n->linked = true;
	link_into(dir, n);
	if (kind == SL_NODE_FILE)
		n->u.f.state = SL_FILE_OPEN;
	if (kind != SL_NODE_CONTROL)
		classify(m, n, path);
	hash_insert(t, n);
	count(t, n, 1);
	hash_grow(t);
	*ret = n;
	return 0;
}

void sl_tree_unlink_locked(struct sl_tree *t, struct sl_node *n)
{
	if (!n->linked)
		return;
	sl_tree_seen_locked(t, n);
	count(t, n, -1);
	hash_remove(t, n);
	unlink_from(n);
	make_orphan(t, n);
}

/* longer: owned, the name when 'room' is too small for it. */
static void rename_node(struct sl_node *n, const char *name, char *longer)
{
	char *old = n->name;

	if (!longer)
		memmove(n->room, name, strlen(name) + 1);
	n->name = longer ? longer : n->room;
	if (old != n->room)
		free(old);
}

int sl_tree_move_locked(struct sl_tree *t, struct sl_node *n,
			struct sl_node *dir, const char *name)
{
	struct sl_node *old = sl_tree_find_locked(t, dir, name);
	char *longer = NULL;

	if (old == n)
		return 0;
	/* Copy tools rename to shorter names, as a rule. */
	if (strlen(name) > n->capacity) {
		longer = strdup(name);
		if (!longer)
			return -ENOMEM;
	}
	if (old)
		sl_tree_unlink_locked(t, old);
	hash_remove(t, n);
	unlink_from(n);
	rename_node(n, name, longer);
	link_into(dir, n);
	hash_insert(t, n);
	return 0;
}

void sl_tree_pin_locked(struct sl_node *n)
{
	n->pins++;
}

void sl_tree_unpin_locked(struct sl_tree *t, struct sl_node *n)
{
	n->pins--;
	if (n != t->root)
		node_maybe_free(t, n);
}

void sl_tree_forget_locked(struct sl_tree *t, struct sl_node *n, uint64_t k)
{
	n->nlookup -= k < n->nlookup ? k : n->nlookup;
	if (n == t->root)
		return;
	if (n->kind == SL_NODE_DIR && n->linked && !n->own && !n->nlookup &&
	    !n->pins)
		sl_tree_prune_locked(t, n);
	node_maybe_free(t, n);
}

/* Only what the store told us, and nobody has anything of it. */
static bool can_be_listed_again(const struct sl_node *n)
{
	if (n->own || n->nlookup || n->pins || n->xattrs)
		return false;
	if (n->kind == SL_NODE_DIR)
		return !n->child && n->u.d.listed != SL_LISTED_PENDING;
	return n->kind == SL_NODE_FILE && n->in_bucket && !n->u.f.open;
}

void sl_tree_prune_locked(struct sl_tree *t, struct sl_node *dir)
{
	struct sl_node *next;

	if (dir->u.d.listed == SL_LISTED_LOCAL)
		return;
	for (struct sl_node *n = dir->child; n; n = next) {
		next = n->next;
		if (can_be_listed_again(n))
			sl_tree_unlink_locked(t, n);
	}
	if (dir->u.d.listed == SL_LISTED_YES)
		dir->u.d.listed = SL_LISTED_NO;
}

struct sl_node *sl_tree_next_locked(struct sl_node *root, struct sl_node *n)
{
	if (n->kind == SL_NODE_DIR && n->child)
		return n->child;
	while (n != root && !n->next)
		n = n->parent;
	return n == root ? NULL : n->next;
}

void sl_tree_set_state_locked(struct sl_tree *t, struct sl_node *n,
			      enum sl_file_state s)
{
	count(t, n, -1);
	n->u.f.state = s;
	count(t, n, 1);
}

void sl_tree_set_verdict_locked(struct sl_tree *t, struct sl_node *n,
				enum sl_judgement v)
{
	count(t, n, -1);
	n->verdict = (unsigned)v & 3;
	count(t, n, 1);
}

void sl_tree_set_size_locked(struct sl_tree *t, struct sl_node *n,
			     uint64_t size)
{
	count(t, n, -1);
	n->size = size;
	count(t, n, 1);
}

void sl_tree_touch_locked(struct sl_node *dir)
{
	dir->mtime_ns = dir->ctime_ns = sl_now_ns();
}

void sl_tree_clear_locked(struct sl_tree *t)
{
	struct sl_node *n = t->root->child;

	while (n) {
		struct sl_node *next = n->next;

		if (n->kind == SL_NODE_DIR) {
			while (n->child) {
				struct sl_node *c = n;

				while (c->kind == SL_NODE_DIR && c->child)
					c = c->child;
				sl_tree_unlink_locked(t, c);
			}
		}
		if (n->kind != SL_NODE_CONTROL)
			sl_tree_unlink_locked(t, n);
		n = next;
	}
	t->root->u.d.listed = SL_LISTED_NO;
}

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
		free(n->u.f.etag);
		free(n->u.f.note);
	}
	free(n->name);
	free(n);
}

static void node_maybe_free(struct sl_node *n)
{
	if (!n->linked && !n->nlookup && !n->pins)
		node_free(n);
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

int sl_tree_new(struct sl_tree **ret)
{
	SL_CLEANUP(free) struct sl_tree *t = calloc(1, sizeof(*t));
	SL_CLEANUP(free) struct sl_node *root = calloc(1, sizeof(*root));

	if (!t || !root)
		return -ENOMEM;
	t->hash_size = 1024;
	t->hash = calloc(t->hash_size, sizeof(*t->hash));
	root->name = strdup("");
	if (!t->hash || !root->name) {
		free(t->hash);
		free(root->name);
		return -ENOMEM;
	}
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

static void count(struct sl_tree *t, const struct sl_node *n, int sign)
{
	enum sl_file_state s = n->u.f.state;

	if (n->kind != SL_NODE_FILE || !n->linked || !n->own)
		return;
	t->counts.n[s] += (uint64_t)sign;
	t->counts.bytes[s] += (uint64_t)sign * n->size;
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
	int r = sl_tree_join_locked(t, dir, name, path);

	if (r)
		return r;
	n = calloc(1, sizeof(*n));
	if (!n)
		return -ENOMEM;
	n->name = strdup(name);
	if (!n->name) {
		free(n);
		return -ENOMEM;
	}
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
	n->linked = false;
	node_maybe_free(n);
}

int sl_tree_move_locked(struct sl_tree *t, struct sl_node *n,
			struct sl_node *dir, const char *name)
{
	struct sl_node *old = sl_tree_find_locked(t, dir, name);
	char *copy = strdup(name);

	if (!copy)
		return -ENOMEM;
	if (old == n) {
		free(copy);
		return 0;
	}
	if (old)
		sl_tree_unlink_locked(t, old);
	hash_remove(t, n);
	unlink_from(n);
	free(n->name);
	n->name = copy;
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
		node_maybe_free(n);
}

void sl_tree_forget_locked(struct sl_tree *t, struct sl_node *n, uint64_t k)
{
	n->nlookup -= k < n->nlookup ? k : n->nlookup;
	if (n != t->root)
		node_maybe_free(n);
}

int sl_tree_path_locked(struct sl_tree *t, const struct sl_node *n, char *dst)
{
	size_t at = SL_PATH_MAX - 1;
	char tmp[SL_PATH_MAX];

	tmp[at] = '\0';
	for (; n != t->root; n = n->parent) {
		size_t len = strlen(n->name);

		if (!n->linked)
			return -ESTALE;
		if (len + 1 > at)
			return -ENAMETOOLONG;
		if (tmp[at])
			tmp[--at] = '/';
		at -= len;
		memcpy(tmp + at, n->name, len);
	}
	memcpy(dst, tmp + at, SL_PATH_MAX - at);
	return 0;
}

int sl_tree_join_locked(struct sl_tree *t, const struct sl_node *dir,
			const char *name, char *dst)
{
	int r = sl_tree_path_locked(t, dir, dst);
	size_t have;

	if (r)
		return r;
	have = strlen(dst);
	if (have + 1 + strlen(name) >= SL_PATH_MAX)
		return -ENAMETOOLONG;
	if (have)
		dst[have++] = '/';
	memcpy(dst + have, name, strlen(name) + 1);
	return 0;
}

struct sl_node *sl_tree_walk_locked(struct sl_tree *t, const char *path)
{
	struct sl_node *n = t->root;
	char seg[SL_PATH_MAX];

	while (n && *path) {
		size_t len = strcspn(path, "/");

		if (len >= sizeof(seg))
			return NULL;
		memcpy(seg, path, len);
		seg[len] = '\0';
		n = n->kind == SL_NODE_DIR ?
			sl_tree_find_locked(t, n, seg) : NULL;
		path += len + (path[len] == '/');
	}
	return n;
}

struct sl_node *sl_tree_make_locked(struct sl_mount *m, const char *path,
				    enum sl_node_kind kind)
{
	struct sl_node *n = m->tree->root;
	char seg[SL_PATH_MAX];

	while (*path) {
		size_t len = strcspn(path, "/");
		bool last = !path[len];
		struct sl_node *c;

		if (len >= sizeof(seg) || n->kind != SL_NODE_DIR)
			return NULL;
		memcpy(seg, path, len);
		seg[len] = '\0';
		c = sl_tree_find_locked(m->tree, n, seg);
		if (!c && sl_tree_add_locked(m, n, seg,
					     last ? kind : SL_NODE_DIR, &c))
			return NULL;
		n = c;
		path += len + !last;
	}
	return n->kind == kind ? n : NULL;
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

static void to_timespec(int64_t ns, struct timespec *ts)
{
	ts->tv_sec = ns / 1000000000;
	ts->tv_nsec = ns % 1000000000;
	if (ts->tv_nsec < 0) {
		ts->tv_nsec += 1000000000;
		ts->tv_sec--;
	}
}

void sl_tree_stat_locked(struct sl_tree *t, const struct sl_node *n,
			 struct stat *st)
{
	memset(st, 0, sizeof(*st));
	st->st_ino = sl_tree_ino(t, n);
	st->st_mode = n->mode;
	st->st_nlink = n->kind == SL_NODE_DIR ? 2 : 1;
	st->st_uid = n->uid;
	st->st_gid = n->gid;
	st->st_size = (off_t)n->size;
	st->st_blocks = (blkcnt_t)((n->size + 511) / 512);
	st->st_blksize = 1 << 20;
	to_timespec(n->mtime_ns, &st->st_mtim);
	to_timespec(n->ctime_ns, &st->st_ctim);
	st->st_atim = st->st_mtim;
}

int sl_node_set_text(char **field, const char *text)
{
	char *copy = NULL;

	if (text && *text) {
		copy = strdup(text);
		if (!copy)
			return -ENOMEM;
	}
	free(*field);
	*field = copy;
	return 0;
}

void sl_node_row(const struct sl_node *n, const char *path,
		 struct sl_ledger_row *r)
{
	bool dir = n->kind == SL_NODE_DIR;

	*r = (struct sl_ledger_row){
		.path = path,
		.state = dir ? SL_FILE_DIR : n->u.f.state,
		.size = n->size,
		.mtime_ns = n->mtime_ns,
		.mode = n->mode,
		.uid = n->uid,
		.gid = n->gid,
		.has_crc32 = !dir && n->has_crc32,
		.crc32 = dir ? 0 : n->u.f.crc32,
		.etag = !dir && n->u.f.etag ? n->u.f.etag : "",
		.note = !dir && n->u.f.note ? n->u.f.note : "",
	};
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

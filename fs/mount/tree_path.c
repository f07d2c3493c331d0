/* SPDX-License-Identifier: Apache-2.0 */
/* Paths of nodes, and what a node looks like to stat and to the ledger. */
#include <string.h>

#include "mount/tree.h"

const char *sl_last_segment(const char *path)
{
	const char *s = strrchr(path, '/');

	return s ? s + 1 : path;
}

bool sl_mount_owns(const struct sl_mount *m, const char *path)
{
	size_t n = strcspn(path, "/");

	if (m->opt->any_node)
		return sl_node_name_valid(path, n);
	for (int i = 0; i < m->opt->node_count; i++) {
		const char *node = m->opt->nodes[i];

		if (strlen(node) == n && !strncmp(node, path, n))
			return true;
	}
	return false;
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

	sl_mutex_assume_held(&m->tree->mu);
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
		 char etag[SL_ETAG_ROOM], struct sl_ledger_row *r)
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
		.etag = sl_node_etag(n, etag),
		.note = !dir && n->u.f.note ? n->u.f.note : "",
	};
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ledger rows from nodes. A row is copied out under the tree's lock and
 * written without it, because the ledger has locks of its own.
 */
#include <string.h>

#include "log.h"
#include "mount/file.h"
#include "mount/store.h"

static void copy_text(char *dst, size_t size, const char *src)
{
	size_t n = strnlen(src, size - 1);

	memcpy(dst, src, n);
	dst[n] = '\0';
}

int sl_row_take_locked(struct sl_tree *t, const struct sl_node *n,
		       struct sl_row_copy *ret)
{
	int r;

	sl_mutex_assume_held(&t->mu);
	r = sl_tree_path_locked(t, n, ret->path);
	if (r)
		return r;
	sl_node_row(n, ret->path, ret->etag, &ret->row);
	copy_text(ret->note, sizeof(ret->note), ret->row.note);
	ret->row.note = ret->note;
	return 0;
}

/* A file being written has no row of its own: its upload id tells of it. */
static bool has_row(const struct sl_node *n)
{
	if (!n->linked || !n->own || n->temp)
		return false;
	return n->kind == SL_NODE_DIR ||
	       (n->kind == SL_NODE_FILE && n->u.f.state != SL_FILE_OPEN);
}

void sl_row_save(struct sl_mount *m, struct sl_node *n)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	struct sl_row_copy row;
	int r = -ENOENT;

	if (!s)
		return;
	sl_mutex_lock(&m->tree->mu);
	if (has_row(n))
		r = sl_row_take_locked(m->tree, n, &row);
	sl_mutex_unlock(&m->tree->mu);
	if (!r)
		sl_store_put(s, &row.row);
}

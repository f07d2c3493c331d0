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

/* Copies of all own rows, so that no lock is held while they are used; a
 * row and its strings are one allocation of about 200 bytes. */
struct packed {
	struct packed *next;
	struct sl_ledger_row row;
	char text[];
};

static char *pack_text(char *at, const char *src, const char **ret)
{
	size_t n = strlen(src) + 1;

	memcpy(at, src, n);
	*ret = at;
	return at + n;
}

static int pack_row(const struct sl_ledger_row *r, struct packed **ret)
{
	struct packed *p = malloc(sizeof(*p) + strlen(r->path) +
				  strlen(r->etag) + strlen(r->note) + 3);
	char *at;

	if (!p)
		return -ENOMEM;
	p->row = *r;
	at = pack_text(p->text, r->path, &p->row.path);
	at = pack_text(at, r->etag, &p->row.etag);
	pack_text(at, r->note, &p->row.note);
	*ret = p;
	return 0;
}

static int rows_collect(struct sl_mount *m, struct packed **head)
{
	struct sl_tree *t = m->tree;
	char path[SL_PATH_MAX];
	struct packed **tail = head;
	int r = 0;

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root; n && !r;
	     n = sl_tree_next_locked(t->root, n)) {
		char etag[SL_ETAG_ROOM];
		struct sl_ledger_row row;

		if (n->kind != SL_NODE_FILE || !n->own)
			continue;
		r = sl_tree_path_locked(t, n, path);
		if (r)
			break;
		sl_node_row(n, path, etag, &row);
		r = pack_row(&row, tail);
		if (!r) {
			(*tail)->next = NULL;
			tail = &(*tail)->next;
		}
	}
	return r;
}

int sl_mount_rows(struct sl_mount *m,
		  int (*row)(void *arg, const struct sl_ledger_row *r),
		  void *arg)
{
	struct packed *head = NULL;
	int r = rows_collect(m, &head);

	for (struct packed *p = head, *next; p; p = next) {
		next = p->next;
		if (!r)
			r = row(arg, &p->row);
		free(p);
	}
	return r;
}

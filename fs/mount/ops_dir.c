/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories. opendir makes the directory known and takes a
 * snapshot of its names, so that a long readdir neither misses nor repeats
 * one while files come and go.
 */
#include <string.h>

#include "log.h"
#include "mount/ops.h"

/* An entry in fh->text: type and inode number, then the name with its NUL. */
struct dir_entry {
	uint64_t ino;
	uint32_t type;
};

static int put_entry(struct sl_buf *b, uint64_t ino, mode_t mode,
		     const char *name)
{
	struct dir_entry de = { .ino = ino, .type = mode & S_IFMT };

	sl_buf_append(b, &de, sizeof(de));
	return sl_buf_append(b, name, strlen(name) + 1);
}

static int snapshot(struct sl_tree *t, struct sl_node *dir, struct sl_buf *b)
{
	struct sl_node *up = dir == t->root ? dir : dir->parent;

	SL_LOCK_SCOPE(&t->mu);
	put_entry(b, sl_tree_ino(t, dir), S_IFDIR, ".");
	put_entry(b, sl_tree_ino(t, up), S_IFDIR, "..");
	for (struct sl_node *n = dir->child; n; n = n->next) {
		if (!n->hidden)
			put_entry(b, sl_tree_ino(t, n), n->mode, n->name);
	}
	return sl_buf_error(b);
}

static void opendir_finish(struct sl_park *p, int err)
{
	struct fuse_file_info fi = { 0 };
	struct sl_fh *fh = err ? NULL : sl_fh_new(p->m);

	if (!err && !fh)
		err = -ENOMEM;
	if (!err) {
		sl_buf_init(&fh->text, 256u << 20);
		err = snapshot(p->m->tree, p->node, &fh->text);
	}
	fi.fh = (uint64_t)(uintptr_t)fh;
	if (err)
		sl_reply_error(p->req, err, NULL);
	else if (!fuse_reply_open(p->req, &fi))
		return; /* the handle lives until releasedir */
	if (fh)
		sl_fh_free(p->m, fh, 0);
}

void sl_op_opendir(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	struct sl_park *p = sl_park_new(req, opendir_finish);

	(void)fi;
	if (!p)
		return;
	sl_park_node(p, sl_tree_node(p->m->tree, ino));
	sl_park_list(p, p->node, true);
}

/* Appends entries from byte 'at' of the snapshot; returns bytes used. */
static size_t fill(fuse_req_t req, const struct sl_buf *b, size_t at,
		   char *out, size_t size)
{
	size_t used = 0;

	while (at + sizeof(struct dir_entry) < b->len) {
		const char *name = b->data + at + sizeof(struct dir_entry);
		struct dir_entry de;
		struct stat st = { 0 };
		size_t next, n;

		memcpy(&de, b->data + at, sizeof(de));
		next = at + sizeof(de) + strlen(name) + 1;
		st.st_ino = de.ino;
		st.st_mode = de.type;
		n = fuse_add_direntry(req, out + used, size - used, name, &st,
				      (off_t)next);
		if (n > size - used)
			break;
		used += n;
		at = next;
	}
	return used;
}

void sl_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	struct sl_fh *fh = (struct sl_fh *)(uintptr_t)fi->fh;
	SL_CLEANUP(free) char *out = malloc(size);

	(void)ino;
	if (!out || off < 0) {
		sl_reply_error(req, out ? -EINVAL : -ENOMEM, NULL);
		return;
	}
	if (fuse_reply_buf(req, out, fill(req, &fh->text, (size_t)off, out,
					  size)))
		sl_log_debug("a readdir was interrupted");
}

void sl_op_releasedir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	struct sl_fh *fh = (struct sl_fh *)(uintptr_t)fi->fh;

	(void)ino;
	sl_fh_free(sl_req_mount(req), fh, 0);
	sl_reply_error(req, 0, NULL);
}

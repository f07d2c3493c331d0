/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading directories. opendir makes the directory known; reading from the
 * beginning takes a snapshot of its names, so that a long readdir neither
 * misses nor repeats one while files come and go, and rewinddir sees what
 * came. An offset is a place in that snapshot.
 *
 * READDIRPLUS gives attributes along with the names: rsync, find, du and
 * ls -l ask for those of every file, and a lookup each costs more than the
 * reading. It counts as the look at a file that a lookup is.
 */
#include <string.h>

#include "log.h"
#include "mount/ops.h"

/* An entry in fh->text: type and inode number, then the name with its NUL. */
struct dir_entry {
	uint64_t ino;
	uint32_t type;
};

/* A snapshot's bytes: a million names of 255. */
#define SNAPSHOT_MAX (288u << 20)

static int put_entry(struct sl_buf *b, uint64_t ino, mode_t mode,
		     const char *name)
{
	struct dir_entry de = { .ino = ino, .type = mode & S_IFMT };

	sl_buf_append(b, &de, sizeof(de));
	return sl_buf_append(b, name, strlen(name) + 1);
}

static int snapshot(struct sl_tree *t, struct sl_node *dir, struct sl_buf *b)
{
	struct sl_node *up;

	SL_LOCK_SCOPE(&t->mu);
	/* A directory that was removed while open has no parent any more. */
	up = dir == t->root || !dir->linked ? dir : dir->parent;
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
	if (fh) {
		sl_buf_init(&fh->text, SNAPSHOT_MAX);
		fi.fh = (uint64_t)(uintptr_t)fh;
	}
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

/* One answer under way. */
struct page {
	fuse_req_t req;
	struct sl_tree *t;
	struct sl_node *dir;
	bool plus;
	char *out;
	size_t size, used;
};

/*
 * Attributes of one name for READDIRPLUS; what is gone, and "." and "..",
 * have inode number 0: the kernel then takes the name alone.
 */
static void describe(struct page *p, const struct dir_entry *de,
		     const char *name, struct fuse_entry_param *e)
{
	struct sl_node *n = NULL;

	sl_mutex_assume_held(&p->t->mu);
	if (strcmp(name, ".") && strcmp(name, ".."))
		n = sl_tree_find_locked(p->t, p->dir, name);
	if (n && !n->hidden) {
		sl_entry_fill_locked(p->t, n, e);
		return;
	}
	memset(e, 0, sizeof(*e));
	e->attr.st_ino = de->ino;
	e->attr.st_mode = de->type;
}

/* The bytes of one entry; more than there is room for: it did not fit. */
static size_t add_plus(struct page *p, const struct dir_entry *de,
		       const char *name, size_t next)
{
	size_t room = p->size - p->used;
	struct fuse_entry_param e;
	size_t need = fuse_add_direntry_plus(p->req, NULL, 0, name, NULL, 0);

	/* A lookup that is not told of would never be forgotten. */
	if (need > room)
		return need;
	describe(p, de, name, &e);
	return fuse_add_direntry_plus(p->req, p->out + p->used, room, name, &e,
				      (off_t)next);
}

static size_t add_plain(struct page *p, const struct dir_entry *de,
			const char *name, size_t next)
{
	struct stat st = { .st_ino = de->ino, .st_mode = de->type };

	return fuse_add_direntry(p->req, p->out + p->used, p->size - p->used,
				 name, &st, (off_t)next);
}

/* Entries from byte 'at' of the snapshot on, as many as fit. */
static void fill(struct page *p, const struct sl_buf *b, size_t at)
{
	SL_LOCK_SCOPE(&p->t->mu);
	while (at < b->len && b->len - at > sizeof(struct dir_entry)) {
		const char *name = b->data + at + sizeof(struct dir_entry);
		struct dir_entry de;
		size_t next, n;

		memcpy(&de, b->data + at, sizeof(de));
		next = at + sizeof(de) + strlen(name) + 1;
		n = p->plus ? add_plus(p, &de, name, next) :
			add_plain(p, &de, name, next);
		if (n > p->size - p->used)
			break;
		p->used += n;
		at = next;
	}
}

static int read_page(struct page *p, struct sl_fh *fh, size_t at)
{
	int r = 0;

	SL_LOCK_SCOPE(&fh->mu);
	if (!at) {
		sl_buf_clear(&fh->text);
		r = snapshot(p->t, p->dir, &fh->text);
	}
	if (!r)
		fill(p, &fh->text, at);
	return r;
}

static void read_dir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		     struct sl_fh *fh, bool plus)
{
	SL_CLEANUP(free) char *out = malloc(size);
	struct sl_tree *t = sl_req_mount(req)->tree;
	struct page p = {
		.req = req,
		.t = t,
		.dir = sl_tree_node(t, ino),
		.plus = plus,
		.out = out,
		.size = size,
	};
	int r = out ? 0 : -ENOMEM;

	if (!r && off < 0)
		r = -EINVAL;
	if (!r)
		r = read_page(&p, fh, (size_t)off);
	/* Without the lock: once answered, the handle may be released. */
	if (r)
		sl_reply_error(req, r, NULL);
	else if (fuse_reply_buf(req, out, p.used))
		sl_log_debug("a readdir was interrupted");
}

void sl_op_readdir(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		   struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, (struct sl_fh *)(uintptr_t)fi->fh, false);
}

void sl_op_readdirplus(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		       struct fuse_file_info *fi)
{
	read_dir(req, ino, size, off, (struct sl_fh *)(uintptr_t)fi->fh, true);
}

void sl_op_releasedir(fuse_req_t req, fuse_ino_t ino,
		      struct fuse_file_info *fi)
{
	struct sl_fh *fh = (struct sl_fh *)(uintptr_t)fi->fh;

	(void)ino;
	sl_fh_free(sl_req_mount(req), fh, 0);
	sl_reply_error(req, 0, NULL);
}

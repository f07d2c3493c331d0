/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nullfs MOUNTPOINT: a filesystem that takes files and directories by name and
 * throws their bytes away. What cp needs to fill it is the least that any FUSE
 * filesystem with a multithreaded daemon can cost: the ceiling of a benchmark.
 * Names and sizes are kept, because copy tools look at them.
 */
#define FUSE_USE_VERSION 35
#include <errno.h>
#include <fuse_lowlevel.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "lock.h"

#define MAX_WRITE (1024 * 1024)
#define TIMEOUT 3600.0
#define BUCKETS 16384

/* Nodes live as long as the mount; the inode number is the index + 1. */
struct node {
	char *name; /* owned */
	uint64_t parent;
	size_t next; /* of the same bucket, index + 1; 0: none */
	struct stat st;
};

static struct {
	struct sl_mutex lock;
	struct node *nodes; /* owned */
	size_t count, cap;
	size_t buckets[BUCKETS];
} tree = { .lock = SL_MUTEX_INIT };

static size_t bucket_of(uint64_t parent, const char *name)
{
	uint64_t h = parent * UINT64_C(0x9e3779b97f4a7c15);

	for (; *name; name++)
		h = (h ^ (unsigned char)*name) * UINT64_C(0x100000001b3);
	return (h >> 20) % BUCKETS;
}

static struct node *find_locked(uint64_t parent, const char *name)
{
	size_t i = tree.buckets[bucket_of(parent, name)];

	for (; i; i = tree.nodes[i - 1].next) {
		struct node *n = &tree.nodes[i - 1];

		if (n->parent == parent && strcmp(n->name, name) == 0)
			return n;
	}
	return NULL;
}

static struct node *add_locked(uint64_t parent, const char *name, mode_t mode)
{
	size_t cap = tree.cap ? 2 * tree.cap : 1024;
	struct node *n;
	char *copy = strdup(name);
	size_t b = bucket_of(parent, name);

	if (copy && tree.count == tree.cap) {
		n = realloc(tree.nodes, cap * sizeof(*n));
		if (n) {
			tree.nodes = n;
			tree.cap = cap;
		}
	}
	if (!copy || tree.count == tree.cap) {
		free(copy);
		return NULL;
	}
	n = &tree.nodes[tree.count++];
	*n = (struct node){ .name = copy, .parent = parent,
			    .next = tree.buckets[b] };
	tree.buckets[b] = tree.count;
	n->st.st_ino = tree.count;
	n->st.st_mode = mode;
	n->st.st_nlink = S_ISDIR(mode) ? 2 : 1;
	n->st.st_uid = getuid();
	n->st.st_gid = getgid();
	n->st.st_blksize = MAX_WRITE;
	return n;
}

static struct fuse_entry_param entry_of(const struct node *n)
{
	return (struct fuse_entry_param){
		.ino = n->st.st_ino,
		.attr = n->st,
		.attr_timeout = TIMEOUT,
		.entry_timeout = TIMEOUT,
	};
}

/* The entry of a name, made with 'mode' unless that is 0; -errno. */
static int enter(fuse_ino_t parent, const char *name, mode_t mode,
		 struct fuse_entry_param *ret)
{
	struct node *n;

	SL_LOCK_SCOPE(&tree.lock);
	n = find_locked(parent, name);
	if (!n && mode)
		n = add_locked(parent, name, mode);
	if (!n)
		return mode ? -ENOMEM : -ENOENT;
	*ret = entry_of(n);
	return 0;
}

static void op_lookup(fuse_req_t req, fuse_ino_t parent, const char *name)
{
	struct fuse_entry_param e = { 0 };
	int err = enter(parent, name, 0, &e);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_entry(req, &e);
}

static void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name,
		     mode_t mode)
{
	struct fuse_entry_param e = { 0 };
	int err = enter(parent, name, S_IFDIR | (mode & 0777), &e);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_entry(req, &e);
}

static void op_create(fuse_req_t req, fuse_ino_t parent, const char *name,
		      mode_t mode, struct fuse_file_info *fi)
{
	struct fuse_entry_param e = { 0 };
	int err = enter(parent, name, S_IFREG | (mode & 0777), &e);

	if (err)
		fuse_reply_err(req, -err);
	else
		fuse_reply_create(req, &e, fi);
}

static void reply_attr(fuse_req_t req, fuse_ino_t ino, const struct stat *set,
		       int to_set)
{
	struct stat st;

	sl_mutex_lock(&tree.lock);
	if (to_set & FUSE_SET_ATTR_SIZE)
		tree.nodes[ino - 1].st.st_size = set->st_size;
	if (to_set & FUSE_SET_ATTR_MTIME)
		tree.nodes[ino - 1].st.st_mtim = set->st_mtim;
	st = tree.nodes[ino - 1].st;
	sl_mutex_unlock(&tree.lock);
	fuse_reply_attr(req, &st, TIMEOUT);
}

static void op_getattr(fuse_req_t req, fuse_ino_t ino,
		       struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, ino, NULL, 0);
}

static void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr,
		       int to_set, struct fuse_file_info *fi)
{
	(void)fi;
	reply_attr(req, ino, attr, to_set);
}

static void op_open(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	fuse_reply_open(req, fi);
}

static void op_write_buf(fuse_req_t req, fuse_ino_t ino,
			 struct fuse_bufvec *in, off_t off,
			 struct fuse_file_info *fi)
{
	size_t n = fuse_buf_size(in);
	struct stat *st;

	(void)fi;
	sl_mutex_lock(&tree.lock);
	st = &tree.nodes[ino - 1].st;
	if (st->st_size < off + (off_t)n)
		st->st_size = off + (off_t)n;
	sl_mutex_unlock(&tree.lock);
	fuse_reply_write(req, n);
}

/* The old name of a copy tool's temporary file stays unused. */
static void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name,
		      fuse_ino_t newparent, const char *newname,
		      unsigned int flags)
{
	struct node *n, *to;
	int err = flags ? EINVAL : 0;

	sl_mutex_lock(&tree.lock);
	n = find_locked(parent, name);
	to = n ? find_locked(newparent, newname) : NULL;
	if (n && !to)
		to = add_locked(newparent, newname, n->st.st_mode);
	n = find_locked(parent, name); /* the array may have moved */
	if (!n)
		err = ENOENT;
	else if (!to)
		err = ENOMEM;
	if (!err) {
		ino_t ino = to->st.st_ino;

		to->st = n->st;
		to->st.st_ino = ino;
		n->parent = 0;
	}
	sl_mutex_unlock(&tree.lock);
	fuse_reply_err(req, err);
}

static void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi)
{
	(void)ino;
	(void)fi;
	fuse_reply_err(req, 0);
}

static void op_init(void *arg, struct fuse_conn_info *conn)
{
	(void)arg;
	conn->max_write = MAX_WRITE;
	if (conn->capable & FUSE_CAP_SPLICE_READ)
		conn->want |= FUSE_CAP_SPLICE_READ;
}

static const struct fuse_lowlevel_ops ops = {
	.init = op_init,
	.lookup = op_lookup,
	.getattr = op_getattr,
	.setattr = op_setattr,
	.mkdir = op_mkdir,
	.create = op_create,
	.open = op_open,
	.write_buf = op_write_buf,
	.rename = op_rename,
	.flush = op_flush,
	.release = op_flush,
};

static int run(struct fuse_session *se, const char *point)
{
	struct fuse_loop_config loop = { .max_idle_threads = 10 };
	int err;

	if (fuse_set_signal_handlers(se))
		return 1;
	err = fuse_session_mount(se, point);
	if (!err) {
		err = fuse_session_loop_mt(se, &loop);
		fuse_session_unmount(se);
	}
	fuse_remove_signal_handlers(se);
	return err != 0;
}

int main(int argc, char **argv)
{
	char name[] = "nullfs", option[] = "-ofsname=nullfs";
	char *words[] = { name, option, NULL };
	struct fuse_args args = FUSE_ARGS_INIT(2, words);
	struct fuse_session *se;
	int status;

	if (argc != 2) {
		fputs("usage: nullfs MOUNTPOINT\n", stderr);
		return 2;
	}
	sl_mutex_lock(&tree.lock);
	status = add_locked(0, "", S_IFDIR | 0755) ? 0 : 1;
	sl_mutex_unlock(&tree.lock);
	se = status ? NULL : fuse_session_new(&args, &ops, sizeof(ops), NULL);
	if (!se)
		return 1;
	status = run(se, argv[1]);
	fuse_session_destroy(se);
	for (size_t i = 0; i < tree.count; i++)
		free(tree.nodes[i].name);
	free(tree.nodes);
	return status;
}

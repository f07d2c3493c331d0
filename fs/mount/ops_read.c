/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads: one ranged GET each. A version that is being written shows its own
 * bytes as long as they are held; what was skipped has none (ENODATA).
 */
#include <string.h>

#include "log.h"
#include "mount/ops.h"

struct reading {
	struct sl_op op;
	fuse_req_t req;
	struct sl_store *store;
	struct sl_mount *m;
	char *key;
	size_t have, want;
	char data[];
};

static void reading_free(struct reading *rd)
{
	sl_store_unref(rd->store);
	free(rd->key);
	free(rd);
}

static int on_data(struct sl_op *op, const void *p, size_t n)
{
	struct reading *rd = op->arg;

	if (n > rd->want - rd->have)
		return -EPROTO; /* more than was asked for */
	memcpy(rd->data + rd->have, p, n);
	rd->have += n;
	return 0;
}

static void on_read(struct sl_op *op)
{
	struct reading *rd = op->arg;

	if (op->err) {
		sl_mount_event(rd->m, -op->err, rd->key, "the file cannot be "
			       "read from the bucket", &op->error);
		sl_reply_error(rd->req, op->err, &op->error);
	} else if (fuse_reply_buf(rd->req, rd->data, rd->have)) {
		sl_log_debug("a read was interrupted");
	}
	reading_free(rd);
}

static void read_object(fuse_req_t req, const char *key, uint64_t off,
			size_t size)
{
	struct reading *rd = calloc(1, sizeof(*rd) + size);

	if (!rd) {
		sl_reply_error(req, -ENOMEM, NULL);
		return;
	}
	rd->req = req;
	rd->m = sl_req_mount(req);
	rd->want = size;
	rd->store = sl_mount_store(rd->m, NULL);
	rd->key = strdup(key);
	if (!rd->store || !rd->key ||
	    !(rd->store->backend->caps & SL_CAP_READ)) {
		sl_reply_error(req, rd->store ? -ENOMEM : -EROFS, NULL);
		reading_free(rd);
		return;
	}
	rd->op = (struct sl_op){
		.key = rd->key,
		.offset = off,
		.length = size,
		.on_data = on_data,
		.done = on_read,
		.arg = rd,
		.retry_for_ms = 60000,
	};
	sl_backend_get(rd->store->backend, &rd->op);
}

/* Bytes of the version being written, if they are still held. */
static int read_open(struct sl_file *f, char *dst, uint64_t off, size_t size,
		     ssize_t *ret)
{
	struct sl_upload *up;
	bool current;

	sl_mutex_lock(&f->mu);
	current = f->begun && !f->adopted && !f->err;
	up = f->up;
	sl_mutex_unlock(&f->mu);
	if (!current)
		return -EAGAIN; /* what is in the bucket is what counts */
	if (f->skip)
		return -ENODATA;
	*ret = up ? sl_upload_peek(up, off, dst, size) : 0;
	return *ret < 0 ? (int)*ret : 0;
}

static void read_held(fuse_req_t req, struct sl_file *f, off_t off,
		      size_t size, bool *again)
{
	SL_CLEANUP(free) char *buf = malloc(size);
	ssize_t n = 0;
	int r = buf ? read_open(f, buf, (uint64_t)off, size, &n) : -ENOMEM;

	*again = r == -EAGAIN;
	if (*again)
		return;
	if (r)
		sl_reply_error(req, r, NULL);
	else if (fuse_reply_buf(req, buf, (size_t)n))
		sl_log_debug("a read was interrupted");
}

/* Where the bytes of the node are: 0 with 'key', or -errno. */
static int locate(struct sl_mount *m, struct sl_node *n, char *key,
		  uint64_t *size)
{
	struct sl_tree *t = m->tree;

	SL_LOCK_SCOPE(&t->mu);
	if (n->u.f.state == SL_FILE_SKIPPED || !n->in_bucket)
		return -ENODATA;
	*size = n->size;
	return sl_tree_path_locked(t, n, key);
}

static void read_control(fuse_req_t req, struct sl_fh *fh, size_t size,
			 off_t off)
{
	SL_LOCK_SCOPE(&fh->mu);
	if ((size_t)off >= fh->text.len)
		size = 0;
	else if (size > fh->text.len - (size_t)off)
		size = fh->text.len - (size_t)off;
	if (fuse_reply_buf(req, size ? fh->text.data + off : NULL, size))
		sl_log_debug("a read was interrupted");
}

void sl_op_read(fuse_req_t req, fuse_ino_t ino, size_t size, off_t off,
		struct fuse_file_info *fi)
{
	struct sl_fh *fh = (struct sl_fh *)(uintptr_t)fi->fh;
	struct sl_mount *m = sl_req_mount(req);
	char key[SL_PATH_MAX];
	bool again = true;
	uint64_t have = 0;
	int r;

	if (off < 0) {
		sl_reply_error(req, -EINVAL, NULL);
		return;
	}
	if (fh->control) {
		read_control(req, fh, size, off);
		return;
	}
	if (fh->file->file)
		read_held(req, fh->file->file, off, size, &again);
	if (!again)
		return;
	r = locate(m, sl_tree_node(m->tree, ino), key, &have);
	if (r)
		sl_reply_error(req, r, NULL);
	else if ((uint64_t)off >= have)
		fuse_reply_buf(req, NULL, 0);
	else
		read_object(req, key, (uint64_t)off, size);
}

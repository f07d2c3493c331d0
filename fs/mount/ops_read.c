/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads. What is in the bucket comes through readahead.c, and a read that must
 * wait is parked. A version that is being written shows its own bytes as long
 * as they are held; what was skipped has none (ENODATA).
 */
#include <string.h>

#include "log.h"
#include "mount/metrics.h"
#include "mount/ops.h"

/* One READ on its way; the park's data. */
struct reading {
	struct sl_read_ask ask;
	struct sl_control_work work; /* answers an interrupted one */
	struct sl_park *park;
	char key[SL_PATH_MAX];
};

static void store_hold(void *arg)
{
	sl_store_ref(arg);
}

static void store_let_go(void *arg)
{
	sl_store_unref(arg);
}

static void on_read(struct sl_read_ask *a, int err)
{
	struct reading *rd = sl_container_of(a, struct reading, ask);

	rd->park->w.done(&rd->park->w, err);
}

static void read_finish(struct sl_park *p, int err)
{
	struct reading *rd = p->data;
	struct sl_read_ask *a = &rd->ask;

	if (err) {
		if (a->tell)
			sl_mount_event(p->m, -err, rd->key, "the file cannot "
				       "be read from the bucket", &a->error);
		sl_reply_error(p->req, err, &a->error);
	} else if (fuse_reply_iov(p->req, a->iov, a->iov_count)) {
		sl_log_debug("a read was interrupted");
	}
	sl_read_ask_release(a);
	free(rd);
}

static void answer_interrupted(struct sl_control_work *work)
{
	struct reading *rd = sl_container_of(work, struct reading, work);

	rd->park->w.done(&rd->park->w, -EINTR);
}

/* The request's lock is held here, so the answer comes from the worker. */
static void read_interrupt(struct sl_park *p)
{
	struct reading *rd = p->data;

	if (sl_read_ask_interrupt(&rd->ask))
		sl_control_push(p->m->controls, &rd->work);
}

static int ask_for(struct sl_park *p, struct reading *rd, struct sl_reader *r,
		   uint64_t size)
{
	SL_CLEANUP(store) struct sl_store *s =
		sl_mount_store(p->m, &rd->ask.error);
	struct sl_read_from from = {
		.key = rd->key,
		.size = size,
		.hold = store_hold,
		.let_go = store_let_go,
		.arg = s,
	};

	if (!s || !(s->backend->caps & SL_CAP_READ))
		return -EROFS;
	from.backend = s->backend;
	return sl_reader_read(r, &from, &rd->ask);
}

static void read_object(fuse_req_t req, struct sl_fh *fh, const char *key,
			uint64_t off, size_t size, uint64_t have)
{
	struct reading *rd = calloc(1, sizeof(*rd));
	struct sl_park *p;

	if (!rd) {
		sl_reply_error(req, -ENOMEM, NULL);
		return;
	}
	p = sl_park_new(req, read_finish);
	if (!p) {
		free(rd);
		return;
	}
	memcpy(rd->key, key, strlen(key) + 1);
	rd->park = p;
	rd->ask.offset = off;
	rd->ask.size = size < have - off ? size : (size_t)(have - off);
	rd->ask.done = on_read;
	rd->work.run = answer_interrupted;
	p->data = rd;
	p->interrupt = read_interrupt;
	sl_park_result(p, ask_for(p, rd, fh->reader, have));
}

/* FNV-1a: another ETag or size is another version. */
static uint64_t version_of_locked(const struct sl_node *n)
{
	uint64_t h = 0xcbf29ce484222325ull ^ n->size;
	char room[SL_ETAG_ROOM];

	for (const char *p = sl_node_etag(n, room); *p; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3ull;
	return h;
}

struct sl_reader *sl_fh_reader(struct sl_mount *m, struct sl_node *n)
{
	uint64_t id, version;

	sl_mutex_lock(&m->tree->mu);
	id = sl_tree_ino(m->tree, n);
	version = version_of_locked(n);
	sl_mutex_unlock(&m->tree->mu);
	return sl_reader_open(m->readers, id, version);
}

int sl_mount_make_readers(struct sl_mount *m)
{
	struct sl_readers_config c = {
		.limit = sl_readers_limit(m->opt->memory),
		.connections = m->opt->connections,
	};
	int r = sl_metrics_new(&m->metrics);

	return r ? r : sl_readers_new(&c, &m->readers);
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
		read_object(req, fh, key, (uint64_t)off, size, have);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whole objects: put by a temporary file and rename, so that readers see the
 * old bytes, none, or the new; head, get and remove.
 */
#include "internal.h"

#include <fcntl.h>
#include <string.h>

#include "crc.h"

#define BATCH 64

/* Where in an iovec the next byte is. */
struct cursor {
	const struct iovec *v;
	int count;
	size_t off; /* in v[0] */
};

static int batch_fill(const struct cursor *c, struct iovec out[BATCH])
{
	int n = 0;
	size_t off = c->off;

	for (int i = 0; i < c->count && n < BATCH; i++) {
		if (c->v[i].iov_len > off)
			out[n++] = (struct iovec){
				.iov_base = (char *)c->v[i].iov_base + off,
				.iov_len = c->v[i].iov_len - off,
			};
		off = 0;
	}
	return n;
}

/* Passes 'n' bytes, and what is empty after them, and sums them up. */
static uint32_t advance(struct cursor *c, size_t n, uint32_t crc)
{
	while (c->count) {
		size_t left = c->v->iov_len - c->off;
		size_t take = n < left ? n : left;

		crc = sl_crc32(crc, (char *)c->v->iov_base + c->off, take);
		n -= take;
		c->off += take;
		if (take < left)
			break;
		c->v++;
		c->count--;
		c->off = 0;
	}
	return crc;
}

int sl_file_write_body(struct sl_file_job *j, int fd)
{
	const struct sl_op *op = j->op;
	struct cursor c = { .v = op->body, .count = op->body_count };
	struct iovec batch[BATCH];
	uint64_t total = 0;
	uint32_t crc = 0;

	for (;;) {
		int n = batch_fill(&c, batch);
		ssize_t r = n ? writev(fd, batch, n) : 0;

		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (n == 0)
			break;
		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		crc = advance(&c, (size_t)r, crc);
		total += (uint64_t)r;
	}
	if (total == op->size && crc == op->crc32)
		return 0;
	return sl_error_set(&j->op->error, EBADMSG,
			    "cannot %s '%s': %llu bytes with crc32 %08x came, "
			    "%llu with %08x were announced",
			    j->verb, op->key, (unsigned long long)total, crc,
			    (unsigned long long)op->size, op->crc32);
}

static int put(struct sl_file_job *j)
{
	SL_CLEANUP(file_temp) struct sl_file_temp t = SL_FILE_TEMP_INIT;
	int err = sl_file_temp_new(j->f, -1, &t);

	if (!err)
		err = sl_file_write_body(j, t.fd);
	return err ? err : sl_file_publish(j, &t, j->op->crc32);
}

int sl_file_run_put(struct sl_file_job *j)
{
	int err = sl_file_key_check(j->f, j->op->key);

	if (err)
		return err;
	if (j->op->size > j->f->base.limits.max_put)
		return -EFBIG;
	err = put(j);
	sl_file_staging_leave(j->f);
	return err;
}

int sl_file_run_head(struct sl_file_job *j)
{
	struct stat st;
	SL_CLEANUP(fd) int fd = sl_file_open_object(j->f, j->op->key, &st);

	return fd < 0 ? fd : sl_file_describe(j, fd, true, &j->op->obj);
}

/* The next piece into 'buf': its length, 0 at the end, or -errno. */
static ssize_t read_piece(int fd, char *buf, uint64_t left, uint64_t at)
{
	size_t want = left < SL_FILE_CHUNK ? (size_t)left : SL_FILE_CHUNK;
	ssize_t n;

	do
		n = pread(fd, buf, want, (off_t)at);
	while (n < 0 && errno == EINTR);
	return n < 0 ? -errno : n;
}

static int copy_out(struct sl_file_job *j, int fd, char *buf)
{
	struct sl_op *op = j->op;
	uint64_t at = op->offset, left = op->length;

	if (at >= op->obj.size)
		return 0;
	while (left) {
		ssize_t n = read_piece(fd, buf, left, at);
		int err;

		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (n <= 0)
			return (int)n;
		err = op->on_data(op, buf, (size_t)n);
		if (err) {
			j->verbatim = true;
			return err;
		}
		at += (uint64_t)n;
		left -= (uint64_t)n;
	}
	return 0;
}

int sl_file_run_get(struct sl_file_job *j)
{
	struct stat st;
	SL_CLEANUP(fd) int fd = sl_file_open_object(j->f, j->op->key, &st);
	SL_CLEANUP(free) char *buf = NULL;
	int err;

	if (fd < 0)
		return fd;
	err = sl_file_describe(j, fd, false, &j->op->obj);
	if (err)
		return err;
	if (j->op->if_match && strcmp(j->op->if_match, j->op->obj.etag))
		return -ESTALE;
	buf = malloc(SL_FILE_CHUNK);
	return buf ? copy_out(j, fd, buf) : -ENOMEM;
}

int sl_file_run_remove(struct sl_file_job *j)
{
	const char *key = j->op->key, *name;
	size_t len = sl_file_parent(key, &name);
	SL_CLEANUP(fd) int dir = -1;
	struct stat st;
	int err = 0;

	if (!sl_file_key_ours(key))
		return 0;
	dir = sl_file_open_dir(j->f->root, key, len, false);
	/* What is no regular file is no object and stays. */
	if (dir >= 0 && !fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) &&
	    S_ISREG(st.st_mode)) {
		if (unlinkat(dir, name, 0) && errno != ENOENT)
			return -errno;
		err = sl_file_sync_dir(dir);
	}
	if (dir == -EACCES)
		return dir;
	sl_file_prune(j->f, key);
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ROOT/.sideloadfs-staging, where everything is that is not an object yet:
 *
 *   t-RANDOM   a temporary file, flock(2)ed by its writer
 *   n-ID       an upload being made, flock(2)ed by its maker
 *   u-ID       an upload: file "key", files "p00001"..., and "t-..." parts
 *   d-ID       an upload being deleted; anybody may go on with it
 *
 * It is outside the namespace of objects and on the same file system, so a
 * rename publishes atomically. Several processes may share it: a lock that
 * can be had belongs to a dead writer, and open() sweeps what it left. The
 * directory goes whenever it is empty, and is made again when needed; who
 * loses that race starts over.
 */
#include "internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>

#include "clock.h"
#include "log.h"

#define TRIES 100

int sl_file_staging(struct sl_file *f, bool create)
{
	return sl_file_open_dir(f->root, SL_FILE_STAGING,
				strlen(SL_FILE_STAGING), create);
}

void sl_file_staging_leave(struct sl_file *f)
{
	/* In use by somebody, or gone: both are as they should be. */
	if (unlinkat(f->root, SL_FILE_STAGING, AT_REMOVEDIR))
		return;
}

void sl_file_random_name(char *dst, size_t size, const char *front)
{
	uint64_t r[2];

	if (getrandom(r, sizeof(r), 0) != (ssize_t)sizeof(r)) {
		r[0] = sl_random_below(UINT64_MAX);
		r[1] = sl_random_below(UINT64_MAX);
	}
	snprintf(dst, size, "%s%016" PRIx64 "%016" PRIx64, front, r[0], r[1]);
}

/* -EAGAIN: a sweeper was faster, or the directory went. */
static int temp_try(struct sl_file *f, int dir, struct sl_file_temp *t)
{
	char name[sizeof(t->name)];
	struct stat st;

	t->dir = dir < 0 ? sl_file_staging(f, true)
			 : fcntl(dir, F_DUPFD_CLOEXEC, 0);
	if (t->dir < 0)
		return dir >= 0 ? -errno : t->dir == -ENOENT ? -EAGAIN : t->dir;
	sl_file_random_name(name, sizeof(name), "t-");
	t->fd = openat(t->dir, name,
		       O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0666);
	if (t->fd < 0)
		return errno == EEXIST || (errno == ENOENT && dir < 0)
			       ? -EAGAIN
			       : -errno;
	memcpy(t->name, name, sizeof(t->name));
	if (flock(t->fd, LOCK_EX) || fstat(t->fd, &st))
		return -errno;
	return st.st_nlink ? 0 : -EAGAIN;
}

int sl_file_temp_new(struct sl_file *f, int dir, struct sl_file_temp *t)
{
	int err = -EAGAIN;

	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		sl_file_temp_release(t);
		err = temp_try(f, dir, t);
	}
	return err;
}

void sl_file_temp_release(struct sl_file_temp *t)
{
	if (t->name[0] && unlinkat(t->dir, t->name, 0) && errno != ENOENT)
		sl_log_debug("temporary file left to the next sweep");
	t->name[0] = '\0';
	sl_cleanup_fd(&t->fd);
	sl_cleanup_fd(&t->dir);
	t->fd = t->dir = -1;
}

/* -EAGAIN: a directory was pruned between making and using it. */
static int rename_in(struct sl_file *f, struct sl_file_temp *t,
		     const char *key)
{
	const char *name;
	size_t len = sl_file_parent(key, &name);
	SL_CLEANUP(fd) int dir = sl_file_open_dir(f->root, key, len, true);

	if (dir < 0)
		return dir == -ENOENT ? -EAGAIN : dir;
	if (renameat(t->dir, t->name, dir, name)) {
		if (errno == ENOENT)
			return -EAGAIN;
		/* An empty directory in the way is no object. */
		if (errno == EISDIR && !unlinkat(dir, name, AT_REMOVEDIR))
			return -EAGAIN;
		return -errno;
	}
	t->name[0] = '\0';
	return sl_file_sync_dir(dir);
}

int sl_file_publish(struct sl_file_job *j, struct sl_file_temp *t,
		    uint32_t crc)
{
	struct sl_op *op = j->op;
	struct stat st;
	int err = -EAGAIN;

	sl_file_stamp(t->fd, crc);
	if (fsync(t->fd) || fstat(t->fd, &st))
		return -errno;
	if (sl_file_cancelled(j))
		return -ECANCELED;
	for (int i = 0; i < TRIES && err == -EAGAIN; i++)
		err = rename_in(j->f, t, op->key);
	if (err) {
		sl_file_prune(j->f, op->key);
		return err;
	}
	sl_file_fill(&op->obj, &st, crc);
	return 0;
}

static int drop_file(void *arg, const char *name)
{
	const int *dir = arg;

	return unlinkat(*dir, name, 0) && errno != ENOENT ? -errno : 0;
}

int sl_file_drop_dir(int staging, const char *name)
{
	SL_CLEANUP(fd) int dir =
		sl_file_open_dir(staging, name, strlen(name), false);
	int err;

	if (dir < 0)
		return dir == -ENOENT ? 0 : dir;
	/* A part that is still being written may appear: then once more. */
	for (int i = 0; i < TRIES; i++) {
		err = sl_file_each_name(dir, drop_file, &dir);
		if (err)
			return err;
		if (!unlinkat(staging, name, AT_REMOVEDIR) || errno == ENOENT)
			return 0;
		if (errno != ENOTEMPTY && errno != EEXIST)
			return -errno;
	}
	return 0; /* left to the next sweep */
}

/* True when no living writer holds it. */
static bool orphaned(int staging, const char *name)
{
	SL_CLEANUP(fd) int fd = openat(staging, name, O_RDONLY | O_NOFOLLOW |
						      O_NONBLOCK | O_CLOEXEC);

	return fd >= 0 && !flock(fd, LOCK_EX | LOCK_NB);
}

static int sweep_one(void *arg, const char *name)
{
	const int *staging = arg;

	int err = 0;

	if (!strncmp(name, "t-", 2) && orphaned(*staging, name))
		err = unlinkat(*staging, name, 0) ? -errno : 0;
	else if (!strncmp(name, "d-", 2) ||
		 (!strncmp(name, "n-", 2) && orphaned(*staging, name)))
		err = sl_file_drop_dir(*staging, name);
	/* What stays is invisible, and swept another time. */
	if (err)
		sl_log_debug("cannot sweep '%s': %s", name, strerror(-err));
	return 0;
}

void sl_file_sweep(struct sl_file *f)
{
	SL_CLEANUP(fd) int staging = sl_file_staging(f, false);

	if (staging < 0)
		return;
	if (sl_file_each_name(staging, sweep_one, &staging))
		return; /* best effort */
	sl_file_staging_leave(f);
}

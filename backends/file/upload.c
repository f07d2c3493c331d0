/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multipart uploads as directories of part files in the staging directory
 * (its layout: staging.c). An upload appears and goes by one rename of its
 * directory, a part by one rename of its file, so a crash leaves nothing that
 * looks finished and is not.
 */
#include "internal.h"

#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/file.h>

#define KEY_FILE "key"
#define ID_LEN 32
#define DIR_NAME (ID_LEN + 3)
#define TRIES 100

void sl_file_part_name(char dst[SL_FILE_PART_NAME], uint32_t number)
{
	snprintf(dst, SL_FILE_PART_NAME, "p%05" PRIu32, number);
}

/* Only what begin makes: anything else would be a path of the caller's. */
static bool id_valid(const char *id)
{
	return strlen(id) == ID_LEN &&
	       strspn(id, "0123456789abcdef") == ID_LEN;
}

static int write_key(int dir, const char *key)
{
	SL_CLEANUP(fd) int fd = openat(
		dir, KEY_FILE, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	size_t n = strlen(key);
	ssize_t r;

	if (fd < 0)
		return -errno;
	r = write(fd, key, n);
	if (r < 0)
		return -errno;
	return (size_t)r != n ? -ENOSPC : fsync(fd) ? -errno : 0;
}

static int read_key(int dir, char key[SL_FILE_MAX_KEY + 1], int64_t *ret_ms)
{
	struct stat st;
	SL_CLEANUP(fd) int fd = sl_file_open_at(dir, KEY_FILE, &st);
	ssize_t n;

	if (fd < 0)
		return fd;
	n = read(fd, key, SL_FILE_MAX_KEY);
	if (n < 0)
		return -errno;
	key[n] = '\0';
	*ret_ms = (int64_t)st.st_mtim.tv_sec * 1000 +
		  st.st_mtim.tv_nsec / 1000000;
	return 0;
}

/* -EAGAIN: the staging directory went, or a sweeper was faster. */
static int begin_try(struct sl_file *f, const char *key, const char *id)
{
	SL_CLEANUP(fd) int staging = sl_file_staging(f, true);
	SL_CLEANUP(fd) int dir = -1;
	char fresh[DIR_NAME], final[DIR_NAME];
	int err;

	if (staging < 0)
		return staging == -ENOENT ? -EAGAIN : staging;
	snprintf(fresh, sizeof(fresh), "n-%s", id);
	snprintf(final, sizeof(final), "u-%s", id);
	if (mkdirat(staging, fresh, 0777))
		return errno == ENOENT ? -EAGAIN : -errno;
	dir = sl_file_open_dir(staging, fresh, strlen(fresh), false);
	err = dir < 0 ? dir : flock(dir, LOCK_EX) ? -errno : 0;
	if (!err)
		err = write_key(dir, key);
	if (!err)
		err = sl_file_sync_dir(dir);
	if (!err && renameat(staging, fresh, staging, final))
		err = -errno;
	if (err) {
		/* What this leaves, a sweep takes; the first error counts. */
		sl_file_drop_dir(staging, fresh);
		return err == -ENOENT ? -EAGAIN : err;
	}
	err = sl_file_sync_dir(staging);
	return err ? err : sl_file_sync_dir(f->root);
}

int sl_file_run_begin(struct sl_file_job *j)
{
	char id[ID_LEN + 1];
	int err = sl_file_key_check(j->f, j->op->key);

	if (err)
		return err;
	err = -EAGAIN;
	for (int i = 0; i < TRIES && err == -EAGAIN; i++) {
		sl_file_random_name(id, sizeof(id), "");
		err = begin_try(j->f, j->op->key, id);
	}
	if (err) {
		sl_file_staging_leave(j->f);
		return err;
	}
	j->op->new_upload_id = strdup(id);
	return j->op->new_upload_id ? 0 : -ENOMEM;
}

/* The directory of upload 'id'. -ESTALE. */
static int open_upload(struct sl_file *f, const char *id)
{
	SL_CLEANUP(fd) int staging = -1;
	char name[DIR_NAME];
	int dir;

	if (!id_valid(id))
		return -ESTALE;
	staging = sl_file_staging(f, false);
	if (staging < 0)
		return staging == -ENOENT ? -ESTALE : staging;
	snprintf(name, sizeof(name), "u-%s", id);
	dir = sl_file_open_dir(staging, name, strlen(name), false);
	return dir == -ENOENT ? -ESTALE : dir;
}

int sl_file_upload_dir(struct sl_file_job *j)
{
	SL_CLEANUP(fd) int dir = open_upload(j->f, j->op->upload_id);
	char key[SL_FILE_MAX_KEY + 1];
	int64_t started;
	int err;

	if (dir < 0)
		return dir;
	err = read_key(dir, key, &started);
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	if (strcmp(key, j->op->key) != 0)
		return -ESTALE;
	err = dir;
	dir = -1;
	return err;
}

int sl_file_run_part(struct sl_file_job *j)
{
	SL_CLEANUP(fd) int dir = sl_file_upload_dir(j);
	SL_CLEANUP(file_temp) struct sl_file_temp t = SL_FILE_TEMP_INIT;
	struct sl_op *op = j->op;
	char name[SL_FILE_PART_NAME];
	int err;

	if (dir < 0)
		return dir;
	if (op->part_number < 1 ||
	    op->part_number > j->f->base.limits.max_parts)
		return -EINVAL;
	if (op->size > j->f->base.limits.max_part)
		return -EFBIG;
	err = sl_file_temp_new(j->f, dir, &t);
	if (!err)
		err = sl_file_write_body(j, t.fd);
	/* Aborted meanwhile: the directory is gone. */
	if (err)
		return err == -ENOENT ? -ESTALE : err;
	sl_file_stamp(t.fd, op->crc32);
	sl_file_part_name(name, op->part_number);
	if (fsync(t.fd))
		return -errno;
	if (renameat(dir, t.name, dir, name))
		return errno == ENOENT ? -ESTALE : -errno;
	t.name[0] = '\0';
	op->part = (struct sl_part){ .number = op->part_number,
				     .size = op->size,
				     .crc32 = op->crc32 };
	snprintf(op->part.etag, sizeof(op->part.etag), "\"%08" PRIx32 "\"",
		 op->crc32);
	return sl_file_sync_dir(dir);
}

int sl_file_upload_drop(struct sl_file *f, const char *id)
{
	SL_CLEANUP(fd) int staging = sl_file_staging(f, false);
	char from[DIR_NAME], to[DIR_NAME];

	if (!id_valid(id) || staging == -ENOENT)
		return 0;
	if (staging < 0)
		return staging;
	snprintf(from, sizeof(from), "u-%s", id);
	snprintf(to, sizeof(to), "d-%s", id);
	if (renameat(staging, from, staging, to) && errno != ENOENT)
		return -errno;
	return sl_file_drop_dir(staging, to);
}

int sl_file_run_abort(struct sl_file_job *j)
{
	int err = sl_file_upload_drop(j->f, j->op->upload_id);

	sl_file_staging_leave(j->f);
	return err;
}

/* Numbers of the parts there are: a bit each, so no sorting is needed. */
struct part_set {
	uint32_t max;
	uint8_t *bits;
};

static int note_part(void *arg, const char *name)
{
	struct part_set *set = arg;
	char *end = NULL;
	unsigned long n = name[0] == 'p' ? strtoul(name + 1, &end, 10) : 0;

	if (n >= 1 && n <= set->max && !*end)
		set->bits[n / 8] |= (uint8_t)(1u << n % 8);
	return 0;
}

int sl_file_open_part(struct sl_file_job *j, int dir, uint32_t number,
		      struct sl_object *obj)
{
	char name[SL_FILE_PART_NAME];
	struct stat st;
	SL_CLEANUP(fd) int fd = -1;
	int err, ret;

	sl_file_part_name(name, number);
	fd = sl_file_open_at(dir, name, &st);
	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	err = sl_file_describe(j, fd, true, obj);
	if (err)
		return err;
	ret = fd;
	fd = -1;
	return ret;
}

static int report_part(struct sl_file_job *j, int dir, uint32_t number)
{
	struct sl_part part = { .number = number };
	struct sl_object obj;
	SL_CLEANUP(fd) int fd = sl_file_open_part(j, dir, number, &obj);
	int err;

	if (fd < 0)
		return fd;
	part.size = obj.size;
	part.crc32 = obj.crc32;
	memcpy(part.etag, obj.etag, sizeof(part.etag));
	err = j->op->on_part(j->op, &part);
	j->verbatim = err != 0;
	return err;
}

int sl_file_run_list_parts(struct sl_file_job *j)
{
	SL_CLEANUP(fd) int dir = sl_file_upload_dir(j);
	struct part_set set = { .max = j->f->base.limits.max_parts };
	SL_CLEANUP(free) uint8_t *bits = calloc(1, set.max / 8 + 1);
	int err;

	if (dir < 0)
		return dir;
	if (!bits)
		return -ENOMEM;
	set.bits = bits;
	err = sl_file_each_name(dir, note_part, &set);
	for (uint32_t n = 1; n <= set.max && !err; n++) {
		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (bits[n / 8] & 1u << n % 8)
			err = report_part(j, dir, n);
	}
	return err;
}

static int report_upload(void *arg, const char *name)
{
	struct sl_file_job *j = arg;
	struct sl_op *op = j->op;
	const char *prefix = op->prefix ? op->prefix : "";
	struct sl_upload_entry e = { .upload_id = name + 2 };
	char key[SL_FILE_MAX_KEY + 1];
	SL_CLEANUP(fd) int dir = -1;
	int err;

	if (sl_file_cancelled(j))
		return -ECANCELED;
	if (strncmp(name, "u-", 2) != 0 || !id_valid(name + 2))
		return 0;
	dir = open_upload(j->f, name + 2);
	/* One that ends while we look is not unfinished. */
	if (dir < 0 || read_key(dir, key, &e.started_ms))
		return 0;
	if (strncmp(key, prefix, strlen(prefix)) != 0)
		return 0;
	e.key = key;
	err = op->on_upload(op, &e);
	j->verbatim = err != 0;
	return err;
}

int sl_file_run_uploads(struct sl_file_job *j)
{
	SL_CLEANUP(fd) int staging = sl_file_staging(j->f, false);

	if (staging < 0)
		return staging == -ENOENT ? 0 : staging;
	return sl_file_each_name(staging, report_upload, j);
}

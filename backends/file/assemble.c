/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Complete: the parts become one object. The checksum of the whole follows
 * from those of the parts, each of which was computed over the bytes written;
 * the bytes are copied inside the kernel, shared where the file system can.
 * Repeating a complete whose answer was lost finds the object and agrees.
 */
#include "internal.h"

#include <fcntl.h>
#include <string.h>

#include "crc.h"
#include "log.h"

/* Where copy_file_range(2) will not: other file systems, old kernels. */
static bool cannot_copy_range(int err)
{
	static const int refusals[] = { EXDEV, EINVAL, ENOSYS, EOPNOTSUPP,
					EPERM, ETXTBSY };

	for (size_t i = 0; i < SL_ARRAY_LEN(refusals); i++)
		if (err == refusals[i])
			return true;
	return false;
}

static int write_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static int copy_by_hand(struct sl_file_job *j, int from, int to)
{
	SL_CLEANUP(free) char *buf = malloc(SL_FILE_CHUNK);
	int err = buf ? 0 : -ENOMEM;

	while (!err) {
		ssize_t n = read(from, buf, SL_FILE_CHUNK);

		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n ? -errno : 0;
		err = write_all(to, buf, (size_t)n);
	}
	return err;
}

/* Appends what is left of 'from'; both at their file offsets. */
static int copy_file(struct sl_file_job *j, int from, int to)
{
	for (;;) {
		ssize_t n = copy_file_range(from, NULL, to, NULL,
					    64 * SL_FILE_CHUNK, 0);

		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && cannot_copy_range(errno))
			return copy_by_hand(j, from, to);
		if (n <= 0)
			return n ? -errno : 0;
	}
}

struct whole {
	uint64_t size;
	uint32_t crc32;
};

static int append_part(struct sl_file_job *j, int dir, int to,
		       const struct sl_part *part, struct whole *whole)
{
	struct sl_object obj;
	SL_CLEANUP(fd) int fd = sl_file_open_part(j, dir, part->number, &obj);

	if (fd < 0)
		return fd;
	if (obj.size != part->size || obj.crc32 != part->crc32 ||
	    strcmp(obj.etag, part->etag) != 0)
		return sl_error_set(&j->op->error, EBADMSG,
				    "cannot complete '%s': part %u is not "
				    "what was stored",
				    j->op->key, (unsigned)part->number);
	whole->crc32 = sl_crc32_combine(whole->crc32, obj.crc32, obj.size);
	whole->size += obj.size;
	return copy_file(j, fd, to);
}

static int assemble(struct sl_file_job *j, int dir)
{
	SL_CLEANUP(file_temp) struct sl_file_temp t = SL_FILE_TEMP_INIT;
	struct sl_op *op = j->op;
	struct whole whole = { 0 };
	struct stat st;
	int err = sl_file_temp_new(j->f, -1, &t);

	for (uint32_t i = 0; i < op->part_count && !err; i++)
		err = append_part(j, dir, t.fd, &op->parts[i], &whole);
	if (err)
		return err;
	if (fstat(t.fd, &st))
		return -errno;
	if (whole.size == op->size && whole.crc32 == op->crc32 &&
	    (uint64_t)st.st_size == op->size)
		return sl_file_publish(j, &t, whole.crc32);
	return sl_error_set(&op->error, EBADMSG,
			    "cannot complete '%s': %llu bytes with crc32 %08x "
			    "are stored, %llu with %08x were announced",
			    op->key, (unsigned long long)whole.size,
			    whole.crc32, (unsigned long long)op->size,
			    op->crc32);
}

/* The upload is gone: was it this complete that made the object? */
static int find_completed(struct sl_file_job *j)
{
	struct sl_op *op = j->op;
	struct sl_object obj;
	struct stat st;
	SL_CLEANUP(fd) int fd = sl_file_open_object(j->f, op->key, &st);
	int err;

	if (fd < 0)
		return fd == -ENOENT ? -ESTALE : fd;
	if ((uint64_t)st.st_size != op->size)
		return -ESTALE;
	err = sl_file_describe(j, fd, true, &obj);
	if (err)
		return err;
	if (obj.size != op->size || obj.crc32 != op->crc32)
		return -ESTALE;
	op->obj = obj;
	return 0;
}

int sl_file_run_complete(struct sl_file_job *j)
{
	SL_CLEANUP(fd) int dir = sl_file_upload_dir(j);
	int err = dir < 0 ? dir : assemble(j, dir);

	if (err == -ESTALE)
		err = find_completed(j);
	/* The object stands; parts that cannot be deleted take room only. */
	if (!err && sl_file_upload_drop(j->f, j->op->upload_id))
		sl_log_debug("parts of '%s' stay behind", j->op->key);
	sl_file_staging_leave(j->f);
	return err;
}

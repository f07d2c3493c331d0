/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The checksum of an object: kept beside its bytes in an extended attribute
 * together with the size and time it was computed for, so that an edit behind
 * our back shows. Where attributes cannot be had the bytes are read again.
 *
 * user.sideload.crc32 = "CRC SIZE SECONDS.NANOSECONDS", CRC as 8 hex digits,
 * the rest decimal, size and modification time of the file.
 */
#include "internal.h"

#include <inttypes.h>
#include <string.h>
#include <sys/xattr.h>

#include "crc.h"

#define STAMP_NAME "user.sideload.crc32"
#define STAMP_SIZE 80

static void stamp_text(char dst[STAMP_SIZE], uint32_t crc,
		       const struct stat *st)
{
	int n = snprintf(dst, STAMP_SIZE, "%08" PRIx32 " %jd %jd.%09ld", crc,
			 (intmax_t)st->st_size, (intmax_t)st->st_mtim.tv_sec,
			 st->st_mtim.tv_nsec);

	if (n < 0 || n >= STAMP_SIZE)
		SL_BUG("checksum stamp of %d bytes", n);
}

void sl_file_stamp(int fd, uint32_t crc)
{
	char text[STAMP_SIZE];
	struct stat st;

	if (fstat(fd, &st))
		return;
	stamp_text(text, crc, &st);
	if (fsetxattr(fd, STAMP_NAME, text, strlen(text), 0))
		return; /* no attributes here: readers compute it */
}

/* The recorded CRC32, if it is of the file as 'st' shows it. */
static bool read_stamp(int fd, const struct stat *st, uint32_t *ret)
{
	char have[STAMP_SIZE], want[STAMP_SIZE];
	ssize_t n = fgetxattr(fd, STAMP_NAME, have, sizeof(have) - 1);
	char *end;
	uint32_t crc;

	if (n <= 8)
		return false;
	have[n] = '\0';
	crc = (uint32_t)strtoul(have, &end, 16);
	stamp_text(want, crc, st);
	if (strcmp(have, want) != 0)
		return false;
	*ret = crc;
	return true;
}

static int compute(struct sl_file_job *j, int fd, uint32_t *ret)
{
	SL_CLEANUP(free) char *buf = malloc(SL_FILE_CHUNK);
	uint32_t crc = 0;
	off_t at = 0;

	if (!buf)
		return -ENOMEM;
	for (;;) {
		ssize_t n = pread(fd, buf, SL_FILE_CHUNK, at);

		if (sl_file_cancelled(j))
			return -ECANCELED;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		crc = sl_crc32(crc, buf, (size_t)n);
		at += n;
	}
	*ret = crc;
	return 0;
}

void sl_file_fill(struct sl_object *obj, const struct stat *st, uint32_t crc)
{
	*obj = (struct sl_object){
		.size = (uint64_t)st->st_size,
		.has_crc32 = true,
		.crc32 = crc,
		.mtime_ms = (int64_t)st->st_mtim.tv_sec * 1000 +
			    st->st_mtim.tv_nsec / 1000000,
		.proof = SL_PROOF_CRC32,
	};
	snprintf(obj->etag, sizeof(obj->etag), "\"%08" PRIx32 "\"", crc);
}

static bool same_state(const struct stat *a, const struct stat *b)
{
	return a->st_size == b->st_size &&
	       a->st_mtim.tv_sec == b->st_mtim.tv_sec &&
	       a->st_mtim.tv_nsec == b->st_mtim.tv_nsec;
}

int sl_file_describe(struct sl_file_job *j, int fd, bool may_compute,
		     struct sl_object *obj)
{
	struct stat before, after;
	uint32_t crc = 0;
	int err;

	if (fstat(fd, &before))
		return -errno;
	if (read_stamp(fd, &before, &crc)) {
		sl_file_fill(obj, &before, crc);
		return 0;
	}
	if (!may_compute) {
		sl_file_fill(obj, &before, 0);
		obj->has_crc32 = false;
		obj->etag[0] = '\0';
		obj->proof = SL_PROOF_NONE;
		return 0;
	}
	err = compute(j, fd, &crc);
	if (err)
		return err;
	if (fstat(fd, &after))
		return -errno;
	if (same_state(&before, &after))
		sl_file_stamp(fd, crc);
	sl_file_fill(obj, &after, crc);
	return 0;
}

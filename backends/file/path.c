/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys as paths below the root. Each segment is opened by itself and never
 * through a symbolic link, so no key and nobody who can write into the
 * directory makes us touch what is outside of it.
 */
#include "internal.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/statvfs.h>

bool sl_file_key_ours(const char *key)
{
	size_t n = strcspn(key, "/");

	return n != strlen(SL_FILE_STAGING) ||
	       strncmp(key, SL_FILE_STAGING, n) != 0;
}

int sl_file_key_check(struct sl_file *f, const char *key)
{
	struct statvfs vfs;
	size_t longest = NAME_MAX;

	if (!sl_file_key_ours(key))
		return -EACCES;
	if (!fstatvfs(f->root, &vfs) && vfs.f_namemax)
		longest = vfs.f_namemax;
	for (const char *p = key; *p; p += *p == '/') {
		size_t n = strcspn(p, "/");

		if (n > longest)
			return -ENAMETOOLONG;
		p += n;
	}
	return 0;
}

size_t sl_file_parent(const char *key, const char **ret_name)
{
	const char *slash = strrchr(key, '/');

	*ret_name = slash ? slash + 1 : key;
	return slash ? (size_t)(slash - key) : 0;
}

int sl_file_sync_dir(int fd)
{
	/* Some file systems cannot sync a directory and say EINVAL. */
	return fsync(fd) && errno != EINVAL ? -errno : 0;
}

static int open_child_dir(int dir, const char *name)
{
	int fd = openat(dir, name,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int make_child_dir(int dir, const char *name)
{
	int err;

	if (mkdirat(dir, name, 0777) && errno != EEXIST)
		return -errno;
	err = sl_file_sync_dir(dir);
	return err ? err : open_child_dir(dir, name);
}

int sl_file_open_dir(int root, const char *path, size_t len, bool create)
{
	SL_CLEANUP(fd) int dir = open_child_dir(root, ".");
	const char *end = path + len;
	int next;

	while (dir >= 0 && path < end) {
		char name[NAME_MAX + 1];
		const char *slash = memchr(path, '/', (size_t)(end - path));
		size_t n = (size_t)((slash ? slash : end) - path);

		if (n > NAME_MAX)
			return -ENAMETOOLONG;
		memcpy(name, path, n);
		name[n] = '\0';
		next = n && strcmp(name, "..") != 0 ? open_child_dir(dir, name)
						    : -ENOENT;
		if (next == -ENOENT && create && n)
			next = make_child_dir(dir, name);
		sl_cleanup_fd(&dir);
		dir = next;
		path += n + 1;
	}
	next = dir;
	dir = -1;
	return next;
}

/* For a reader, all of these say that there is no object of that name. */
static int absent(int err)
{
	static const int means_absent[] = { ENOTDIR, ELOOP, ENAMETOOLONG,
					    EISDIR, ENXIO, ENODEV };

	for (size_t i = 0; i < SL_ARRAY_LEN(means_absent); i++)
		if (err == -means_absent[i])
			return -ENOENT;
	return err;
}

int sl_file_open_at(int dir, const char *name, struct stat *st)
{
	/* O_NONBLOCK: a fifo must not hold us up. */
	SL_CLEANUP(fd) int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW |
						  O_NONBLOCK | O_CLOEXEC);
	int r;

	if (fd < 0)
		return absent(-errno);
	if (fstat(fd, st))
		return -errno;
	if (!S_ISREG(st->st_mode))
		return -ENOENT;
	r = fd;
	fd = -1;
	return r;
}

int sl_file_open_object(struct sl_file *f, const char *key, struct stat *st)
{
	const char *name;
	size_t len = sl_file_parent(key, &name);
	SL_CLEANUP(fd) int dir = -1;

	if (!sl_file_key_ours(key))
		return -ENOENT;
	dir = sl_file_open_dir(f->root, key, len, false);
	return dir < 0 ? absent(dir) : sl_file_open_at(dir, name, st);
}

void sl_file_prune(struct sl_file *f, const char *key)
{
	SL_CLEANUP(free) char *path = strdup(key);
	char *slash = path ? strrchr(path, '/') : NULL;

	while (slash) {
		SL_CLEANUP(fd) int up = -1;
		const char *name;
		size_t len;

		*slash = '\0';
		len = sl_file_parent(path, &name);
		up = sl_file_open_dir(f->root, path, len, false);
		if (up < 0 && up != -ENOENT)
			return;
		if (up >= 0 && unlinkat(up, name, AT_REMOVEDIR) &&
		    errno != ENOENT)
			return;
		slash = strrchr(path, '/');
	}
}

static void cleanup_dir(DIR **d)
{
	/* Only read from: closing it cannot lose anything. */
	if (*d)
		closedir(*d);
}

int sl_file_each_name(int dir, int (*each)(void *arg, const char *name),
		      void *arg)
{
	int fd = open_child_dir(dir, ".");
	__attribute__((cleanup(cleanup_dir))) DIR *d = NULL;
	int err = 0;

	if (fd < 0)
		return fd;
	d = fdopendir(fd);
	if (!d) {
		err = -errno;
		sl_cleanup_fd(&fd);
		return err;
	}
	while (!err) {
		const struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (!e)
			return -errno;
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			err = each(arg, e->d_name);
	}
	return err;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One holder per ledger. The lock is flock(2) on a file beside the database:
 * the kernel drops it with the process, however that ends, so a stale lock
 * cannot exist. The pid written into the file is only for the message. The
 * file stays when the lock goes: removing it would let two processes hold
 * locks on two files of the same name.
 */
#include "migration/ledger_db.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>

#define PATH_LIMIT 4096

static int busy(int fd, const char *path, struct sl_error *e)
{
	char line[24] = "";
	ssize_t n = pread(fd, line, sizeof(line) - 1, 0);
	long pid = n > 0 ? strtol(line, NULL, 10) : 0;

	if (pid <= 0)
		return sl_error_set(e, EBUSY,
				    "the ledger '%s' is in use by another "
				    "process; unmount that mount first", path);
	return sl_error_set(e, EBUSY,
			    "the ledger '%s' is in use by process %ld; "
			    "unmount that mount first", path, pid);
}

static int write_pid(int fd)
{
	char line[24];
	int n = snprintf(line, sizeof(line), "%ld\n", (long)getpid());

	if (ftruncate(fd, 0))
		return -errno;
	return pwrite(fd, line, (size_t)n, 0) == n ? 0 : -ENOSPC;
}

int sl_ledger_lock(const char *path, int *ret_fd, struct sl_error *e)
{
	SL_CLEANUP(fd) int fd = -1;
	char name[PATH_LIMIT];
	int n = snprintf(name, sizeof(name), "%s.lock", path), r;

	if (n < 0 || (size_t)n >= sizeof(name))
		return sl_error_set(e, ENAMETOOLONG,
				    "the path of the ledger is too long");
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0) {
		r = errno;
		return sl_error_set(e, r, "cannot open '%s' (%s); name "
				    "another place with -o state=", name,
				    sl_errno_name(r));
	}
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		r = errno;
		if (r == EWOULDBLOCK)
			return busy(fd, path, e);
		return sl_error_set(e, r, "cannot lock '%s' (%s)", name,
				    sl_errno_name(r));
	}
	r = write_pid(fd);
	if (r)
		return sl_error_set(e, -r, "cannot write '%s' (%s)", name,
				    sl_errno_name(-r));
	*ret_fd = fd;
	fd = -1;
	return 0;
}

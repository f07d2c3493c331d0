/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process looks like at the moment it closes a file, from /proc. FUSE
 * gives a thread id; files are closed by thread groups. The look must not
 * hang: descriptors are read as links, and asked for their type and size only
 * with AT_STATX_DONT_SYNC, so that no network or FUSE filesystem is asked
 * (ours least of all: this runs in its own FLUSH).
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cleanup.h"
#include "upload/commit.h"

/* linux/sched.h of the kernel; part of /proc/PID/stat, field 9. */
#define PF_EXITING_FLAG 0x00000004u
#define PF_SIGNALED_FLAG 0x00000400u

/* More descriptors than this and the process is no copier. */
#define MOST_FDS 4096

struct look {
	const char *name;
	struct sl_caller *ret;
	int sources;
};

/* At most size - 1 bytes, NUL-ended; -errno. */
static ssize_t read_small(int dir, const char *path, char *buf, size_t size)
{
	SL_CLEANUP(fd) int fd = openat(dir, path, O_RDONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return -errno;
	n = read(fd, buf, size - 1);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

/* The number after a line that begins with 'label'; -1: none. */
static long long field_after(const char *text, const char *label, int base)
{
	const char *p = text;
	size_t n = strlen(label);

	while (p) {
		if (!strncmp(p, label, n))
			return strtoll(p + n, NULL, base);
		p = strchr(p, '\n');
		p = p ? p + 1 : NULL;
	}
	return -1;
}

static void look_at_group(int dir, uid_t *ret_owner, struct sl_caller *ret)
{
	char buf[2048];
	long long tgid;
	ssize_t n = read_small(dir, "status", buf, sizeof(buf));

	if (n < 0) {
		ret->gone = n == -ENOENT || n == -ESRCH;
		return;
	}
	tgid = field_after(buf, "Tgid:", 10);
	if (tgid > 0)
		ret->tgid = (pid_t)tgid;
	*ret_owner = (uid_t)field_after(buf, "Uid:", 10);
}

/* "PID (NAME) ...": 'end' is the last parenthesis. */
static void copy_comm(const char *stat, const char *end, struct sl_caller *ret)
{
	const char *begin = strchr(stat, '(');
	size_t n = begin ? (size_t)(end - begin - 1) : 0;

	if (n >= sizeof(ret->comm))
		n = sizeof(ret->comm) - 1;
	memcpy(ret->comm, begin ? begin + 1 : "", n);
}

/*
 * proc(5): the exit code, field 52 of stat, reads 0 for those who may not
 * trace the process. It is set before descriptors are closed (do_exit()).
 */
static bool exits_well(const char *flags_field, uid_t owner)
{
	const char *p = flags_field;

	if (geteuid() && geteuid() != owner)
		return false;
	/* The flags are field 9. */
	for (int i = 9; p && i < 52; i++)
		p = strchr(p + 1, ' ');
	return p && strtol(p, NULL, 10) == 0;
}

static void look_at_flags(int dir, uid_t owner, struct sl_caller *ret)
{
	char buf[1024];
	const char *p;
	unsigned long flags;

	if (read_small(dir, "stat", buf, sizeof(buf)) < 0)
		return;
	/* The name in parentheses may hold anything, also ')'. */
	p = strrchr(buf, ')');
	if (p)
		copy_comm(buf, p, ret);
	/* After it: state ppid pgrp session tty_nr tpgid flags. */
	for (int i = 0; p && i < 7; i++)
		p = strchr(p + 1, ' ');
	if (!p)
		return;
	flags = strtoul(p, NULL, 10);
	ret->killed = flags & PF_SIGNALED_FLAG;
	ret->exiting = flags & PF_EXITING_FLAG;
	ret->exit_ok = ret->exiting && !ret->killed && exits_well(p, owner);
}

static bool same_name(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return name && slash && !strcmp(slash + 1, name);
}

static void look_at_source(struct look *l, int fds, const char *fd,
			   const char *link, const char *info)
{
	struct statx st;
	long long pos = field_after(info, "pos:", 10);

	if (statx(fds, fd, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &st) ||
	    !S_ISREG(st.stx_mode))
		return;
	l->sources++;
	l->ret->source_size = st.stx_size;
	l->ret->source_pos = pos > 0 ? (uint64_t)pos : 0;
	l->ret->source_same_name = same_name(link, l->name);
}

static void look_at_fd(struct look *l, int dir, int fds, const char *fd)
{
	char link[4096], path[64], info[1024];
	ssize_t n = readlinkat(fds, fd, link, sizeof(link) - 1);
	long long flags;

	/* Pipes, sockets and the like have no path. */
	if (n <= 0 || link[0] != '/')
		return;
	link[n] = '\0';
	if (snprintf(path, sizeof(path), "fdinfo/%s", fd) >=
		    (int)sizeof(path) ||
	    read_small(dir, path, info, sizeof(info)) < 0)
		return;
	flags = field_after(info, "flags:", 8);
	if (flags < 0 || (flags & O_PATH) || (flags & O_DIRECTORY))
		return;
	if ((flags & O_ACCMODE) != O_RDONLY)
		l->ret->still_open |= same_name(link, l->name);
	else
		look_at_source(l, fds, fd, link, info);
}

static void look_at_files(int dir, struct look *l)
{
	int fds = openat(dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fds < 0 ? NULL : fdopendir(fds);
	const struct dirent *de;
	int seen = 0;

	if (!d) {
		if (fds >= 0)
			close(fds); /* read only: nothing to lose */
		return;
	}
	while ((de = readdir(d)) && seen++ < MOST_FDS) {
		if (de->d_name[0] != '.')
			look_at_fd(l, dir, fds, de->d_name);
	}
	closedir(d); /* read only: nothing to lose */
	if (l->sources == 1)
		return;
	/* None, or more than one: which is the source is not known. */
	l->ret->source_size = 0;
	l->ret->source_pos = 0;
	l->ret->source_same_name = false;
}

void sl_caller_look(pid_t pid, const char *name, struct sl_caller *ret)
{
	struct look l = { .name = name, .ret = ret };
	uid_t owner = (uid_t)-1;
	char path[32];
	SL_CLEANUP(fd) int dir = -1;

	*ret = (struct sl_caller){ 0 };
	if (pid <= 0)
		return;
	/* Cannot be cut: a number and six letters. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		ret->gone = errno == ENOENT;
		return;
	}
	look_at_group(dir, &owner, ret);
	look_at_flags(dir, owner, ret);
	if (!ret->gone && !ret->exiting)
		look_at_files(dir, &l);
}

pid_t sl_caller_tgid(pid_t pid)
{
	struct sl_caller c = { 0 };
	uid_t owner = (uid_t)-1;
	char path[32];
	SL_CLEANUP(fd) int dir = -1;

	if (pid <= 0)
		return 0;
	/* Cannot be cut: a number and six letters. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir >= 0)
		look_at_group(dir, &owner, &c);
	return c.tgid;
}

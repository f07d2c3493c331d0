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
#include <sys/syscall.h>
#include <unistd.h>

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

/* A leader's group is asked for without making /proc write a page of text. */
static bool is_leader(pid_t pid)
{
	return !syscall(SYS_tgkill, pid, pid, 0) || errno == EPERM;
}

static void look_at_group(int dir, pid_t pid, struct sl_caller *ret)
{
	char buf[2048];
	long long tgid;
	ssize_t n;

	if (is_leader(pid)) {
		ret->tgid = pid;
		return;
	}
	n = read_small(dir, "status", buf, sizeof(buf));
	if (n < 0) {
		ret->gone = n == -ENOENT || n == -ESRCH;
		return;
	}
	tgid = field_after(buf, "Tgid:", 10);
	if (tgid > 0)
		ret->tgid = (pid_t)tgid;
}

/* May we see what only those see who could trace the process? */
static bool is_ours(int dir)
{
	struct stat st;

	return !geteuid() || (!fstat(dir, &st) && st.st_uid == geteuid());
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

/* Field n of stat: the text begins before field 'at'. */
static const char *field(const char *p, int at, int n)
{
	for (int i = at; p && i < n; i++)
		p = strchr(p + 1, ' ');
	return p;
}

/*
 * proc(5): the exit code, field 52 of stat, reads 0 for those who may not
 * trace the process. It is set before descriptors are closed (do_exit()).
 */
static bool exits_well(const char *flags_field, int dir)
{
	const char *p = field(flags_field, 9, 52);

	return is_ours(dir) && p && strtol(p, NULL, 10) == 0;
}

static void look_at_flags(int dir, struct sl_caller *ret)
{
	char buf[1024];
	const char *p;
	unsigned long flags;
	ssize_t n = read_small(dir, "stat", buf, sizeof(buf));

	if (n < 0) {
		ret->gone |= n == -ENOENT || n == -ESRCH;
		return;
	}
	/* The name in parentheses may hold anything, also ')'. */
	p = strrchr(buf, ')');
	if (p)
		copy_comm(buf, p, ret);
	p = field(p, 2, 9);
	if (!p)
		return;
	flags = strtoul(p, NULL, 10);
	ret->killed = flags & PF_SIGNALED_FLAG;
	ret->exiting = flags & PF_EXITING_FLAG;
	ret->exit_ok = ret->exiting && !ret->killed && exits_well(p, dir);
	/* Fields 32 and 33: blocked and ignored, the low 31, decimal. */
	p = field(p, 9, 32);
	ret->blocked = p ? (uint32_t)strtoul(p, NULL, 10) : 0;
	p = field(p, 32, 33);
	ret->ignored = p ? (uint32_t)strtoul(p, NULL, 10) : 0;
}

static bool same_name(const char *path, const char *name)
{
	const char *slash = strrchr(path, '/');

	return name && slash && !strcmp(slash + 1, name);
}

static void look_at_source(struct look *l, const struct statx *st,
			   const char *link, const char *info)
{
	long long pos = field_after(info, "pos:", 10);

	l->sources++;
	l->ret->source_size = st->stx_size;
	l->ret->source_pos = pos > 0 ? (uint64_t)pos : 0;
	l->ret->source_same_name = same_name(link, l->name);
}

/* Most descriptors are no files: the cheapest question comes first. */
static void look_at_fd(struct look *l, int dir, int fds, const char *fd)
{
	char link[4096], path[64], info[1024];
	struct statx st;
	long long flags;
	ssize_t n;

	if (statx(fds, fd, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE, &st) ||
	    !S_ISREG(st.stx_mode))
		return;
	if (snprintf(path, sizeof(path), "fdinfo/%s", fd) >=
		    (int)sizeof(path) ||
	    read_small(dir, path, info, sizeof(info)) < 0)
		return;
	flags = field_after(info, "flags:", 8);
	n = readlinkat(fds, fd, link, sizeof(link) - 1);
	if (flags < 0 || (flags & O_PATH) || n <= 0)
		return;
	link[n] = '\0';
	if ((flags & O_ACCMODE) != O_RDONLY)
		l->ret->still_open |= same_name(link, l->name);
	else
		look_at_source(l, &st, link, info);
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

static int open_process(pid_t pid)
{
	char path[32];
	int fd;

	/* Cannot be cut: a number and six letters. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

void sl_caller_look(pid_t pid, pid_t tgid, const char *name,
		    struct sl_caller *ret)
{
	struct look l = { .name = name, .ret = ret };
	SL_CLEANUP(fd) int dir = -1;

	*ret = (struct sl_caller){ 0 };
	if (pid <= 0)
		return;
	dir = open_process(pid);
	if (dir < 0) {
		ret->gone = dir == -ENOENT;
		return;
	}
	ret->pid = pid;
	ret->tgid = tgid;
	if (!tgid)
		look_at_group(dir, pid, ret);
	look_at_flags(dir, ret);
	if (!ret->gone && !ret->exiting)
		look_at_files(dir, &l);
}

void sl_caller_who(pid_t pid, struct sl_caller *ret)
{
	SL_CLEANUP(fd) int dir = -1;

	*ret = (struct sl_caller){ 0 };
	if (pid <= 0)
		return;
	dir = open_process(pid);
	if (dir < 0)
		return;
	ret->pid = pid;
	look_at_group(dir, pid, ret);
	look_at_flags(dir, ret);
}

pid_t sl_caller_tgid(pid_t pid)
{
	struct sl_caller c = { 0 };
	SL_CLEANUP(fd) int dir = -1;

	if (pid <= 0)
		return 0;
	dir = open_process(pid);
	if (dir >= 0)
		look_at_group(dir, pid, &c);
	return c.tgid;
}

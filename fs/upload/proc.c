/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process looks like at the moment it closes a file, from /proc. FUSE
 * gives a thread id; files are closed by thread groups. The look must not
 * hang: descriptors are read as links, and asked for their type and size only
 * with AT_STATX_DONT_SYNC, so that no network or FUSE filesystem is asked
 * (ours least of all: this runs in its own FLUSH).
 *
 * It is made for each small file, and walking /proc is most of its price. So a
 * thread keeps the directory of the process that it saw last, its stat and
 * its descriptors open, and reads them again each time. They belong to that
 * process alone: once it is gone they give errors, whoever has its number by
 * then, and all is opened anew. Whether a descriptor reads or writes shows in
 * the mode of its link (lsof has it from there); its position is asked for
 * only where the decision hangs on it.
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
	long source; /* its descriptor */
};

/* The process that this thread saw last. */
static _Thread_local struct {
	pid_t pid; /* 0: none */
	int dir, stat;
	int fds; /* -1: not needed so far */
} last;

void sl_caller_forget(void)
{
	int fds[] = { last.dir, last.stat, last.fds };

	for (size_t i = 0; last.pid && i < SL_ARRAY_LEN(fds); i++) {
		if (fds[i] >= 0)
			close(fds[i]); /* read only: nothing to lose */
	}
	last.pid = 0;
}

static int open_process(pid_t pid)
{
	char path[32];

	sl_caller_forget();
	/* Cannot be cut: a number and six letters. */
	(void)snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	last.dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (last.dir < 0)
		return -errno;
	last.pid = pid;
	last.fds = -1;
	last.stat = openat(last.dir, "stat", O_RDONLY | O_CLOEXEC);
	if (last.stat < 0)
		last.stat = -errno;
	return 0;
}

static ssize_t read_stat(char *buf, size_t size)
{
	ssize_t n;

	if (last.stat < 0)
		return last.stat;
	n = pread(last.stat, buf, size - 1, 0);
	if (n < 0)
		return -errno;
	buf[n] = '\0';
	return n;
}

static bool is_gone(ssize_t err)
{
	return err == -ENOENT || err == -ESRCH;
}

/*
 * The process and its stat. Those of an earlier one of this number fail, and
 * then it is asked for once more. < 0: there is no such process to be seen.
 */
static int meet(pid_t pid, char *stat, size_t size, ssize_t *n)
{
	int r;

	if (last.pid == pid) {
		*n = read_stat(stat, size);
		if (*n > 0)
			return 0;
	}
	r = open_process(pid);
	if (!r)
		*n = read_stat(stat, size);
	return r;
}

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

static void look_at_group(pid_t pid, struct sl_caller *ret)
{
	char buf[2048];
	long long tgid;
	ssize_t n;

	if (is_leader(pid)) {
		ret->tgid = pid;
		return;
	}
	n = read_small(last.dir, "status", buf, sizeof(buf));
	if (n < 0) {
		ret->gone |= is_gone(n);
		return;
	}
	tgid = field_after(buf, "Tgid:", 10);
	if (tgid > 0)
		ret->tgid = (pid_t)tgid;
}

/* May we see what only those see who could trace the process? */
static bool is_ours(void)
{
	struct stat st;

	return !geteuid() || (!fstat(last.dir, &st) && st.st_uid == geteuid());
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
static bool exits_well(const char *flags_field)
{
	const char *p = field(flags_field, 9, 52);

	return is_ours() && p && strtol(p, NULL, 10) == 0;
}

static void read_flags(const char *stat, struct sl_caller *ret)
{
	/* The name in parentheses may hold anything, also ')'. */
	const char *p = strrchr(stat, ')');
	unsigned long flags;

	if (p)
		copy_comm(stat, p, ret);
	p = field(p, 2, 9);
	if (!p)
		return;
	flags = strtoul(p, NULL, 10);
	ret->killed = flags & PF_SIGNALED_FLAG;
	ret->exiting = flags & PF_EXITING_FLAG;
	ret->exit_ok = ret->exiting && !ret->killed && exits_well(p);
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

static bool has_name(int fds, const char *fd, const char *name)
{
	char link[4096];
	ssize_t n = readlinkat(fds, fd, link, sizeof(link) - 1);

	if (n <= 0)
		return false;
	link[n] = '\0';
	return same_name(link, name);
}

/* Most descriptors are no files: the cheapest question comes first. */
static void look_at_fd(struct look *l, const char *fd)
{
	struct statx st;
	struct stat link;

	if (statx(last.fds, fd, AT_STATX_DONT_SYNC, STATX_TYPE | STATX_SIZE,
		  &st) || !S_ISREG(st.stx_mode) ||
	    fstatat(last.fds, fd, &link, AT_SYMLINK_NOFOLLOW))
		return;
	if (link.st_mode & S_IWUSR) {
		l->ret->still_open |= has_name(last.fds, fd, l->name);
	} else if (link.st_mode & S_IRUSR) { /* else O_PATH */
		l->sources++;
		l->ret->source_size = st.stx_size;
		l->source = strtol(fd, NULL, 10);
	}
}

/* The one file that it reads is longer than what it wrote. */
static void look_at_source(struct look *l)
{
	char path[32], info[1024];
	long long pos;

	/* A number fits, here and below. */
	(void)snprintf(path, sizeof(path), "fdinfo/%ld", l->source);
	if (read_small(last.dir, path, info, sizeof(info)) < 0) {
		l->ret->source_size = 0; /* closed meanwhile */
		return;
	}
	pos = field_after(info, "pos:", 10);
	l->ret->source_pos = pos > 0 ? (uint64_t)pos : 0;
	(void)snprintf(path, sizeof(path), "fd/%ld", l->source);
	l->ret->source_same_name = has_name(last.dir, path, l->name);
}

static int look_at_some(struct look *l, const char *buf, ssize_t n)
{
	int seen = 0;

	for (ssize_t at = 0; at < n; seen++) {
		const struct dirent64 *de = (const void *)(buf + at);

		if (de->d_name[0] != '.')
			look_at_fd(l, de->d_name);
		at += de->d_reclen;
	}
	return seen;
}

static bool rewind_files(void)
{
	if (last.fds >= 0)
		return !lseek(last.fds, 0, SEEK_SET);
	last.fds = openat(last.dir, "fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	return last.fds >= 0;
}

/*
 * /proc fills the memory while there is room for one more: what leaves room
 * for a long name is the end, and a call is saved.
 */
static void look_at_files(struct look *l)
{
	_Alignas(struct dirent64) char buf[8192];
	ssize_t n = rewind_files() ? (ssize_t)sizeof(buf) : 0;

	for (int seen = 0; n > (ssize_t)(sizeof(buf) - sizeof(struct dirent64))
	     && seen < MOST_FDS; seen += look_at_some(l, buf, n))
		n = getdents64(last.fds, buf, sizeof(buf));
	/* None, or more than one: which is the source is not known. */
	if (l->sources != 1)
		l->ret->source_size = 0;
	else if (l->ret->source_size > l->ret->written)
		look_at_source(l);
}

/* False: there is nothing to be seen. */
static bool look_at_process(pid_t pid, pid_t tgid, struct sl_caller *ret)
{
	char stat[1024];
	ssize_t n = 0;
	int r;

	*ret = (struct sl_caller){ 0 };
	if (pid <= 0)
		return false;
	r = meet(pid, stat, sizeof(stat), &n);
	ret->gone = r == -ENOENT;
	if (r)
		return false;
	ret->pid = pid;
	ret->tgid = tgid;
	if (!tgid)
		look_at_group(pid, ret);
	if (n > 0)
		read_flags(stat, ret);
	ret->gone |= is_gone(n);
	return !ret->gone;
}

void sl_caller_look(pid_t pid, pid_t tgid, const char *name,
		    uint64_t written, struct sl_caller *ret)
{
	struct look l = { .name = name, .ret = ret };
	bool seen = look_at_process(pid, tgid, ret);

	ret->written = written;
	if (seen && !ret->exiting)
		look_at_files(&l);
}

void sl_caller_who(pid_t pid, struct sl_caller *ret)
{
	/* What is not to be seen stays unknown. */
	(void)look_at_process(pid, 0, ret);
	ret->gone = false;
}

pid_t sl_caller_tgid(pid_t pid)
{
	struct sl_caller c;

	sl_caller_who(pid, &c);
	return c.tgid;
}

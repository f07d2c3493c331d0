/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Finding the mount and talking through its control files. A mount whose
 * daemon has died answers ENOTCONN even to lstat(2), so that it has to be
 * found in mountinfo by its name: the parent directory is resolved, the last
 * segment is taken as it is.
 */
#include "ctl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "cleanup.h"
#include "mountinfo.h"

#define FS_TYPE "fuse.sideloadfs"
#define CONTENT_MAX ((size_t)16 << 20)

int64_t sl_ctl_now_s(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_MONOTONIC, &ts))
		abort();
	return ts.tv_sec;
}

/* "/a//b/c/" -> "/a/b/c" without a look at what 'c' is. */
static char *resolve_parent(const char *path)
{
	SL_CLEANUP(free) char *copy = strdup(path);
	SL_CLEANUP(free) char *dir = NULL;
	char *slash, *ret = NULL;

	if (!copy)
		return NULL;
	for (size_t n = strlen(copy); n > 1 && copy[n - 1] == '/'; n--)
		copy[n - 1] = '\0';
	slash = strrchr(copy, '/');
	if (slash)
		*slash = '\0';
	dir = realpath(!slash ? "." : slash == copy ? "/" : copy, NULL);
	if (!dir)
		return NULL;
	if (asprintf(&ret, "%s/%s", strcmp(dir, "/") ? dir : "",
		     slash ? slash + 1 : copy) < 0)
		return NULL;
	return ret;
}

/* The type of the topmost mount exactly at 'path'; "" when none. */
static int mounted_type(const char *path, char *type, size_t size)
{
	SL_CLEANUP(file) FILE *f = fopen("/proc/self/mountinfo", "re");
	SL_CLEANUP(free) char *line = NULL;
	size_t cap = 0;
	char *point, *t;

	type[0] = '\0';
	if (!f)
		return -errno;
	while (getline(&line, &cap, f) > 0)
		if (sl_mountinfo_split(line, &point, &t) &&
		    !strcmp(point, path))
			snprintf(type, size, "%s", t);
	return ferror(f) ? -EIO : 0;
}

int sl_ctl_find(struct sl_ctl *c, const char *path, struct sl_error *e)
{
	SL_CLEANUP(free) char *real = realpath(path, NULL);
	char type[64], shown[256];
	struct stat st;
	int r;

	sl_text_clean(shown, sizeof(shown), path, strlen(path));
	if (!real && errno != ENOENT)
		real = resolve_parent(path);
	if (!real)
		return sl_error_set(e, ENODEV, "cannot find '%s': %s", shown,
				    strerror(errno));
	r = mounted_type(real, type, sizeof(type));
	if (r < 0)
		return sl_error_set(e, -r, "cannot read the list of mounts");
	if (!type[0])
		return sl_error_set(e, ENODEV, "nothing is mounted at '%s'; "
				    "give the mount point of sideloadfs",
				    shown);
	if (strcmp(type, FS_TYPE))
		return sl_error_set(e, ENODEV, "'%s' is a mount of type %s, "
				    "not of sideloadfs", shown, type);
	c->dead = stat(real, &st) < 0 && errno == ENOTCONN;
	c->path = sl_steal(&real);
	return 0;
}

static int open_control(const struct sl_ctl *c, const char *name, int flags,
			struct sl_error *e)
{
	SL_CLEANUP(free) char *path = NULL;
	int fd;

	if (asprintf(&path, "%s/%s", c->path, name) < 0) {
		path = NULL;
		return sl_error_set(e, ENOMEM, "out of memory");
	}
	fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0)
		return fd;
	if (errno == ENOTCONN)
		return sl_error_set(e, ENOTCONN, "the daemon of this mount "
				    "has died; unmount, mount again and repeat "
				    "the copy");
	return sl_error_set(e, errno, "cannot open '%s': %s", name,
			    strerror(errno));
}

int sl_ctl_read(const struct sl_ctl *c, const char *name, struct sl_buf *out,
		struct sl_error *e)
{
	SL_CLEANUP(fd) int fd = open_control(c, name, O_RDONLY, e);
	SL_CLEANUP(free) char *piece = malloc(65536);
	ssize_t n;

	if (fd < 0)
		return fd;
	if (!piece)
		return sl_error_set(e, ENOMEM, "out of memory");
	do {
		n = read(fd, piece, 65536);
		if (n > 0 && sl_buf_append(out, piece, (size_t)n))
			return sl_error_set(e, E2BIG, "'%s' is too long",
					    name);
	} while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0)
		return sl_error_set(e, errno, "cannot read '%s': %s", name,
				    strerror(errno));
	return 0;
}

static void on_alarm(int sig)
{
	(void)sig; /* only there to end the write with EINTR */
}

/*
 * A signal that comes just before write(2) would be lost: the timer fires
 * again each second, so that a late one follows.
 */
static int set_timer(int64_t seconds)
{
	struct sigaction sa = { .sa_handler = on_alarm };
	struct itimerval it = {
		.it_value.tv_sec = seconds,
		.it_interval.tv_sec = seconds ? 1 : 0,
	};

	if (sigaction(SIGALRM, &sa, NULL) || setitimer(ITIMER_REAL, &it, NULL))
		return -errno;
	return 0;
}

/* After a refusal the control file's first line is the reason. */
static void take_reason(const struct sl_ctl *c, const char *name, int errnum,
			struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(CONTENT_MAX);
	struct sl_error ignored = { 0 };
	char line[400];
	const char *s;

	if (sl_ctl_read(c, name, &text, &ignored) < 0 || !text.len) {
		sl_error_set(e, errnum, "'%s' was refused: %s", name,
			     strerror(errnum));
		return;
	}
	s = sl_buf_str(&text);
	sl_text_clean(line, sizeof(line), s, strcspn(s, "\n"));
	sl_error_set(e, errnum, "%s", line);
}

int sl_ctl_write(const struct sl_ctl *c, const char *name, const char *line,
		 int64_t timeout_s, struct sl_error *e)
{
	SL_CLEANUP(fd) int fd = open_control(c, name, O_WRONLY, e);
	int64_t began = sl_ctl_now_s();
	ssize_t n;
	int err, r;

	if (fd < 0)
		return fd;
	r = set_timer(timeout_s);
	if (r < 0)
		return sl_error_set(e, -r, "cannot set a timer");
	n = write(fd, line, strlen(line));
	err = n < 0 ? errno : 0;
	r = set_timer(0);
	if (r < 0)
		return sl_error_set(e, -r, "cannot stop a timer");
	if (!err)
		return 0;
	if (err == EINTR && timeout_s && sl_ctl_now_s() - began >= timeout_s)
		return sl_error_set(e, ETIMEDOUT, "no answer within %lld s; "
				    "what was asked for may still go on",
				    (long long)timeout_s);
	take_reason(c, name, err, e);
	return -err;
}

int sl_ctl_status(const struct sl_ctl *c, cJSON **ret, struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(CONTENT_MAX);
	cJSON *json;
	int r;

	r = sl_ctl_read(c, ".status", &text, e);
	if (r < 0)
		return r;
	json = cJSON_ParseWithLength(sl_buf_str(&text), text.len);
	if (!cJSON_IsObject(json)) {
		cJSON_Delete(json);
		return sl_error_set(e, EPROTO, "'.status' is not a JSON "
				    "document");
	}
	*ret = json;
	return 0;
}

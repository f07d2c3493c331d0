/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `umount`: umount(8) returns when the kernel has let go, which is before the
 * daemon has written its ledger out and gone. This one waits for both, and
 * before it lets go it looks whether everything was committed.
 *
 * The daemon is named by .status (local.pid) and held by a pidfd that is
 * opened while the mount still answers, so that the number cannot have gone
 * to another process.
 */
#include "ctl.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <spawn.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

#include "cleanup.h"

#define DEFAULT_TIMEOUT_S 60
#define ERROR_LINES 20
#define ERRORS_MAX ((size_t)16 << 20)
#define POLL_NS 200000000L

extern char **environ;

/* A state of files: moving ones are waited for, bad ones refuse. */
struct pending {
	const char *state;
	bool moving;
	uint64_t n;
};

#define PENDING_INIT \
	{ \
		{ "open", true, 0 }, { "queued", true, 0 }, \
		{ "interrupted", false, 0 }, { "failed", false, 0 }, \
	}
#define PENDING_COUNT 4

static uint64_t number_at(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	if (!cJSON_IsNumber(v) || !(v->valuedouble > 0) ||
	    v->valuedouble > 9e15)
		return 0;
	return (uint64_t)v->valuedouble;
}

static uint64_t count_pending(struct pending *p, const cJSON *files,
			      bool moving)
{
	uint64_t sum = 0;

	for (int i = 0; i < PENDING_COUNT; i++) {
		p[i].n = number_at(files, p[i].state);
		if (p[i].moving == moving)
			sum += p[i].n;
	}
	return sum;
}

static int open_daemon(const cJSON *local)
{
	uint64_t pid = number_at(local, "pid");
	long fd;

	if (!pid || pid > INT32_MAX)
		return -ESRCH;
	fd = syscall(SYS_pidfd_open, (pid_t)pid, 0);
	return fd < 0 ? -errno : (int)fd;
}

/*
 * Reads .status until nothing is moving or the time is up; fills 'p' and the
 * daemon's pidfd (-1: it cannot be seen from here).
 */
static int settle(const struct sl_ctl *c, int64_t deadline_s,
		  struct pending *p, int *ret_pidfd, struct sl_error *e)
{
	static const struct timespec pause = { .tv_nsec = POLL_NS };

	for (;;) {
		SL_CLEANUP(cjson) cJSON *status = NULL;
		const cJSON *local, *files;
		int r = sl_ctl_status(c, &status, e);

		if (r < 0)
			return r;
		local = cJSON_GetObjectItemCaseSensitive(status, "local");
		files = cJSON_GetObjectItemCaseSensitive(local, "files");
		if (*ret_pidfd < 0)
			*ret_pidfd = open_daemon(local);
		if (!count_pending(p, files, true) || c->force ||
		    sl_ctl_now_s() >= deadline_s)
			return 0;
		if (nanosleep(&pause, NULL) < 0 && errno != EINTR)
			return sl_error_set(e, errno, "cannot sleep");
	}
}

static void describe(const struct pending *p, struct sl_buf *out)
{
	const char *gap = "";

	for (int i = 0; i < PENDING_COUNT; i++) {
		if (!p[i].n)
			continue;
		sl_buf_printf(out, "%s%" PRIu64 " %s", gap, p[i].n,
			      p[i].state);
		gap = ", ";
	}
}

/* The newest lines: the end of .errors. */
static const char *last_lines(const char *text, int lines)
{
	const char *p = text + strlen(text);

	if (p > text)
		p--;
	while (p > text && lines > 0)
		if (*--p == '\n' && --lines == 0)
			return p + 1;
	return text;
}

static int refuse(const struct sl_ctl *c, const struct pending *p)
{
	SL_CLEANUP(buf) struct sl_buf what = SL_BUF_INIT(256);
	SL_CLEANUP(buf) struct sl_buf errors = SL_BUF_INIT(ERRORS_MAX);
	struct sl_error e = { 0 };

	describe(p, &what);
	sl_error_set(&e, EBUSY, "not everything is committed: files %s; "
		     "nothing was unmounted. repeat the copy, or --force",
		     sl_buf_str(&what));
	sl_ctl_complain(c, "umount", &e);
	if (c->json)
		return SL_EXIT_REFUSED;
	if (sl_ctl_read(c, ".errors", &errors, &e) < 0)
		sl_ctl_complain(c, "umount", &e);
	sl_ctl_print_text(stderr, "  ",
			  last_lines(sl_buf_str(&errors), ERROR_LINES), 0);
	return SL_EXIT_REFUSED;
}

static int run_fusermount(const char *path, struct sl_error *e)
{
	char *argv[] = {
		(char[]){ "fusermount3" }, (char[]){ "-u" }, (char[]){ "--" },
		strdup(path), NULL,
	};
	SL_CLEANUP(free) char *owned = argv[3];
	pid_t pid;
	int r, status;

	if (!owned)
		return sl_error_set(e, ENOMEM, "out of memory");
	r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);
	if (r)
		return sl_error_set(e, r, "cannot run fusermount3: %s",
				    strerror(r));
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return sl_error_set(e, errno, "lost fusermount3");
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		return sl_error_set(e, EBUSY, "fusermount3 could not unmount; "
				    "is a shell or a copy still in there");
	return 0;
}

static int let_go(const char *path, struct sl_error *e)
{
	if (geteuid())
		return run_fusermount(path, e);
	if (umount2(path, UMOUNT_NOFOLLOW) == 0)
		return 0;
	return sl_error_set(e, errno, "cannot unmount: %s%s", strerror(errno),
			    errno == EBUSY ?
				    "; is a shell or a copy still in there" :
				    "");
}

static int wait_gone(int pidfd, int64_t deadline_s, struct sl_error *e)
{
	struct pollfd pfd = { .fd = pidfd, .events = POLLIN };

	for (;;) {
		int64_t left = deadline_s - sl_ctl_now_s();
		int r = poll(&pfd, 1, left > 0 ? 1000 : 0);

		if (r > 0)
			return 0;
		if (r < 0 && errno != EINTR)
			return sl_error_set(e, errno, "cannot wait for the "
					    "daemon");
		if (left <= 0)
			return sl_error_set(e, ETIMEDOUT, "unmounted, but the "
					    "daemon is still at work");
	}
}

static int bury(struct sl_ctl *c)
{
	struct sl_error e = { 0 };

	if (let_go(c->path, &e) == 0)
		sl_error_set(&e, ENOTCONN, "the daemon had died; the mount is "
			     "gone now. mount again and repeat the copy");
	sl_ctl_complain(c, "umount", &e);
	return SL_EXIT_REFUSED;
}

static int finish(struct sl_ctl *c, int pidfd, int64_t deadline_s)
{
	struct sl_error e = { 0 };
	int r = let_go(c->path, &e);

	if (r == 0 && pidfd >= 0)
		r = wait_gone(pidfd, deadline_s, &e);
	if (r < 0) {
		sl_ctl_complain(c, "umount", &e);
		return r == -ETIMEDOUT ? SL_EXIT_TIMEOUT : SL_EXIT_REFUSED;
	}
	sl_ctl_success(c, "umount", pidfd >= 0 ?
			"unmounted; the daemon has gone" :
			"unmounted; the daemon cannot be seen from here");
	return SL_EXIT_OK;
}

int sl_ctl_cmd_umount(struct sl_ctl *c)
{
	int64_t deadline_s = sl_ctl_now_s() +
			     (c->timeout_s ? c->timeout_s : DEFAULT_TIMEOUT_S);
	struct pending p[PENDING_COUNT] = PENDING_INIT;
	SL_CLEANUP(fd) int pidfd = -1;
	struct sl_error e = { 0 };
	int r;

	if (c->dead)
		return bury(c);
	r = settle(c, deadline_s, p, &pidfd, &e);
	if (r < 0 && !c->force) {
		sl_ctl_complain(c, "umount", &e);
		return SL_EXIT_REFUSED;
	}
	for (int i = 0; i < PENDING_COUNT; i++)
		if (p[i].n && !c->force)
			return refuse(c, p);
	return finish(c, pidfd, deadline_s);
}

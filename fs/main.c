/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program: options, token, mount point, and a start that can be trusted.
 *
 * In the background. The parent forks before anything has threads; the child
 * builds all, mounts and serves, with its errors on the terminal that it
 * inherited. One thread of the child asks the new mount for .status through
 * the kernel, as any program would; only when that is answered it leaves the
 * terminal and writes one byte into the pipe that the parent reads. So exit
 * status 0 means that the mount answers, and a child that dies ends the pipe
 * and thereby the parent.
 *
 * Exit status: 0 mounted (or, in the foreground, unmounted) · 1 it failed ·
 * 2 the command line is wrong.
 */
#include <dirent.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "guest.h"
#include "log.h"
#include "mount/control.h"
#include "mount/mount.h"
#include "mountinfo.h"
#include "options.h"

enum {
	EXIT_GOOD = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/* Names, proxies and a slow API all fit in; then the start has failed. */
#define START_MS 120000

static int complain(int code, const struct sl_error *e)
{
	sl_log_err("%s", e->text[0] ? e->text : strerror(e->errnum));
	return code;
}

/* Secrets are in memory: no core dumps, no debugger of the same user. */
static int protect(const struct sl_options *o, struct sl_error *e)
{
	static const struct rlimit none = { 0, 0 };
	struct sigaction sa = { .sa_handler = SIG_IGN };

	umask(077);
	/*
	 * Parked writes are copies of up to 1 MiB; what is freed of them goes
	 * back to the host, which a growing threshold would keep.
	 */
	if (!mallopt(M_MMAP_THRESHOLD, 512 << 10))
		sl_log_debug("malloc keeps its own threshold");
	if (sigaction(SIGPIPE, &sa, NULL))
		return sl_error_set(e, errno, "cannot ignore SIGPIPE");
	if (o->debug)
		return 0;
#ifndef __SANITIZE_ADDRESS__ /* looks at itself as a debugger does */
	if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return sl_error_set(e, errno, "cannot switch core dumps off");
#endif
	if (setrlimit(RLIMIT_CORE, &none))
		return sl_error_set(e, errno, "cannot switch core dumps off");
	return 0;
}

/* Is a line of mountinfo a FUSE mount exactly at 'path'? */
static bool line_is_mount(char *line, const char *path)
{
	char *point, *type;

	return sl_mountinfo_split(line, &point, &type) &&
	       !strncmp(type, "fuse", 4) && !strcmp(point, path);
}

static bool is_fuse_mount(const char *path)
{
	SL_CLEANUP(file) FILE *f = fopen("/proc/self/mountinfo", "re");
	SL_CLEANUP(free) char *line = NULL;
	size_t cap = 0;

	while (f && getline(&line, &cap, f) > 0)
		if (line_is_mount(line, path))
			return true;
	return false;
}

static int check_empty(const char *path, struct sl_error *e)
{
	DIR *d = opendir(path);
	const struct dirent *entry;
	int names = 0;

	if (!d)
		return sl_error_set(e, errno, "cannot read mount point '%s': "
				    "%s", path, strerror(errno));
	while (names < 3 && (entry = readdir(d)))
		names++;
	if (closedir(d))
		return sl_error_set(e, errno, "cannot close '%s'", path);
	if (names > 2)
		return sl_error_set(e, ENOTEMPTY, "mount point '%s' is not "
				    "empty; mounting would hide what is in "
				    "it", path);
	return 0;
}

static int check_mountpoint(const struct sl_options *o, struct sl_error *e)
{
	const char *path = o->mountpoint;
	struct stat st;

	if (is_fuse_mount(path))
		return sl_error_set(e, EBUSY, "something is mounted at '%s' "
				    "already; 'sideloadctl umount' or "
				    "'fusermount3 -u' first", path);
	if (stat(path, &st))
		return sl_error_set(e, errno, "mount point '%s': %s%s", path,
				    strerror(errno), errno == ENOENT ?
				    "; mkdir it first" : "");
	if (!S_ISDIR(st.st_mode))
		return sl_error_set(e, ENOTDIR, "mount point '%s' is not a "
				    "directory", path);
	return check_empty(path, e);
}

/* fusermount3 would say it, but not what to do. */
static int check_allow_other(const struct sl_options *o, struct sl_error *e)
{
	SL_CLEANUP(file) FILE *f = NULL;
	char line[256];

	if (!o->allow_other || geteuid() == 0)
		return 0;
	f = fopen("/etc/fuse.conf", "re");
	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, "user_allow_other", 16))
			return 0;
	return sl_error_set(e, EPERM, "allow_other needs the line "
			    "'user_allow_other' in /etc/fuse.conf, or root");
}

/* mkdir -p with mode 0700, and is it ours to write? */
static int check_state(const struct sl_options *o, struct sl_error *e)
{
	SL_CLEANUP(free) char *path = strdup(o->state_dir);

	if (!path)
		return sl_error_set(e, ENOMEM, "out of memory");
	for (char *p = path + 1; p; ) {
		p = strchr(p, '/');
		if (p)
			*p = '\0';
		if (mkdir(path, 0700) && errno != EEXIST)
			return sl_error_set(e, errno, "cannot make state "
					    "directory '%s': %s; see state=",
					    path, strerror(errno));
		if (p)
			*p++ = '/';
	}
	if (access(path, R_OK | W_OK | X_OK))
		return sl_error_set(e, errno, "cannot write to state "
				    "directory '%s': %s; see state=", path,
				    strerror(errno));
	return 0;
}

/* Leaves the terminal: called when the mount answers. */
static int detach(void)
{
	SL_CLEANUP(fd) int fd = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (fd < 0 || setsid() < 0 || chdir("/"))
		return -errno;
	sl_log_to_syslog();
	for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++)
		if (dup2(fd, i) < 0)
			return -errno;
	return 0;
}

struct announcer {
	pthread_t thread;
	int fd; /* the parent reads the other end */
	char *probe;
};

static void *announce(void *arg)
{
	struct announcer *a = arg;
	struct stat st;
	int r = stat(a->probe, &st) ? -errno : 0;

	if (!r)
		r = detach();
	/* A parent that has gone needs no word. */
	if (!r && write(a->fd, "", 1) != 1)
		sl_log_debug("nobody waits for the mount");
	if (r) {
		sl_log_err("the mount does not answer: %s", strerror(-r));
		/* As a user would end it: sl_mount_serve() returns. */
		if (kill(getpid(), SIGTERM))
			SL_BUG("this process cannot be signalled");
	}
	close(a->fd);
	a->fd = -1;
	return NULL;
}

static int start_announcer(struct announcer *a, const struct sl_options *o,
			   struct sl_error *e)
{
	int r;

	if (asprintf(&a->probe, "%s/.status", o->mountpoint) < 0) {
		a->probe = NULL;
		return sl_error_set(e, ENOMEM, "out of memory");
	}
	r = pthread_create(&a->thread, NULL, announce, a);
	if (r) {
		free(sl_steal(&a->probe));
		return sl_error_set(e, r, "cannot start a thread: %s",
				    strerror(r));
	}
	return 0;
}

static void join_announcer(struct announcer *a)
{
	if (!a->probe)
		return;
	if (pthread_join(a->thread, NULL))
		SL_BUG("the announcer cannot be joined");
	free(a->probe);
}

/* From attach to detach; notify_fd -1: in the foreground. */
static int serve(struct sl_mount *m, int notify_fd, struct sl_error *e)
{
	struct announcer a = { .fd = notify_fd };
	int r = sl_mount_attach(m, e);

	if (r)
		return r;
	if (notify_fd >= 0)
		r = start_announcer(&a, m->opt, e);
	if (!r) {
		r = sl_mount_serve(m);
		if (r)
			sl_error_set(e, -r, "the mount ended: %s",
				     strerror(-r));
	}
	sl_controls_stop(m);
	sl_mount_detach(m);
	join_announcer(&a);
	return r;
}

static int run(const struct sl_options *o, int notify_fd)
{
	struct sl_mount *m = NULL;
	struct sl_error e = { 0 };
	int r;

	sl_guest_behave(o->nice);
	r = sl_mount_new(o, &m, &e);
	if (r)
		return complain(EXIT_FAILED, &e);
	r = serve(m, notify_fd, &e);
	sl_mount_free(m);
	return r ? complain(EXIT_FAILED, &e) : EXIT_GOOD;
}

/* The child has gone or was sent away: its exit status, never 0. */
static int reap(pid_t child)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return EXIT_FAILED;
	if (WIFSIGNALED(status))
		sl_log_err("the daemon was ended by signal %d",
			   WTERMSIG(status));
	return WIFEXITED(status) && WEXITSTATUS(status) ?
		WEXITSTATUS(status) : EXIT_FAILED;
}

static int await_child(pid_t child, int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };
	char word;
	ssize_t n;
	int r;

	do
		r = poll(&p, 1, START_MS);
	while (r < 0 && errno == EINTR);
	if (r == 0) {
		sl_log_err("the mount does not answer after %d s; giving up",
			   START_MS / 1000);
		if (kill(child, SIGKILL))
			sl_log_err("cannot end the daemon");
		return reap(child);
	}
	do
		n = read(fd, &word, 1);
	while (n < 0 && errno == EINTR);
	return n == 1 ? EXIT_GOOD : reap(child);
}

static int run_in_background(const struct sl_options *o)
{
	struct sl_error e = { 0 };
	int fds[2];
	pid_t child;

	if (pipe2(fds, O_CLOEXEC)) {
		sl_error_set(&e, errno, "cannot make a pipe");
		return complain(EXIT_FAILED, &e);
	}
	child = fork();
	if (child < 0) {
		sl_error_set(&e, errno, "cannot fork: %s", strerror(errno));
		return complain(EXIT_FAILED, &e);
	}
	if (child) {
		close(fds[1]);
		return await_child(child, fds[0]);
	}
	close(fds[0]);
	return run(o, fds[1]);
}

static int start(struct sl_options *o, struct sl_error *e)
{
	static int (*const checks[])(const struct sl_options *,
				     struct sl_error *) = {
		protect, check_mountpoint, check_allow_other, check_state,
	};
	int r = 0;

	for (size_t i = 0; !r && i < SL_ARRAY_LEN(checks); i++)
		r = checks[i](o, e);
	if (!r)
		r = sl_options_token(o, e);
	if (r)
		return complain(EXIT_FAILED, e);
	return o->foreground ? run(o, -1) : run_in_background(o);
}

/* Ends --help with the part that only this file can know. */
static int help_controls(void)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);

	sl_buf_puts(&b, "\n");
	if (sl_controls_help(&b) || fputs(sl_buf_str(&b), stdout) < 0 ||
	    fflush(stdout))
		return EXIT_FAILED;
	return EXIT_GOOD;
}

static bool wants_debug(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (!strcmp(argv[i], "-d") || !strcmp(argv[i], "--debug"))
			return true;
	return false;
}

int main(int argc, char **argv)
{
	struct sl_options o;
	struct sl_error e = { 0 };
	int r, code;

	sl_log_init("sideloadfs", wants_debug(argc, argv) ? SL_LOG_DEBUG :
		    SL_LOG_INFO);
	r = sl_options_parse(&o, argc, argv, &e);
	if (r < 0)
		code = complain(r == -EINVAL ? EXIT_USAGE : EXIT_FAILED, &e);
	else if (r)
		code = o.help_shown ? help_controls() : EXIT_GOOD;
	else
		code = start(&o, &e);
	sl_options_release(&o);
	return code;
}

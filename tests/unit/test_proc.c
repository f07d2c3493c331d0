/* SPDX-License-Identifier: Apache-2.0 */
/* What /proc tells about a process: ourselves, threads, the dead. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <linux/sched.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "upload/commit.h"

static char dir[] = "/tmp/sl-proc-XXXXXX";
static char path[64];

/* A child with the files that 'open_files' leaves open. */
static pid_t child_with(void (*open_files)(void))
{
	int up[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe(up), 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		for (int fd = 3; fd < 64; fd++) {
			if (fd != up[1])
				close(fd);
		}
		close(0);
		open_files();
		if (write(up[1], "x", 1) != 1)
			_exit(1);
		for (;;)
			pause();
	}
	close(up[1]);
	assert_int_equal(read(up[0], &c, 1), 1);
	close(up[0]);
	return pid;
}

static void end_child(pid_t pid)
{
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static void open_source(void)
{
	char buf[10];
	int fd = open(path, O_RDONLY);

	if (fd < 0 || read(fd, buf, 10) != 10)
		_exit(1);
}

static void open_two(void)
{
	open_source();
	open_source();
}

static void open_writer(void)
{
	if (open(path, O_WRONLY) < 0)
		_exit(1);
}

static void open_path_only(void)
{
	if (open(path, O_PATH) < 0)
		_exit(1);
	open_source();
}

static void open_both_ways(void)
{
	if (open(path, O_RDWR) < 0)
		_exit(1);
}

static void open_nothing(void)
{
}

static void test_files(void **state)
{
	static const struct {
		void (*open_files)(void);
		const char *name;
		uint64_t written, size, pos;
		bool same, still;
	} t[] = {
		{ open_source, "data.db", 0, 1000, 10, true, false },
		{ open_source, "data.db", 999, 1000, 10, true, false },
		/* As long as the source: nothing hangs on the rest. */
		{ open_source, "data.db", 1000, 1000, 0, false, false },
		{ open_source, "other", 0, 1000, 10, false, false },
		{ open_path_only, "data.db", 0, 1000, 10, true, false },
		{ open_two, "data.db", 0, 0, 0, false, false },
		{ open_two, "data.db", 1000, 0, 0, false, false },
		{ open_writer, "data.db", 0, 0, 0, false, true },
		{ open_both_ways, "data.db", 0, 0, 0, false, true },
		{ open_writer, "other", 0, 0, 0, false, false },
		{ open_nothing, "data.db", 0, 0, 0, false, false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		pid_t pid = child_with(t[i].open_files);
		struct sl_caller c;

		sl_caller_look(pid, 0, t[i].name, t[i].written, &c);
		end_child(pid);
		assert_int_equal(c.tgid, pid);
		assert_false(c.gone || c.killed || c.exiting);
		assert_int_equal(c.source_size, t[i].size);
		assert_int_equal(c.source_pos, t[i].pos);
		assert_int_equal(c.source_same_name, t[i].same);
		assert_int_equal(c.still_open, t[i].still);
		assert_string_equal(c.comm, "test_proc");
	}
}

/* What is kept open of a process shows it as it is now. */
static void test_again(void **state)
{
	pid_t me = getpid();
	struct sl_caller c;
	int fds[300], fd;

	(void)state;
	sl_caller_look(me, 0, "data.db", 0, &c);
	assert_false(c.still_open);
	/* More than one call brings. */
	for (size_t i = 0; i < SL_ARRAY_LEN(fds); i++) {
		fds[i] = open("/dev/null", O_RDONLY);
		assert_true(fds[i] >= 0);
	}
	fd = open(path, O_WRONLY);
	assert_true(fd >= 0);
	sl_caller_look(me, 0, "data.db", 0, &c);
	assert_true(c.still_open);
	assert_int_equal(close(fd), 0);
	sl_caller_look(me, 0, "data.db", 0, &c);
	assert_false(c.still_open);
	for (size_t i = 0; i < SL_ARRAY_LEN(fds); i++)
		assert_int_equal(close(fds[i]), 0);
	/* Closed it is opened again. */
	sl_caller_forget();
	sl_caller_forget();
	sl_caller_look(me, 0, "data.db", 0, &c);
	assert_int_equal(c.tgid, me);
}

static int reborn_as(pid_t pid)
{
	struct clone_args a = {
		.exit_signal = SIGCHLD,
		.set_tid = (uintptr_t)&pid,
		.set_tid_size = 1,
	};

	return (int)syscall(SYS_clone3, &a, sizeof(a));
}

/* Another process with the number of one that was seen before. */
static void test_reborn(void **state)
{
	pid_t pid = child_with(open_writer);
	struct sl_caller c;
	int r;

	(void)state;
	sl_caller_look(pid, 0, "data.db", 0, &c);
	assert_true(c.still_open);
	end_child(pid);
	r = reborn_as(pid);
	if (!r) {
		for (;;)
			pause();
	}
	if (r < 0)
		skip(); /* not allowed, or somebody has the number */
	sl_caller_look(pid, 0, "data.db", 0, &c);
	end_child(pid);
	assert_int_equal(c.tgid, pid);
	assert_false(c.gone || c.exiting || c.still_open);
}

static void *look_from_thread(void *arg)
{
	sl_caller_look((pid_t)syscall(SYS_gettid), 0, "x", 0, arg);
	return NULL;
}

static void test_thread(void **state)
{
	struct sl_caller c;
	pthread_t t;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, look_from_thread, &c), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_int_equal(c.tgid, getpid());
}

static void test_exit_status(void **state)
{
	(void)state;
	for (int status = 0; status < 2; status++) {
		siginfo_t si;
		struct sl_caller c;
		pid_t pid = fork();

		assert_true(pid >= 0);
		if (!pid)
			_exit(status);
		assert_int_equal(waitid(P_PID, (id_t)pid, &si,
					WEXITED | WNOWAIT), 0);
		sl_caller_look(pid, 0, "x", 0, &c);
		assert_true(c.exiting && !c.killed);
		assert_int_equal(c.exit_ok, !status);
		assert_int_equal(waitpid(pid, NULL, 0), pid);
	}
}

static void test_dead(void **state)
{
	siginfo_t si;
	struct sl_caller c;
	pid_t pid = child_with(open_nothing);

	(void)state;
	/* A zombie still shows how it died. */
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT), 0);
	sl_caller_look(pid, 0, "x", 0, &c);
	assert_true(c.killed && c.exiting && !c.gone);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	sl_caller_look(pid, 0, "x", 0, &c);
	assert_true(c.gone);
	assert_int_equal(c.tgid, 0);
	sl_caller_look(0, 0, "x", 0, &c);
	assert_int_equal(c.tgid, 0);
	assert_false(c.gone);
}

/* What is blocked shows, and a thread group that is known is believed. */
static void test_blocked(void **state)
{
	pid_t me = (pid_t)syscall(SYS_gettid);
	sigset_t set, before;
	struct sl_caller c;

	(void)state;
	sl_caller_who(me, &c);
	assert_int_equal(c.pid, me);
	assert_int_equal(c.tgid, getpid());
	assert_int_equal(c.blocked & 1u << (SIGINT - 1), 0);
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	assert_int_equal(pthread_sigmask(SIG_BLOCK, &set, &before), 0);
	sl_caller_look(me, 4711, "x", 0, &c);
	assert_int_equal(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	assert_int_equal(c.tgid, 4711);
	assert_int_equal(c.blocked & 1u << (SIGINT - 1), 1u << (SIGINT - 1));
	assert_int_equal(c.ignored & 1u << (SIGUSR2 - 1), 0);
	assert_ptr_not_equal(signal(SIGUSR2, SIG_IGN), SIG_ERR);
	sl_caller_who(me, &c);
	assert_ptr_not_equal(signal(SIGUSR2, SIG_DFL), SIG_ERR);
	assert_int_equal(c.ignored & 1u << (SIGUSR2 - 1),
			 1u << (SIGUSR2 - 1));
}

static int set_up(void **state)
{
	int fd;

	(void)state;
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/data.db", dir);
	fd = open(path, O_CREAT | O_WRONLY, 0600);
	if (fd < 0 || ftruncate(fd, 1000))
		return -1;
	return close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path) || rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_again),
		cmocka_unit_test(test_reborn),
		cmocka_unit_test(test_thread),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_dead),
		cmocka_unit_test(test_blocked),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, set_up, tear_down);
}

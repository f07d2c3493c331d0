/* SPDX-License-Identifier: Apache-2.0 */
/* Log lines as they reach stderr: level, redaction, one line, errno kept. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "log.h"

#include <fcntl.h>
#include <sys/mman.h>

/* Runs with stderr in a memory file; what was written. */
static void capture_begin(int fds[2])
{
	fds[0] = memfd_create("stderr", MFD_CLOEXEC);
	assert_true(fds[0] >= 0);
	fds[1] = dup(STDERR_FILENO);
	assert_true(fds[1] >= 0);
	assert_int_equal(dup2(fds[0], STDERR_FILENO), STDERR_FILENO);
}

static void capture_end(int fds[2], char *buf, size_t size)
{
	ssize_t n;

	assert_int_equal(dup2(fds[1], STDERR_FILENO), STDERR_FILENO);
	n = pread(fds[0], buf, size - 1, 0);
	assert_true(n >= 0);
	buf[n] = '\0';
	assert_int_equal(close(fds[0]), 0);
	assert_int_equal(close(fds[1]), 0);
}

static void test_levels(void **state)
{
	int fds[2];
	char out[4096];

	(void)state;
	capture_begin(fds);
	sl_log_init("prog", SL_LOG_WARN);
	sl_log_err("e %d", 1);
	sl_log_warn("w");
	sl_log_info("i");
	sl_log_debug("d");
	sl_log_init("prog", SL_LOG_DEBUG);
	sl_log_debug("d2");
	capture_end(fds, out, sizeof(out));
	assert_string_equal(out, "prog: error: e 1\nprog: warning: w\n"
				 "prog: debug: d2\n");
	assert_true(sl_log_enabled(SL_LOG_DEBUG));
	sl_log_init("prog", SL_LOG_ERR);
	assert_false(sl_log_enabled(SL_LOG_WARN));
}

static void test_clean_and_secret(void **state)
{
	int fds[2];
	char out[4096];

	(void)state;
	sl_log_init("p", SL_LOG_INFO);
	capture_begin(fds);
	errno = ENOTTY;
	sl_log_info("a\nb AstraCS:xyz \x1b");
	assert_int_equal(errno, ENOTTY);
	capture_end(fds, out, sizeof(out));
	assert_string_equal(out, "p: info: a?b AstraCS:*** ?\n");
}

static void test_long(void **state)
{
	static char big[10000];
	static char out[20000];
	int fds[2];

	(void)state;
	memset(big, 'x', sizeof(big) - 1);
	capture_begin(fds);
	sl_log_err("%s", big);
	capture_end(fds, out, sizeof(out));
	assert_true(strlen(out) > 1000 && strlen(out) < 3000);
	assert_int_equal(out[strlen(out) - 1], '\n');
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_levels),
		cmocka_unit_test(test_clean_and_secret),
		cmocka_unit_test(test_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

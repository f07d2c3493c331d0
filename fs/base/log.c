/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One line per event to stderr, or to syslog once there is no terminal. A
 * line is built whole in a local buffer and leaves in one call, so threads
 * never interleave and no lock is needed; the state is three atomics and a
 * name that only sl_log_init() writes, before threads exist.
 */
#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>
#include <syslog.h>
#include <unistd.h>

#include "error.h"

#define LINE_MAX_BYTES 2048

static const struct {
	const char *name;
	int priority;
} levels[] = {
	[SL_LOG_ERR] = { "error", LOG_ERR },
	[SL_LOG_WARN] = { "warning", LOG_WARNING },
	[SL_LOG_INFO] = { "info", LOG_INFO },
	[SL_LOG_DEBUG] = { "debug", LOG_DEBUG },
};

static char program_name[64] = "sideloadfs";
static int max_level = SL_LOG_INFO;
static int use_syslog;

void sl_log_init(const char *program, enum sl_log_level max)
{
	sl_text_clean(program_name, sizeof(program_name), program,
		      strlen(program));
	__atomic_store_n(&max_level, (int)max, __ATOMIC_RELAXED);
	__atomic_store_n(&use_syslog, 0, __ATOMIC_RELEASE);
}

void sl_log_to_syslog(void)
{
	openlog(program_name, LOG_PID, LOG_DAEMON);
	__atomic_store_n(&use_syslog, 1, __ATOMIC_RELEASE);
}

int sl_log_enabled(enum sl_log_level level)
{
	return (int)level <= __atomic_load_n(&max_level, __ATOMIC_RELAXED);
}

static void to_stderr(enum sl_log_level level, const char *text)
{
	char line[LINE_MAX_BYTES + 128];
	int n = snprintf(line, sizeof(line), "%s: %s: %s\n", program_name,
			 levels[level].name, text);
	ssize_t r;

	if (n < 0)
		return;
	if ((size_t)n >= sizeof(line))
		n = sizeof(line) - 1;
	do
		r = write(STDERR_FILENO, line, (size_t)n);
	while (r < 0 && errno == EINTR);
	/* When stderr is gone there is nowhere left to tell it. */
}

void sl_log(enum sl_log_level level, const char *fmt, ...)
{
	int saved = errno;
	char raw[LINE_MAX_BYTES];
	char text[LINE_MAX_BYTES];
	va_list ap;

	if (!sl_log_enabled(level))
		return;
	va_start(ap, fmt);
	if (vsnprintf(raw, sizeof(raw), fmt, ap) < 0)
		raw[0] = '\0';
	va_end(ap);
	sl_text_redact(raw);
	sl_text_clean(text, sizeof(text), raw, strlen(raw));
	if (__atomic_load_n(&use_syslog, __ATOMIC_ACQUIRE))
		syslog(levels[level].priority, "%s", text);
	else
		to_stderr(level, text);
	errno = saved;
}

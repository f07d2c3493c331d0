/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program log: stderr while in the foreground, syslog(3) once the daemon
 * has detached. Every line passes sl_text_redact(). Library code logs at
 * debug only; the boundary (FUSE operation, worker, tool main) logs once.
 * Thread safe.
 */
#ifndef SL_LOG_H
#define SL_LOG_H

#include "cleanup.h"

enum sl_log_level {
	SL_LOG_ERR,
	SL_LOG_WARN,
	SL_LOG_INFO,
	SL_LOG_DEBUG,
};

/* Level names as printed: "error" "warning" "info" "debug". */
void sl_log_init(const char *program, enum sl_log_level max);
/* From here on lines go to syslog, with the identity given to init. */
void sl_log_to_syslog(void);
int sl_log_enabled(enum sl_log_level level);
void sl_log(enum sl_log_level level, const char *fmt, ...) SL_PRINTF(2, 3);

#define sl_log_err(...) sl_log(SL_LOG_ERR, __VA_ARGS__)
#define sl_log_warn(...) sl_log(SL_LOG_WARN, __VA_ARGS__)
#define sl_log_info(...) sl_log(SL_LOG_INFO, __VA_ARGS__)
#define sl_log_debug(...) \
	do { \
		if (sl_log_enabled(SL_LOG_DEBUG)) \
			sl_log(SL_LOG_DEBUG, __VA_ARGS__); \
	} while (0)

#endif

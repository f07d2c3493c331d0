/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The human part of a failure. Every fallible function returns 0 (or a
 * positive value) or -errno; those with more to say fill an optional
 * struct sl_error. Texts are lower case, one line, problem first, subject in
 * single quotes, then what to do; they never hold a secret. Bytes that came
 * from a server pass sl_text_clean() before they get in here.
 * All functions are thread safe; a struct sl_error has one owner at a time.
 */
#ifndef SL_ERROR_H
#define SL_ERROR_H

#include <stdarg.h>
#include <stddef.h>

#include "cleanup.h"

struct sl_error {
	int errnum;	     /* positive errno; 0: no error recorded */
	int http_status;     /* 0: no answer, or not from HTTP */
	char code[64];	     /* the provider's error code, cleaned; or "" */
	char request_id[96]; /* the provider's request id, cleaned; or "" */
	char text[512];	     /* what, where, and what to do */
};

/* Empties 'e' (NULL is fine). */
void sl_error_clear(struct sl_error *e);

/*
 * Records errno 'errnum' (positive) with a formatted text, keeping the HTTP
 * fields, and returns -errnum so that one can `return sl_error_set(...)`.
 * 'e' may be NULL. Over-long text is cut.
 */
int sl_error_set(struct sl_error *e, int errnum, const char *fmt, ...)
	SL_PRINTF(3, 4);

/* Puts "fmt: " before the present text; errnum and fields stay. */
void sl_error_prefix(struct sl_error *e, const char *fmt, ...) SL_PRINTF(2, 3);

/* "EBADMSG" for EBADMSG; "E?" with no match. Static storage. */
const char *sl_errno_name(int errnum);

/*
 * Copies at most 'size' - 1 bytes of 'n' foreign bytes into 'dst', ends it
 * with NUL, and replaces control bytes, invalid UTF-8 and anything a terminal
 * could act on by '?'. 'size' >= 1.
 */
void sl_text_clean(char *dst, size_t size, const void *src, size_t n);

/*
 * Overwrites in place what looks like a secret: 'AstraCS:...' tokens, values
 * of sig=, X-Amz-Signature, X-Amz-Security-Token, x-amz-security-token,
 * Authorization, access_token, private_key, secretAccessKey, sessionToken.
 */
void sl_text_redact(char *s);

/* An impossible state: logs file, line and text, then aborts. */
_Noreturn void sl_bug(const char *file, int line, const char *fmt, ...)
	SL_PRINTF(3, 4);
#define SL_BUG(...) sl_bug(__FILE__, __LINE__, __VA_ARGS__)

#endif

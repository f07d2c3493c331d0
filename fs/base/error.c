/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Error texts for people: recorded once where the trouble is, prefixed on the
 * way up, shown at the boundary. Every text is cleaned and redacted on its
 * way in, so that a forgotten call elsewhere cannot put a terminal escape or
 * a token into a control file.
 */
#include "error.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "log.h"

void sl_error_clear(struct sl_error *e)
{
	if (!e)
		return;
	e->errnum = 0;
	e->http_status = 0;
	e->code[0] = '\0';
	e->request_id[0] = '\0';
	e->text[0] = '\0';
}

/* Takes 'tmp' as the new text: one line, no control bytes, no secrets. */
static void set_text(struct sl_error *e, char *tmp)
{
	sl_text_redact(tmp);
	sl_text_clean(e->text, sizeof(e->text), tmp, strlen(tmp));
}

int sl_error_set(struct sl_error *e, int errnum, const char *fmt, ...)
{
	/* A copy, for the arguments may point into the old text. */
	char tmp[sizeof(e->text)];
	va_list ap;

	if (!e)
		return -errnum;
	va_start(ap, fmt);
	if (vsnprintf(tmp, sizeof(tmp), fmt, ap) < 0)
		tmp[0] = '\0';
	va_end(ap);
	e->errnum = errnum;
	set_text(e, tmp);
	return -errnum;
}

void sl_error_prefix(struct sl_error *e, const char *fmt, ...)
{
	char tmp[sizeof(e->text)];
	size_t n;
	va_list ap;

	if (!e)
		return;
	va_start(ap, fmt);
	if (vsnprintf(tmp, sizeof(tmp), fmt, ap) < 0)
		tmp[0] = '\0';
	va_end(ap);
	n = strlen(tmp);
	if (n < sizeof(tmp) - 1 &&
	    snprintf(tmp + n, sizeof(tmp) - n, ": %s", e->text) < 0)
		tmp[n] = '\0';
	set_text(e, tmp);
}

const char *sl_errno_name(int errnum)
{
	const char *name = strerrorname_np(errnum);

	return name && errnum ? name : "E?";
}

void sl_bug(const char *file, int line, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	if (vsnprintf(text, sizeof(text), fmt, ap) < 0)
		text[0] = '\0';
	va_end(ap);
	sl_log_err("bug at %s:%d: %s", file, line, text);
	abort();
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `seal`: what the nodes of this mount have sent, in one word each, to be
 * given to the launch on whichever node that is.
 */
#include "ctl.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

#define SEALS_MAX ((size_t)16 << 20)

/* The first line's reason, "# no seal: ...", or that there is none. */
static void refuse(const struct sl_ctl *c, const char *text)
{
	struct sl_error e = { 0 };
	int n = (int)strcspn(text, "\n");

	if (n > 2 && text[0] == '#')
		sl_error_set(&e, EBUSY, "%.*s", n - 2, text + 2);
	else
		sl_error_set(&e, EPROTO, "'.seal' has no seal");
	sl_ctl_complain(c, "seal", &e);
}

int sl_ctl_cmd_seal(struct sl_ctl *c)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(SEALS_MAX);
	struct sl_error e = { 0 };
	const char *s;
	bool any = false;

	if (sl_ctl_read(c, ".seal", &text, &e) < 0) {
		sl_ctl_complain(c, "seal", &e);
		return SL_EXIT_REFUSED;
	}
	for (s = sl_buf_str(&text); *s; s += strcspn(s, "\n"),
	     s += *s == '\n') {
		char line[256];
		size_t n = strcspn(s, "\n");

		if (!n || *s == '#')
			continue;
		sl_text_clean(line, sizeof(line), s, n);
		sl_ctl_success(c, "seal", line);
		any = true;
	}
	if (any)
		return SL_EXIT_OK;
	refuse(c, sl_buf_str(&text));
	return SL_EXIT_REFUSED;
}

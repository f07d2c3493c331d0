/* SPDX-License-Identifier: Apache-2.0 */
/*
 * policy=FILE and --rules. The file is read once, before anything is mounted:
 * verdicts do not change while a copy runs, and a mistake in it is told at
 * the terminal.
 */
#include "options_internal.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define POLICY_MAX 65536

static int read_policy(const char *path, struct sl_buf *out,
		       struct sl_error *e)
{
	/* A FIFO would block the start. */
	SL_CLEANUP(fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
				     O_NOCTTY);
	char piece[4096];
	struct stat st;
	ssize_t n = -1;

	if (fd < 0 || fstat(fd, &st))
		return sl_error_set(e, errno, "cannot read policy '%s': %s",
				    path, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return sl_error_set(e, EINVAL, "policy '%s' is not a regular "
				    "file", path);
	while (n && !sl_buf_error(out)) {
		n = read(fd, piece, sizeof(piece));
		if (n > 0)
			sl_buf_append(out, piece, (size_t)n);
		else if (n < 0 && errno != EINTR)
			return sl_error_set(e, errno, "cannot read policy "
					    "'%s': %s", path, strerror(errno));
	}
	if (sl_buf_error(out) == -E2BIG)
		return sl_error_set(e, EINVAL, "policy '%s' is larger than 64 "
				    "KiB", path);
	return sl_buf_error(out) ? sl_error_set(e, ENOMEM, "out of memory") :
				   0;
}

int sl_option_policy(struct sl_options *o, const struct sl_option *opt,
		     const char *v, struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf text = SL_BUF_INIT(POLICY_MAX);
	SL_CLEANUP(free) struct sl_policy *p = calloc(1, sizeof(*p));
	int r;

	(void)opt;
	if (!p)
		return sl_error_set(e, ENOMEM, "out of memory");
	r = read_policy(v, &text, e);
	if (r)
		return r;
	sl_policy_init(p);
	r = sl_policy_parse(p, v, sl_buf_str(&text), text.len, e);
	if (r)
		return r;
	free(o->policy);
	o->policy = sl_steal(&p);
	return 0;
}

int sl_options_rules(struct sl_buf *out)
{
	static const char *const when[] = {
		[SL_WHEN_NAME] = "when a name is made",
		[SL_WHEN_ALONE] = "when a file is closed",
		[SL_WHEN_SET] = "when files that belong together are there",
		[SL_WHEN_GATE] = "when all is said to be there",
	};
	enum sl_when last = SL_WHEN_GATE;

	for (unsigned i = SL_RULE_NONE + 1; i < SL_RULE__COUNT; i++) {
		const struct sl_rule_info *r = sl_rule_info(i);

		if (i == SL_RULE_NONE + 1 || r->when != last)
			sl_buf_printf(out, "# known %s\n", when[r->when]);
		last = r->when;
		sl_buf_printf(out, "%s %s # %s%s%s\n", r->name,
			      sl_verdict_name(r->verdict), r->sentence,
			      *r->cure ? "; " : "", r->cure);
	}
	return sl_buf_error(out);
}

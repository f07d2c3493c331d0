/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `launch`: the gate's question, put by name. What the gate finds is printed
 * whole, because each line of it names something to mend.
 */
#include "ctl.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"

#define LINE_MAX_BYTES 65536
#define REPORT_MAX ((size_t)16 << 20)
#define REPORT_LINES 200

static bool is_node(const char *s)
{
	size_t n = strlen(s);

	return n && strcmp(s, "anyway") &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
			 "abcdefghijklmnopqrstuvwxyz0123456789._-=:") == n;
}

/* "launch NODE..." within what the control file takes in one line. */
static int build_line(const struct sl_ctl *c, struct sl_buf *line)
{
	if (c->relaunch)
		return sl_buf_puts(line, "relaunch\n");
	if (c->anyway)
		return sl_buf_puts(line, "launch anyway\n");
	sl_buf_puts(line, "launch");
	for (int i = 0; i < c->arg_count; i++)
		sl_buf_printf(line, " %s", c->args[i]);
	return sl_buf_puts(line, "\n");
}

static const char *usage_fault(const struct sl_ctl *c)
{
	if (c->anyway && c->relaunch)
		return "--anyway and --relaunch exclude each other";
	if ((c->anyway || c->relaunch) && c->arg_count)
		return "--anyway and --relaunch take no node names";
	if (!c->anyway && !c->relaunch && !c->arg_count)
		return "name every node that has to be there";
	for (int i = 0; i < c->arg_count; i++)
		if (!is_node(c->args[i]))
			return "a node name has letters, digits, '.', '_' "
			       "and '-'";
	return NULL;
}

static void print_report(const struct sl_ctl *c)
{
	SL_CLEANUP(buf) struct sl_buf report = SL_BUF_INIT(REPORT_MAX);
	struct sl_error e = { 0 };

	if (c->json)
		return;
	if (sl_ctl_read(c, ".launch", &report, &e) < 0) {
		sl_ctl_complain(c, "launch", &e);
		return;
	}
	sl_ctl_print_text(stderr, "  ", sl_buf_str(&report), REPORT_LINES);
}

int sl_ctl_cmd_launch(struct sl_ctl *c)
{
	SL_CLEANUP(buf) struct sl_buf line = SL_BUF_INIT(LINE_MAX_BYTES);
	const char *fault = usage_fault(c);
	struct sl_error e = { 0 };
	int r;

	if (!fault && build_line(c, &line))
		fault = "too many node names for one launch";
	if (fault) {
		fprintf(stderr, "sideloadctl: launch: %s\n", fault);
		return SL_EXIT_USAGE;
	}
	r = sl_ctl_write(c, ".launch", sl_buf_str(&line), c->timeout_s, &e);
	if (r < 0) {
		sl_ctl_complain(c, "launch", &e);
		print_report(c);
		return r == -ETIMEDOUT ? SL_EXIT_TIMEOUT : SL_EXIT_REFUSED;
	}
	/* One outcome per run: with --wait the last one is printed. */
	if (c->wait)
		return sl_ctl_await(c, "MigrationDone");
	sl_ctl_success(c, "launch", "launched");
	return SL_EXIT_OK;
}

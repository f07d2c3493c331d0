/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of control files, and reading them. A read shows the outcome of
 * the last write to that file first, because that is the only place where
 * the words to an errno can be found; then what there is to know, then how
 * the file is written. It never fails: a report that cannot be made says so.
 */
#include "mount/control_internal.h"
#include "mount/readback.h"
#include "mount/verdict.h"

#include <string.h>

#define REPORT_MAX (16u << 20)
#define TAIL_MAX 65536

static const struct sl_control table[] = {
	{ .name = ".init",
	  .mode = 0600,
	  .usage = "echo new > .init   or   echo UUID > .init",
	  .help = "'new' starts a migration; a UUID joins one that another "
		  "node started.",
	  .render = sl_render_state,
	  .act = sl_act_init },
	{ .name = ".status",
	  .mode = 0444,
	  .usage = "jq . .status",
	  .help = "The migration's status as the service gives it, without "
		  "secrets, and under \"local\" what this mount knows.",
	  .render = sl_render_status,
	  .document = true },
	{ .name = ".launch",
	  .mode = 0600,
	  .usage = "echo launch NODE... > .launch   or   "
		   "launch NODE=SEAL..., relaunch, launch anyway",
	  .help = "Compares what was copied with what is there, and starts "
		  "the import if nothing is missing. A seal (see .seal) "
		  "proves what a node sent. 'relaunch' repeats a "
		  "failed import; 'launch anyway' asks no questions.",
	  .render = sl_render_launch,
	  .act = sl_act_launch },
	{ .name = ".pause",
	  .mode = 0600,
	  .usage = "echo pause > .pause",
	  .help = "Running import jobs finish, no new ones start.",
	  .render = sl_render_state,
	  .act = sl_act_pause },
	{ .name = ".resume",
	  .mode = 0600,
	  .usage = "echo resume > .resume",
	  .help = "Goes on with a paused import.",
	  .render = sl_render_state,
	  .act = sl_act_resume },
	{ .name = ".abort",
	  .mode = 0600,
	  .usage = "echo MIGRATION_ID > .abort",
	  .help = "Gives the migration up. This cannot be undone.",
	  .render = sl_render_state,
	  .act = sl_act_abort },
	{ .name = ".cleanup",
	  .mode = 0600,
	  .usage = "echo 2026-12-01T14:30:00Z > .cleanup   or   "
		   "echo MIGRATION_ID > .cleanup",
	  .help = "A time says when the uploaded files are deleted; the "
		  "migration ID deletes them now.",
	  .render = sl_render_cleanup,
	  .act = sl_act_cleanup },
	{ .name = ".wait",
	  .mode = 0600,
	  .usage = "echo MigrationDone > .wait",
	  .help = "Returns when the migration has that status, or fails when "
		  "it cannot be reached any more.",
	  .render = sl_render_state,
	  .act = sl_act_wait },
	{ .name = ".rate",
	  .mode = 0600,
	  .usage = "echo 40M > .rate   or   echo off > .rate",
	  .help = "The most bytes that are uploaded a second, in effect at "
		  "once: 64K to 1024G, or off.",
	  .render = sl_render_rate,
	  .act = sl_act_rate },
	{ .name = ".progress",
	  .mode = 0444,
	  .usage = "cat .progress",
	  .help = "How far the copy is, for people.",
	  .render = sl_render_progress },
	{ .name = ".errors",
	  .mode = 0444,
	  .usage = "cat .errors",
	  .help = "What went wrong, newest last, with what to do about it.",
	  .render = sl_mount_errors },
	{ .name = ".skipped",
	  .mode = 0444,
	  .usage = "cat .skipped",
	  .help = "Files that were taken from the copy but are not uploaded, "
		  "and why.",
	  .render = sl_mount_skipped },
	{ .name = ".verify",
	  .mode = 0600,
	  .usage = "echo verify > .verify   or   echo verify NODE... > .verify",
	  .help = "What was found in the files that were copied, as if the "
		  "copy had ended: each finding with its rule, file and cure. "
		  "'verify' reads back what came by another tool, or when "
		  "the state directory was lost.",
	  .render = sl_render_verify,
	  .act = sl_act_verify },
	{ .name = ".seal",
	  .mode = 0444,
	  .usage = "grep -v '^#' .seal",
	  .help = "NODE=SEAL of each node that was copied here, for 'launch "
		  "NODE=SEAL...': it tells names, sizes and ETags in one "
		  "word. Only a comment while a copy is under way or has "
		  "failed.",
	  .render = sl_render_seal },
	{ .name = ".schema.cql",
	  .mode = 0444,
	  .usage = "cqlsh -f .schema.cql",
	  .help = "The types and tables that the target must have, from the "
		  "schemas and SSTables that were copied.",
	  .render = sl_render_schema },
	{ .name = ".metrics",
	  .mode = 0444,
	  .usage = "cat .metrics",
	  .help = "Numbers for Prometheus, in its text format.",
	  .render = sl_render_metrics },
	{ .name = ".help",
	  .mode = 0444,
	  .usage = "cat .help",
	  .help = "This text.",
	  .render = sl_render_help },
};

_Static_assert(SL_ARRAY_LEN(table) <= SL_CONTROLS_MAX, "room for outcomes");

const struct sl_control *sl_control_at(size_t i)
{
	return i < SL_ARRAY_LEN(table) ? &table[i] : NULL;
}

const struct sl_control *sl_control_find(const char *name)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(table); i++)
		if (!strcmp(table[i].name, name))
			return &table[i];
	return NULL;
}

size_t sl_control_index(const struct sl_control *c)
{
	return (size_t)(c - table);
}

int sl_controls_help(struct sl_buf *out)
{
	sl_buf_puts(out, "control files:\n");
	for (size_t i = 0; i < SL_ARRAY_LEN(table); i++)
		sl_buf_printf(out, "  %s\n      %s\n      %s\n", table[i].name,
			      table[i].usage, table[i].help);
	return sl_buf_error(out);
}

/* Appends what render() gives, as much as is allowed. */
static void render_part(struct sl_mount *m, const struct sl_control *c,
			struct sl_buf *out)
{
	SL_CLEANUP(buf) struct sl_buf body =
		SL_BUF_INIT(REPORT_MAX - TAIL_MAX);
	int r = c->render(m, &body);

	sl_buf_append(out, sl_buf_str(&body), body.len);
	if (r == -E2BIG)
		sl_buf_puts(out, "\n(the rest was cut: a report ends after 16 "
			    "MiB)\n");
	else if (r)
		sl_buf_printf(out, "\n(this report could not be made: %s)\n",
			      sl_errno_name(-r));
}

static int read_document(struct sl_mount *m, const struct sl_control *c,
			 struct sl_buf *out)
{
	SL_CLEANUP(buf) struct sl_buf body = SL_BUF_INIT(REPORT_MAX);

	if (c->render(m, &body))
		return sl_buf_puts(out, "{\"status\":\"unknown\",\"local\":"
				   "{\"error\":\"out of memory\"}}\n");
	return sl_buf_append(out, sl_buf_str(&body), body.len);
}

int sl_control_read(struct sl_mount *m, const struct sl_control *c,
		    struct sl_buf *out)
{
	struct sl_controls *cs = m->controls;
	struct sl_outcome last;

	if (c->document)
		return read_document(m, c, out);
	if (c->act) {
		sl_mutex_lock(&cs->mu);
		last = cs->outcome[sl_control_index(c)];
		sl_mutex_unlock(&cs->mu);
		sl_outcome_render(&last, out);
		sl_buf_puts(out, "\n");
	}
	if (c->render)
		render_part(m, c, out);
	if (c->act)
		sl_buf_printf(out, "\nusage: %s\n%s\n", c->usage, c->help);
	return sl_buf_error(out);
}

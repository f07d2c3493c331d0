/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate found, kept as text for readers of .launch and as a summary
 * for .status: the gate itself goes when the launch has ended.
 */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "mount/control_internal.h"

#define GATE_REPORT_MAX (4u << 20)

static void put_clean(struct sl_buf *b, const char *s)
{
	char text[4096];

	sl_text_clean(text, sizeof(text), s, strlen(s));
	sl_buf_puts(b, text);
}

static void put_nodes(const struct sl_gate *g, struct sl_buf *b)
{
	const char *name;
	uint64_t files, bytes;

	sl_buf_puts(b, "\nin the migration directory:\n");
	for (size_t i = 0; sl_gate_node(g, i, &name, &files, &bytes); i++) {
		sl_buf_puts(b, "  ");
		put_clean(b, name);
		sl_buf_printf(b, ": %" PRIu64 " files, %" PRIu64 " bytes\n",
			      files, bytes);
	}
}

/* The findings of one kind, and how many did not fit. */
static void put_kind(const struct sl_gate *g, struct sl_buf *b, bool closes,
		     uint64_t all)
{
	struct sl_gate_finding f;
	uint64_t kept = 0;

	if (!all)
		return;
	sl_buf_printf(b, "\n%s: %" PRIu64 "\n",
		      closes ? "findings" : "warnings", all);
	for (size_t i = 0; sl_gate_finding(g, i, &f); i++) {
		if (f.closes != closes)
			continue;
		kept++;
		sl_buf_printf(b, "  %s: ", f.name);
		if (f.path[0]) {
			put_clean(b, f.path);
			sl_buf_puts(b, ": ");
		}
		put_clean(b, f.text);
		sl_buf_puts(b, "\n");
	}
	if (kept < all)
		sl_buf_printf(b, "  ... and %" PRIu64 " more\n", all - kept);
}

static void put_findings(const struct sl_gate *g, struct sl_buf *b)
{
	uint64_t closing = 0, others = sl_gate_count(g, SL_GATE_NOTE), n;
	const char *name;
	bool closes;

	for (size_t i = 0; sl_gate_counted(g, i, &name, &closes, &n); i++)
		*(closes ? &closing : &others) += n;
	put_kind(g, b, true, closing);
	put_kind(g, b, false, others);
}

void sl_gate_keep(struct sl_controls *cs, const struct sl_gate *g, int err,
		  const struct sl_error *e)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(GATE_REPORT_MAX);
	struct sl_gate_summary s = {
		.any = true,
		.open = !err,
		.errnum = -err,
		.wall_ms = sl_wall_ms(&sl_clock_system),
	};
	SL_CLEANUP(free) char *text = NULL;
	char time[32];

	snprintf(s.text, sizeof(s.text), "%s", err ? e->text : "");
	sl_buf_printf(&b, "the gate was %s at %s",
		      err ? "closed" : "open",
		      sl_time_format(time, sizeof(time), s.wall_ms));
	if (err)
		sl_buf_printf(&b, ": %s (%s)", s.text, sl_errno_name(-err));
	sl_buf_puts(&b, "\n");
	for (size_t i = 0; g && i < SL_GATE_COUNTS; i++) {
		const char *name;
		bool closes;

		if (!sl_gate_counted(g, i, &name, &closes, &s.count[i]))
			break;
	}
	if (g) {
		put_nodes(g, &b);
		put_findings(g, &b);
	}
	/* An over-long report is cut where it stopped to fit. */
	text = strdup(sl_buf_str(&b));
	SL_LOCK_SCOPE(&cs->mu);
	cs->gate = s;
	free(cs->report);
	cs->report = sl_steal(&text);
}

int sl_render_launch(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_controls *cs = m->controls;
	int r = sl_render_state(m, out);

	SL_LOCK_SCOPE(&cs->mu);
	if (r)
		return r;
	sl_buf_puts(out, "\n");
	/* The writer is answered before the gate has gone. */
	if (cs->gating && cs->launching)
		return sl_buf_puts(out, "the gate is looking at the migration "
				   "directory\n");
	return sl_buf_puts(out, cs->report ? cs->report :
			   "the gate was not asked yet\n");
}

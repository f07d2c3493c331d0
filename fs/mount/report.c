/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reports that people read: where the migration is, how far the copy is,
 * and what this mount offers. They ask nobody: all is known here already.
 */
#include <inttypes.h>
#include <string.h>

#include "clock.h"
#include "mount/control_internal.h"
#include "mount/store.h"

static void put_bytes(struct sl_buf *b, double n)
{
	static const char *const units[] = {
		"bytes", "KiB", "MiB", "GiB", "TiB", "PiB",
	};
	size_t i = 0;

	for (; n >= 1024 && i + 1 < SL_ARRAY_LEN(units); i++)
		n /= 1024;
	sl_buf_printf(b, i ? "%.1f %s" : "%.0f %s", n, units[i]);
}

static void put_view(const struct sl_migration_view *v, struct sl_buf *out)
{
	if (!v->id[0]) {
		sl_buf_puts(out, "migration: none; see .init\n");
	} else {
		sl_buf_printf(out, "migration: %s\nstatus: %s\n", v->id,
			      v->status);
		if (v->progress_info && v->progress_info[0])
			sl_buf_printf(out, "progress: %s\n",
				      v->progress_info);
	}
	if (v->api_error.errnum)
		sl_buf_printf(out, "the DevOps API does not answer well: "
			      "%s\n", v->api_error.text);
}

int sl_render_state(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_migration_view v;
	int r = sl_migration_get(m->migration, &v);

	if (r)
		return r;
	put_view(&v, out);
	sl_migration_view_release(&v);
	return sl_buf_error(out);
}

int sl_render_cleanup(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_migration_view v;
	char time[32];
	int r = sl_migration_get(m->migration, &v);

	if (r)
		return r;
	put_view(&v, out);
	if (v.cleanup_ms)
		sl_buf_printf(out, "the service deletes the uploaded files at "
			      "%s\n", sl_time_format(time, sizeof(time),
						     v.cleanup_ms));
	if (v.cleanup_text[0])
		sl_buf_printf(out, "%s\n", v.cleanup_text);
	sl_migration_view_release(&v);
	return sl_buf_error(out);
}

static void put_file_states(struct sl_mount *m, struct sl_buf *out)
{
	struct sl_counts c;

	sl_mount_counts(m, &c);
	for (int i = 0; i < SL_FILE__COUNT; i++) {
		if (i == SL_FILE_DIR || (!c.n[i] && i != SL_FILE_COMMITTED))
			continue;
		sl_buf_printf(out, "%s: %" PRIu64 " files, ",
			      sl_file_state_name((enum sl_file_state)i),
			      c.n[i]);
		put_bytes(out, (double)c.bytes[i]);
		sl_buf_puts(out, "\n");
	}
}

static void put_engine_state(struct sl_mount *m, struct sl_store *s,
		      struct sl_buf *out)
{
	struct sl_engine_stats st;
	double rate;

	sl_engine_get_stats(s->engine, &st);
	sl_mutex_lock(&m->controls->mu);
	rate = sl_rate_get(&m->controls->rate);
	sl_mutex_unlock(&m->controls->mu);
	sl_buf_puts(out, "rate: ");
	if (rate < 0) {
		sl_buf_puts(out, "not known yet");
	} else {
		put_bytes(out, rate);
		sl_buf_puts(out, "/s");
	}
	sl_buf_puts(out, "\nin memory: ");
	put_bytes(out, (double)st.used);
	sl_buf_puts(out, " of ");
	put_bytes(out, (double)st.budget);
	sl_buf_printf(out, "\nrequests in flight: %d\nwriters that wait: "
		      "%d\n", st.in_flight, st.blocked_writes);
}

int sl_render_progress(struct sl_mount *m, struct sl_buf *out)
{
	SL_CLEANUP(store) struct sl_store *s = NULL;
	struct sl_error e = { 0 };
	int r = sl_render_state(m, out);

	if (r)
		return r;
	put_file_states(m, out);
	sl_buf_printf(out, "open for writing: %d\n",
		      __atomic_load_n(&m->open_files, __ATOMIC_RELAXED));
	s = sl_mount_store(m, &e);
	if (s)
		put_engine_state(m, s, out);
	else
		sl_buf_printf(out, "no uploads: %s\n", e.text);
	return sl_buf_puts(out, "what went wrong is in .errors, what is not "
			   "uploaded in .skipped\n");
}

static const char tree_text[] =
	"This directory is the upload directory of an Astra DB Sideloader "
	"migration.\nCopy snapshots into it with rsync or cp:\n\n"
	"  NODE/KEYSPACE/TABLE-ID/snapshots/TAG/...   what the nodes "
	"uploaded\n"
	"  .init .status .launch ...                  control files, see "
	"below\n\n"
	"Writing to a control file acts at once and fails with an error "
	"number;\nreading it shows, first, what came of the last write.\n\n";

int sl_render_help(struct sl_mount *m, struct sl_buf *out)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);
	struct sl_engine_stats st;

	sl_buf_puts(out, tree_text);
	sl_controls_help(out);
	sl_buf_puts(out, "\n");
	sl_options_help(out);
	if (!s)
		return sl_buf_error(out);
	sl_engine_get_stats(s->engine, &st);
	sl_buf_puts(out, "\nThe largest file that fits with memory=");
	sl_buf_printf(out, "%" PRIu64 " is ", m->opt->memory >> 20);
	put_bytes(out, (double)st.largest_file);
	return sl_buf_puts(out, ".\n");
}

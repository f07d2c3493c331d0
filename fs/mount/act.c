/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One strict grammar per control file. Anything else is EINVAL with the
 * sentence that would have been right: a typing error must not start, stop
 * or delete a migration.
 */
#include <string.h>

#include "clock.h"
#include "migration/devops.h"
#include "mount/control_internal.h"

int sl_act_command(struct sl_mount *m, enum sl_command cmd, const char *arg,
		   struct sl_wait *w, struct sl_error *e)
{
	struct sl_control_request *r = sl_control_request_of(w);

	r->has_command = true;
	r->command = cmd;
	return sl_migration_command(m->migration, cmd, arg, w, e);
}

/* What somebody who starts anew leaves behind, into the request's note. */
static void note_old(struct sl_mount *m, struct sl_control_request *r)
{
	struct sl_migration_view v;
	char when[32] = "an unknown time";

	if (sl_migration_get(m->migration, &v))
		return;
	if (v.cleanup_ms)
		sl_time_format(when, sizeof(when), v.cleanup_ms);
	if (v.id[0] &&
	    snprintf(r->note, sizeof(r->note), "left behind: migration %s "
		     "(status '%s'), whose uploaded files the service deletes "
		     "at %s, and its ledgers in '%.200s'", v.id, v.status,
		     when, m->opt->state_dir) < 0)
		r->note[0] = '\0';
	sl_migration_view_release(&v);
}

int sl_act_init(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e)
{
	if (!strcmp(line, "new")) {
		note_old(m, sl_control_request_of(w));
		return sl_act_command(m, SL_CMD_NEW, NULL, w, e);
	}
	if (sl_uuid_valid(line))
		return sl_act_command(m, SL_CMD_JOIN, line, w, e);
	return sl_error_set(e, EINVAL, ".init takes 'new' or the UUID of a "
			    "migration, not '%.64s'", line);
}

static int act_word(struct sl_mount *m, const char *line, const char *word,
		    enum sl_command cmd, struct sl_wait *w, struct sl_error *e)
{
	if (!strcmp(line, word))
		return sl_act_command(m, cmd, NULL, w, e);
	return sl_error_set(e, EINVAL, ".%s takes the word '%s', not '%.64s'",
			    word, word, line);
}

int sl_act_pause(struct sl_mount *m, const char *line, struct sl_wait *w,
		 struct sl_error *e)
{
	return act_word(m, line, "pause", SL_CMD_PAUSE, w, e);
}

int sl_act_resume(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e)
{
	return act_word(m, line, "resume", SL_CMD_RESUME, w, e);
}

int sl_act_abort(struct sl_mount *m, const char *line, struct sl_wait *w,
		 struct sl_error *e)
{
	if (sl_uuid_valid(line))
		return sl_act_command(m, SL_CMD_ABORT, line, w, e);
	return sl_error_set(e, EINVAL, ".abort takes the UUID of this "
			    "migration, not '%.64s'", line);
}

int sl_act_cleanup(struct sl_mount *m, const char *line, struct sl_wait *w,
		   struct sl_error *e)
{
	int64_t ms;

	if (sl_uuid_valid(line))
		return sl_act_command(m, SL_CMD_CLEANUP_NOW, line, w, e);
	if (!sl_time_parse(line, &ms))
		return sl_act_command(m, SL_CMD_CLEANUP_AT, line, w, e);
	return sl_error_set(e, EINVAL, ".cleanup takes a time such as "
			    "2026-12-01T14:30:00Z or the UUID of this "
			    "migration, not '%.64s'", line);
}

int sl_act_wait(struct sl_mount *m, const char *line, struct sl_wait *w,
		struct sl_error *e)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "abcdefghijklmnopqrstuvwxyz"
				      "0123456789_-";
	size_t n = strlen(line);

	if (n > 63 || strspn(line, letters) != n)
		return sl_error_set(e, EINVAL, ".wait takes one status such "
				    "as ReceivingFiles or MigrationDone, not "
				    "'%.64s'", line);
	sl_control_request_of(w)->cancel_on_interrupt = true;
	return sl_migration_await(m->migration, line, w);
}

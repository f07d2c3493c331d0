/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes to control files from the first byte to the outcome that readers
 * see, and the worker. See control_internal.h.
 *
 * Who answers the writer: whoever takes request->outer under the lock, and
 * takes it once. That is the end of what was asked for, an interrupt, or
 * sl_control_write() itself when nothing was parked.
 */
#include <string.h>

#include "clock.h"
#include "log.h"
#include "mount/control_internal.h"
#include "mount/readback.h"
#include "mount/verdict.h"

#define SAMPLE_MS 2000

struct interrupted {
	struct sl_control_work work;
	struct sl_wait *outer;
};

struct sl_control_request *sl_control_request_of(struct sl_wait *w)
{
	return sl_container_of(w, struct sl_control_request, w);
}

void sl_control_push(struct sl_controls *cs, struct sl_control_work *w)
{
	SL_LOCK_SCOPE(&cs->mu);
	w->next = NULL;
	if (cs->tail)
		cs->tail->next = w;
	else
		cs->head = w;
	cs->tail = w;
	sl_cond_signal(&cs->cond);
}

/* From then on the migration ends its waits, and is asked nothing. */
bool sl_controls_stopping(struct sl_controls *cs)
{
	SL_LOCK_SCOPE(&cs->mu);
	return cs->stopping;
}

static void render_line(const struct sl_outcome *o, struct sl_buf *out,
			const char *time)
{
	static const char *const first[] = {
		[SL_OUTCOME_DONE] = "ok: ",
		[SL_OUTCOME_FAILED] = "failed: ",
	};

	sl_buf_puts(out, first[o->kind]);
	if (o->text[0])
		sl_buf_puts(out, o->text);
	else if (o->errnum)
		sl_buf_printf(out, "'%s': %s", o->line, strerror(o->errnum));
	else
		sl_buf_printf(out, "'%s' was done", o->line);
	if (o->errnum)
		sl_buf_printf(out, " (%s, %s)\n", sl_errno_name(o->errnum),
			      time);
	else
		sl_buf_printf(out, " (%s)\n", time);
}

void sl_outcome_render(const struct sl_outcome *o, struct sl_buf *out)
{
	char time[32];

	sl_time_format(time, sizeof(time), o->wall_ms);
	switch (o->kind) {
	case SL_OUTCOME_NONE:
		sl_buf_puts(out, "nothing was written here yet\n");
		return;
	case SL_OUTCOME_UNDER_WAY:
		sl_buf_printf(out, "under way since %s: '%s'\n", time,
			      o->line);
		return;
	case SL_OUTCOME_DONE:
	case SL_OUTCOME_FAILED:
		render_line(o, out, time);
		return;
	}
}

static void add_text(struct sl_outcome *o, const char *text)
{
	size_t n = strlen(o->text);

	if (!text[0])
		return;
	if (snprintf(o->text + n, sizeof(o->text) - n, "%s%s", n ? "; " : "",
		     text) < 0)
		o->text[n] = '\0';
}

/* What is remembered of an end; no lock held: it asks the migration. */
static void make_outcome(struct sl_control_request *r, int err,
			 struct sl_outcome *o)
{
	struct sl_error e = r->error;

	if (!e.text[0] && r->has_command &&
	    !sl_controls_stopping(r->m->controls))
		sl_migration_outcome(r->m->migration, r->command, &e);
	/* An older text of the same command must not explain this errno. */
	if (!!e.errnum != !!err)
		sl_error_clear(&e);
	memset(o, 0, sizeof(*o));
	o->kind = err ? SL_OUTCOME_FAILED : SL_OUTCOME_DONE;
	o->errnum = -err;
	o->wall_ms = sl_wall_ms(&sl_clock_system);
	add_text(o, e.text);
	if (!err)
		add_text(o, r->note);
}

/* Keeps the line that was written: only its end replaces it. */
static void set_outcome_locked(struct sl_controls *cs, size_t index,
			       struct sl_outcome *o)
{
	memcpy(o->line, cs->outcome[index].line, sizeof(o->line));
	cs->outcome[index] = *o;
}

static void unlink_locked(struct sl_controls *cs, struct sl_control_request *r)
{
	struct sl_control_request **at = &cs->requests;

	while (*at && *at != r)
		at = &(*at)->next;
	if (*at)
		*at = r->next;
	if (r->holds_launch)
		cs->launching = false;
}

/* Ends the request; the writer's wait if it still waits. Frees. */
static struct sl_wait *finish(struct sl_control_request *r, int err)
{
	struct sl_controls *cs = r->m->controls;
	struct sl_outcome o;
	struct sl_wait *outer;

	make_outcome(r, err, &o);
	sl_mutex_lock(&cs->mu);
	set_outcome_locked(cs, r->index, &o);
	unlink_locked(cs, r);
	outer = r->outer;
	sl_mutex_unlock(&cs->mu);
	free(r);
	return outer;
}

/* Why a wait ended without its status: where the migration is now. */
static void explain_wait(struct sl_control_request *r, int err)
{
	struct sl_migration_view v;

	if (err != -ECANCELED || sl_controls_stopping(r->m->controls) ||
	    sl_migration_get(r->m->migration, &v))
		return;
	sl_error_set(&r->error, ECANCELED, "the status is '%s', and what was "
		     "waited for does not follow any more%s%s", v.status,
		     v.progress_info && v.progress_info[0] ? ": " : "",
		     v.progress_info ? v.progress_info : "");
	sl_migration_view_release(&v);
}

static void on_done(struct sl_wait *w, int err)
{
	struct sl_control_request *r = sl_control_request_of(w);
	struct sl_wait *outer;

	if (r->cancel_on_interrupt)
		explain_wait(r, err);
	outer = finish(r, err);
	if (outer)
		outer->done(outer, err);
}

void sl_control_request_end(struct sl_control_request *r, int err,
			    const struct sl_error *e)
{
	if (e)
		r->error = *e;
	r->w.done(&r->w, err);
}

static void begin_locked(struct sl_controls *cs, struct sl_control_request *r,
			 const char *line)
{
	struct sl_outcome *o = &cs->outcome[r->index];

	memset(o, 0, sizeof(*o));
	o->kind = SL_OUTCOME_UNDER_WAY;
	o->wall_ms = sl_wall_ms(&sl_clock_system);
	sl_text_clean(o->line, sizeof(o->line), line, strlen(line));
	sl_text_redact(o->line);
	r->next = cs->requests;
	cs->requests = r;
}

/* Without the blanks and line ends around it; malloc'd. */
static char *trimmed(const char *line)
{
	static const char blanks[] = " \t\r\n";
	size_t n;

	line += strspn(line, blanks);
	n = strlen(line);
	while (n && strchr(blanks, line[n - 1]))
		n--;
	return strndup(line, n);
}

static int write_line(struct sl_mount *m, const struct sl_control *c,
	       const char *line, struct sl_wait *w)
{
	struct sl_controls *cs = m->controls;
	struct sl_control_request *r = calloc(1, sizeof(*r));
	struct sl_error e = { 0 };
	int err;

	if (!r)
		return -ENOMEM;
	r->w.done = on_done;
	r->w.deadline_ms = w->deadline_ms;
	r->outer = w;
	r->m = m;
	r->control = c;
	r->index = sl_control_index(c);
	sl_mutex_lock(&cs->mu);
	begin_locked(cs, r, line);
	sl_mutex_unlock(&cs->mu);
	err = c->act(m, line, &r->w, &e);
	if (err == SL_PARKED)
		return err;
	if (e.text[0])
		r->error = e;
	/* An interrupt that came meanwhile has the answer to give. */
	return finish(r, err) ? err : SL_PARKED;
}

int sl_control_write(struct sl_mount *m, const struct sl_control *c,
		     const char *line, struct sl_wait *w)
{
	SL_CLEANUP(free) char *text = NULL;

	if (!c->act)
		return -EACCES;
	text = trimmed(line);
	if (!text)
		return -ENOMEM;
	return text[0] ? write_line(m, c, text, w) : 0;
}

static void answer_interrupted(struct sl_control_work *work)
{
	struct interrupted *i = sl_container_of(work, struct interrupted, work);

	i->outer->done(i->outer, -EINTR);
	free(i);
}

void sl_control_interrupt(struct sl_mount *m, struct sl_wait *w)
{
	struct sl_controls *cs = m->controls;
	struct interrupted *i = calloc(1, sizeof(*i));
	struct sl_control_request *r;

	if (!i)
		return; /* the writer waits to the end */
	i->work.run = answer_interrupted;
	sl_mutex_lock(&cs->mu);
	r = cs->requests;
	while (r && r->outer != w)
		r = r->next;
	if (r) {
		i->outer = sl_steal(&r->outer);
		if (r->cancel_on_interrupt)
			sl_migration_interrupt(m->migration, &r->w);
		if (r->interrupt_locked)
			r->interrupt_locked(r);
	}
	sl_mutex_unlock(&cs->mu);
	if (r)
		sl_control_push(cs, &i->work);
	else
		free(i);
}

static void sample(struct sl_controls *cs)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(cs->m, NULL);
	struct sl_engine_stats st;

	if (!s)
		return;
	sl_mount_tell_nothing(cs->m, false);
	sl_engine_get_stats(s->engine, &st);
	SL_LOCK_SCOPE(&cs->mu);
	sl_rate_add(&cs->rate, sl_mono_ms(&sl_clock_system), st.bytes_sent);
}

/* The next piece of work; NULL: a sample is due, or all is over. */
static struct sl_control_work *next_work(struct sl_controls *cs,
					 int64_t due_ms, bool *ret_over)
{
	struct sl_control_work *w;

	SL_LOCK_SCOPE(&cs->mu);
	for (;;) {
		w = cs->head;
		*ret_over = cs->stopping && !cs->gating && !cs->readback;
		if (w || *ret_over)
			break;
		if (!sl_cond_wait_until(&cs->cond, &cs->mu, due_ms))
			break;
	}
	if (w) {
		cs->head = w->next;
		if (!cs->head)
			cs->tail = NULL;
	}
	return w;
}

static void *worker_main(void *arg)
{
	struct sl_controls *cs = arg;
	int64_t due = sl_mono_ms(&sl_clock_system);
	bool over = false;

	for (;;) {
		struct sl_control_work *w = next_work(cs, due, &over);

		if (w) {
			w->run(w);
			continue;
		}
		if (over)
			return NULL;
		if (sl_mono_ms(&sl_clock_system) < due)
			continue;
		sample(cs);
		due = sl_mono_ms(&sl_clock_system) + SAMPLE_MS;
	}
}

int sl_controls_new(struct sl_mount *m)
{
	struct sl_controls *cs = calloc(1, sizeof(*cs));
	int r;

	if (!cs)
		return -ENOMEM;
	cs->m = m;
	sl_mutex_init(&cs->mu);
	sl_cond_init(&cs->cond);
	m->controls = cs;
	r = pthread_create(&cs->worker, NULL, worker_main, cs);
	if (r) {
		sl_controls_free(m);
		return -r;
	}
	cs->worker_runs = true;
	return 0;
}

void sl_controls_stop(struct sl_mount *m)
{
	struct sl_controls *cs = m->controls;

	if (!cs || !cs->worker_runs)
		return;
	sl_mutex_lock(&cs->mu);
	cs->stopping = true;
	sl_launch_cancel_locked(cs);
	sl_readback_cancel_locked(cs);
	sl_cond_signal(&cs->cond);
	sl_mutex_unlock(&cs->mu);
	if (pthread_join(cs->worker, NULL))
		SL_BUG("the control worker cannot be joined");
	cs->worker_runs = false;
	sl_mount_tell_nothing(m, true);
}

void sl_controls_free(struct sl_mount *m)
{
	struct sl_controls *cs = m->controls;

	if (!cs)
		return;
	sl_controls_stop(m);
	m->controls = NULL;
	free(cs->report);
	sl_readback_forget(cs->verified, cs->verified_count);
	sl_cond_release(&cs->cond);
	sl_mutex_release(&cs->mu);
	free(cs);
}

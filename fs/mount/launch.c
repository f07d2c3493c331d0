/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .launch: the gate, and what goes around it. A launch with a gate takes
 * these turns, none of which waits:
 *
 *   look     worker   rows of this mount into the gate, listing begun
 *   (list)   backend  every listed object into the gate
 *   (ask)    backend  unfinished uploads, where the store tells of them
 *   judge    worker   gate closed: the report is kept, the writer gets the
 *                     errno. Open: the file counts must be those of the
 *                     first turn, then the service is asked to launch.
 *
 * The gate belongs to one turn at a time, so it needs no lock. One write to
 * .launch runs at a time; a second one gets EBUSY. Nobody waits for a gate
 * that is being stopped: the listing is cancelled and judged as such.
 */
#include <string.h>

#include "log.h"
#include "mount/clear.h"
#include "mount/control_internal.h"
#include "mount/launch_names.h"
#include "mount/store.h"
#include "mount/strangers.h"
#include "mount/verdict.h"

/* A writer waits: an outage is better told than sat out. */
#define LIST_RETRY_MS 60000

struct sl_launch {
	struct sl_control_work work;
	struct sl_op list;
	struct sl_op ask;
	struct sl_op *now; /* controls' mu: under way while 'listing' is us */
	struct sl_strangers *strangers;
	struct sl_mount *m;
	struct sl_store *store;
	struct sl_gate *gate;
	struct sl_control_request *request;
	struct sl_counts before;
	struct sl_launch_names names;
	int err;
	struct sl_error error;
};

static void launch_free(struct sl_launch *l)
{
	if (!l)
		return;
	sl_gate_free(l->gate);
	sl_store_unref(l->store);
	sl_launch_names_release(&l->names);
	sl_strangers_free(l->strangers);
	free(l);
}

/* Ends the launch; the command, if there was one, answers the writer. */
static void launch_end(struct sl_launch *l, int err)
{
	struct sl_controls *cs = l->m->controls;
	struct sl_control_request *r = l->request;
	struct sl_error e = l->error;

	launch_free(l);
	if (err != SL_PARKED)
		sl_control_request_end(r, err, &e);
	sl_mutex_lock(&cs->mu);
	cs->gating--;
	sl_cond_signal(&cs->cond);
	sl_mutex_unlock(&cs->mu);
}

/* Files that were touched while the gate looked were not judged. */
static int check_unchanged(struct sl_launch *l)
{
	struct sl_counts after;
	int open = __atomic_load_n(&l->m->open_files, __ATOMIC_RELAXED);

	sl_mount_counts(l->m, &after);
	if (!open && !memcmp(&after, &l->before, sizeof(after)))
		return 0;
	return sl_error_set(&l->error, EBUSY, "files were copied while the "
			    "gate looked at them; let the copy end and "
			    "launch again");
}

/* Where the store does not tell, the listing has to do. */
static int add_strangers(struct sl_launch *l)
{
	const struct sl_op *op = &l->ask;

	if (op->err == -EACCES || op->err == -EROFS)
		return sl_gate_add(l->gate, SL_GATE_NOTE, "", "the store does "
				   "not grant to list unfinished uploads, so "
				   "it is not known whether other nodes are "
				   "still copying");
	if (op->err)
		return sl_error_set(&l->error, -op->err, "cannot list "
				    "unfinished uploads: %s", op->error.text);
	return sl_strangers_tell(l->strangers, l->gate);
}

static int judge(struct sl_launch *l)
{
	const struct sl_op *op = &l->list;
	int r = l->err;

	if (!r && op->err == -EACCES)
		r = sl_gate_add(l->gate, SL_GATE_NO_LISTING, "",
				"the migration directory may not be listed, "
				"so nothing can be compared; 'launch anyway' "
				"goes without");
	else if (!r && op->err)
		r = sl_error_set(&l->error, -op->err, "cannot list the "
				 "migration directory: %s", op->error.text);
	if (!r)
		r = add_strangers(l);
	if (!r)
		r = sl_gate_finish(l->gate, &l->error);
	if (!r)
		r = check_unchanged(l);
	if (r && !l->error.text[0])
		sl_error_set(&l->error, -r, "the gate could not look at "
			     "everything: %s", strerror(-r));
	return r;
}

static void run_judge(struct sl_control_work *w)
{
	struct sl_launch *l = sl_container_of(w, struct sl_launch, work);
	struct sl_controls *cs = l->m->controls;
	int r = judge(l);

	sl_gate_keep(cs, l->gate, r, &l->error);
	if (!r && sl_controls_stopping(cs))
		r = -ECANCELED;
	if (!r)
		sl_clear_launched(l->store, l->gate);
	if (!r)
		r = sl_act_command(l->m, SL_CMD_LAUNCH, NULL, &l->request->w,
				   &l->error);
	launch_end(l, r);
}

static void push_judge(struct sl_launch *l)
{
	l->work.run = run_judge;
	sl_control_push(l->m->controls, &l->work);
}

static int on_entry(struct sl_op *op, const struct sl_list_entry *entry)
{
	struct sl_launch *l = sl_container_of(op, struct sl_launch, list);

	if (entry->is_prefix)
		return 0;
	return sl_gate_listed(l->gate, entry->key, &entry->obj);
}

static int on_upload(struct sl_op *op, const struct sl_upload_entry *entry)
{
	struct sl_launch *l = sl_container_of(op, struct sl_launch, ask);

	return sl_strangers_seen(l->strangers, entry);
}

/* From here on there is nothing to cancel. */
static void end_op(struct sl_launch *l)
{
	struct sl_controls *cs = l->m->controls;

	sl_mutex_lock(&cs->mu);
	cs->listing = NULL;
	sl_mutex_unlock(&cs->mu);
}

static void on_asked(struct sl_op *op)
{
	struct sl_launch *l = sl_container_of(op, struct sl_launch, ask);

	end_op(l);
	push_judge(l);
}

/* done() takes the lock, and never comes inside the call. */
static void start_op(struct sl_launch *l, struct sl_op *op,
		     sl_backend_start_fn *start)
{
	struct sl_controls *cs = l->m->controls;

	op->prefix = "";
	op->retry_for_ms = LIST_RETRY_MS;
	SL_LOCK_SCOPE(&cs->mu);
	cs->listing = l;
	l->now = op;
	start(l->store->backend, op);
}

static void run_ask(struct sl_control_work *w)
{
	struct sl_launch *l = sl_container_of(w, struct sl_launch, work);

	if (sl_controls_stopping(l->m->controls))
		l->err = -ECANCELED;
	if (l->err || l->list.err ||
	    !(l->store->backend->caps & SL_CAP_UPLOADS)) {
		run_judge(w);
		return;
	}
	l->ask.on_upload = on_upload;
	l->ask.done = on_asked;
	start_op(l, &l->ask, sl_backend_uploads);
}

static void on_listed(struct sl_op *op)
{
	struct sl_launch *l = sl_container_of(op, struct sl_launch, list);

	end_op(l);
	l->work.run = run_ask;
	sl_control_push(l->m->controls, &l->work);
}

void sl_launch_cancel_locked(struct sl_controls *cs)
{
	if (cs->listing)
		sl_backend_cancel(cs->listing->store->backend,
				  cs->listing->now);
}

static void start_list(struct sl_launch *l)
{
	l->list.recursive = true;
	l->list.on_entry = on_entry;
	l->list.done = on_listed;
	start_op(l, &l->list, sl_backend_list);
}

static int on_row(void *arg, const struct sl_ledger_row *row)
{
	struct sl_launch *l = arg;

	return sl_gate_local(l->gate, row);
}

/* What no row and no listing tells. */
static int add_findings(struct sl_launch *l)
{
	struct sl_error e = { 0 };
	int r = 0;

	if (sl_mount_unclean(l->m))
		r = sl_gate_add(l->gate, SL_GATE_UNCLEAN, "",
				"the last mount of this node did not end "
				"cleanly; run the copy once more, it sends "
				"only what is missing");
	if (!r && sl_store_ledger_error(l->store, &e))
		r = sl_gate_add(l->gate, SL_GATE_UNCLEAN, "", e.text);
	if (!r && !l->before.n[SL_FILE_OPEN] &&
	    __atomic_load_n(&l->m->open_files, __ATOMIC_RELAXED))
		r = sl_gate_add(l->gate, SL_GATE_OPEN, "",
				"files are open for writing; let the copy "
				"end");
	return r;
}

static void free_names(char **names, int count)
{
	for (int i = 0; names && i < count; i++)
		free(names[i]);
	free(names);
}

static int make_gate(struct sl_launch *l)
{
	char **own = NULL;
	int own_count = 0;
	int r = sl_mount_own_nodes(l->m, &own, &own_count);
	struct sl_gate_config cfg = {
		.own = (const char *const *)own,
		.own_count = own_count,
		.expect = (const char *const *)l->names.expect,
		.expect_count = l->names.expect_count,
		.seals = (const char *const *)l->names.seals,
		.rules = &l->m->rules,
	};

	if (!r)
		r = sl_gate_new(&cfg, &l->gate);
	if (!r)
		r = sl_strangers_new(l->store, own, own_count, &l->strangers);
	free_names(own, own_count);
	return r;
}

struct judging {
	struct sl_gate *gate;
	int err;
};

static void on_found(void *arg, const struct sl_finding *f)
{
	struct judging *j = arg;

	/* That there is nothing at all is the gate's to say. */
	if (!j->err && f->rule != SL_RULE_NOTHING)
		j->err = sl_gate_found(j->gate, f);
}

/* What is known from the streams, of our nodes and between them. */
static int add_judgement(struct sl_launch *l)
{
	struct judging j = { .gate = l->gate };
	int r = sl_verdicts_all(l->store->verdicts, NULL, on_found, &j);

	return r ? r : j.err;
}

static void run_look(struct sl_control_work *w)
{
	struct sl_launch *l = sl_container_of(w, struct sl_launch, work);

	sl_mount_counts(l->m, &l->before);
	l->err = make_gate(l);
	if (!l->err)
		l->err = sl_mount_rows(l->m, on_row, l);
	if (!l->err)
		l->err = add_findings(l);
	if (!l->err)
		l->err = add_judgement(l);
	if (!l->err && sl_controls_stopping(l->m->controls))
		l->err = -ECANCELED;
	if (!l->err && !(l->store->backend->caps & SL_CAP_LIST))
		l->list.err = -EACCES;
	if (l->err || l->list.err)
		push_judge(l);
	else
		start_list(l);
}

/* No listing of hours for what the state forbids anyway. */
static int check_state(struct sl_mount *m, struct sl_error *e)
{
	struct sl_migration_view v;
	const char *why = "";
	int r = sl_migration_get(m->migration, &v);

	if (r)
		return sl_error_set(e, -r, "out of memory");
	r = sl_life_allows(v.life, SL_CMD_LAUNCH, &why);
	if (r)
		r = sl_error_set(e, -r, "%s (status '%s')", why, v.status);
	else if (v.launch_lags)
		r = sl_error_set(e, EBUSY, "launched already; the status "
				 "follows some minutes behind");
	sl_migration_view_release(&v);
	return r;
}

static int prepare(struct sl_launch *l, const char *rest, struct sl_error *e)
{
	int r = sl_launch_names_cut(&l->names, l->m->opt, rest, e);

	if (!r)
		r = check_state(l->m, e);
	if (r)
		return r;
	l->store = sl_mount_store(l->m, e);
	return l->store ? 0 : -EROFS;
}

static int launch_gated(struct sl_mount *m, const char *rest,
			struct sl_wait *w, struct sl_error *e)
{
	struct sl_controls *cs = m->controls;
	struct sl_launch *l = calloc(1, sizeof(*l));
	int r;

	if (!l)
		return sl_error_set(e, ENOMEM, "out of memory");
	l->m = m;
	l->request = sl_control_request_of(w);
	r = prepare(l, rest, e);
	if (r) {
		launch_free(l);
		return r;
	}
	l->work.run = run_look;
	sl_mutex_lock(&cs->mu);
	cs->gating++;
	sl_mutex_unlock(&cs->mu);
	sl_control_push(cs, &l->work);
	return SL_PARKED;
}

static int launch_anyway(struct sl_mount *m, const char *rest,
			 struct sl_wait *w, struct sl_error *e)
{
	(void)rest;
	sl_mount_event(m, 0, NULL, "'launch anyway' was written: the gate was "
		       "not asked", NULL);
	return sl_act_command(m, SL_CMD_LAUNCH, NULL, w, e);
}

static int relaunch(struct sl_mount *m, const char *rest, struct sl_wait *w,
		    struct sl_error *e)
{
	(void)rest;
	return sl_act_command(m, SL_CMD_RELAUNCH, NULL, w, e);
}

/* One write at a time: two gates would launch twice. */
static int claim(struct sl_controls *cs, struct sl_control_request *r,
		 struct sl_error *e)
{
	SL_LOCK_SCOPE(&cs->mu);
	if (cs->stopping)
		return sl_error_set(e, ECANCELED, "this mount is going away");
	if (cs->launching)
		return sl_error_set(e, EBUSY, "a launch is under way already; "
				    "read .launch");
	cs->launching = true;
	r->holds_launch = true;
	return 0;
}

static const struct {
	const char *line;
	bool takes_names;
	int (*act)(struct sl_mount *m, const char *rest, struct sl_wait *w,
		   struct sl_error *e);
} grammar[] = {
	{ "relaunch", false, relaunch },
	{ "launch anyway", false, launch_anyway },
	{ "launch", true, launch_gated },
};

int sl_act_launch(struct sl_mount *m, const char *line, struct sl_wait *w,
		  struct sl_error *e)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(grammar); i++) {
		size_t n = strlen(grammar[i].line);
		char after = strncmp(line, grammar[i].line, n) ? 'x' : line[n];
		int r;

		if (after && (!grammar[i].takes_names ||
			      !strchr(" \t", after)))
			continue;
		r = claim(m->controls, sl_control_request_of(w), e);
		return r ? r : grammar[i].act(m, line + n, w, e);
	}
	return sl_error_set(e, EINVAL, ".launch takes 'launch NODE...', "
			    "'launch NODE=SEAL...', 'relaunch' or 'launch "
			    "anyway', not '%.64s'",
			    line);
}

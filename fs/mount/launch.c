/* SPDX-License-Identifier: Apache-2.0 */
/*
 * .launch: the gate, and what goes around it. A launch with a gate takes
 * three turns, none of which waits:
 *
 *   look     worker   rows of this mount into the gate, listing begun
 *   (list)   backend  every listed object into the gate
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
#include "mount/control_internal.h"
#include "mount/store.h"

/* A writer waits: an outage is better told than sat out. */
#define LIST_RETRY_MS 60000
/* Names cut from a line of SL_CONTROL_LINE_MAX bytes are fewer than this. */
#define NAMES_MAX SL_NODES_MAX

struct sl_launch {
	struct sl_control_work work;
	struct sl_op list;
	struct sl_mount *m;
	struct sl_store *store;
	struct sl_gate *gate;
	struct sl_control_request *request;
	struct sl_counts before;
	char **expect; /* into 'line', or borrowed from the options */
	int expect_count;
	char *line;
	char **names;
	int err;
	struct sl_error error;
};

static void launch_free(struct sl_launch *l)
{
	if (!l)
		return;
	sl_gate_free(l->gate);
	sl_store_unref(l->store);
	free(l->line);
	free(l->names);
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

static void on_listed(struct sl_op *op)
{
	struct sl_launch *l = sl_container_of(op, struct sl_launch, list);
	struct sl_controls *cs = l->m->controls;

	/* From here on there is nothing to cancel. */
	sl_mutex_lock(&cs->mu);
	cs->listing = NULL;
	sl_mutex_unlock(&cs->mu);
	push_judge(l);
}

void sl_launch_cancel_locked(struct sl_controls *cs)
{
	if (cs->listing)
		sl_backend_cancel(cs->listing->store->backend,
				  &cs->listing->list);
}

static void start_list(struct sl_launch *l)
{
	struct sl_controls *cs = l->m->controls;

	l->list.prefix = "";
	l->list.recursive = true;
	l->list.retry_for_ms = LIST_RETRY_MS;
	l->list.on_entry = on_entry;
	l->list.done = on_listed;
	/* done() takes the lock, and never comes inside the call. */
	SL_LOCK_SCOPE(&cs->mu);
	cs->listing = l;
	sl_backend_list(l->store->backend, &l->list);
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
		.expect = (const char *const *)l->expect,
		.expect_count = l->expect_count,
	};

	if (!r)
		r = sl_gate_new(&cfg, &l->gate);
	free_names(own, own_count);
	return r;
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
	if (!l->err && sl_controls_stopping(l->m->controls))
		l->err = -ECANCELED;
	if (!l->err && !(l->store->backend->caps & SL_CAP_LIST))
		l->list.err = -EACCES;
	if (l->err || l->list.err)
		push_judge(l);
	else
		start_list(l);
}

/* Cuts "launch a b" into names; they point into l->line. */
static int cut_names(struct sl_launch *l, const char *rest, struct sl_error *e)
{
	char *save = NULL;

	l->line = strdup(rest);
	l->names = calloc(NAMES_MAX, sizeof(*l->names));
	if (!l->line || !l->names)
		return sl_error_set(e, ENOMEM, "out of memory");
	l->expect = l->names;
	for (char *p = strtok_r(l->line, " \t", &save); p;
	     p = strtok_r(NULL, " \t", &save)) {
		if (strchr(p, '='))
			return sl_error_set(e, EINVAL, "'%.64s': seals are "
					    "not taken by this version; give "
					    "the node names alone", p);
		if (!sl_node_name_valid(p, strlen(p)))
			return sl_error_set(e, EINVAL, "'%.64s' is not a node "
					    "name", p);
		if (l->expect_count == NAMES_MAX)
			return sl_error_set(e, EINVAL, "more than %d nodes",
					    NAMES_MAX);
		l->names[l->expect_count++] = p;
	}
	if (!l->expect_count) {
		l->expect = l->m->opt->expect;
		l->expect_count = l->m->opt->expect_count;
	}
	return 0;
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
	int r = cut_names(l, rest, e);

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
			    "'relaunch' or 'launch anyway', not '%.64s'",
			    line);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See mount.h: what main() builds and the operations work on. */
#include "mount/mount.h"

#include <string.h>

#include "clock.h"
#include "guest.h"
#include "log.h"
#include "mount/clear.h"
#include "mount/control.h"
#include "mount/events.h"
#include "mount/file.h"
#include "mount/metrics.h"
#include "mount/readahead.h"
#include "mount/store.h"
#include "mount/tree.h"

/* How long mounting waits for the first word of the DevOps API. */
#define FIRST_STATUS_MS 6000

struct sl_store *sl_mount_store(struct sl_mount *m, struct sl_error *e)
{
	SL_LOCK_SCOPE(&m->mu);
	if (m->store)
		return sl_store_ref(m->store);
	if (m->store_error.errnum && e)
		*e = m->store_error;
	else
		sl_error_set(e, EROFS, "no migration receives files here yet; "
			     "see .status, and .init to begin or join one");
	return NULL;
}

int sl_mount_may_write(struct sl_mount *m, struct sl_error *e)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, e);
	char status[64];

	if (!s)
		return -EROFS;
	if (sl_migration_takes_files(m->migration, s->migration_id, status))
		return 0;
	return sl_error_set(e, EROFS, "the migration is in state '%s' and "
			    "takes no files", status);
}

/* One version still open, with a reference; NULL: none left. */
static struct sl_file *any_open(struct sl_tree *t)
{
	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root; n;
	     n = sl_tree_next_locked(t->root, n)) {
		if (n->kind == SL_NODE_FILE && n->u.f.open)
			return sl_file_ref(n->u.f.open);
	}
	/* A rename that its caller gave up goes on without a name. */
	for (struct sl_node *n = t->orphans; n; n = n->next) {
		if (n->kind == SL_NODE_FILE && n->u.f.open)
			return sl_file_ref(n->u.f.open);
	}
	return NULL;
}

static void interrupt_open(struct sl_mount *m)
{
	struct sl_file *f;

	while ((f = any_open(m->tree))) {
		sl_file_shutdown(f);
		sl_file_unref(f);
	}
}

static void set_store(struct sl_mount *m, struct sl_store *s,
		      const struct sl_error *e)
{
	struct sl_store *old;

	sl_mutex_lock(&m->mu);
	old = m->store;
	m->store = s;
	if (e)
		m->store_error = *e;
	else
		sl_error_clear(&m->store_error);
	sl_mutex_unlock(&m->mu);
	sl_store_unref(old);
}

static void forget_store(struct sl_mount *m)
{
	/* Closed temporaries that were never renamed: the engine has them. */
	interrupt_open(m);
	set_store(m, NULL, NULL);
	SL_LOCK_SCOPE(&m->tree->mu);
	sl_tree_clear_locked(m->tree);
}

static void remember(struct sl_mount *m, const char *id)
{
	struct sl_error e = { 0 };

	if (sl_state_joined_set(m->opt->state_dir, m->opt->db_id,
				m->opt->node_text, id, &e))
		sl_mount_event(m, e.errnum, NULL, e.text, NULL);
}

/* Files of earlier runs count: their cleanup date is watched from now on. */
static void note_used(struct sl_mount *m, const char *id)
{
	struct sl_counts c;

	sl_mount_counts(m, &c);
	if (c.n[SL_FILE_COMMITTED] || c.n[SL_FILE_INTERRUPTED])
		sl_migration_used(m->migration, id);
}

static void open_store(struct sl_mount *m, const struct sl_migration_view *v)
{
	struct sl_store *s = NULL;
	struct sl_error e = { 0 };

	/* The flag first: who closes the last file looks at it after. */
	__atomic_store_n(&m->store_waits, true, __ATOMIC_SEQ_CST);
	if (__atomic_load_n(&m->open_files, __ATOMIC_SEQ_CST)) {
		sl_error_set(&e, EROFS, "files of the last migration are "
			     "still open; close them first");
		set_store(m, NULL, &e);
		return;
	}
	__atomic_store_n(&m->store_waits, false, __ATOMIC_SEQ_CST);
	forget_store(m);
	sl_store_bury(m);
	__atomic_store_n(&m->refused, 0, __ATOMIC_RELAXED);
	if (sl_store_open(m, v, &s, &e)) {
		set_store(m, NULL, &e);
		sl_mount_event(m, e.errnum, NULL, "the migration directory "
			       "cannot be used", &e);
		return;
	}
	set_store(m, s, NULL);
	note_used(m, v->id);
	remember(m, v->id);
	sl_log_info("migration %s receives files at %s", v->id, v->bucket_dir);
}

/* On the actor's thread, before anybody who waits for the state hears. */
static void on_changed(void *arg)
{
	struct sl_mount *m = arg;
	struct sl_migration_view v;
	struct sl_store *s;
	bool have;

	if (!m->migration || sl_migration_get(m->migration, &v))
		return;
	s = sl_mount_store(m, NULL);
	have = s && !strcmp(s->migration_id, v.id);
	sl_store_unref(s);
	if (!have && v.life == SL_LIFE_RECEIVING && v.bucket_dir &&
	    *v.bucket_dir)
		open_store(m, &v);
	else if (v.id[0] && v.life == SL_LIFE_INITIALIZING)
		remember(m, v.id);
	if (have && sl_life_over(v.status))
		sl_mount_end_writes(m, v.status);
	sl_clear_changed(m, &v);
	sl_migration_view_release(&v);
}

static void on_event(void *arg, int errnum, const char *text)
{
	sl_mount_event(arg, errnum, NULL, text, NULL);
}

struct first {
	struct sl_wait w;
	struct sl_mutex mu;
	struct sl_cond cond;
	bool done;
};

static void first_done(struct sl_wait *w, int err)
{
	struct first *f = sl_container_of(w, struct first, w);

	(void)err; /* only whether there was a first word */
	SL_LOCK_SCOPE(&f->mu);
	f->done = true;
	sl_cond_signal(&f->cond);
}

/* Mounting a known migration: the next command may be the copy already. */
static void await_first_status(struct sl_mount *m)
{
	struct first f = { .w.done = first_done };

	sl_mutex_init(&f.mu);
	sl_cond_init(&f.cond);
	f.w.deadline_ms = sl_mono_ms(&sl_clock_system) + FIRST_STATUS_MS;
	if (sl_migration_await(m->migration, "ReceivingFiles", &f.w) ==
	    SL_PARKED) {
		sl_mutex_lock(&f.mu);
		while (!f.done)
			sl_cond_wait(&f.cond, &f.mu);
		sl_mutex_unlock(&f.mu);
	}
	sl_cond_release(&f.cond);
	sl_mutex_release(&f.mu);
}

static int start_migration(struct sl_mount *m, struct sl_error *e)
{
	const struct sl_options *o = m->opt;
	SL_CLEANUP(free) char *joined = o->migration ? NULL :
		sl_state_joined_get(o->state_dir, o->db_id, o->node_text);
	struct sl_migration_config c = {
		.http = m->http,
		.api_url = o->api_url,
		.token = o->token,
		.db_id = o->db_id,
		.migration_id = o->migration ? o->migration : joined,
		.keep = o->keep,
		.changed = on_changed,
		.event = on_event,
		.arg = m,
	};
	int r;

	if (joined)
		sl_log_info("resuming migration %s, which was used last here",
			    joined);
	r = sl_migration_new(&c, &m->migration, e);
	if (r || !c.migration_id)
		return r;
	await_first_status(m);
	on_changed(m);
	return 0;
}

static int add_controls(struct sl_mount *m)
{
	const struct sl_control *c;
	struct sl_tree *t = m->tree;

	SL_LOCK_SCOPE(&t->mu);
	for (size_t i = 0; (c = sl_control_at(i)); i++) {
		struct sl_node *n;
		int r = sl_tree_add_locked(m, t->root, c->name,
					   SL_NODE_CONTROL, &n);

		if (r)
			return r;
		n->mode = S_IFREG | c->mode;
		n->u.control = c;
	}
	return 0;
}

static int build(struct sl_mount *m, struct sl_error *e)
{
	struct sl_http_config hc = {
		.threads = sl_guest_threads(),
		.connections = m->opt->connections,
		.retry_for_ms = m->opt->retry_for_ms,
		.rate = m->opt->rate,
	};
	int r = sl_events_new(&m->events);

	if (!r)
		r = sl_mount_make_readers(m);
	if (!r)
		r = sl_tree_new(&m->tree);
	if (!r)
		r = sl_clear_new(&m->clear);
	if (!r)
		r = sl_controls_new(m);
	if (!r)
		r = add_controls(m);
	if (r)
		return sl_error_set(e, -r, "out of memory");
	hc.observe = sl_metrics_observe;
	hc.observe_arg = m->metrics;
	r = sl_http_new(&hc, &m->http, e);
	return r ? r : start_migration(m, e);
}

int sl_mount_new(const struct sl_options *opt, struct sl_mount **ret,
		 struct sl_error *e)
{
	struct sl_mount *m = calloc(1, sizeof(*m));
	int r;

	if (!m)
		return sl_error_set(e, ENOMEM, "out of memory");
	m->opt = opt;
	m->rules.tag_glob = opt->tag;
	m->rules.policy = opt->policy;
	m->started_mono_ms = sl_mono_ms(&sl_clock_system);
	sl_mutex_init(&m->mu);
	r = build(m, e);
	if (!r && m->store_error.errnum == EBUSY) {
		/* Another mount writes this node: say it at once. */
		*e = m->store_error;
		r = -EBUSY;
	}
	if (r) {
		sl_mount_free(m);
		return r;
	}
	*ret = m;
	return 0;
}

void sl_mount_quiesce(struct sl_mount *m)
{
	sl_mount_silence_watchers(m);
	if (m->controls)
		sl_controls_stop(m);
	interrupt_open(m);
	/* Also what is open without a name any more. */
	sl_mount_interrupt_handles(m);
	sl_mount_drop_handles(m);
	if (m->store)
		sl_store_stop(m->store);
	/* Those of earlier migrations use the same client. */
	sl_store_bury(m);
	sl_migration_free(m->migration);
	m->migration = NULL;
	sl_http_free(m->http);
	m->http = NULL;
	sl_mount_await_watchers(m);
}

void sl_mount_free(struct sl_mount *m)
{
	if (!m)
		return;
	if (m->tree)
		sl_mount_quiesce(m);
	sl_store_unref(m->store);
	sl_store_bury(m);
	sl_readers_free(m->readers);
	sl_metrics_free(m->metrics);
	if (m->controls)
		sl_controls_free(m);
	sl_tree_free(m->tree);
	sl_clear_free(m->clear);
	sl_events_free(m->events);
	sl_mutex_release(&m->mu);
	free(m);
}

void sl_mount_counts(struct sl_mount *m, struct sl_counts *ret)
{
	SL_LOCK_SCOPE(&m->tree->mu);
	*ret = m->tree->counts;
}

bool sl_mount_unclean(struct sl_mount *m)
{
	SL_CLEANUP(store) struct sl_store *s = sl_mount_store(m, NULL);

	SL_LOCK_SCOPE(&m->tree->mu);
	return s && s->unclean && m->tree->unseen;
}

/* Has this directory a file of ours that counts? */
static bool has_rows_locked(struct sl_node *dir)
{
	for (struct sl_node *n = dir; n; n = sl_tree_next_locked(dir, n)) {
		if (n->kind == SL_NODE_FILE && n->own &&
		    n->u.f.state != SL_FILE_SKIPPED)
			return true;
	}
	return false;
}

static int add_name(char ***names, int *count, const char *name)
{
	char **more;

	for (int i = 0; i < *count; i++) {
		if (!strcmp((*names)[i], name))
			return 0;
	}
	more = reallocarray(*names, (size_t)*count + 1, sizeof(*more));
	if (!more)
		return -ENOMEM;
	*names = more;
	more[*count] = strdup(name);
	if (!more[*count])
		return -ENOMEM;
	(*count)++;
	return 0;
}

static int add_written(struct sl_mount *m, char ***names, int *count)
{
	struct sl_tree *t = m->tree;
	int r = 0;

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *n = t->root->child; n && !r; n = n->next) {
		if (n->kind == SL_NODE_DIR && sl_mount_owns(m, n->name) &&
		    has_rows_locked(n))
			r = add_name(names, count, n->name);
	}
	return r;
}

/*
 * Also without a row: a run that was killed may have sent files before it
 * wrote one, and a ledger may have been lost.
 */
static int add_named(struct sl_mount *m, char ***names, int *count)
{
	int r = 0;

	for (int i = 0; !m->opt->any_node && i < m->opt->node_count && !r; i++)
		r = add_name(names, count, m->opt->nodes[i]);
	return r;
}

int sl_mount_own_nodes(struct sl_mount *m, char ***ret, int *ret_count)
{
	char **names = NULL;
	int count = 0;
	int r = add_written(m, &names, &count);

	if (!r)
		r = add_named(m, &names, &count);
	if (r) {
		while (count)
			free(names[--count]);
		free(names);
		return r;
	}
	*ret = names;
	*ret_count = count;
	return 0;
}

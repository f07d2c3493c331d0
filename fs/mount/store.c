/* SPDX-License-Identifier: Apache-2.0 */
/* See store.h. */
#include "mount/store.h"

#include <dirent.h>
#include <string.h>

#include "log.h"
#include "mount/tree.h"
#include "mount/verdict.h"

/* A ledger of one node. */
struct ledger_entry {
	struct ledger_entry *next;
	struct sl_ledger *ledger;
	char node[];
};

/*
 * Entries are put at the head with mu held, and stay. Who only looks needs no
 * lock: a disk that stands still must not keep .status and .metrics waiting.
 */
struct sl_ledgers {
	struct sl_mutex mu; /* held over opening a local database */
	struct ledger_entry *head; /* atomic; see first_of() */
	struct sl_leftovers *leftovers;
	char *dir; /* STATE/DATABASE/MIGRATION */
};

static struct ledger_entry *first_of(const struct sl_ledgers *ls)
{
	return __atomic_load_n(&ls->head, __ATOMIC_ACQUIRE);
}

struct sl_leftovers *sl_store_leftovers(struct sl_store *s)
{
	return s->ledgers->leftovers;
}

/* Rows of one ledger on their way into the tree. */
struct loading {
	bool unclean;
	struct sl_store *store;
	struct sl_mount *m;
};

/* What a row of an earlier run means now. */
static void load_file(struct sl_mount *m, struct sl_node *n,
		      const struct sl_ledger_row *r)
{
	struct sl_tree *t = m->tree;

	sl_mutex_assume_held(&t->mu);
	sl_tree_set_state_locked(t, n, r->state);
	sl_tree_set_size_locked(t, n, r->size);
	n->has_crc32 = r->has_crc32;
	n->u.f.crc32 = r->crc32;
	n->in_bucket = r->state == SL_FILE_COMMITTED;
	n->hidden = r->state != SL_FILE_COMMITTED &&
		r->state != SL_FILE_SKIPPED && r->state != SL_FILE_UNPROVEN;
	if (n->u.f.cls != SL_PATH_SKIP)
		sl_tree_expect_locked(t, n);
	/* A copy was under way when the last run ended. */
	if (r->state == SL_FILE_OPEN || r->state == SL_FILE_QUEUED)
		sl_tree_set_state_locked(t, n, SL_FILE_INTERRUPTED);
}

static int load_row(void *arg, const struct sl_ledger_row *r)
{
	struct loading *ld = arg;
	struct sl_tree *t = ld->m->tree;
	bool dir = r->state == SL_FILE_DIR;
	struct sl_node *n;
	struct sl_path p;

	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_make_locked(ld->m, r->path,
				dir ? SL_NODE_DIR : SL_NODE_FILE);
	if (!n)
		return -ENOMEM;
	n->mode = r->mode;
	n->uid = r->uid;
	n->gid = r->gid;
	n->mtime_ns = n->ctime_ns = r->mtime_ns;
	if (dir)
		return 0;
	load_file(ld->m, n, r);
	if (sl_node_set_etag(n, r->etag))
		return -ENOMEM;
	sl_tree_set_verdict_locked(t, n, sl_verdict_of_row(r->state, r->note));
	sl_path_judge(&ld->m->rules, r->path, false, &p);
	sl_verdicts_row(ld->store->verdicts, &p, r);
	/* Another time than the source's: the next rsync sets it. */
	if (ld->unclean)
		sl_tree_touch_locked(n->parent);
	return sl_node_set_text(&n->u.f.note, r->note);
}

/* An upload of an earlier run that never ended: the copy was cut. */
static int load_upload(void *arg, const char *key, const char *id)
{
	struct loading *ld = arg;
	struct sl_tree *t = ld->m->tree;
	struct sl_node *n;
	int r = sl_leftovers_add(ld->store->ledgers->leftovers, key, id, NULL);

	if (r)
		return r;
	SL_LOCK_SCOPE(&t->mu);
	n = sl_tree_make_locked(ld->m, key, SL_NODE_FILE);
	if (!n)
		return -ENOMEM;
	n->hidden = !n->in_bucket;
	sl_tree_set_state_locked(t, n, SL_FILE_INTERRUPTED);
	return sl_node_set_text(&n->u.f.note, "the copy was cut off; copy the "
				"file again");
}

static int ledger_add(struct sl_store *s, const char *node,
		      struct sl_error *e)
{
	struct sl_ledgers *ls = s->ledgers;
	struct loading ld = { .store = s, .m = s->mount };
	struct ledger_entry *le = calloc(1, sizeof(*le) + strlen(node) + 1);
	char path[4096];
	bool unclean = false;
	int r;

	if (!le)
		return sl_error_set(e, ENOMEM, "out of memory");
	memcpy(le->node, node, strlen(node) + 1);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s.db", ls->dir, node) >=
	    sizeof(path)) {
		free(le);
		return sl_error_set(e, ENAMETOOLONG, "state path too long");
	}
	r = sl_ledger_open(path, &le->ledger, &unclean, e);
	ld.unclean = unclean;
	if (!r)
		r = sl_ledger_load(le->ledger, load_row, &ld, e);
	if (!r)
		r = sl_verdicts_load(s, le->ledger, e);
	if (!r)
		r = sl_ledger_uploads(le->ledger, load_upload, &ld, e);
	if (r) {
		struct sl_error ignored;

		/* The first error is the one to tell. */
		if (le->ledger && sl_ledger_close(le->ledger, false, &ignored))
			sl_log_debug("closing '%s': %s", path, ignored.text);
		free(le);
		return r;
	}
	s->unclean |= unclean;
	le->next = first_of(ls);
	__atomic_store_n(&ls->head, le, __ATOMIC_RELEASE);
	return 0;
}

/* node=*: every ledger that earlier runs left for this migration. */
static int add_existing(struct sl_store *s, struct sl_error *e)
{
	DIR *d = opendir(s->ledgers->dir);
	struct dirent *de;
	int r = 0;

	if (!d)
		return errno == ENOENT ? 0 :
			sl_error_set(e, errno, "cannot read '%s': %m",
				     s->ledgers->dir);
	while (!r && (de = readdir(d))) {
		size_t n = strlen(de->d_name);
		char node[256];

		if (n < 4 || strcmp(de->d_name + n - 3, ".db") ||
		    !sl_node_name_valid(de->d_name, n - 3))
			continue;
		memcpy(node, de->d_name, n - 3);
		node[n - 3] = '\0';
		r = ledger_add(s, node, e);
	}
	if (closedir(d) && !r)
		r = sl_error_set(e, errno, "cannot read '%s': %m",
				 s->ledgers->dir);
	return r;
}

static int ledgers_open(struct sl_store *s, struct sl_error *e)
{
	const struct sl_options *o = s->mount->opt;
	struct sl_ledgers *ls = calloc(1, sizeof(*ls));
	int r = 0;

	if (!ls)
		return sl_error_set(e, ENOMEM, "out of memory");
	s->ledgers = ls;
	sl_mutex_init(&ls->mu);
	if (sl_leftovers_new(&ls->leftovers) ||
	    asprintf(&ls->dir, "%s/%s/%s", o->state_dir, o->db_id,
		     s->migration_id) < 0)
		return sl_error_set(e, ENOMEM, "out of memory");
	if (o->any_node)
		return add_existing(s, e);
	for (int i = 0; i < o->node_count && !r; i++)
		r = ledger_add(s, o->nodes[i], e);
	return r;
}

struct sl_ledger *sl_store_ledger(struct sl_store *s, const char *path,
				  struct sl_error *e)
{
	struct sl_ledgers *ls = s->ledgers;
	size_t n = strcspn(path, "/");
	char node[256];

	if (!n || n >= sizeof(node))
		return NULL;
	memcpy(node, path, n);
	node[n] = '\0';
	SL_LOCK_SCOPE(&ls->mu);
	for (struct ledger_entry *le = ls->head; le; le = le->next) {
		if (!strcmp(le->node, node))
			return le->ledger;
	}
	if (!s->mount->opt->any_node || ledger_add(s, node, e))
		return NULL;
	return ls->head->ledger;
}

static void ledger_trouble(struct sl_store *s, const char *path)
{
	sl_mount_event(s->mount, EIO, path, "the ledger cannot be written; "
		       "see the state directory", NULL);
}

void sl_store_put(struct sl_store *s, const struct sl_ledger_row *r)
{
	struct sl_ledger *l = sl_store_ledger(s, r->path, NULL);

	if (!l || sl_ledger_put(l, r))
		ledger_trouble(s, r->path);
}

void sl_store_forget(struct sl_store *s, const char *path)
{
	struct sl_ledger *l = sl_store_ledger(s, path, NULL);

	sl_verdicts_forget(s, path);
	if (!l || sl_ledger_remove(l, path))
		ledger_trouble(s, path);
}

int sl_store_ledger_error(struct sl_store *s, struct sl_error *ret)
{
	for (struct ledger_entry *le = first_of(s->ledgers); le;
	     le = le->next) {
		int r = sl_ledger_error(le->ledger, ret);

		if (r)
			return r;
	}
	return 0;
}

void sl_store_event(struct sl_store *s, int errnum, const char *path,
		    const char *text)
{
	const struct ledger_entry *le = first_of(s->ledgers);

	/* It may wait for room in the ledger's queue. */
	if (le && sl_ledger_event(le->ledger, sl_now_ns() / 1000000, errnum,
				  path, text))
		sl_log_debug("the ledger did not take an event");
}

/* The engine's journal: what must outlive a crash goes to the ledger. */
struct begun {
	struct sl_wait w;
	void (*ready)(void *arg, int err);
	void *arg;
};

static void on_durable(struct sl_wait *w, int err)
{
	struct begun *b = sl_container_of(w, struct begun, w);

	b->ready(b->arg, err);
	free(b);
}

static void journal_begun(void *arg, struct sl_upload *u, const char *id,
			  void (*ready)(void *, int), void *ready_arg)
{
	struct sl_store *s = arg;
	const char *key = sl_upload_key(u);
	struct sl_ledger *l = sl_store_ledger(s, key, NULL);
	struct begun *b = calloc(1, sizeof(*b));
	int r;

	if (!l || !b || sl_leftovers_add(s->ledgers->leftovers, key, id, u)) {
		free(b);
		ready(ready_arg, -EIO);
		return;
	}
	b->w.done = on_durable;
	b->ready = ready;
	b->arg = ready_arg;
	r = sl_ledger_upload_begin(l, key, id, &b->w);
	if (r != SL_PARKED)
		on_durable(&b->w, r);
}

static void journal_part(void *arg, struct sl_upload *u, const char *id,
			 const struct sl_part *p)
{
	struct sl_store *s = arg;
	struct sl_ledger *l = sl_store_ledger(s, sl_upload_key(u), NULL);

	if (!l || sl_ledger_upload_part(l, id, p))
		ledger_trouble(s, sl_upload_key(u));
}

static void journal_ended(void *arg, struct sl_upload *u, const char *id)
{
	struct sl_store *s = arg;
	struct sl_ledger *l = sl_store_ledger(s, sl_upload_key(u), NULL);

	sl_leftovers_remove(s->ledgers->leftovers, id);
	if (!l || sl_ledger_upload_end(l, id))
		ledger_trouble(s, sl_upload_key(u));
}

/* The list's lock is a leaf. */
static void journal_kept(void *arg, const char *id)
{
	struct sl_store *s = arg;

	sl_leftovers_kept(s->ledgers->leftovers, id);
}

static const struct sl_journal_ops journal = {
	.begun = journal_begun,
	.part = journal_part,
	.ended = journal_ended,
	.kept = journal_kept,
};

static int open_parts(struct sl_store *s, struct sl_error *e)
{
	struct sl_mount *m = s->mount;
	struct sl_backend_config bc = {
		.url = s->url,
		.endpoint = sl_options_endpoint(m->opt, s->url),
		.creds = sl_migration_creds(m->migration),
		.http = m->http,
	};
	struct sl_engine_config ec = {
		.journal = &journal,
		.journal_arg = s,
		.memory = m->opt->memory,
		.connections = m->opt->connections,
	};
	int r = sl_options_check_store(m->opt, s->url, e);

	if (!r)
		r = sl_backend_open(&bc, &s->backend, e);
	if (r)
		return r;
	if (sl_verdicts_new(m->opt->policy, &s->verdicts))
		return sl_error_set(e, ENOMEM, "out of memory");
	ec.backend = s->backend;
	r = sl_engine_new(&ec, &s->engine, e);
	return r ? r : ledgers_open(s, e);
}

static void ledgers_free(struct sl_ledgers *ls)
{
	if (!ls)
		return;
	for (struct ledger_entry *le = ls->head, *next; le; le = next) {
		struct sl_error e = { 0 };

		next = le->next;
		if (sl_ledger_close(le->ledger, true, &e))
			sl_log_err("closing the ledger of '%s': %s", le->node,
				   e.text);
		free(le);
	}
	sl_leftovers_free(ls->leftovers);
	sl_mutex_release(&ls->mu);
	free(ls->dir);
	free(ls);
}

void sl_store_stop(struct sl_store *s)
{
	sl_engine_free(s->engine);
	s->engine = NULL;
	sl_backend_close(s->backend);
	s->backend = NULL;
}

static void store_free(struct sl_store *s)
{
	sl_store_stop(s);
	ledgers_free(s->ledgers);
	sl_verdicts_free(s->verdicts);
	free(s->url);
	free(s);
}

int sl_store_open(struct sl_mount *m, const struct sl_migration_view *v,
		  struct sl_store **ret, struct sl_error *e)
{
	struct sl_store *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return sl_error_set(e, ENOMEM, "out of memory");
	s->refs = 1;
	s->mount = m;
	s->delete_ok = -1;
	memcpy(s->migration_id, v->id, sizeof(s->migration_id));
	s->url = strdup(v->bucket_dir);
	r = s->url ? open_parts(s, e) : sl_error_set(e, ENOMEM,
						     "out of memory");
	if (r) {
		store_free(s);
		return r;
	}
	if (s->backend->caps & SL_CAP_REMOVE)
		sl_withdraw_probe(s);
	*ret = s;
	return 0;
}

struct sl_store *sl_store_ref(struct sl_store *s)
{
	__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void sl_store_unref(struct sl_store *s)
{
	struct sl_mount *m;

	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	m = s->mount;
	SL_LOCK_SCOPE(&m->mu);
	s->next_dead = m->dead_stores;
	m->dead_stores = s;
}

void sl_mount_writer_went(struct sl_mount *m)
{
	if (!__atomic_sub_fetch(&m->open_files, 1, __ATOMIC_SEQ_CST) &&
	    __atomic_exchange_n(&m->store_waits, false, __ATOMIC_SEQ_CST))
		sl_migration_tell_again(m->migration);
}

void sl_store_bury(struct sl_mount *m)
{
	struct sl_store *s, *next;

	sl_mutex_lock(&m->mu);
	s = sl_steal(&m->dead_stores);
	sl_mutex_unlock(&m->mu);
	for (; s; s = next) {
		next = s->next_dead;
		store_free(s);
	}
}

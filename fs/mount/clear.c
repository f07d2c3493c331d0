/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See clear.h. In a ledger's meta:
 *
 *   import   "FILES BYTES BAD": when files were no longer taken, FILES of
 *            BYTES bytes were committed, and BAD files or findings spoke
 *            against the node
 *   done     "1": MigrationDone was seen
 *
 * 'mu' is a leaf.
 */
#include "mount/clear.h"

#include <dirent.h>
#include <inttypes.h>
#include <string.h>

#include "lock.h"
#include "log.h"
#include "migration/gate.h"
#include "mount/store.h"
#include "mount/tree.h"
#include "mount/verdict.h"

struct record {
	struct record *next;
	uint64_t files, bytes, bad;
	char node[];
};

struct sl_clear {
	struct sl_mutex mu;
	char migration_id[37]; /* what the rest is about; "" nothing yet */
	struct record *records;
	bool done;
};

int sl_clear_new(struct sl_clear **ret)
{
	struct sl_clear *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	sl_mutex_init(&c->mu);
	*ret = c;
	return 0;
}

static void records_free(struct record *r)
{
	for (struct record *next; r; r = next) {
		next = r->next;
		free(r);
	}
}

void sl_clear_free(struct sl_clear *c)
{
	if (!c)
		return;
	records_free(c->records);
	sl_mutex_release(&c->mu);
	free(c);
}

/* The record of a node, made when there is none; NULL: no memory. */
static struct record *get(struct record **list, const char *node, size_t n)
{
	struct record *r;

	for (r = *list; r; r = r->next) {
		if (strlen(r->node) == n && !memcmp(r->node, node, n))
			return r;
	}
	r = calloc(1, sizeof(*r) + n + 1);
	if (!r)
		return NULL;
	memcpy(r->node, node, n);
	r->next = *list;
	*list = r;
	return r;
}

/* Puts a node's file into its record. */
static int count_row(void *arg, const struct sl_ledger_row *row)
{
	struct record **list = arg, *r;

	if (row->state == SL_FILE_SKIPPED || row->state == SL_FILE_DIR)
		return 0;
	r = get(list, row->path, strcspn(row->path, "/"));
	if (!r)
		return -ENOMEM;
	if (row->state == SL_FILE_COMMITTED) {
		r->files++;
		r->bytes += row->size;
	} else {
		r->bad++;
	}
	return 0;
}

static void count_found(void *arg, const struct sl_finding *f)
{
	struct record *r = arg;

	if (f->verdict == SL_REJECT)
		r->bad++;
}

static void keep_meta(struct sl_store *s, const struct record *r, bool done)
{
	struct sl_ledger *l = sl_store_ledger(s, r->node, NULL);
	char value[80];

	snprintf(value, sizeof(value), "%" PRIu64 " %" PRIu64 " %" PRIu64,
		 r->files, r->bytes, r->bad);
	if (!l || sl_ledger_meta_set(l, "import", value) ||
	    (done && sl_ledger_meta_set(l, "done", "1")))
		sl_log_warn("'%s': the ledger does not keep what was sent",
			    r->node);
}

/* All of them at once; they are the ones of this migration. */
static void adopt(struct sl_clear *c, const char *id, struct record *list)
{
	struct record *old;

	sl_mutex_lock(&c->mu);
	old = c->records;
	c->records = list;
	if (strcmp(c->migration_id, id))
		c->done = false;
	snprintf(c->migration_id, sizeof(c->migration_id), "%s", id);
	sl_mutex_unlock(&c->mu);
	records_free(old);
}

/* What the mount knows now. */
static void record_store(struct sl_store *s)
{
	struct sl_mount *m = s->mount;
	struct record *list = NULL;
	int r = sl_mount_rows(m, count_row, &list);

	for (struct record *n = list; n && !r; n = n->next) {
		r = sl_verdicts_all(s->verdicts, n->node, count_found, n);
		if (!r)
			keep_meta(s, n, false);
	}
	if (r) {
		records_free(list);
		return;
	}
	adopt(m->clear, s->migration_id, list);
}

void sl_clear_launched(struct sl_store *s, const struct sl_gate *g)
{
	(void)g; /* it is open: nothing speaks against any of our nodes */
	record_store(s);
}

/* "FILES BYTES BAD" */
static void read_meta(struct sl_ledger *l, struct record *r, bool *done)
{
	SL_CLEANUP(free) char *import = sl_ledger_meta_get(l, "import");
	SL_CLEANUP(free) char *seen = sl_ledger_meta_get(l, "done");
	uint64_t files, bytes, bad;

	if (import && sscanf(import, "%" SCNu64 " %" SCNu64 " %" SCNu64,
			     &files, &bytes, &bad) == 3) {
		r->files = files;
		r->bytes = bytes;
		r->bad = bad;
	}
	*done |= seen && !strcmp(seen, "1");
}

/* The ledger of a node, opened only for this: there is no store now. */
static void load_ledger(const char *path, const char *node,
			struct record **list, bool *done)
{
	struct sl_ledger *l = NULL;
	struct sl_error e = { 0 };
	bool unclean = false;
	struct record *r;

	if (access(path, R_OK) || sl_ledger_open(path, &l, &unclean, &e))
		return;
	r = sl_ledger_load(l, count_row, list, &e) ? NULL :
		get(list, node, strlen(node));
	if (r)
		read_meta(l, r, done);
	if (sl_ledger_close(l, !unclean, &e))
		sl_log_debug("closing '%s': %s", path, e.text);
}

static void load_ledgers(struct sl_mount *m, const char *id)
{
	SL_CLEANUP(free) char *dir = NULL;
	struct record *list = NULL;
	bool done = false;
	struct dirent *de;
	DIR *d;

	if (asprintf(&dir, "%s/%s/%s", m->opt->state_dir, m->opt->db_id,
		     id) < 0) {
		dir = NULL;
		return;
	}
	d = opendir(dir);
	while (d && (de = readdir(d))) {
		size_t n = strlen(de->d_name);
		char path[4096], node[256];

		if (n < 4 || n >= sizeof(node) ||
		    strcmp(de->d_name + n - 3, ".db"))
			continue;
		snprintf(node, sizeof(node), "%.*s", (int)(n - 3), de->d_name);
		if (sl_mount_owns(m, node) &&
		    (size_t)snprintf(path, sizeof(path), "%s/%s", dir,
				     de->d_name) < sizeof(path))
			load_ledger(path, node, &list, &done);
	}
	if (d && closedir(d))
		sl_log_debug("closing '%s': %m", dir);
	adopt(m->clear, id, list);
	SL_LOCK_SCOPE(&m->clear->mu);
	m->clear->done |= done;
}

static bool knows(struct sl_clear *c, const char *id)
{
	SL_LOCK_SCOPE(&c->mu);
	return !strcmp(c->migration_id, id);
}

/* MigrationDone was seen; false: as before. */
static bool set_done(struct sl_clear *c)
{
	SL_LOCK_SCOPE(&c->mu);
	if (c->done)
		return false;
	c->done = true;
	return true;
}

static int copy_records(struct sl_clear *c, struct record **list)
{
	for (const struct record *r = c->records; r; r = r->next) {
		struct record *q = get(list, r->node, strlen(r->node));

		if (!q)
			return -ENOMEM;
		q->files = r->files;
		q->bytes = r->bytes;
		q->bad = r->bad;
	}
	return 0;
}

static void keep_done(struct sl_store *s)
{
	struct sl_clear *c = s->mount->clear;
	struct record *list = NULL;
	int r;

	sl_mutex_lock(&c->mu);
	r = copy_records(c, &list);
	sl_mutex_unlock(&c->mu);
	for (const struct record *n = list; n && !r; n = n->next)
		keep_meta(s, n, true);
	records_free(list);
}

void sl_clear_changed(struct sl_mount *m, const struct sl_migration_view *v)
{
	SL_CLEANUP(store) struct sl_store *s = NULL;
	bool here;

	if (!v->id[0] || v->life < SL_LIFE_IMPORTING)
		return;
	s = sl_mount_store(m, NULL);
	here = s && !strcmp(s->migration_id, v->id);
	/* Files came perhaps after a launch that the service refused. */
	if (here && (v->life == SL_LIFE_IMPORTING || !knows(m->clear, v->id)))
		record_store(s);
	else if (!knows(m->clear, v->id))
		load_ledgers(m, v->id);
	if (v->life == SL_LIFE_DONE && set_done(m->clear) && here)
		keep_done(s);
}

/* --- what is shown */

struct showing {
	const struct sl_migration_view *v;
	bool known, done;
};

/* What the status alone says; NULL: the record decides. */
static const char *early(const struct showing *sh)
{
	static const char *const texts[SL_LIFE__COUNT] = {
		[SL_LIFE_NONE] = "there is no migration",
		[SL_LIFE_INITIALIZING] = "nothing was imported yet",
		[SL_LIFE_RECEIVING] = "the import was not launched yet",
		[SL_LIFE_IMPORTING] = "the import is under way",
	};
	enum sl_life l = sh->v->life;

	if ((l == SL_LIFE_CLEANING || l == SL_LIFE_CLOSED) && !sh->done)
		return "the migration has ended, and this mount never saw that "
		       "its import was done: look at the target first";
	return texts[l];
}

static void failed_text(const struct showing *sh, const struct record *r,
			char *dst, size_t size)
{
	const char *info = sh->v->progress_info;
	char clean[300] = "";

	if (info)
		sl_text_clean(clean, sizeof(clean), info, strlen(info));
	if (r->bad)
		snprintf(dst, size, "the import is '%s'%s%s; %" PRIu64
			 " files of this node were not whole when it began: "
			 "see .verify and .errors, then write 'new' to .init "
			 "and run the same copy again", sh->v->status,
			 *clean ? ": " : "", clean, r->bad);
	else
		snprintf(dst, size, "the import is '%s'%s%s; all %" PRIu64
			 " files of this node were whole when it began: 'echo "
			 "new > .init' and the same copy again is all that is "
			 "needed", sh->v->status, *clean ? ": " : "", clean,
			 r->files);
}

static void judge(const struct showing *sh, const struct record *r,
		  char *why, size_t size, bool *safe)
{
	const char *text = early(sh);

	*safe = false;
	if (text) {
		snprintf(why, size, "%s", text);
	} else if (!sh->known) {
		snprintf(why, size, "it is not known here what was sent when "
			 "the import began");
	} else if (sh->v->life == SL_LIFE_UNKNOWN) {
		failed_text(sh, r, why, size);
	} else if (r->bad) {
		snprintf(why, size, "%" PRIu64 " files of this node were not "
			 "whole when the import began: see .verify", r->bad);
	} else {
		*safe = true;
		snprintf(why, size, "the import is done, and all files of "
			 "this node were whole when it began");
	}
}

/* Committed files below each of our nodes, as they are now. */
static int count_now(struct sl_mount *m, struct record **list)
{
	struct sl_tree *t = m->tree;

	SL_LOCK_SCOPE(&t->mu);
	for (struct sl_node *d = t->root->child; d; d = d->next) {
		if (d->kind != SL_NODE_DIR || !sl_mount_owns(m, d->name))
			continue;
		for (struct sl_node *n = d; n; n = sl_tree_next_locked(d, n)) {
			struct record *r;

			if (n->kind != SL_NODE_FILE || !n->own ||
			    n->u.f.state != SL_FILE_COMMITTED)
				continue;
			r = get(list, d->name, strlen(d->name));
			if (!r)
				return -ENOMEM;
			r->files++;
			r->bytes += n->size;
		}
	}
	return 0;
}

static int gather(struct sl_mount *m, struct showing *sh,
		  struct record **list)
{
	struct sl_clear *c = m->clear;
	int r;

	if (sh->v->life < SL_LIFE_IMPORTING)
		return count_now(m, list);
	sl_mutex_lock(&c->mu);
	sh->known = sh->v->id[0] && !strcmp(c->migration_id, sh->v->id);
	sh->done = (sh->known && c->done) || sh->v->life == SL_LIFE_DONE;
	r = sh->known ? copy_records(c, list) : 0;
	sl_mutex_unlock(&c->mu);
	return r || sh->known ? r : count_now(m, list);
}

int sl_clear_each(struct sl_mount *m, const struct sl_migration_view *v,
		  int (*each)(void *arg, const struct sl_clear_node *n),
		  void *arg)
{
	struct showing sh = { .v = v };
	struct record *list = NULL;
	int r = gather(m, &sh, &list);

	for (const struct record *n = list; n && !r; n = n->next) {
		char why[700];
		struct sl_clear_node out = {
			.node = n->node,
			.files = n->files,
			.bytes = n->bytes,
			.why = why,
		};

		judge(&sh, n, why, sizeof(why), &out.safe);
		r = each(arg, &out);
	}
	records_free(list);
	return r;
}

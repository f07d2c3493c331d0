/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The import, as far as it can be rehearsed: would the service take this
 * directory? First the place of every file, then what each snapshot directory
 * holds (import_sstable.c). The first failure ends it and names the path, as
 * progressInfo does. Own code throughout: it must not share a mistake with
 * the product's own judgement.
 */
#include "import.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void sim_import_fail(struct sim_import *i, const char *fmt, ...)
{
	va_list ap;

	if (i->why)
		return;
	va_start(ap, fmt);
	if (vasprintf(&i->why, fmt, ap) < 0)
		abort();
	va_end(ap);
}

char *sim_import_read(struct sim_import *i, const struct sim_file *f,
		      size_t max, size_t *n)
{
	struct sim_meta m = { 0 };
	int fd = sim_store_open(i->s, f->key, &m);
	struct sim_buf b = { 0 };
	char chunk[4096];
	ssize_t got = 0;

	sim_meta_clear(&m);
	if (fd < 0)
		return NULL;
	sim_buf_str(&b, "");
	while (b.n < max && (got = read(fd, chunk, sizeof(chunk))) > 0)
		sim_buf_add(&b, chunk, (size_t)got);
	close(fd);
	if (n)
		*n = b.n;
	return b.p;
}

/* Keyspaces that the service leaves aside. */
static bool system_keyspace(const char *ks)
{
	static const char *const names[] = {
		"system", "system_schema", "system_auth", "system_distributed",
		"system_traces", "system_views", "system_virtual_schema",
		"solr_admin", "hcd_system", "OpsCenter", "HiveMetaStore",
		"spark_system", "data_endpoint_auth",
	};

	for (size_t k = 0; k < SIM_COUNT(names); k++)
		if (!strcmp(names[k], ks))
			return true;
	return sim_starts(ks, "dse_") || sim_starts(ks, "dsefs") ||
	       sim_starts(ks, "cfs");
}

static bool word(const char *s, size_t n)
{
	static const char ok[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				 "abcdefghijklmnopqrstuvwxyz0123456789_";

	return n && strspn(s, ok) >= n;
}

/* TABLE-<32 lower hex>: the place of the dash, or NULL. */
static char *table_dash(char *s)
{
	char *dash = strrchr(s, '-');

	if (!dash || !word(s, (size_t)(dash - s)) || strlen(dash + 1) != 32 ||
	    strspn(dash + 1, "0123456789abcdef") != 32)
		return NULL;
	return dash;
}

#define SEGMENTS 8

static size_t split(char *copy, char *seg[SEGMENTS])
{
	size_t n = 0;

	for (char *p = copy; p && n < SEGMENTS;)
		seg[n++] = strsep(&p, "/");
	return n;
}

static bool has_empty(char *const seg[], size_t n)
{
	for (size_t k = 0; k < n; k++)
		if (!*seg[k])
			return true;
	return false;
}

static void keep(struct sim_import *i, const char *key, char *const seg[],
		 const struct stat *st)
{
	struct sim_file *f;

	i->v = sim_grow(i->v, (i->n + 1) * sizeof(*i->v));
	f = &i->v[i->n++];
	*f = (struct sim_file){
		.key = sim_strdup(key),
		.path = sim_strdup(key + strlen(i->prefix)),
		.name = sim_strdup(seg[5]),
		.tag = sim_strdup(seg[4]),
		.size = (uint64_t)st->st_size,
	};
	f->dir = sim_strndup(f->path, strlen(f->path) - strlen(seg[5]) - 1);
	f->id = sim_strdup(table_dash(seg[2]) + 1);
	f->table = sim_format("%s/%s/%.*s", seg[0], seg[1],
			      (int)(table_dash(seg[2]) - seg[2]), seg[2]);
}

static void index_file(struct sim_import *i, const char *path)
{
	if (i->s->opt.index_fail)
		sim_import_fail(i, "%s: secondary index directories must be "
				"removed from the snapshot", path);
}

static int place(struct sim_walk *w, const char *key, const char *path,
		 const struct stat *st)
{
	struct sim_import *i = w->arg;
	const char *rel = key + strlen(i->prefix);
	SIM_AUTOFREE char *copy = sim_strdup(rel);
	char *seg[SEGMENTS];
	size_t n = split(copy, seg);

	(void)path;
	if (has_empty(seg, n))
		sim_import_fail(i, "%s: malformed path, double or trailing "
				"slash", rel);
	else if (n >= 2 && system_keyspace(seg[1]))
		return 0;
	else if (n < 6 || n > 7 || !word(seg[1], strlen(seg[1])) ||
		 !table_dash(seg[2]) || strcmp(seg[3], "snapshots"))
		sim_import_fail(i, "%s: malformed path, expected NODE/KEYSPACE/"
				"TABLE-ID/snapshots/SNAPSHOT/FILE", rel);
	else if (n == 7 && *seg[5] == '.')
		index_file(i, rel);
	else if (n == 7)
		sim_import_fail(i, "%s: malformed path, a directory inside "
				"the snapshot", rel);
	else
		keep(i, key, seg, st);
	return i->why != NULL;
}

static int by_place(const void *a, const void *b)
{
	const struct sim_file *x = a, *y = b;
	int c = strcmp(x->dir, y->dir);

	return c ? c : strcmp(x->name, y->name);
}

static void compare(struct sim_import *i, const struct sim_file *x,
		    const struct sim_file *y)
{
	if (strcmp(strchr(x->table, '/'), strchr(y->table, '/')))
		return;
	if (strcmp(x->id, y->id))
		sim_import_fail(i, "%s: a second table ID, the other is %s",
				y->path, x->id);
	else if (!strcmp(x->table, y->table))
		sim_import_fail(i, "%s: a second snapshot of the table, the "
				"other is %s", y->path, x->tag);
}

/* One snapshot per table and node, one ID per table over all nodes. */
static void check_tables(struct sim_import *i)
{
	const struct sim_file **first = sim_alloc((i->n + 1) * sizeof(*first));
	size_t n = 0;

	for (size_t k = 0; k < i->n; k++)
		if (!n || strcmp(first[n - 1]->dir, i->v[k].dir))
			first[n++] = &i->v[k];
	for (size_t a = 0; a < n; a++)
		for (size_t b = a + 1; b < n && !i->why; b++)
			compare(i, first[a], first[b]);
	free(first);
}

static void check_directories(struct sim_import *i)
{
	for (size_t from = 0; from < i->n && !i->why;) {
		size_t to = from + 1;

		while (to < i->n && !strcmp(i->v[to].dir, i->v[from].dir))
			to++;
		sim_import_directory(i, from, to);
		from = to;
	}
}

static void free_files(struct sim_import *i)
{
	for (size_t k = 0; k < i->n; k++) {
		free(i->v[k].key);
		free(i->v[k].path);
		free(i->v[k].dir);
		free(i->v[k].name);
		free(i->v[k].table);
		free(i->v[k].id);
		free(i->v[k].tag);
	}
	free(i->v);
}

char *sim_import_check(struct sim *s, const char *migration_id)
{
	SIM_AUTOFREE char *prefix = sim_format("%s/sstables/", migration_id);
	struct sim_import i = { .s = s, .prefix = prefix };
	struct sim_walk w = { .prefix = prefix, .visit = place, .arg = &i };

	sim_store_walk(s, &w);
	if (i.n)
		qsort(i.v, i.n, sizeof(*i.v), by_place);
	if (!i.why)
		check_tables(&i);
	if (!i.why)
		check_directories(&i);
	if (!i.why && !i.n)
		sim_import_fail(&i, "no SSTables found in the migration "
				"directory");
	free_files(&i);
	return i.why;
}

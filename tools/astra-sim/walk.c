/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys in byte order, straight from the directory tree. Within a directory
 * the entries are sorted by their decoded name, directories with a '/' after
 * it: that makes the depth-first order the byte order of whole keys ("a.b"
 * before "a/c"). Subtrees that lie outside the prefix, before the start or
 * within what the visitor skips are not read.
 */
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "store.h"

struct entry {
	char *name; /* on disk */
	char *key;  /* whole key, or prefix of the keys beneath */
	bool dir;
};

struct entries {
	struct entry *v;
	size_t n;
};

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return strcmp(x->key, y->key);
}

static void free_entries(struct entries *e)
{
	for (size_t i = 0; i < e->n; i++) {
		free(e->v[i].name);
		free(e->v[i].key);
	}
	free(e->v);
}

static bool wanted(const struct sim_walk *w, const struct entry *e)
{
	size_t n = strlen(e->key), p = strlen(w->prefix);

	if (strncmp(e->key, w->prefix, n < p ? n : p) || (!e->dir && n < p))
		return false;
	if (w->skip && sim_starts(e->key, w->skip))
		return false;
	if (!w->after)
		return true;
	if (e->dir && sim_starts(w->after, e->key))
		return true;
	return strcmp(e->key, w->after) > 0;
}

static void add_entry(const struct sim_walk *w, struct entries *e,
		      const char *name, const char *base, bool dir)
{
	struct sim_buf key = { 0 };
	struct entry found;
	bool more = false;

	sim_buf_str(&key, base);
	if (!sim_name_decode(name, &key, &more)) {
		sim_buf_free(&key);
		return;
	}
	if (dir && !more)
		sim_buf_str(&key, "/");
	found = (struct entry){ .key = key.p, .dir = dir };
	if (!wanted(w, &found)) {
		sim_buf_free(&key);
		return;
	}
	found.name = sim_strdup(name);
	if (!(e->n & (e->n + 1)))
		e->v = sim_grow(e->v, (e->n + 1) * 2 * sizeof(*e->v));
	e->v[e->n++] = found;
}

/* DT_REG or DT_DIR; DT_UNKNOWN for what is no part of the store. */
static int kind_of(const char *path, const struct dirent *de)
{
	SIM_AUTOFREE char *p = NULL;
	struct stat st;

	if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
		return DT_UNKNOWN;
	if (de->d_type == DT_REG || de->d_type == DT_DIR)
		return de->d_type;
	p = sim_format("%s/%s", path, de->d_name);
	if (lstat(p, &st))
		return DT_UNKNOWN;
	if (S_ISDIR(st.st_mode))
		return DT_DIR;
	return S_ISREG(st.st_mode) ? DT_REG : DT_UNKNOWN;
}

static void read_entries(const struct sim_walk *w, const char *path,
			 const char *base, struct entries *e)
{
	DIR *d = opendir(path);
	struct dirent *de;

	if (!d)
		return; /* removed meanwhile */
	while ((de = readdir(d))) {
		int kind = kind_of(path, de);

		if (kind != DT_UNKNOWN)
			add_entry(w, e, de->d_name, base, kind == DT_DIR);
	}
	closedir(d);
	if (e->n)
		qsort(e->v, e->n, sizeof(*e->v), by_key);
}

static int walk_dir(struct sim_walk *w, const char *path, const char *base)
{
	struct entries e = { 0 };
	int rc = 0;

	read_entries(w, path, base, &e);
	for (size_t i = 0; i < e.n && !rc; i++) {
		SIM_AUTOFREE char *p = NULL;
		struct stat st;

		if (!wanted(w, &e.v[i]))
			continue;
		p = sim_format("%s/%s", path, e.v[i].name);
		if (e.v[i].dir)
			rc = walk_dir(w, p, e.v[i].key);
		else if (!lstat(p, &st) && S_ISREG(st.st_mode))
			rc = w->visit(w, e.v[i].key, p, &st);
	}
	free_entries(&e);
	return rc;
}

int sim_store_walk(struct sim *s, struct sim_walk *w)
{
	SIM_AUTOFREE char *root = sim_format("%s/buckets/%s/objects",
					     s->opt.dir, s->bucket);
	int rc = walk_dir(w, root, "");

	free(w->skip);
	w->skip = NULL;
	return rc;
}

void sim_remove_tree(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		SIM_AUTOFREE char *p = NULL;

		if (!strcmp(de->d_name, ".") || !strcmp(de->d_name, ".."))
			continue;
		p = sim_format("%s/%s", path, de->d_name);
		if (unlink(p) < 0 && (errno == EISDIR || errno == EPERM))
			sim_remove_tree(p);
	}
	if (d)
		closedir(d);
	if (rmdir(path) < 0 && errno != ENOENT)
		perror(path);
}

struct keys {
	char **v;
	size_t n;
};

static int collect(struct sim_walk *w, const char *key, const char *path,
		   const struct stat *st)
{
	struct keys *k = w->arg;

	(void)path;
	(void)st;
	if (!(k->n & (k->n + 1)))
		k->v = sim_grow(k->v, (k->n + 1) * 2 * sizeof(*k->v));
	k->v[k->n++] = sim_strdup(key);
	return 0;
}

void sim_store_purge(struct sim *s, const char *prefix)
{
	struct keys k = { 0 };
	struct sim_walk w = { .prefix = prefix, .visit = collect, .arg = &k };

	sim_store_walk(s, &w);
	for (size_t i = 0; i < k.n; i++) {
		int rc = sim_store_remove(s, k.v[i]);

		if (rc && rc != -ENOENT)
			fprintf(stderr, "astra-sim: remove: %s\n",
				strerror(-rc));
		free(k.v[i]);
	}
	free(k.v);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing in the byte order of whole keys. A directory sorts as its name with
 * '/' behind it: "a-b" before "a/b" before "a0", which readdir order or plain
 * name order would get wrong. One directory's names are in memory per level,
 * and at most one level's descriptor is open, so depth costs no descriptors.
 */
#include "internal.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>

/* A directory being gone through. */
struct level {
	struct level *up;
	size_t path_len; /* of walk.path, with the final '/' */
	int fd;		 /* -1: opened again when needed */
	char **names;	 /* sorted; directories end in '/' */
	size_t count, cap, next;
};

struct walk {
	struct sl_file_job *j;
	const char *partial; /* names of the first level begin so */
	bool recursive;
	int (*entry)(struct walk *w, bool is_prefix);
	struct level *top;
	char path[SL_FILE_MAX_KEY + NAME_MAX + 2];
};

static void level_free(struct level *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->names[i]);
	free(l->names);
	sl_cleanup_fd(&l->fd);
	free(l);
}

static void pop(struct walk *w)
{
	struct level *l = w->top;

	w->top = l->up;
	level_free(l);
}

static int add_name(struct level *l, const char *name, bool is_dir)
{
	char *s;

	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		char **p = reallocarray(l->names, cap, sizeof(*p));

		if (!p)
			return -ENOMEM;
		l->names = p;
		l->cap = cap;
	}
	if (asprintf(&s, "%s%s", name, is_dir ? "/" : "") < 0)
		return -ENOMEM;
	l->names[l->count++] = s;
	return 0;
}

static int collect(void *arg, const char *name)
{
	struct walk *w = arg;
	struct level *l = w->top;
	struct stat st;

	if (!l->up && strncmp(name, w->partial, strlen(w->partial)) != 0)
		return 0;
	if (l->path_len == 0 && !sl_file_key_ours(name))
		return 0;
	if (l->path_len + strlen(name) > SL_FILE_MAX_KEY)
		return 0; /* no key reaches it */
	if (fstatat(l->fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
		return 0;
	return add_name(l, name, S_ISDIR(st.st_mode));
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The directory at the first 'len' bytes of path, with or without '/'. */
static int open_level(struct walk *w, size_t len)
{
	if (len && w->path[len - 1] == '/')
		len--;
	return sl_file_open_dir(w->j->f->root, w->path, len, false);
}

/* Goes into the directory that path[0..len) names. */
static int push(struct walk *w, size_t len)
{
	struct level *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return -ENOMEM;
	if (w->top) {
		sl_cleanup_fd(&w->top->fd);
		w->top->fd = -1;
	}
	l->up = w->top;
	l->path_len = len;
	l->fd = open_level(w, len);
	w->top = l;
	if (l->fd < 0) {
		err = l->fd;
		l->fd = -1;
		/* Pruned, or never there: a level without names. */
		return err == -ENOENT || err == -ENOTDIR || err == -ELOOP ||
				       err == -ENAMETOOLONG
			       ? 0
			       : err;
	}
	err = sl_file_each_name(l->fd, collect, w);
	if (!err && l->count)
		qsort(l->names, l->count, sizeof(*l->names), by_bytes);
	return err;
}

static int step(struct walk *w)
{
	struct level *l = w->top;
	const char *name;
	size_t n;

	if (l->next == l->count) {
		pop(w);
		return 0;
	}
	name = l->names[l->next++];
	n = strlen(name);
	memcpy(w->path + l->path_len, name, n + 1);
	if (name[n - 1] != '/')
		return w->entry(w, false);
	return w->recursive ? push(w, l->path_len + n) : w->entry(w, true);
}

/* Walks from the directory path[0..len) on. */
static int walk(struct walk *w, size_t len)
{
	int err = push(w, len);

	while (!err && w->top)
		err = sl_file_cancelled(w->j) ? -ECANCELED : step(w);
	while (w->top)
		pop(w);
	return err;
}

#define FOUND 1

static int found(struct walk *w, bool is_prefix)
{
	(void)w;
	(void)is_prefix;
	return FOUND;
}

/* FOUND when there is an object below; an empty directory is no prefix. */
static int holds_object(const struct walk *w)
{
	SL_CLEANUP(free) struct walk *probe = calloc(1, sizeof(*probe));
	size_t len = strlen(w->path);

	if (!probe)
		return -ENOMEM;
	probe->j = w->j;
	probe->partial = "";
	probe->recursive = true;
	probe->entry = found;
	memcpy(probe->path, w->path, len + 1);
	return walk(probe, len);
}

static int describe(struct walk *w, struct sl_object *obj)
{
	struct level *l = w->top;
	SL_CLEANUP(fd) int fd = -1;
	struct stat st;

	if (l->fd < 0)
		l->fd = open_level(w, l->path_len);
	if (l->fd < 0)
		return l->fd;
	fd = sl_file_open_at(l->fd, w->path + l->path_len, &st);
	return fd < 0 ? fd : sl_file_describe(w->j, fd, true, obj);
}

static int report(struct walk *w, bool is_prefix)
{
	struct sl_op *op = w->j->op;
	struct sl_list_entry e = { .key = w->path, .is_prefix = is_prefix };
	int err = is_prefix ? holds_object(w) : describe(w, &e.obj);

	if (err == -ENOENT || (is_prefix && err == 0))
		return 0; /* removed meanwhile, or empty */
	if (err < 0)
		return err;
	err = op->on_entry(op, &e);
	w->j->verbatim = err != 0;
	return err;
}

int sl_file_run_list(struct sl_file_job *j)
{
	SL_CLEANUP(free) struct walk *w = calloc(1, sizeof(*w));
	const char *prefix = j->op->prefix ? j->op->prefix : "";
	size_t len = sl_file_parent(prefix, &prefix);

	if (!w)
		return -ENOMEM;
	if (prefix != j->op->prefix && j->op->prefix)
		len++; /* the '/' */
	if (len > SL_FILE_MAX_KEY || (len && !sl_file_key_ours(j->op->prefix)))
		return 0;
	if (len)
		memcpy(w->path, j->op->prefix, len);
	w->j = j;
	w->partial = prefix;
	w->recursive = j->op->recursive;
	w->entry = report;
	return walk(w, len);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See sstables.h. Archives are unpacked by tar and walked in order. */
#include "sstables.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "tempdir.h"

struct walk {
	size_t skip; /* of the path: the temporary directory */
	enum sl_component component;
	sl_test_file_fn *fn;
	void *arg;
	size_t count;
};

unsigned char *sl_test_read(const char *disk, size_t *ret_size)
{
	SL_CLEANUP(file) FILE *f = fopen(disk, "rb");
	unsigned char *p;
	struct stat st;

	if (!f || fstat(fileno(f), &st))
		return NULL;
	*ret_size = (size_t)st.st_size;
	p = malloc(*ret_size ? *ret_size : 1);
	if (!p || fread(p, 1, *ret_size, f) != *ret_size)
		abort();
	return p;
}

char *sl_test_sibling(const struct sl_test_file *f, const char *component)
{
	char *path;

	if (asprintf(&path, "%.*s%s",
		     (int)(strlen(f->disk) - f->name.text.n), f->disk,
		     component) < 0)
		abort();
	return path;
}

static void visit_file(struct walk *w, const char *disk)
{
	SL_CLEANUP(free) unsigned char *data = NULL;
	const char *base = strrchr(disk, '/') + 1;
	struct sl_test_file f = { .disk = disk, .path = disk + w->skip };

	sl_name_parse(base, strlen(base), &f.name);
	if (f.name.component != w->component)
		return;
	data = sl_test_read(disk, &f.size);
	if (!data)
		abort();
	f.data = data;
	f.hidden = strstr(f.path, "/.");
	w->fn(w->arg, &f);
	w->count++;
}

static void visit(struct walk *w, const char *dir)
{
	struct dirent **names;
	int n = scandir(dir, &names, NULL, alphasort);

	for (int i = 0; i < n; i++) {
		SL_CLEANUP(free) struct dirent *d = names[i];
		char path[PATH_MAX];
		struct stat st;

		if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		if (lstat(path, &st))
			abort();
		if (S_ISDIR(st.st_mode))
			visit(w, path);
		else
			visit_file(w, path);
	}
	if (n >= 0)
		free(names);
}

static void archive_path(const char *archive, char *ret, size_t size)
{
	const char *dir = getenv("SL_FIXTURES");

	if (strchr(archive, '/'))
		snprintf(ret, size, "%s", archive);
	else if (dir)
		snprintf(ret, size, "%s/%s.tar.xz", dir, archive);
	else
		abort();
}

size_t sl_test_sstables(const char *archive, enum sl_component c,
			sl_test_file_fn *fn, void *arg)
{
	char path[PATH_MAX], cmd[2 * PATH_MAX + 64];
	char *dir = sl_test_tempdir();
	struct walk w = { strlen(dir) + 1, c, fn, arg, 0 };

	archive_path(archive, path, sizeof(path));
	snprintf(cmd, sizeof(cmd), "tar -xJf '%s' -C '%s'", path, dir);
	if (system(cmd))
		abort();
	visit(&w, dir);
	sl_test_tempdir_remove(dir);
	return w.count;
}

size_t sl_test_all_sstables(enum sl_component c, sl_test_file_fn *fn, void *arg)
{
	const char *dir = getenv("SL_FIXTURES");
	struct dirent **names;
	size_t count = 0;
	int n = dir ? scandir(dir, &names, NULL, alphasort) : -1;

	for (int i = 0; i < n; i++) {
		SL_CLEANUP(free) struct dirent *d = names[i];
		char path[PATH_MAX];

		if (!strstr(d->d_name, ".tar.xz"))
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, d->d_name);
		count += sl_test_sstables(path, c, fn, arg);
	}
	if (n >= 0)
		free(names);
	return count;
}

struct sl_name sl_test_name(const char *text)
{
	struct sl_name n;

	sl_name_parse(text, strlen(text), &n);
	return n;
}

void sl_test_facts(const struct sl_name *name, const void *data, size_t size,
		   size_t piece, struct sl_facts *ret)
{
	const unsigned char *p = data;
	uint32_t seed = 1;
	struct sl_stream *s;

	if (sl_stream_new(name, NULL, &s))
		abort();
	while (size) {
		size_t step = piece;

		seed = seed * 1664525u + 1013904223u;
		if (!step)
			step = 1 + (seed >> 26);
		if (step > size)
			step = size;
		sl_stream_feed(s, p, step);
		p += step;
		size -= step;
	}
	if (sl_stream_facts(s, ret))
		abort();
	sl_stream_free(s);
}

bool sl_test_facts_equal(const struct sl_facts *a, const struct sl_facts *b)
{
	SL_CLEANUP(buf) struct sl_buf x = SL_BUF_INIT((size_t)64 << 20);
	SL_CLEANUP(buf) struct sl_buf y = SL_BUF_INIT((size_t)64 << 20);

	if (sl_facts_pack(a, &x) || sl_facts_pack(b, &y))
		abort();
	return x.len == y.len && !memcmp(x.data, y.data, x.len);
}

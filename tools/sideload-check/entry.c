/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Directories are read whole and sorted, so that two runs over one tree say
 * the same. No link is followed here.
 */
#include "check.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

int sl_check_add(struct sl_check_list *l, void *p)
{
	if (l->n == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		void **more = reallocarray(l->p, cap, sizeof(*more));

		if (!more)
			return -ENOMEM;
		l->p = more;
		l->cap = cap;
	}
	l->p[l->n++] = p;
	return 0;
}

void sl_check_entries_free(struct sl_check_list *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->p[i]);
	free(l->p);
	*l = (struct sl_check_list){ 0 };
}

int sl_check_opendir(int fd, const char *name)
{
	int r = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
		       O_CLOEXEC | O_NONBLOCK);

	return r < 0 ? -errno : r;
}

static char type_of(int fd, const struct dirent *d)
{
	struct stat st;
	mode_t m = DTTOIF(d->d_type);

	if (d->d_type == DT_UNKNOWN) {
		if (fstatat(fd, d->d_name, &st, AT_SYMLINK_NOFOLLOW))
			return '?';
		m = st.st_mode;
	}
	if (S_ISDIR(m))
		return 'd';
	if (S_ISREG(m))
		return 'f';
	return S_ISLNK(m) ? 'l' : '?';
}

static int add(struct sl_check_list *l, int fd, const struct dirent *d)
{
	size_t n = strlen(d->d_name) + 1;
	struct sl_check_entry *e;

	if (!strcmp(d->d_name, ".") || !strcmp(d->d_name, ".."))
		return 0;
	e = malloc(sizeof(*e) + n);
	if (!e)
		return -ENOMEM;
	e->type = type_of(fd, d);
	memcpy(e->name, d->d_name, n);
	if (sl_check_add(l, e)) {
		free(e);
		return -ENOMEM;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct sl_check_entry *const *p = a, *const *q = b;

	return strcmp((*p)->name, (*q)->name);
}

static int read_all(DIR *d, int fd, struct sl_check_list *ret)
{
	int r = 0;

	while (!r) {
		const struct dirent *e;

		errno = 0;
		e = readdir(d);
		if (!e)
			return -errno;
		r = add(ret, fd, e);
	}
	return r;
}

int sl_check_entries(int fd, struct sl_check_list *ret)
{
	int own = sl_check_opendir(fd, ".");
	DIR *d = own < 0 ? NULL : fdopendir(own);
	int r;

	*ret = (struct sl_check_list){ 0 };
	if (!d) {
		r = own < 0 ? own : -errno;
		if (own >= 0)
			close(own);
		return r;
	}
	r = read_all(d, own, ret);
	closedir(d);
	if (r) {
		sl_check_entries_free(ret);
		return r;
	}
	if (ret->n)
		qsort(ret->p, ret->n, sizeof(*ret->p), by_name);
	return 0;
}

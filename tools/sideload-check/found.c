/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Findings are kept until all is read, and sorted by the path here that they
 * blame. The judge blames virtual paths; where one lies here is looked up:
 * a file in the list of files, one that is missing where the others of its
 * SSTable are, anything else below the source that it would be in.
 */
#include "check.h"

#include <string.h>
#include <sys/stat.h>

#include "sstable/rule.h"

#define DDL_MAX ((size_t)256 << 20)

int sl_check_unreadable(struct sl_check *c, const char *path, int err)
{
	struct sl_check_unread *u = calloc(1, sizeof(*u));

	if (!u || sl_check_add(&c->unread, u)) {
		free(u);
		return -ENOMEM;
	}
	u->path = strdup(path);
	u->err = err;
	return u->path ? 0 : -ENOMEM;
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

static void blame(struct sl_check *c, const char *virtual)
{
	if (!*virtual)
		return;
	for (size_t i = 0; i < c->dirs.n; i++) {
		struct sl_check_dir *d = c->dirs.p[i];

		if (!d->blamed)
			d->blamed = is_below(virtual, d->virtual) ||
				    is_below(d->virtual, virtual);
	}
}

int sl_check_found(struct sl_check *c, const struct sl_finding *f,
		   const char *shown)
{
	struct sl_check_finding *k = calloc(1, sizeof(*k));

	if (!k || sl_check_add(&c->findings, k)) {
		free(k);
		return -ENOMEM;
	}
	k->rule = f->rule;
	k->verdict = f->verdict;
	k->path = strdup(shown);
	k->detail = strdup(f->detail ? f->detail : "");
	if (f->verdict >= SL_WARN)
		blame(c, f->path);
	return k->path && k->detail ? 0 : -ENOMEM;
}

/* --- where a virtual path lies */

/* Of the files of the SSTable that 'file' would be of, any; or NULL. */
static const struct sl_check_file *relative(const struct sl_check *c,
					    const struct sl_check_file *file)
{
	size_t low = 0, high = c->files.n;
	const struct sl_check_file *f = NULL;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (sl_check_file_order(c->files.p[mid], file) < 0)
			low = mid + 1;
		else
			high = mid;
	}
	/* Itself, else the one after or before it. */
	for (size_t i = low; i + 1 >= low && i != SIZE_MAX; i--) {
		f = i < c->files.n ? c->files.p[i] : NULL;
		if (f && f->set == file->set &&
		    !memcmp(f->name, file->name, f->set) &&
		    !strcmp(f->dir->virtual, file->dir->virtual))
			return f;
	}
	return NULL;
}

static struct sl_check_file *key_of(struct sl_check_dir *d, const char *name)
{
	size_t n = strlen(name) + 1;
	struct sl_check_file *k = calloc(1, sizeof(*k) + n);
	struct sl_name parsed;

	if (!k)
		return NULL;
	memcpy(k->name, name, n);
	sl_name_parse(k->name, n - 1, &parsed);
	k->dir = d;
	k->rank = parsed.component == SL_COMP_DATA ? 2 :
		  parsed.component == SL_COMP_COMPRESSION_INFO ||
				  parsed.component == SL_COMP_CRC ? 1 : 3;
	k->set = parsed.sstable && parsed.component < SL_COMP__SSTABLE ?
			 (size_t)(parsed.text.p - k->name) : n - 1;
	return k;
}

static const struct sl_check_dir *dir_for(const struct sl_check *c,
					  struct sl_check_dir *d,
					  const char *name)
{
	SL_CLEANUP(free) struct sl_check_file *key = key_of(d, name);
	const struct sl_check_file *f = key ? relative(c, key) : NULL;

	return f ? f->dir : d;
}

static void place_in_dir(const struct sl_check *c, struct sl_check_dir *d,
			 const char *virtual, char *buf, size_t size)
{
	const char *name = virtual + strlen(d->virtual);

	if (!*name)
		snprintf(buf, size, "%s", d->shown);
	else
		snprintf(buf, size, "%s/%s", dir_for(c, d, name + 1)->shown,
			 name + 1);
}

static void place_in_source(const struct sl_check *c, const char *virtual,
			    char *buf, size_t size)
{
	const struct sl_check_source *s;

	for (size_t i = 0; i < c->sources.n; i++) {
		s = c->sources.p[i];
		if (*virtual && is_below(virtual, s->virtual)) {
			snprintf(buf, size, "%s%s", s->shown,
				 virtual + strlen(s->virtual));
			return;
		}
	}
	for (size_t i = 0; i < c->sources.n; i++) {
		s = c->sources.p[i];
		if (*virtual && is_below(s->virtual, virtual)) {
			snprintf(buf, size, "%s", s->shown);
			return;
		}
	}
	snprintf(buf, size, "%s", c->o.dirs[0]);
}

static void place(const struct sl_check *c, const char *virtual, char *buf,
		  size_t size)
{
	for (size_t i = 0; i < c->dirs.n; i++) {
		struct sl_check_dir *d = c->dirs.p[i];

		if (is_below(virtual, d->virtual)) {
			place_in_dir(c, d, virtual, buf, size);
			return;
		}
	}
	place_in_source(c, virtual, buf, size);
}

/* --- what the judge says */

struct taking {
	struct sl_check *c;
	int err;
};

static bool is_file(const char *path)
{
	struct stat st;

	return !lstat(path, &st) && S_ISREG(st.st_mode);
}

static void take(void *arg, const struct sl_finding *f)
{
	struct taking *t = arg;
	char path[2 * SL_CHECK_PATH + 256];

	/* sl_check_unreadable() has told why. */
	if (t->err || f->rule == SL_RULE_UNREAD)
		return;
	place(t->c, f->path, path, sizeof(path));
	/* Refused by its name, which was told, and so unknown to the judge. */
	if (f->rule == SL_RULE_MANIFEST_SSTABLE && is_file(path))
		return;
	t->err = sl_check_found(t->c, f, path);
}

static bool same(const struct sl_check_file *a, const struct sl_check_file *b)
{
	return a->read && b->read && a->size == b->size &&
	       a->crc32 == b->crc32;
}

/* One name in two data directories of a node: one would be lost. */
static int check_twice(struct sl_check *c)
{
	char virtual[2 * SL_CHECK_PATH], path[2 * SL_CHECK_PATH];
	char detail[2 * SL_CHECK_PATH];
	struct sl_finding f = {
		SL_RULE_OTHER_DATA,
		sl_policy_verdict(&c->o.policy, SL_RULE_OTHER_DATA), virtual,
		detail,
	};
	int r = 0;

	for (size_t i = 1; i < c->files.n && f.verdict && !r; i++) {
		const struct sl_check_file *a = c->files.p[i - 1];
		const struct sl_check_file *b = c->files.p[i];

		if (sl_check_file_order(a, b) || same(a, b) ||
		    b->component >= SL_COMP__SSTABLE)
			continue;
		snprintf(virtual, sizeof(virtual), "%s/%s", b->dir->virtual,
			 b->name);
		snprintf(path, sizeof(path), "%s/%s", b->dir->shown, b->name);
		snprintf(detail, sizeof(detail), "the other in %s",
			 a->dir->shown);
		r = sl_check_found(c, &f, path);
	}
	return r;
}

static int by_path(const void *a, const void *b)
{
	const struct sl_check_finding *const *p = a, *const *q = b;
	int r = strcmp((*p)->path, (*q)->path);

	if (!r && (*p)->rule != (*q)->rule)
		r = (*p)->rule < (*q)->rule ? -1 : 1;
	return r ? r : strcmp((*p)->detail, (*q)->detail);
}

static void sort(struct sl_check *c)
{
	if (c->findings.n)
		qsort(c->findings.p, c->findings.n, sizeof(*c->findings.p),
		      by_path);
}

int sl_check_judge(struct sl_check *c)
{
	struct taking t = { c, 0 };
	int r = 0;

	/* Of nothing that could be read there is nothing to say. */
	if (c->sources.n || !c->unread.n)
		r = sl_judge_all(c->judge, NULL, take, &t);
	if (!r && !t.err)
		t.err = check_twice(c);
	sort(c);
	return r ? r : t.err;
}

int sl_check_ddl(struct sl_check *c, struct sl_buf *out)
{
	struct taking t = { c, 0 };
	struct sl_finding nothing = {
		SL_RULE_NOTHING,
		sl_policy_verdict(&c->o.policy, SL_RULE_NOTHING), "", "",
	};
	int r;

	sl_buf_init(out, DDL_MAX);
	r = sl_judge_ddl(c->judge, out, take, &t);
	if (!c->dirs.n && !c->unread.n && nothing.verdict)
		take(&t, &nothing);
	sort(c);
	return r ? r : t.err;
}

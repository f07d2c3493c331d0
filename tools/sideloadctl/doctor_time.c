/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much the named snapshots are, and how long they will take. What a copy
 * would leave out is left out here: other tags, system keyspaces, the
 * directories of indexes, what lies beside snapshots. Names are not judged
 * further: that is sideload-check's.
 */
#include "doctor.h"

#include <fnmatch.h>
#include <fts.h>
#include <limits.h>
#include <string.h>
#include <sys/stat.h>

#include "sstable/path.h"

static const char mark[] = "/snapshots/";

/* Where a path names its snapshot: ".../KEYSPACE/TABLE/snapshots/TAG/...". */
struct place {
	const char *keyspace, *tag, *below; /* NULL: is in none */
	size_t keyspace_n, tag_n;
};

/* The component of 'path' that ends before 'end'; its length. */
static size_t component(const char *path, const char *end, const char **ret)
{
	const char *p = end;

	while (p > path && p[-1] != '/')
		p--;
	*ret = p;
	return (size_t)(end - p);
}

/*
 * 'from': where below the directory that was named begins. A snapshot that
 * was named itself is one as well.
 */
static struct place place_of(const char *path, size_t from)
{
	const char *at = strstr(path + from, mark), *table;
	struct place p = { 0 };

	if (!at)
		return p;
	p.tag = at + sizeof(mark) - 1;
	p.tag_n = strcspn(p.tag, "/");
	p.below = p.tag + p.tag_n;
	(void)component(path, at, &table);
	if (table > path)
		p.keyspace_n = component(path, table - 1, &p.keyspace);
	return p;
}

/* "x/snapshots" and "x/snapshots/TAG" name snapshots by their own end. */
static size_t from_of(const char *dir)
{
	static const char last[] = "/snapshots";
	size_t n = strlen(dir), end = n;

	for (int i = 0; i < 2; i++) {
		if (end >= sizeof(last) - 1 &&
		    !strncmp(dir + end - (sizeof(last) - 1), last,
			     sizeof(last) - 1))
			return end - (sizeof(last) - 1);
		while (end && dir[end - 1] != '/')
			end--;
		end -= end > 0;
	}
	return n;
}

static bool is_wanted(const struct sl_doctor *d, const struct place *p)
{
	char name[NAME_MAX + 1];

	if (!p->tag || p->tag_n > NAME_MAX)
		return !d->o.tag;
	memcpy(name, p->tag, p->tag_n);
	name[p->tag_n] = '\0';
	if (d->o.tag ? fnmatch(d->o.tag, name, 0) != 0 :
		       sl_tag_is_machine_made(name, p->tag_n))
		return false;
	return !strstr(p->below, "/.") &&
	       !(p->keyspace_n &&
		 sl_keyspace_is_system(p->keyspace, p->keyspace_n));
}

struct size {
	uint64_t bytes, files;
	bool snapshots; /* some directory of that name was met */
};

struct walk {
	const struct sl_doctor *d;
	size_t from;
	bool all;
};

static void count_file(const struct walk *w, const FTSENT *x, struct size *s)
{
	struct place p = place_of(x->fts_path, w->from);

	s->snapshots |= p.tag != NULL;
	if ((!w->all && !p.tag) || !is_wanted(w->d, &p))
		return;
	s->files++;
	s->bytes += (uint64_t)x->fts_statp->st_size;
}

/* A file that went away meanwhile is none: a snapshot may be cleared. */
static int entry_error(const FTSENT *x)
{
	switch (x->fts_info) {
	case FTS_DNR:
	case FTS_ERR:
		return -x->fts_errno;
	case FTS_NS:
		return x->fts_level ? 0 : -x->fts_errno;
	default:
		return 0;
	}
}

/*
 * What is below: of a data directory only snapshots count, of a directory
 * without any all is taken to be one. First the one, then the other.
 */
static int add_up(const struct walk *w, char *dir, struct size *s)
{
	char *const roots[] = { dir, NULL };
	FTS *f = fts_open(roots, FTS_PHYSICAL | FTS_NOCHDIR, NULL);
	const FTSENT *x;
	int r = 0;

	if (!f)
		return -errno;
	while (!r && (x = fts_read(f))) {
		r = entry_error(x);
		if (x->fts_info == FTS_F)
			count_file(w, x, s);
	}
	if (fts_close(f) && !r)
		r = -errno;
	return r;
}

static int size_of_one(const struct sl_doctor *d, const char *name,
		       struct size *s)
{
	/* A data directory is often a link to a larger disk. */
	SL_CLEANUP(free) char *dir = realpath(name, NULL);
	struct walk w = { .d = d };
	int r;

	if (!dir)
		return -errno;
	w.from = from_of(dir);
	r = add_up(&w, dir, s);
	if (!r && !s->snapshots && !d->o.tag) {
		*s = (struct size){ 0 };
		w.all = true;
		r = add_up(&w, dir, s);
	}
	return r;
}

static int size_of(const struct sl_doctor *d, struct size *ret,
		   const char **which)
{
	for (int i = 0; i < d->dir_count; i++) {
		struct size s = { 0 };
		int r = size_of_one(d, d->dirs[i], &s);

		*which = d->dirs[i];
		if (r)
			return r;
		ret->bytes += s.bytes;
		ret->files += s.files;
	}
	return 0;
}

static void tell_time(struct sl_doctor *d, const struct size *s)
{
	uint64_t rate = d->rate;
	const char *by = "as measured";
	uint64_t minutes;

	/* What was measured was held to it as well. */
	if (d->o.rate && (!rate || d->o.rate / 10 * 9 < rate)) {
		rate = d->o.rate;
		by = "by rate=";
	}
	if (!rate) {
		sl_doc(d, SL_DOC_SKIP, "%llu files, %.1f GB; no rate is known",
		       (unsigned long long)s->files, (double)s->bytes / 1e9);
		sl_doc_cure(d, "see write, or give rate=");
		return;
	}
	minutes = s->bytes / rate / 60 + 1;
	sl_doc(d, SL_DOC_OK, "%llu files, %.1f GB: about %llu h %llu min from "
	       "this node at %.1f MB/s, %s", (unsigned long long)s->files,
	       (double)s->bytes / 1e9, (unsigned long long)(minutes / 60),
	       (unsigned long long)(minutes % 60), (double)rate / 1e6, by);
}

void sl_doc_time(struct sl_doctor *d)
{
	struct size s = { 0 };
	const char *which = "";
	int r = size_of(d, &s, &which);

	if (r) {
		sl_doc(d, SL_DOC_FAIL, "'%s' cannot be read: %s", which,
		       strerror(-r));
		sl_doc_cure(d, r == -ENOENT || r == -ENOTDIR ?
			    "check the path" :
			    "run as the user that will copy");
		return;
	}
	if (!d->dir_count) {
		sl_doc(d, SL_DOC_SKIP, "no snapshots were named");
		sl_doc_cure(d, "sideloadctl doctor DATABASE_ID DIR...");
		return;
	}
	if (!s.files) {
		sl_doc(d, SL_DOC_WARN, "there is no file of a snapshot");
		sl_doc_cure(d, "nodetool snapshot -t NAME first%s",
			    d->o.tag ? ", or see tag=" : "");
		return;
	}
	tell_time(d, &s);
}

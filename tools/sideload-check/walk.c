/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a source to the files of its snapshots. Each name is judged by its
 * virtual path, as the mount would when it is created: what is left out or
 * refused is told here, what is a snapshot's is listed for scan.c. Nothing
 * is opened but directories, and no link is followed: what a link points to
 * would not be copied by tools that keep links.
 */
#include "check.h"

#include <fcntl.h>
#include <search.h>
#include <string.h>
#include <sys/stat.h>

#define DEEPEST 8 /* levels, of which a snapshot has six */
#define TAG_SLASHES 4

struct walk {
	struct sl_check *c;
	struct sl_check_source *s;
	struct sl_path_rules rules;
	/* The directory being read: below the source, and virtual. */
	char path[SL_CHECK_PATH], virtual[SL_CHECK_PATH];
	size_t path_len, virtual_len;
};

struct seen {
	dev_t dev;
	ino_t ino;
};

static int by_inode(const void *a, const void *b)
{
	const struct seen *p = a, *q = b;

	if (p->ino != q->ino)
		return p->ino < q->ino ? -1 : 1;
	return p->dev < q->dev ? -1 : p->dev > q->dev;
}

/* 1: this directory was read by another DIR of the command line. */
static int seen_before(struct sl_check *c, int fd)
{
	struct seen *s = malloc(sizeof(*s)), **have;
	struct stat st;

	if (!s || fstat(fd, &st)) {
		free(s);
		return s ? 0 : -ENOMEM;
	}
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	have = tsearch(s, &c->seen, by_inode);
	if (have && *have == s)
		return 0;
	free(s);
	return have ? 1 : -ENOMEM;
}

static bool append(char *buf, size_t *len, const char *name)
{
	size_t n = strlen(name), slash = *len > 0;

	if (*len + slash + n >= SL_CHECK_PATH)
		return false;
	if (slash)
		buf[(*len)++] = '/';
	memcpy(buf + *len, name, n + 1);
	*len += n;
	return true;
}

static void shown(const struct walk *w, char *buf, size_t size)
{
	snprintf(buf, size, "%s%s%s", w->s->shown, w->path_len ? "/" : "",
		 w->path);
}

/* Tells of the present path. */
static int tell(struct walk *w, enum sl_rule rule, enum sl_judgement least,
		const char *detail)
{
	char path[2 * SL_CHECK_PATH];
	struct sl_finding f = {
		rule, sl_policy_verdict(&w->c->o.policy, rule), w->virtual,
		detail,
	};

	if (f.verdict == SL_ACCEPT)
		return 0;
	if (f.verdict < least)
		f.verdict = least;
	shown(w, path, sizeof(path));
	return sl_check_found(w->c, &f, path);
}

static int unreadable(struct walk *w, int err)
{
	char path[2 * SL_CHECK_PATH];

	shown(w, path, sizeof(path));
	return sl_check_unreadable(w->c, path, err);
}

/* --- files of a snapshot */

static struct sl_check_dir *add_dir(struct walk *w, enum sl_rule why)
{
	struct sl_check_dir *d = calloc(1, sizeof(*d));
	char path[2 * SL_CHECK_PATH];

	if (!d || sl_check_add(&w->c->dirs, d)) {
		free(d);
		return NULL;
	}
	shown(w, path, sizeof(path));
	d->source = w->s;
	d->why = why;
	d->path = strdup(w->path_len ? w->path : ".");
	d->shown = strdup(path);
	d->virtual = strdup(w->virtual);
	return d->path && d->shown && d->virtual ? d : NULL;
}

static uint8_t rank_of(enum sl_component c)
{
	static const uint8_t rank[SL_COMP__COUNT] = {
		/* Data.db is checked with these as it passes. */
		[SL_COMP_COMPRESSION_INFO] = 1,
		[SL_COMP_CRC] = 1,
		[SL_COMP_DATA] = 2,
	};

	return rank[c] ? rank[c] : 3;
}

static int add_file(struct walk *w, int fd, struct sl_check_dir *d,
		    const char *name)
{
	size_t n = strlen(name) + 1;
	struct sl_check_file *f;
	struct sl_name parsed;
	struct stat st;

	if (fstatat(fd, name, &st, AT_SYMLINK_NOFOLLOW))
		return unreadable(w, errno);
	f = calloc(1, sizeof(*f) + n);
	if (!f || sl_check_add(&w->c->files, f)) {
		free(f);
		return -ENOMEM;
	}
	memcpy(f->name, name, n);
	sl_name_parse(f->name, n - 1, &parsed);
	f->dir = d;
	f->size = (uint64_t)st.st_size;
	f->component = (uint8_t)parsed.component;
	f->rank = rank_of(parsed.component);
	f->set = parsed.sstable && parsed.component < SL_COMP__SSTABLE ?
			 (size_t)(parsed.text.p - f->name) : n - 1;
	return 0;
}

static int take_file(struct walk *w, int fd, struct sl_check_dir *d,
		     const struct sl_check_entry *e)
{
	struct sl_path p;

	sl_path_judge(&w->rules, w->virtual, false, &p);
	if (p.cls == SL_PATH_SKIP || p.cls == SL_PATH_REFUSE)
		return tell(w, p.why, SL_ACCEPT, "");
	if (e->type == 'l')
		return tell(w, SL_RULE_NOT_A_SNAPSHOT, SL_WARN,
			    "a symbolic link, which is not followed");
	if (e->type != 'f')
		return tell(w, SL_RULE_NOT_A_SNAPSHOT, SL_WARN,
			    "no regular file");
	if (p.cls != SL_PATH_UPLOAD || !d)
		return tell(w, SL_RULE_NOT_A_SNAPSHOT, SL_ACCEPT, "");
	if (p.temporary)
		return tell(w, SL_RULE_UNKNOWN_FILE, SL_ACCEPT,
			    "what a copy tool left");
	if (p.why != SL_RULE_NONE && p.why != d->why &&
	    tell(w, p.why, SL_ACCEPT, ""))
		return -ENOMEM;
	return add_file(w, fd, d, e->name);
}

/* --- directories */

/*
 * May there be something to tell below a directory that is left out?
 * Snapshots of a table without an id are refused, each by itself.
 */
static bool look_below(const struct walk *w, const struct sl_path *p)
{
	const char *last = strrchr(w->virtual, '/');
	size_t slashes = 0;

	for (const char *s = w->virtual; *s; s++)
		slashes += *s == '/';
	if (p->why != SL_RULE_NO_TABLE_ID)
		return false;
	return slashes == 2 || (slashes == 3 && !strcmp(last, "/snapshots"));
}

static int walk_entries(struct walk *w, int fd, struct sl_check_dir *d,
			int depth);

static int take_snapshot(struct walk *w, int fd, enum sl_rule why, int depth)
{
	struct sl_check_dir *d;
	int r = seen_before(w->c, fd);

	if (r)
		return r < 0 ? r : 0;
	d = add_dir(w, why);
	if (!d)
		return -ENOMEM;
	if (why != SL_RULE_NONE)
		r = tell(w, why, SL_ACCEPT, "");
	return r ? r : walk_entries(w, fd, d, depth);
}

/*
 * The present path is a directory, in that of a snapshot if 'd'; goes into it
 * if that is worth it.
 */
static int take_dir(struct walk *w, int fd, struct sl_check_dir *d, int depth)
{
	struct sl_path p;

	sl_path_judge(&w->rules, w->virtual, true, &p);
	if (p.cls == SL_PATH_SKIP && look_below(w, &p))
		return walk_entries(w, fd, NULL, depth);
	if (d && p.why == SL_RULE_INDEX_DIRECTORY)
		d->has_index = true;
	if (p.cls == SL_PATH_SKIP || p.cls == SL_PATH_REFUSE)
		return tell(w, p.why, SL_ACCEPT, "");
	return p.tag.p ? take_snapshot(w, fd, p.why, depth) :
			 walk_entries(w, fd, NULL, depth);
}

static int take_entry(struct walk *w, int fd, struct sl_check_dir *d,
		      const struct sl_check_entry *e, int depth)
{
	SL_CLEANUP(fd) int sub = -1;

	if (e->type != 'd')
		return take_file(w, fd, d, e);
	if (depth >= DEEPEST)
		return tell(w, SL_RULE_NOT_A_SNAPSHOT, SL_ACCEPT, "");
	sub = sl_check_opendir(fd, e->name);
	return sub < 0 ? unreadable(w, -sub) : take_dir(w, sub, d, depth + 1);
}

static int walk_entries(struct walk *w, int fd, struct sl_check_dir *d,
			int depth)
{
	SL_CLEANUP(entries) struct sl_check_list l = { 0 };
	size_t path_len = w->path_len, virtual_len = w->virtual_len;
	int r = sl_check_entries(fd, &l);

	if (r)
		return r == -ENOMEM ? r : unreadable(w, -r);
	for (size_t i = 0; i < l.n && !r; i++) {
		const struct sl_check_entry *e = l.p[i];

		if (append(w->path, &w->path_len, e->name) &&
		    append(w->virtual, &w->virtual_len, e->name))
			r = take_entry(w, fd, d, e, depth);
		else
			r = unreadable(w, ENAMETOOLONG);
		w->path[w->path_len = path_len] = '\0';
		w->virtual[w->virtual_len = virtual_len] = '\0';
	}
	return r;
}

/* --- the beginning */

/* Whoever names one snapshot's directory means it, whoever made it. */
static void mean_tag(struct walk *w, char *glob, size_t size)
{
	const char *s = w->virtual;
	size_t n = 0;

	for (int i = 0; i < TAG_SLASHES && s; i++) {
		s = strchr(s, '/');
		s = s ? s + 1 : NULL;
	}
	if (!s || w->c->o.tag)
		return;
	for (; *s && *s != '/' && n + 3 < size; s++) {
		glob[n++] = '\\';
		glob[n++] = *s;
	}
	glob[n] = '\0';
	w->rules.tag_glob = glob;
}

int sl_check_walk(struct sl_check *c, struct sl_check_source *s)
{
	struct walk w = { .c = c, .s = s };
	char glob[2 * 256 + 3];

	w.rules.tag_glob = c->o.tag;
	w.rules.policy = &c->o.policy;
	if (!append(w.virtual, &w.virtual_len, s->virtual))
		return -ENAMETOOLONG;
	mean_tag(&w, glob, sizeof(glob));
	return take_dir(&w, s->fd, NULL, 0);
}

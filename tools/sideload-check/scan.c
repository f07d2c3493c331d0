/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file is read once, front to back. The unit of work is an SSTable: its
 * CompressionInfo.db or CRC.db first, with which Data.db is then checked as
 * it passes, and the rest. Workers take the largest first, so that the last
 * to end has the least left. A worker's memory is its buffer and one stream;
 * the judge is asked under one lock, a few times for each file.
 *
 * A buffer is small enough to stay in the processor's cache between the
 * kernel's copy, the checksum and the parser.
 */
#include "check.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "crc.h"

#define PIECE ((size_t)256 << 10)
/* The kernel copies to an address like this up to three times as fast. */
#define PAGE 4096

struct unit {
	size_t first, count;
	uint64_t bytes;
};

struct scan {
	struct sl_check *c;
	struct sl_check_progress progress;
	struct unit *units;
	size_t count;
	size_t next; /* atomic */
	int err;     /* atomic: -ENOMEM of a worker */
};

int sl_check_file_order(const struct sl_check_file *a,
			const struct sl_check_file *b)
{
	size_t n = a->set < b->set ? a->set : b->set;
	int r = a->dir == b->dir ? 0 : strcmp(a->dir->virtual,
					      b->dir->virtual);

	if (!r)
		r = memcmp(a->name, b->name, n);
	if (!r && a->set != b->set)
		r = a->set < b->set ? -1 : 1;
	if (!r)
		r = a->rank - b->rank;
	return r ? r : strcmp(a->name, b->name);
}

static int by_place(const void *a, const void *b)
{
	const struct sl_check_file *const *p = a, *const *q = b;
	int r = sl_check_file_order(*p, *q);

	return r ? r : strcmp((*p)->dir->shown, (*q)->dir->shown);
}

static int by_bytes(const void *a, const void *b)
{
	const struct unit *p = a, *q = b;

	if (p->bytes != q->bytes)
		return p->bytes > q->bytes ? -1 : 1;
	return p->first < q->first ? -1 : 1;
}

static bool one_set(const struct sl_check_file *a,
		    const struct sl_check_file *b)
{
	return a->set == b->set && !memcmp(a->name, b->name, a->set) &&
	       !strcmp(a->dir->virtual, b->dir->virtual);
}

static int make_units(struct scan *s)
{
	const struct sl_check_list *l = &s->c->files;
	struct unit *u = NULL;

	s->units = calloc(l->n ? l->n : 1, sizeof(*u));
	if (!s->units)
		return -ENOMEM;
	for (size_t i = 0; i < l->n; i++) {
		const struct sl_check_file *f = l->p[i];

		if (!u || !one_set(l->p[u->first], f)) {
			u = &s->units[s->count++];
			u->first = i;
		}
		u->count++;
		u->bytes += f->size;
		s->c->total += f->size;
	}
	if (s->count)
		qsort(s->units, s->count, sizeof(*u), by_bytes);
	return 0;
}

/* --- one file */

/* No link on the way, in case somebody changes the tree under us. */
int sl_check_open(const struct sl_check_file *f)
{
	char path[SL_CHECK_PATH + 256];
	struct open_how how = {
		.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY |
			 O_NOFOLLOW | O_NOATIME,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	int base = f->dir->source->fd;
	long fd;

	snprintf(path, sizeof(path), "%s/%s", f->dir->path, f->name);
	fd = syscall(SYS_openat2, base, path, &how, sizeof(how));
	if (fd < 0 && errno == EPERM) {
		/* The access time of another's file is not ours to keep. */
		how.flags &= ~(uint64_t)O_NOATIME;
		fd = syscall(SYS_openat2, base, path, &how, sizeof(how));
	}
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		fd = openat(base, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
			    O_NOCTTY | O_NOFOLLOW);
	return fd < 0 ? -errno : (int)fd;
}

static int read_bytes(struct scan *s, struct sl_check_file *f, int fd,
		      struct sl_stream *st, unsigned char *buf)
{
	for (;;) {
		ssize_t n = read(fd, buf, PIECE);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		f->crc32 = sl_crc32(f->crc32, buf, (size_t)n);
		sl_stream_feed(st, buf, (size_t)n);
		__atomic_add_fetch(&s->c->done, (uint64_t)n,
				   __ATOMIC_RELAXED);
	}
}

static int open_stream(struct scan *s, const char *path,
		       const struct sl_name *name, struct sl_stream **ret)
{
	struct sl_prior prior = { 0 };
	int r = 0;

	if (name->sstable && name->component == SL_COMP_DATA) {
		SL_LOCK_SCOPE(&s->c->lock);
		r = sl_judge_prior(s->c->judge, path, &prior);
	}
	if (!r)
		r = sl_stream_new(name, &prior, ret);
	sl_prior_release(&prior);
	return r;
}

/* *err: an errno, if it could not be read. */
static int facts_of(struct scan *s, struct sl_check_file *f, const char *path,
		    unsigned char *buf, struct sl_facts *ret)
{
	SL_CLEANUP(stream) struct sl_stream *st = NULL;
	SL_CLEANUP(fd) int fd = sl_check_open(f);
	struct sl_name name;
	struct stat info;
	int r;

	if (fd < 0)
		return fd;
	if (fstat(fd, &info))
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -ESTALE;
	sl_name_parse(f->name, strlen(f->name), &name);
	/* Advice: without it reading is slower, no more. */
	posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	r = open_stream(s, path, &name, &st);
	if (!r)
		r = read_bytes(s, f, fd, st, buf);
	if (!r)
		r = sl_stream_facts(st, ret);
	if (!r) {
		f->read = ret->has_crc32 = true;
		ret->crc32 = f->crc32;
	}
	return r;
}

static void ignore(void *arg, const struct sl_finding *f)
{
	(void)arg;
	(void)f;
}

static int scan_file(struct scan *s, struct sl_check_file *f,
		     unsigned char *buf)
{
	SL_CLEANUP(facts) struct sl_facts facts = { 0 };
	char path[SL_CHECK_PATH + 256], shown[2 * SL_CHECK_PATH];
	int r;

	snprintf(path, sizeof(path), "%s/%s", f->dir->virtual, f->name);
	r = facts_of(s, f, path, buf, &facts);
	if (r == -ENOMEM)
		return r;
	SL_LOCK_SCOPE(&s->c->lock);
	if (r) {
		/* It is there, so that it is not said to be missing. */
		memset(&facts, 0, sizeof(facts));
		sl_name_parse(f->name, strlen(f->name), &facts.name);
		facts.size = f->size;
		facts.unread = true;
		snprintf(shown, sizeof(shown), "%s/%s", f->dir->shown,
			 f->name);
		if (sl_check_unreadable(s->c, shown, -r))
			return -ENOMEM;
	}
	r = sl_judge_put(s->c->judge, path, &facts, ignore, NULL);
	__atomic_add_fetch(&s->c->files_done, 1, __ATOMIC_RELAXED);
	/* A path too long for the rules was refused by the walk. */
	return r == -ENOMEM ? r : 0;
}

static bool wanted(const struct scan *s, const struct sl_check_file *f)
{
	return !s->c->o.schema || f->component == SL_COMP_STATISTICS ||
	       f->component == SL_COMP_SCHEMA;
}

static int scan_unit(struct scan *s, const struct unit *u, unsigned char *buf)
{
	int r = 0;

	for (size_t i = u->first; i < u->first + u->count && !r; i++)
		if (wanted(s, s->c->files.p[i]))
			r = scan_file(s, s->c->files.p[i], buf);
	return r;
}

/* --- all */

static void leave(struct scan *s)
{
	SL_LOCK_SCOPE(&s->progress.lock);
	s->progress.running--;
	sl_cond_signal(&s->progress.cond);
}

static void *work(void *arg)
{
	struct scan *s = arg;
	SL_CLEANUP(free) unsigned char *buf = aligned_alloc(PAGE, PIECE);
	int r = buf ? 0 : -ENOMEM;

	while (!r && !__atomic_load_n(&s->err, __ATOMIC_RELAXED)) {
		size_t i = __atomic_fetch_add(&s->next, 1, __ATOMIC_RELAXED);

		if (i >= s->count)
			break;
		r = scan_unit(s, &s->units[i], buf);
	}
	if (r)
		__atomic_store_n(&s->err, r, __ATOMIC_RELAXED);
	leave(s);
	return NULL;
}

static int run(struct scan *s, pthread_t *threads)
{
	int jobs = s->c->o.jobs, started = 0;

	if ((size_t)jobs > s->count)
		jobs = s->count ? (int)s->count : 1;
	sl_mutex_init(&s->progress.lock);
	sl_cond_init(&s->progress.cond);
	s->progress.running = jobs;
	while (started < jobs &&
	       !pthread_create(&threads[started], NULL, work, s))
		started++;
	for (int i = started; i < jobs; i++)
		leave(s);
	if (!started) {
		s->progress.running = 1;
		work(s);
	}
	sl_check_watch(s->c, &s->progress);
	for (int i = 0; i < started; i++)
		if (pthread_join(threads[i], NULL))
			SL_BUG("a worker cannot be joined");
	sl_cond_release(&s->progress.cond);
	sl_mutex_release(&s->progress.lock);
	return s->err;
}

int sl_check_scan(struct sl_check *c)
{
	struct scan s = { .c = c };
	SL_CLEANUP(free) pthread_t *threads =
		calloc((size_t)c->o.jobs, sizeof(*threads));
	int r;

	if (!threads)
		return -ENOMEM;
	if (c->files.n)
		qsort(c->files.p, c->files.n, sizeof(*c->files.p), by_place);
	r = make_units(&s);
	if (!r)
		r = run(&s, threads);
	free(s.units);
	return r;
}

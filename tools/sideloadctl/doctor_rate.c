/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the bucket takes bytes, and how long the named snapshots will
 * take. Parts of an upload that is given up are the only bytes that a store
 * can be sent without anything becoming visible. Where an upload cannot be
 * given up at once (Azure), each part is sent with a wrong checksum: the
 * store takes it whole, checks the right to write, and keeps nothing.
 */
#include "doctor.h"

#include <fnmatch.h>
#include <fts.h>
#include <string.h>
#include <sys/stat.h>

#include "clock.h"
#include "lock.h"

#define PART_MIN ((uint64_t)5 << 20)
#define MEASURE_MS 4000
#define SIDE_BY_SIDE 8

struct measure {
	struct sl_doctor *d;
	struct sl_mutex lock;
	struct sl_cond cond;
	int flying;
	uint32_t next;
	uint64_t bytes;
	int64_t until;
	struct sl_error error; /* errnum 0: none */
	struct iovec body;
	struct part {
		struct sl_op op;
		struct measure *m;
	} parts[SIDE_BY_SIDE];
};

/* A part that was refused for the checksum it was meant to be refused for. */
static int outcome(const struct sl_doctor *d, const struct sl_op *op)
{
	bool refused = !(d->backend->caps & SL_CAP_ABORT);

	return refused && op->err == -EBADMSG ? 0 : op->err;
}

static void part_done(struct sl_op *op);

/* Called without the lock; the wrapper never calls back. */
static void send_part(struct part *p, uint32_t number, const char *id)
{
	struct measure *m = p->m;
	const struct sl_backend *b = m->d->backend;

	p->op = (struct sl_op){
		.key = "sideloadctl.doctor/absent",
		.upload_id = id,
		.body = &m->body,
		.body_count = 1,
		.size = m->body.iov_len,
		.crc32 = sl_crc32(0, m->body.iov_base, m->body.iov_len),
		.sum = sl_sum(b->sum, 0, m->body.iov_base, m->body.iov_len),
		.part_number = number,
		.retry_for_ms = 10000,
		.done = part_done,
	};
	if (!(b->caps & SL_CAP_ABORT))
		p->op.sum = ~p->op.sum;
	sl_backend_part(m->d->backend, &p->op);
}

static void part_done(struct sl_op *op)
{
	struct part *p = sl_container_of(op, struct part, op);
	struct measure *m = p->m;
	const char *id = op->upload_id;
	uint32_t number = 0;
	int err = outcome(m->d, op);

	sl_mutex_lock(&m->lock);
	if (err && !m->error.errnum)
		m->error = op->error;
	if (!err)
		m->bytes += m->body.iov_len;
	if (!m->error.errnum && sl_mono_ms(&sl_clock_system) < m->until)
		number = ++m->next;
	else
		m->flying--;
	sl_cond_signal(&m->cond);
	sl_mutex_unlock(&m->lock);
	if (number)
		send_part(p, number, id);
}

static void run_parts(struct measure *m, const char *id)
{
	int side = m->d->o.connections < SIDE_BY_SIDE ? m->d->o.connections :
							SIDE_BY_SIDE;

	m->flying = side;
	m->next = (uint32_t)side;
	for (int i = 0; i < side; i++) {
		m->parts[i].m = m;
		send_part(&m->parts[i], (uint32_t)i + 1, id);
	}
	sl_mutex_lock(&m->lock);
	while (m->flying)
		sl_cond_wait(&m->cond, &m->lock);
	sl_mutex_unlock(&m->lock);
}

static int abort_upload(struct sl_doctor *d, const char *id,
			struct sl_error *e)
{
	struct sl_op op = { .key = "sideloadctl.doctor/absent",
			    .upload_id = id, .retry_for_ms = 30000 };
	int r = sl_backend_wait(d->backend, sl_backend_abort, &op);

	if (r)
		*e = op.error;
	return r;
}

static int measure(struct measure *m, struct sl_error *e)
{
	struct sl_doctor *d = m->d;
	struct sl_op op = { .key = "sideloadctl.doctor/absent",
			    .retry_for_ms = 10000 };
	SL_CLEANUP(free) char *id = NULL;
	int64_t began, ms;
	int r = sl_backend_wait(d->backend, sl_backend_upload_begin, &op);

	if (r) {
		*e = op.error;
		return r;
	}
	id = op.new_upload_id;
	began = sl_mono_ms(&sl_clock_system);
	m->until = began + MEASURE_MS;
	run_parts(m, id);
	ms = sl_mono_ms(&sl_clock_system) - began;
	r = abort_upload(d, id, e);
	if (m->error.errnum) {
		*e = m->error;
		return -e->errnum;
	}
	d->rate = m->bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1);
	return r;
}

int sl_doc_measure(struct sl_doctor *d, struct sl_error *e)
{
	struct measure m = { .d = d };
	uint64_t size = d->backend->limits.min_part;
	SL_CLEANUP(free) char *bytes = NULL;
	int r;

	if (size < PART_MIN)
		size = PART_MIN;
	bytes = calloc(1, size);
	if (!bytes)
		return sl_error_set(e, ENOMEM, "out of memory");
	m.body = (struct iovec){ bytes, size };
	sl_mutex_init(&m.lock);
	sl_cond_init(&m.cond);
	r = measure(&m, e);
	sl_cond_release(&m.cond);
	sl_mutex_release(&m.lock);
	return r;
}

/* "TAG" of ".../snapshots/TAG/...": is it one that is taken? */
static bool is_wanted(const struct sl_doctor *d, const char *path)
{
	static const char mark[] = "/snapshots/";
	const char *tag = strstr(path, mark);
	char name[256];
	size_t n;

	if (!d->o.tag)
		return true;
	if (!tag)
		return false;
	tag += sizeof(mark) - 1;
	n = strcspn(tag, "/");
	if (n >= sizeof(name))
		return false;
	memcpy(name, tag, n);
	name[n] = '\0';
	return fnmatch(d->o.tag, name, 0) == 0;
}

struct size {
	uint64_t bytes, files;
	bool snapshots; /* some directory of that name was met */
};

static bool in_snapshot(const char *path)
{
	return strstr(path, "/snapshots/") != NULL;
}

static void count_file(const struct sl_doctor *d, const FTSENT *x, bool all,
		       struct size *s)
{
	bool in = in_snapshot(x->fts_path);

	s->snapshots |= in;
	if ((!all && !in) || !is_wanted(d, x->fts_path))
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
static int add_up(const struct sl_doctor *d, char *dir, bool all,
		  struct size *s)
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
			count_file(d, x, all, s);
	}
	if (fts_close(f) && !r)
		r = -errno;
	return r;
}

static int size_of(const struct sl_doctor *d, struct size *ret,
		   const char **which)
{
	for (int i = 0; i < d->dir_count; i++) {
		struct size s = { 0 };
		int r = add_up(d, d->dirs[i], false, &s);

		if (!r && !s.snapshots && !d->o.tag) {
			s = (struct size){ 0 };
			r = add_up(d, d->dirs[i], true, &s);
		}
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

	if (d->o.rate && (!rate || d->o.rate < rate)) {
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
		sl_doc_cure(d, "run as the user that will copy");
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

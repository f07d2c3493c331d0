/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How fast the bucket takes bytes. Parts of an upload that is given up are
 * the only bytes that a store can be sent without anything becoming visible.
 * Where an upload cannot be given up at once (Azure), each part is sent with
 * a wrong checksum: the store takes it whole, checks the right to write, and
 * keeps nothing.
 *
 * What is sent grows as the answers come: two parts of 1 MiB first; each that
 * is taken is followed by two, up to the connections that the mount will
 * have, and by a larger one if it was taken quickly. So a slow line is not
 * kept busy for minutes, and a fast one is filled within a second. The rate
 * is that of the second half, when there was enough in it to tell. A signal
 * ends it early, but not before the upload is given up.
 */
#include "doctor.h"

#include <signal.h>
#include <string.h>

#include "clock.h"
#include "lock.h"

#define PART_MIN ((size_t)1 << 20)
#define PART_MAX ((size_t)8 << 20)
#define QUICK_MS 300
#define MEASURE_MS 4000
#define SIDE_BY_SIDE 64

struct part {
	struct sl_op op;
	struct measure *m;
	struct iovec body;
	int64_t began;
	bool flying;
};

struct measure {
	struct sl_doctor *d;
	struct sl_mutex lock;
	struct sl_cond cond;
	int flying, most, side;
	uint32_t next;
	uint64_t bytes, late_bytes;
	int late;
	int64_t began, half, until;
	struct sl_error error; /* errnum 0: none */
	char *bytes_sent;
	const char *id;
	struct part parts[SIDE_BY_SIDE];
};

static volatile sig_atomic_t caught;

static void on_signal(int sig)
{
	caught = sig;
}

/* A part that was refused for the checksum it was meant to be refused for. */
static int outcome(const struct sl_doctor *d, const struct sl_op *op)
{
	bool refused = !(d->backend->caps & SL_CAP_ABORT);

	return refused && op->err == -EBADMSG ? 0 : op->err;
}

static void part_done(struct sl_op *op);

/* Called without the lock; the wrapper never calls back. */
static void send_part(struct part *p, uint32_t number)
{
	struct measure *m = p->m;
	const struct sl_backend *b = m->d->backend;

	p->op = (struct sl_op){
		.key = "sideloadctl.doctor/absent",
		.upload_id = m->id,
		.body = &p->body,
		.body_count = 1,
		.size = p->body.iov_len,
		.crc32 = sl_crc32(0, p->body.iov_base, p->body.iov_len),
		.sum = sl_sum(b->sum, 0, p->body.iov_base, p->body.iov_len),
		.part_number = number,
		.retry_for_ms = 10000,
		.done = part_done,
	};
	if (!(b->caps & SL_CAP_ABORT))
		p->op.sum = ~p->op.sum;
	p->began = sl_mono_ms(&sl_clock_system);
	sl_backend_part(m->d->backend, &p->op);
}

/* One that is at rest is to be sent; NULL: no more than there are. */
static struct part *take_locked(struct measure *m, size_t size)
	SL_REQUIRES(m->lock)
{
	for (int i = 0; i < m->side; i++) {
		struct part *p = &m->parts[i];

		if (p->flying)
			continue;
		p->m = m;
		p->flying = true;
		p->body = (struct iovec){ m->bytes_sent, size };
		m->flying++;
		if (m->flying > m->most)
			m->most = m->flying;
		return p;
	}
	return NULL;
}

static void count_locked(struct measure *m, uint64_t n, int64_t now)
	SL_REQUIRES(m->lock)
{
	m->bytes += n;
	if (m->half) {
		m->late++;
		m->late_bytes += n;
	} else if (now - m->began >= MEASURE_MS / 2) {
		m->half = now;
	}
}

static void part_done(struct sl_op *op)
{
	struct part *p = sl_container_of(op, struct part, op), *two[2];
	struct measure *m = p->m;
	int64_t now = sl_mono_ms(&sl_clock_system);
	size_t size = p->body.iov_len;
	bool quick = now - p->began < QUICK_MS;
	int err = outcome(m->d, op), n = 0;
	uint32_t number;

	sl_mutex_lock(&m->lock);
	p->flying = false;
	m->flying--;
	if (err && !m->error.errnum)
		m->error = op->error;
	if (!err)
		count_locked(m, size, now);
	if (quick && size < PART_MAX)
		size *= 2;
	while (n < 2 && !m->error.errnum && !caught && now < m->until &&
	       (two[n] = take_locked(m, size)))
		n++;
	number = m->next;
	m->next += (uint32_t)n;
	sl_cond_signal(&m->cond);
	sl_mutex_unlock(&m->lock);
	while (n-- > 0)
		send_part(two[n], number + (uint32_t)n);
}

static void run_parts(struct measure *m)
{
	struct part *two[2] = { NULL, NULL };

	m->began = sl_mono_ms(&sl_clock_system);
	m->until = m->began + MEASURE_MS;
	sl_mutex_lock(&m->lock);
	for (int i = 0; i < 2; i++)
		two[i] = take_locked(m, PART_MIN);
	m->next = 3;
	sl_mutex_unlock(&m->lock);
	for (uint32_t i = 0; i < 2 && two[i]; i++)
		send_part(two[i], i + 1);
	sl_mutex_lock(&m->lock);
	while (m->flying)
		sl_cond_wait(&m->cond, &m->lock);
	sl_mutex_unlock(&m->lock);
}

static uint64_t rate_of(const struct measure *m)
{
	int64_t end = sl_mono_ms(&sl_clock_system);
	int64_t ms = end - m->began, late = end - m->half;

	if (m->half && m->late >= 2 * m->most && late > 0)
		return m->late_bytes * 1000 / (uint64_t)late;
	return m->bytes * 1000 / (uint64_t)(ms > 0 ? ms : 1);
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
	int r = sl_backend_wait(d->backend, sl_backend_upload_begin, &op);

	if (r) {
		*e = op.error;
		return r;
	}
	m->id = id = op.new_upload_id;
	run_parts(m);
	d->rate = rate_of(m);
	d->side_by_side = m->most;
	r = abort_upload(d, id, e);
	if (m->error.errnum) {
		d->rate = 0;
		*e = m->error;
		return -e->errnum;
	}
	return r;
}

static int measure_all(struct sl_doctor *d, struct sl_error *e)
{
	SL_CLEANUP(free) struct measure *m = calloc(1, sizeof(*m));
	SL_CLEANUP(free) char *bytes = calloc(1, PART_MAX);
	int r;

	if (!m || !bytes)
		return sl_error_set(e, ENOMEM, "out of memory");
	m->d = d;
	m->bytes_sent = bytes;
	m->side = d->o.connections < SIDE_BY_SIDE ? d->o.connections :
						    SIDE_BY_SIDE;
	sl_mutex_init(&m->lock);
	sl_cond_init(&m->cond);
	r = measure(m, e);
	sl_cond_release(&m->cond);
	sl_mutex_release(&m->lock);
	return r;
}

static void set_action(int sig, const struct sigaction *new,
		       struct sigaction *old)
{
	if (sigaction(sig, new, old))
		SL_BUG("the action of a signal cannot be set");
}

int sl_doc_measure(struct sl_doctor *d, struct sl_error *e)
{
	static const int sigs[] = { SIGINT, SIGTERM, SIGHUP };
	const struct sigaction mine = { .sa_handler = on_signal };
	struct sigaction old[SL_ARRAY_LEN(sigs)];
	int r;

	for (size_t i = 0; i < SL_ARRAY_LEN(sigs); i++) {
		set_action(sigs[i], &mine, &old[i]);
		/* As under nohup: it stays so. */
		if (old[i].sa_handler == SIG_IGN)
			set_action(sigs[i], &old[i], NULL);
	}
	r = measure_all(d, e);
	for (size_t i = 0; i < SL_ARRAY_LEN(sigs); i++)
		set_action(sigs[i], &old[i], NULL);
	if (caught)
		raise(caught);
	return r;
}

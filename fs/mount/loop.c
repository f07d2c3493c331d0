/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that take requests from the kernel. libfuse has such a loop;
 * this one is here because a request's memory can be kept: the bytes of a
 * write of 1 MiB stay where the kernel put them until the store has them, and
 * the thread goes on with other memory.
 *
 * Threads. As many as there may be processors to run them, never fewer than
 * LEAST: an operation does not wait, it only starts things. Signals stay with
 * the thread that called sl_loop_run(), which sleeps until a signal handler
 * of libfuse has ended the session, or a thread has seen that it ended
 * (unmounted). Threads that still wait for a request are then woken by
 * WAKE_SIGNAL, whose handler does nothing, again and again, since it may come
 * just before the wait begins.
 *
 * Memory. Buffers are made by libfuse, which alone knows how large they must
 * be, at the first receive; those that come back wait in 'idle', a few at
 * most. 'lock' guards it, and is a leaf.
 */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "lock.h"
#include "log.h"
#include "mount/ops.h"

#define LEAST 4
#define MOST 12
#define IDLE_MOST 12
#define WAKE_SIGNAL SIGUSR2
#define WAKE_AGAIN_NS 2000000L

struct buffer {
	struct sl_lent lent;
	struct buffer *next;
	struct fuse_buf fb;
};

static struct {
	struct sl_mutex lock;
	struct buffer *idle;
	int count;
} pool = { .lock = SL_MUTEX_INIT };

struct worker {
	struct fuse_session *se;
	sem_t *ended;
	pthread_t thread;
	struct buffer *buf;
	struct sl_lent *lent; /* of buf; NULL once it is kept */
	int err;
	bool gone; /* atomic: it takes no more requests */
};

static _Thread_local struct worker *self;

struct sl_lent **sl_loop_lend(void)
{
	static _Thread_local struct sl_lent *none;

	none = NULL;
	return self ? &self->lent : &none;
}

static void buffer_free(struct buffer *b)
{
	if (b)
		free(b->fb.mem);
	free(b);
}

static void give_back(struct sl_lent *l)
{
	struct buffer *b = sl_container_of(l, struct buffer, lent);

	sl_mutex_lock(&pool.lock);
	if (pool.count < IDLE_MOST) {
		b->next = pool.idle;
		pool.idle = sl_steal(&b);
		pool.count++;
	}
	sl_mutex_unlock(&pool.lock);
	buffer_free(b);
}

static struct buffer *take_idle(void)
{
	struct buffer *b;

	SL_LOCK_SCOPE(&pool.lock);
	b = pool.idle;
	if (b) {
		pool.idle = b->next;
		pool.count--;
	}
	return b;
}

static int have_buffer(struct worker *w)
{
	if (!w->buf)
		w->buf = take_idle();
	if (!w->buf) {
		w->buf = calloc(1, sizeof(*w->buf));
		if (!w->buf)
			return -ENOMEM;
		w->buf->lent.give_back = give_back;
	}
	w->lent = &w->buf->lent;
	return 0;
}

/* 1: go on; 0: the session has ended; -errno. */
static int serve_one(struct worker *w)
{
	int n = have_buffer(w);

	if (!n)
		n = fuse_session_receive_buf(w->se, &w->buf->fb);
	if (n == -EINTR || n == -EAGAIN)
		return 1;
	if (n <= 0)
		return n;
	fuse_session_process_buf(w->se, &w->buf->fb);
	if (!w->lent)
		w->buf = NULL;
	return 1;
}

static void *worker_main(void *arg)
{
	struct worker *w = arg;
	int r = 1;

	self = w;
	while (r > 0 && !fuse_session_exited(w->se))
		r = serve_one(w);
	sl_caller_forget();
	w->err = r < 0 ? r : 0;
	__atomic_store_n(&w->gone, true, __ATOMIC_RELEASE);
	if (sem_post(w->ended))
		sl_log_debug("the end of a thread could not be told");
	return NULL;
}

/* Threads inherit the mask: signals find the first thread alone. */
static int start(struct worker *w, int n)
{
	sigset_t all, before;
	int r, i;

	sigfillset(&all);
	sigdelset(&all, WAKE_SIGNAL);
	r = pthread_sigmask(SIG_SETMASK, &all, &before);
	if (r)
		return -r;
	for (i = 0; i < n; i++) {
		r = pthread_create(&w[i].thread, NULL, worker_main, &w[i]);
		if (r)
			break;
	}
	if (i)
		r = 0; /* fewer will do */
	if (pthread_sigmask(SIG_SETMASK, &before, NULL))
		sl_log_debug("the signal mask stays as it is");
	return r ? -r : i;
}

static void await_end(struct fuse_session *se, sem_t *ended)
{
	while (sem_wait(ended) && errno == EINTR && !fuse_session_exited(se))
		;
}

static void on_wake(int signal)
{
	(void)signal;
}

/* No SA_RESTART: the read of a request must end. */
static int catch_wake(struct sigaction *before)
{
	struct sigaction sa = { .sa_handler = on_wake };

	return sigaction(WAKE_SIGNAL, &sa, before) ? -errno : 0;
}

static void wake_until_gone(struct worker *w)
{
	static const struct timespec pause = { .tv_nsec = WAKE_AGAIN_NS };

	while (!__atomic_load_n(&w->gone, __ATOMIC_ACQUIRE)) {
		/* Cannot fail: the thread is not joined yet. */
		(void)pthread_kill(w->thread, WAKE_SIGNAL);
		/* Early or late makes no difference. */
		(void)nanosleep(&pause, NULL);
	}
	if (pthread_join(w->thread, NULL))
		sl_log_debug("a thread cannot be joined");
}

static int stop(struct worker *w, int n)
{
	int err = 0;

	fuse_session_exit(w->se);
	for (int i = 0; i < n; i++) {
		wake_until_gone(&w[i]);
		err = err ? err : w[i].err;
		buffer_free(w[i].buf);
	}
	return err;
}

static void drop_idle(void)
{
	struct buffer *b;

	while ((b = take_idle()))
		buffer_free(b);
}

int sl_loop_run(struct fuse_session *se)
{
	struct worker w[MOST] = { 0 };
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	int n = cpus < LEAST ? LEAST : cpus > MOST ? MOST : (int)cpus;
	struct sigaction before;
	sem_t ended;

	if (sem_init(&ended, 0, 0))
		return -errno;
	if (catch_wake(&before))
		return -EIO;
	for (int i = 0; i < n; i++) {
		w[i].se = se;
		w[i].ended = &ended;
	}
	n = start(w, n);
	if (n > 0) {
		await_end(se, &ended);
		n = stop(w, n);
	}
	drop_idle();
	if (sigaction(WAKE_SIGNAL, &before, NULL))
		sl_log_debug("the signal handler stays");
	/* Nobody is left to wait for it. */
	(void)sem_destroy(&ended);
	fuse_session_reset(se);
	return n;
}

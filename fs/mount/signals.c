/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which signal is behind an INTERRUPT? The kernel sends one for any signal
 * with a handler, and only one per request. A shell that waits in
 * `echo MigrationDone > .wait` gets SIGCHLD whenever a background job of it
 * ends, and would see that as a failed write. So for control writes an
 * INTERRUPT counts only if a signal is pending that means to end something;
 * after another one, the caller's pending signals are looked at again and
 * again, by a thread that lives as long as the request, because no second
 * INTERRUPT will come.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "log.h"
#include "mount/ops.h"

#define LOOK_AGAIN_MS 200

#define BIT(sig) (1ull << ((sig) - 1))
static const unsigned long long harmless = BIT(SIGCHLD) | BIT(SIGCONT) |
	BIT(SIGURG) | BIT(SIGWINCH);

/* The hexadecimal mask after 'label' (proc(5), /proc/PID/status). */
static unsigned long long mask_of(const char *text, const char *label)
{
	const char *p = strstr(text, label);

	return p ? strtoull(p + strlen(label), NULL, 16) : 0;
}

/* What is pending and neither blocked nor ignored; all, if not to be seen. */
static unsigned long long pending_of(pid_t tid)
{
	char path[40], text[4096];
	SL_CLEANUP(file) FILE *f = NULL;
	unsigned long long pending;
	size_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)tid);
	f = tid > 0 ? fopen(path, "re") : NULL;
	if (!f)
		return ~0ull; /* take it at its word */
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	pending = mask_of(text, "\nSigPnd:") | mask_of(text, "\nShdPnd:");
	return pending & ~mask_of(text, "\nSigBlk:") &
	       ~mask_of(text, "\nSigIgn:");
}

bool sl_signal_is_meant(pid_t tid)
{
	return pending_of(tid) & ~harmless;
}

/* The kernel makes one of every signal that ends a process. */
bool sl_signal_is_kill(pid_t tid)
{
	return pending_of(tid) & BIT(SIGKILL);
}

/*
 * What an interrupt reaches is freed at the end of the mount: either we see
 * that it ends, or the end waits for us (both atomics are sequentially
 * consistent, so one of the two sees the other).
 */
static void tell(struct sl_park *p)
{
	struct sl_mount *m = p->m;

	__atomic_add_fetch(&m->telling, 1, __ATOMIC_SEQ_CST);
	if (!__atomic_load_n(&m->ending, __ATOMIC_SEQ_CST))
		p->interrupt(p);
	__atomic_sub_fetch(&m->telling, 1, __ATOMIC_SEQ_CST);
}

static void *watch(void *arg)
{
	static const struct timespec nap = { 0, LOOK_AGAIN_MS * 1000000L };
	struct sl_park *p = arg;
	struct sl_mount *m = p->m;

	while (!__atomic_load_n(&p->answered, __ATOMIC_ACQUIRE)) {
		if (sl_signal_is_meant(p->pid)) {
			tell(p);
			break;
		}
		/* Cut short or not, the next look decides. */
		(void)nanosleep(&nap, NULL);
	}
	sl_park_unref(p);
	__atomic_sub_fetch(&m->watchers, 1, __ATOMIC_RELEASE);
	return NULL;
}

void sl_signal_watch(struct sl_park *p)
{
	pthread_attr_t a;
	pthread_t t;
	int r;

	sl_park_ref(p);
	__atomic_add_fetch(&p->m->watchers, 1, __ATOMIC_RELAXED);
	r = pthread_attr_init(&a);
	if (!r) {
		r = pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
		if (!r)
			r = pthread_create(&t, &a, watch, p);
		if (pthread_attr_destroy(&a))
			sl_log_debug("a thread attribute leaks");
	}
	if (!r)
		return;
	/* Nobody can watch: then the interrupt counts. */
	p->interrupt(p);
	__atomic_sub_fetch(&p->m->watchers, 1, __ATOMIC_RELEASE);
	sl_park_unref(p);
}

void sl_mount_silence_watchers(struct sl_mount *m)
{
	static const struct timespec nap = { 0, 1000000L };

	__atomic_store_n(&m->ending, true, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&m->telling, __ATOMIC_SEQ_CST))
		(void)nanosleep(&nap, NULL); /* looks again anyway */
}

void sl_mount_await_watchers(struct sl_mount *m)
{
	static const struct timespec nap = { 0, 5000000L };

	while (__atomic_load_n(&m->watchers, __ATOMIC_ACQUIRE))
		(void)nanosleep(&nap, NULL); /* looks again anyway */
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How far the workers are: one line on standard error, written over and over,
 * only where that is a terminal, and gone at the end.
 */
#include "check.h"

#include <string.h>

#include "clock.h"

#define STEP_MS 200
#define BAR 30

static void draw(const struct sl_check *c, int64_t ms)
{
	static const char full[] = "##############################";
	uint64_t done = __atomic_load_n(&c->done, __ATOMIC_RELAXED);
	double part = c->total ? (double)done / (double)c->total : 1;
	double rate = ms > 0 ? (double)done * 1000 / (double)ms : 0;
	int bar;

	/* A file that grows is read to its end. */
	part = part > 1 ? 1 : part;
	bar = (int)(part * BAR);
	fprintf(stderr, "\r[%.*s%*s] %3d%% %.1f of %.1f GB, %.2f GB/s", bar,
		full, BAR - bar, "", (int)(part * 100), (double)done / 1e9,
		(double)c->total / 1e9, rate / 1e9);
	if (rate > 0 && done < c->total)
		fprintf(stderr, ", %.0f s left",
			(double)(c->total - done) / rate);
	fprintf(stderr, "\033[K");
	fflush(stderr);
}

/* Until the next drawing; true: all workers have ended. */
static bool wait_step(struct sl_check_progress *p, int64_t until)
{
	SL_LOCK_SCOPE(&p->lock);
	while (p->running > 0)
		if (!sl_cond_wait_until(&p->cond, &p->lock, until))
			break;
	return p->running <= 0;
}

void sl_check_watch(struct sl_check *c, struct sl_check_progress *p)
{
	bool show = !c->o.quiet && isatty(STDERR_FILENO);
	int64_t begin = sl_mono_ms(&sl_clock_system), now = begin;

	do {
		now = sl_mono_ms(&sl_clock_system);
		if (show)
			draw(c, now - begin);
	} while (!wait_step(p, now + STEP_MS));
	if (show)
		fprintf(stderr, "\r\033[K");
	c->seconds = (double)(sl_mono_ms(&sl_clock_system) - begin) / 1000;
}

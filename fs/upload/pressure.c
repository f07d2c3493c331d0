/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When writers wait for memory. In this order: forget bytes that were kept
 * only in case a committed file is opened again; send closed small files as
 * an upload of one part, uncommitted, so that their bytes can go; cut parts
 * of open files before they are full. The last two cost requests and part
 * numbers, so they are done only while connections stand idle. If nothing is
 * left to be done and nothing is in flight, then only other writers can help:
 * after a while the newest waiting write ends with -ENOBUFS.
 */
#include "upload/internal.h"

#define NEXT_VICTIM_MS 1000

static bool forget_one_locked(struct sl_engine *e)
{
	struct sl_upload *u;

	TAILQ_FOREACH(u, &e->uploads, link) {
		if (!u->committed || u->filling || u->writers || u->reopen ||
		    !u->cur || !u->commit_want)
			continue;
		sl_file_forget_locked(u);
		return true;
	}
	return false;
}

static bool may_cut(const struct sl_upload *u)
{
	return u->cur && u->cur->size && !u->filling && !u->err &&
	       !u->final && !u->committed &&
	       u->e->backend->limits.max_parts > 1;
}

static bool may_park(const struct sl_upload *u)
{
	return may_cut(u) && u->closed && !u->commit_want && !u->writers;
}

/* Would the answer for this part help somebody who waits? */
static bool may_cut_early(const struct sl_upload *u, bool last_resort)
{
	const struct sl_engine *e = u->e;

	return may_cut(u) && u->cur->size >= e->schedule.least &&
	       (u->early_left || last_resort) &&
	       (u->writers || u->share.held > e->budget.claim);
}

static int busy(const struct sl_engine *e)
{
	return e->in_flight + e->unsent + e->journaling;
}

static bool park_one_locked(struct sl_engine *e)
{
	struct sl_upload *u;

	TAILQ_FOREACH(u, &e->uploads, link) {
		if (!may_park(u))
			continue;
		sl_file_seal_locked(u);
		return true;
	}
	return false;
}

static bool cut_one_locked(struct sl_engine *e)
{
	struct sl_upload *best = NULL;
	struct sl_upload *u;

	TAILQ_FOREACH(u, &e->uploads, link) {
		if (may_cut_early(u, busy(e) == 0) &&
		    (!best || u->cur->size > best->cur->size))
			best = u;
	}
	if (!best)
		return false;
	if (best->early_left)
		best->early_left--;
	sl_file_seal_locked(best);
	return true;
}

void sl_pressure_relieve_locked(struct sl_engine *e)
{
	do {
		if (!e->budget.asking)
			return;
		sl_budget_serve(&e->budget, sl_file_grant_locked,
				&e->granted);
	} while (e->budget.asking && forget_one_locked(e));
	while (e->budget.asking && busy(e) < e->connections) {
		if (!park_one_locked(e) && !cut_one_locked(e))
			break;
	}
}

static bool is_stalled(const struct sl_engine *e)
{
	return e->budget.asking && !busy(e) && TAILQ_EMPTY(&e->granted);
}

void sl_pressure_tick_locked(struct sl_engine *e, int64_t now)
{
	struct sl_error err = { 0 };
	struct sl_upload *u;

	if (!is_stalled(e)) {
		e->stalled_since = 0;
		return;
	}
	if (!e->stalled_since)
		e->stalled_since = now ? now : 1;
	if (now - e->stalled_since < e->admit_ms)
		return;
	e->stalled_since = now - e->admit_ms +
			   (e->admit_ms < NEXT_VICTIM_MS ? e->admit_ms :
							   NEXT_VICTIM_MS);
	u = sl_writer_of(sl_budget_newest(&e->budget))->u;
	sl_upload_fail_locked(u, sl_error_set(&err, ENOBUFS,
		"'%s' waits only for other open files: write no more than %d "
		"files at once, or mount with more memory=", u->key,
		e->budget.admitted), &err);
}

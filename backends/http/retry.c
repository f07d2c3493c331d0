/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Retry policy. A mount behaves as a hard NFS mount does: trouble is retried
 * until the call's deadline, hours away, so what matters is to spread the
 * attempts. Full jitter (uniform between 0 and the step) does that best:
 *
 *   verdict       next                                  ends as
 *   OK            done                                  0
 *   RETRY         park, 100 ms doubling up to 20 s      -ETIMEDOUT at deadline
 *   THROTTLE      park, 1 s doubling up to 20 s, never  -ETIMEDOUT at deadline
 *                 before what Retry-After asks
 *   REFRESH       wait for newer credentials            judge's errno when
 *                                                       bounds below are met
 *   WRONG_REGION  at once, at most 5 times              -EPROTO
 *   RESTART_FILE  fail                                  -ESTALE
 *   EXISTS        fail                                  -EEXIST
 *   FATAL         fail                                  judge's errno
 *
 * Bounds of refreshing. The source may rightly give the same set back once or
 * twice (the service mints late), and a new set may be refused for seconds
 * until it is known everywhere. So one generation may be refused four times
 * and for a minute; and twenty sets refused in a row are not bad luck. After
 * the first two, every second refusal is met with a pause alone: what is there
 * by then may work, and whoever only asked would, where each question brings
 * new keys, always hold the newest.
 * What is not repeatable fails at once: nobody knows whether it happened.
 */
#include "backends/http/retry.h"

#include <errno.h>

#define BACKOFF_CAP_MS 20000
#define RETRY_AFTER_MAX_MS 300000
#define MOVES_MAX 5
#define REFUSED_SAME_MAX 4
#define REFUSED_SAME_MS 60000
#define REFUSALS_MAX 20
/* Refusals before a pause is put between refreshes. */
#define REFUSALS_FAST 2

static const int64_t base_ms[] = {
	[SL_V_RETRY] = 100,
	[SL_V_THROTTLE] = 1000,
	[SL_V_REFRESH] = 1000,
};

void sl_retry_begin(struct sl_retry *r, int64_t now_ms, int64_t retry_for_ms)
{
	*r = (struct sl_retry){ .once = retry_for_ms == 0 };
	if (__builtin_add_overflow(now_ms, retry_for_ms, &r->deadline_ms))
		r->deadline_ms = INT64_MAX;
}

static int64_t jitter(enum sl_verdict v, int n, uint64_t (*below)(uint64_t))
{
	int64_t step = base_ms[v];

	while (n-- > 0 && step < BACKOFF_CAP_MS)
		step *= 2;
	if (step > BACKOFF_CAP_MS)
		step = BACKOFF_CAP_MS;
	return (int64_t)below((uint64_t)step + 1);
}

static struct sl_retry_plan fail(int errnum, bool gave_up)
{
	return (struct sl_retry_plan){
		.step = SL_STEP_FAIL,
		.err = -(errnum ? errnum : EIO),
		.gave_up = gave_up,
	};
}

static struct sl_retry_plan park(struct sl_retry *r,
				 const struct sl_retry_in *in,
				 uint64_t (*below)(uint64_t))
{
	int *n = in->verdict == SL_V_THROTTLE ? &r->throttled : &r->transient;
	int64_t wait, left = r->deadline_ms - in->now_ms;

	if (!in->repeatable)
		return fail(in->errnum, false);
	if (r->once || left <= 0)
		return fail(ETIMEDOUT, true);
	wait = jitter(in->verdict, (*n)++, below);
	if (wait < in->retry_after_ms)
		wait = in->retry_after_ms;
	if (wait > RETRY_AFTER_MAX_MS)
		wait = RETRY_AFTER_MAX_MS;
	/* The last attempt comes at the deadline, not before it. */
	if (wait > left)
		wait = left;
	return (struct sl_retry_plan){ .step = SL_STEP_PARK, .wait_ms = wait };
}

static void count_refusal(struct sl_retry *r, const struct sl_retry_in *in)
{
	if (r->refusals++ && r->refused_generation == in->generation) {
		r->refused_again++;
		return;
	}
	r->refused_generation = in->generation;
	r->refused_again = 1;
	r->refused_since_ms = in->now_ms;
}

static bool refused_for_good(const struct sl_retry *r, int64_t now_ms)
{
	if (r->refusals >= REFUSALS_MAX)
		return true;
	return r->refused_again >= REFUSED_SAME_MAX &&
	       now_ms - r->refused_since_ms >= REFUSED_SAME_MS;
}

static struct sl_retry_plan refresh(struct sl_retry *r,
				    const struct sl_retry_in *in,
				    uint64_t (*below)(uint64_t))
{
	struct sl_retry_plan p = { .step = SL_STEP_REFRESH };
	int over;

	if (!in->has_creds || !in->repeatable || r->once)
		return fail(in->errnum, false);
	count_refusal(r, in);
	if (refused_for_good(r, in->now_ms))
		return fail(in->errnum, true);
	if (in->now_ms >= r->deadline_ms)
		return fail(in->errnum ? in->errnum : ETIMEDOUT, true);
	over = r->refusals - REFUSALS_FAST;
	if (over > 0 && over % 2)
		p.step = SL_STEP_PARK;
	if (over > 0)
		p.wait_ms = base_ms[SL_V_REFRESH] +
			    jitter(SL_V_REFRESH, over, below);
	return p;
}

struct sl_retry_plan sl_retry_decide(struct sl_retry *r,
				     const struct sl_retry_in *in,
				     uint64_t (*below)(uint64_t bound))
{
	switch (in->verdict) {
	case SL_V_OK:
		return (struct sl_retry_plan){ .step = SL_STEP_DONE };
	case SL_V_RETRY:
	case SL_V_THROTTLE:
		return park(r, in, below);
	case SL_V_REFRESH:
		return refresh(r, in, below);
	case SL_V_WRONG_REGION:
		if (r->moved++ >= MOVES_MAX)
			return fail(EPROTO, true);
		return (struct sl_retry_plan){ .step = SL_STEP_AGAIN };
	case SL_V_RESTART_FILE:
		return fail(ESTALE, false);
	case SL_V_EXISTS:
		return fail(EEXIST, false);
	case SL_V_FATAL:
		break;
	}
	return fail(in->errnum, false);
}

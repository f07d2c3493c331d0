/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rate limit, for all connections together. A bucket that connections
 * empty as they come would feed the one that asks first and starve others
 * until the store hangs up on them. So it is a schedule instead: who asks
 * gets the next free stretch of time, as long as its bytes take at this rate,
 * and waits for its beginning. That is first come, first served, equal shares
 * for whoever keeps asking, and exact whatever the number of connections.
 *
 * A request is for a small piece (a 32nd of a second), so that turns come
 * often. Who comes late may use time that nobody asked for, but only CREDIT of
 * it: that makes up for timers that fire late, and is the most that goes out
 * at once. When the rate changes, what was promised at the old one is void;
 * otherwise a connection would sleep for the end of a stretch that was long
 * only because the rate was low.
 */
#include "backends/http/pace.h"

#define CREDIT_US 200000
#define PIECES_PER_S 32
#define PIECE_MIN 1024
#define PIECE_MAX ((size_t)256 * 1024)

void sl_pace_init(struct sl_pace *p)
{
	*p = (struct sl_pace){ .epoch = 1 };
	sl_mutex_init(&p->mu);
}

void sl_pace_release(struct sl_pace *p)
{
	sl_mutex_release(&p->mu);
}

void sl_pace_set(struct sl_pace *p, uint64_t rate, int64_t now_us)
{
	SL_LOCK_SCOPE(&p->mu);
	p->rate = rate;
	p->next_us = now_us;
	p->epoch++;
}

uint64_t sl_pace_rate(struct sl_pace *p)
{
	SL_LOCK_SCOPE(&p->mu);
	return p->rate;
}

bool sl_pace_due(struct sl_pace *p, const struct sl_pace_slot *s,
		 int64_t now_us)
{
	SL_LOCK_SCOPE(&p->mu);
	return s->epoch != p->epoch || s->at_us <= now_us;
}

static size_t piece_of(uint64_t rate, size_t want)
{
	uint64_t n = rate / PIECES_PER_S;

	if (n < PIECE_MIN)
		n = PIECE_MIN;
	if (n > PIECE_MAX)
		n = PIECE_MAX;
	return want < n ? want : (size_t)n;
}

static void promise_locked(struct sl_pace *p, struct sl_pace_slot *s,
			   size_t want, int64_t now_us) SL_REQUIRES(p->mu)
{
	size_t n = piece_of(p->rate, want);

	if (p->next_us < now_us - CREDIT_US)
		p->next_us = now_us - CREDIT_US;
	*s = (struct sl_pace_slot){
		.bytes = n, .at_us = p->next_us, .epoch = p->epoch,
	};
	/* At most 256 KiB in microseconds: far from the type's end. */
	p->next_us += (int64_t)((uint64_t)n * 1000000 / p->rate);
}

size_t sl_pace_ask(struct sl_pace *p, struct sl_pace_slot *s, size_t want,
		   int64_t now_us)
{
	size_t n;

	SL_LOCK_SCOPE(&p->mu);
	if (!p->rate || !want) {
		s->bytes = 0;
		return want;
	}
	if (!s->bytes || s->epoch != p->epoch)
		promise_locked(p, s, want, now_us);
	if (s->at_us > now_us)
		return 0;
	n = s->bytes < want ? s->bytes : want;
	s->bytes -= n;
	return n;
}

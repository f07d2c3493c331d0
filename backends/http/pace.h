/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upload rate of a client: who may send how much, and when. Thread safe;
 * its lock is a leaf.
 */
#ifndef SL_HTTP_PACE_H
#define SL_HTTP_PACE_H

#include <stddef.h>
#include <stdint.h>

#include "lock.h"

struct sl_pace {
	struct sl_mutex mu;
	uint64_t rate;	  /* bytes a second; 0: no limit */
	int64_t next_us;  /* when what is given away has been sent */
	unsigned epoch;	  /* changes with the rate */
};

/* What one transfer was promised. */
struct sl_pace_slot {
	size_t bytes;	  /* 0: nothing */
	int64_t at_us;	  /* from then on */
	unsigned epoch;
};

void sl_pace_init(struct sl_pace *p);
void sl_pace_release(struct sl_pace *p);
/* Promises made before are void: the holders must ask again. */
void sl_pace_set(struct sl_pace *p, uint64_t rate, int64_t now_us);
uint64_t sl_pace_rate(struct sl_pace *p);
/* Is this promise due, or void? Either way it is time to go on. */
bool sl_pace_due(struct sl_pace *p, const struct sl_pace_slot *s,
		 int64_t now_us);
/*
 * How many of 'want' bytes may go out now. 0: none before s->at_us, or before
 * the rate changes.
 */
size_t sl_pace_ask(struct sl_pace *p, struct sl_pace_slot *s, size_t want,
		   int64_t now_us);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What to do after an attempt: a pure decision from the verdict, the time and
 * what this call went through before. Kept apart from the client so that the
 * rules are tested without a thread, a clock or a network.
 */
#ifndef SL_HTTP_RETRY_H
#define SL_HTTP_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "http.h"

enum sl_retry_step {
	SL_STEP_DONE,	 /* success */
	SL_STEP_FAIL,	 /* end with plan.err */
	SL_STEP_AGAIN,	 /* at once */
	SL_STEP_PARK,	 /* after plan.wait_ms, holding no connection */
	SL_STEP_REFRESH, /* wait for newer credentials */
};

/* What one call remembers from attempt to attempt. */
struct sl_retry {
	int64_t deadline_ms;
	bool once;		  /* retry_for 0: no second attempt */
	int transient;		  /* attempts that failed in passing */
	int throttled;
	int moved;		  /* region changes */
	int refusals;		  /* of credentials, all generations */
	uint64_t refused_generation;
	int refused_again;	  /* refusals of that same generation */
	int64_t refused_since_ms; /* its first refusal */
};

struct sl_retry_in {
	enum sl_verdict verdict;
	int errnum;		/* positive, as judge() left it; or 0 */
	int64_t now_ms;
	int64_t retry_after_ms; /* the server's wish; 0: none */
	bool repeatable;	/* idempotent, or nothing reached the server */
	bool has_creds;
	uint64_t generation;	/* that was used */
};

struct sl_retry_plan {
	enum sl_retry_step step;
	int err;	   /* -errno for FAIL */
	bool gave_up;	   /* FAIL because of the deadline or a bound */
	int64_t wait_ms;   /* PARK; REFRESH: before it is asked for */
};

void sl_retry_begin(struct sl_retry *r, int64_t now_ms, int64_t retry_for_ms);

/* 'below' gives a uniform number in [0, bound). */
struct sl_retry_plan sl_retry_decide(struct sl_retry *r,
				     const struct sl_retry_in *in,
				     uint64_t (*below)(uint64_t bound));

#endif

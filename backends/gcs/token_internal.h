/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of the token source: token.c holds the states and the
 * waiters, exchange.c the one request.
 */
#ifndef SL_GCS_TOKEN_INTERNAL_H
#define SL_GCS_TOKEN_INTERNAL_H

#include <stdbool.h>

#include "backends/gcs/credentials.h"
#include "backends/gcs/token.h"
#include "lock.h"

enum sl_gcs_token_state {
	SL_GCS_IDLE,
	SL_GCS_ASKING,	   /* the migration, for newer keys */
	SL_GCS_EXCHANGING, /* keys for a token */
};

/* How an exchange ended. */
enum sl_gcs_outcome {
	SL_GCS_GOT_TOKEN,
	SL_GCS_NO_KEYS,	     /* the migration has none now */
	SL_GCS_KEYS_REFUSED, /* ask the migration for others */
	SL_GCS_HOPELESS,
	SL_GCS_CANCELLED,
};

struct sl_gcs_tokens {
	struct sl_cred_source source; /* first: ops get its address */
	struct sl_http *http;
	struct sl_cred_source *base;
	const struct sl_clock *clock;
	struct sl_mutex lock; /* before http's and base's */
	struct sl_cond changed;
	/* guarded by lock: */
	enum sl_gcs_token_state state;
	bool closing;
	int busy;		  /* calls without the end of their done() */
	struct sl_cred *cur;
	uint64_t generation;	  /* of the last token */
	uint64_t base_generation; /* of the keys it came from */
	int64_t obtained_ms, renew_ms, end_ms; /* monotonic */
	int64_t not_before_ms;	  /* after a failure; monotonic */
	bool doubted;		  /* a refusal asked for the next token */
	bool second;		  /* a refusal asked for this token */
	uint64_t forbidden;	  /* token that was answered 403 */
	bool for_rights;	  /* ... and so the migration is asked */
	struct sl_cred_wait base_wait;
	struct sl_cred_wait *waiting;
	struct sl_cred_wait *ending; /* let go; generation holds the errno */
	struct sl_cred_wait *now;    /* in ready() */
	pthread_t now_thread;
	bool delivering;
	bool kicked;
	struct sl_http_call kick;    /* gives ready() a thread */
	struct sl_error trouble;
	int64_t offset_ms;	     /* the endpoint's clock minus ours */
	bool offset_known;
	/* used by one thread at a time: by the exchange while it runs */
	struct sl_http_call call;
	struct sl_gcs_keys *keys;
	uint64_t keys_generation;
	struct sl_buf form;
	struct iovec form_vec;
	struct sl_cred *fresh;	     /* the new token */
	int64_t fresh_life_ms;
	enum sl_gcs_outcome outcome;
	uint64_t asked_generation;   /* refused keys that were asked about */
	int64_t refused_since_ms;    /* monotonic */
	bool clock_fixed;
};

/* exchange.c; starts the call. Its end is told to sl_gcs_exchanged(). */
void sl_gcs_exchange_locked(struct sl_gcs_tokens *t) SL_REQUIRES(t->lock);
/* token.c */
void sl_gcs_exchanged(struct sl_gcs_tokens *t);
int64_t sl_gcs_token_now(struct sl_gcs_tokens *t);

#endif

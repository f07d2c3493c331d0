/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The upload credentials of one migration and those who wait for newer ones.
 * It asks nobody: the actor takes sets from the status answers to here, and
 * looks here for when the next is wanted. Thread safe.
 */
#ifndef SL_CRED_STORE_H
#define SL_CRED_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "cleanup.h"
#include "credentials.h"

struct sl_cred_store;

/*
 * wake: somebody was refused, or waits although newer ones are there; called
 * without a lock on the thread that was refused; must not block.
 */
int sl_cred_store_new(void (*wake)(void *arg), void *arg,
		      struct sl_cred_store **ret) SL_MUST_CHECK;
/* Nobody may wait any more (sl_cred_store_fail, _deliver before). */
void sl_cred_store_free(struct sl_cred_store *s);
struct sl_cred_source *sl_cred_store_source(struct sl_cred_store *s);

enum sl_cred_taken {
	SL_CRED_TAKEN_NEW,     /* other keys: a new generation */
	SL_CRED_TAKEN_SAME,    /* the keys that are here */
	SL_CRED_TAKEN_EXPIRED, /* they have run out by the server's clock */
	SL_CRED_TAKEN_NOTHING, /* no set was given, or no memory for it */
};
/*
 * Takes the set of an answer ('offered' may be NULL; borrowed). now_ms: the
 * server's clock. answers_refusal: the question was put after
 * sl_cred_store_refused() had turned true.
 */
enum sl_cred_taken sl_cred_store_take(struct sl_cred_store *s,
				      const struct sl_cred *offered,
				      int64_t now_ms, bool answers_refusal);

/*
 * Somebody was refused with a set that was given lately and that no store has
 * taken yet: it may not be known there, and is worth another attempt.
 */
bool sl_cred_store_untaken(struct sl_cred_store *s, int64_t now_ms);
/* The set before the present one worked (or there was none). */
bool sl_cred_store_trusted(struct sl_cred_store *s);
/* Lets all who wait now make that attempt, at the next deliver. */
void sl_cred_store_again(struct sl_cred_store *s);

/* Ends all who wait now with 'err' at the next deliver. */
void sl_cred_store_fail(struct sl_cred_store *s, int err);
/* From now on sl_cred_over() answers this: 0 or -EROFS. */
void sl_cred_store_set_over(struct sl_cred_store *s, int err);
/* Another migration: the set goes, generations go on. */
void sl_cred_store_clear(struct sl_cred_store *s);

/* Somebody waits for something newer than what is here. */
bool sl_cred_store_refused(struct sl_cred_store *s);
/* Calls ready() of those whose wait is over. No lock may be held. */
void sl_cred_store_deliver(struct sl_cred_store *s);
/* Somebody's wait is over: deliver has work. */
bool sl_cred_store_pending(struct sl_cred_store *s);

/* Server time of the next refresh by the clock; INT64_MAX: none. */
int64_t sl_cred_store_due(struct sl_cred_store *s);
/* Expiry of the present set; 0: unknown or none. */
int64_t sl_cred_store_expires(struct sl_cred_store *s, bool *ret_present);
/* Server wall time minus local wall time, for signing. */
void sl_cred_store_set_offset(struct sl_cred_store *s, int64_t ms);
int64_t sl_cred_store_offset(struct sl_cred_store *s);

#endif

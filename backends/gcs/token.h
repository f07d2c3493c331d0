/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access tokens: a source of credentials over the migration's own source.
 * Its sets are of kind SL_CRED_GCS with the token in 'token' and a generation
 * of their own. See the head of token.c for its states.
 */
#ifndef SL_GCS_TOKEN_H
#define SL_GCS_TOKEN_H

#include "clock.h"
#include "credentials.h"
#include "error.h"
#include "http.h"

struct sl_gcs_tokens;

/* All are borrowed until free. -ENOMEM. */
int sl_gcs_tokens_new(struct sl_http *http, struct sl_cred_source *base,
		      const struct sl_clock *clock, struct sl_gcs_tokens **ret)
	SL_MUST_CHECK;
/* No waiter may be left. Stops what is under way. NULL is fine. */
void sl_gcs_tokens_free(struct sl_gcs_tokens *t);

struct sl_cred_source *sl_gcs_tokens_source(struct sl_gcs_tokens *t);

/*
 * A request with this token was answered 403: if it is refused now, another
 * token would not help, so the migration is asked.
 */
void sl_gcs_tokens_forbidden(struct sl_gcs_tokens *t, uint64_t generation);

/* Why there is no token; false: there is one, or nothing went wrong yet. */
bool sl_gcs_tokens_trouble(struct sl_gcs_tokens *t, struct sl_error *ret);

/* What the token endpoint said. */
enum sl_gcs_told {
	SL_GCS_TOLD_TOKEN, /* token and life_s are there */
	SL_GCS_TOLD_KEYS,  /* it does not take these credentials */
	SL_GCS_TOLD_LATER, /* passing trouble */
};

struct sl_gcs_answer {
	char *token;	 /* owned, wiped */
	int64_t life_s;
	char error[64];	 /* cleaned; or "" */
	char text[160];	 /* cleaned, nothing secret; or "" */
};

/* token_answer.c: pure; 'status' is a HTTP status. */
enum sl_gcs_told sl_gcs_answer_read(int status, const char *body, size_t n,
				    struct sl_gcs_answer *ret);
void sl_gcs_answer_release(struct sl_gcs_answer *a);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The members of a credentials file, for those who read and those who sign.
 */
#ifndef SL_GCS_INTERNAL_KEYS_H
#define SL_GCS_INTERNAL_KEYS_H

#include <stdbool.h>

#include "backends/gcs/credentials.h"

/* Owned strings, wiped on free; NULL where the type has none. */
struct sl_gcs_keys {
	bool user; /* authorized_user; else service_account */
	char *token_uri;
	char *client_email, *private_key, *private_key_id;
	char *client_id, *client_secret, *refresh_token;
};

/* jwt.c: appends the RS256 assertion of a service account. */
int sl_gcs_jwt(const struct sl_gcs_keys *k, int64_t now_s, struct sl_buf *b,
	       struct sl_error *e) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The credentials file that Google's tools take, and the request that turns
 * it into an access token. Pure: no network, no clock of its own.
 */
#ifndef SL_GCS_CREDENTIALS_H
#define SL_GCS_CREDENTIALS_H

#include <stdint.h>

#include "buf.h"
#include "cleanup.h"
#include "error.h"

#define SL_GCS_TOKEN_URI "https://oauth2.googleapis.com/token"
#define SL_GCS_SCOPE "https://www.googleapis.com/auth/devstorage.read_write"
/* The longest life of an assertion that the token endpoint takes. */
#define SL_GCS_ASSERTION_S 3600

struct sl_gcs_keys;

/*
 * Reads the JSON. -EOPNOTSUPP: a type that is not supported, -EINVAL: it
 * makes no sense, -ENOMEM. The error never holds anything of a secret.
 */
int sl_gcs_keys_parse(const char *json, struct sl_gcs_keys **ret,
		      struct sl_error *e) SL_MUST_CHECK;
/* Wipes and frees. NULL is fine. */
void sl_gcs_keys_free(struct sl_gcs_keys *k);
static inline void sl_cleanup_gcs_keys(struct sl_gcs_keys **k)
{
	sl_gcs_keys_free(*k);
}

/* Where the token request goes. */
const char *sl_gcs_keys_uri(const struct sl_gcs_keys *k);

/*
 * The form to POST there: a signed assertion of the service account, begun at
 * 'now_s' (seconds since 1970 by the server's clock), or the refresh token of
 * a user. A secret: the caller wipes 'form'.
 */
int sl_gcs_keys_form(const struct sl_gcs_keys *k, int64_t now_s,
		     struct sl_buf *form, struct sl_error *e) SL_MUST_CHECK;

/*
 * May a secret go there? 0: https, or http to a loopback host; -EPERM: http
 * to another one; -EINVAL: no such URL.
 */
int sl_gcs_url_check(const char *url);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A credential source with one set that is never renewed: a refusal ends in
 * -EKEYEXPIRED, from the source's own thread as the contract wants it.
 */
#ifndef SL_TEST_FIXED_CRED_H
#define SL_TEST_FIXED_CRED_H

#include "credentials.h"

/* As sl_cred_new() takes them. NULL: out of memory or threads. */
struct sl_cred_source *sl_test_cred_of(enum sl_cred_kind kind, const char *id,
				       const char *secret, const char *token);
/* S3 keys; token may be NULL. */
struct sl_cred_source *sl_test_cred_new(const char *id, const char *secret,
					const char *token);
/* No waiter may be left. NULL is fine. */
void sl_test_cred_free(struct sl_cred_source *s);

#endif

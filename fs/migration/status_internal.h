/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files that read the service's answers share: how foreign bytes are
 * quoted, how a JSON tree is opened, and how its secrets are taken out.
 */
#ifndef SL_STATUS_INTERNAL_H
#define SL_STATUS_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "cleanup.h"
#include "credentials.h"

#define SL_API_BODY_MAX (1024u * 1024)
#define SL_QUOTE_MAX 200

/*
 * At most SL_QUOTE_MAX cleaned bytes of a body; of JSON only what stands
 * before the first word that announces keys.
 */
struct sl_quote {
	char text[SL_QUOTE_MAX + 1];
};
struct sl_quote sl_quote_body(const char *body, size_t n);

/* NULL: not JSON, or something follows the document. */
cJSON *sl_json_parse(const char *body, size_t n);
/* Wipes every string, then frees. NULL is fine. */
void sl_json_wipe(cJSON *j);
static inline void sl_cleanup_json(cJSON **j)
{
	sl_json_wipe(*j);
}
/* The string of a member; NULL when it is absent or no string. */
const char *sl_json_string(const cJSON *obj, const char *name);

/*
 * Nulls every key and hint in the tree, cleans all other strings, and blots
 * out those that repeat what is in 'cred' (may be NULL). False: no memory.
 */
bool sl_json_redact(cJSON *j, const struct sl_cred *cred);

#endif

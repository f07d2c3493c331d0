/* SPDX-License-Identifier: Apache-2.0 */
/*
 * JSON as Google's servers and files have it. Trees are wiped as they go:
 * some hold tokens and keys.
 */
#ifndef SL_GCS_INTERNAL_JSON_H
#define SL_GCS_INTERNAL_JSON_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "cleanup.h"

/* NULL: none, malformed, with a NUL in it, vast, or out of memory. */
cJSON *sl_gcs_json_parse(const char *text, size_t n);
void sl_gcs_json_free(cJSON *doc);
static inline void sl_cleanup_gcs_json(cJSON **doc)
{
	sl_gcs_json_free(*doc);
}
/* The member's string, borrowed; NULL: absent or no string. */
const char *sl_gcs_json_string(const cJSON *doc, const char *name);
/* The member, whatever it is; NULL: absent. */
const cJSON *sl_gcs_json_item(const cJSON *doc, const char *name);

#endif

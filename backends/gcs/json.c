/* SPDX-License-Identifier: Apache-2.0 */
/* See internal_json.h. */
#include "backends/gcs/internal_json.h"

#include <stdbool.h>
#include <string.h>

static void wipe_tree(cJSON *item)
{
	for (; item; item = item->next) {
		if (item->valuestring)
			explicit_bzero(item->valuestring,
				       strlen(item->valuestring));
		if (item->child)
			wipe_tree(item->child);
	}
}

/* As a byte or escaped: a string would end there and pass for another. */
static bool has_nul(const char *text, size_t n)
{
	static const char nul[] = "\\u0000";

	for (size_t i = 0; i < n; i++) {
		if (!text[i])
			return true;
		if (text[i] != '\\')
			continue;
		if (n - i >= 6 && memcmp(text + i, nul, 6) == 0)
			return true;
		i++; /* what it escapes */
	}
	return false;
}

cJSON *sl_gcs_json_parse(const char *text, size_t n)
{
	if (!text || !n || has_nul(text, n))
		return NULL;
	return cJSON_ParseWithLength(text, n);
}

void sl_gcs_json_free(cJSON *doc)
{
	wipe_tree(doc);
	cJSON_Delete(doc);
}

const cJSON *sl_gcs_json_item(const cJSON *doc, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(doc, name);
}

const char *sl_gcs_json_string(const cJSON *doc, const char *name)
{
	return cJSON_GetStringValue(sl_gcs_json_item(doc, name));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* See internal_json.h. */
#include "backends/gcs/internal_json.h"

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

cJSON *sl_gcs_json_parse(const char *text, size_t n)
{
	return text && n ? cJSON_ParseWithLength(text, n) : NULL;
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

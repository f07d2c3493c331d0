/* SPDX-License-Identifier: Apache-2.0 */
/* See internal_json.h. */
#include "backends/gcs/internal_json.h"

#include <stdbool.h>
#include <string.h>

#define VALUES_MAX ((size_t)200000)

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

struct scan {
	bool nul, quoted;
	size_t values; /* about; never fewer */
};

/* The byte at 's' and, of an escape, the next: how many were looked at. */
static size_t look(struct scan *sc, const char *s, size_t left)
{
	static const char nul[] = "\\u0000";

	if (*s == '\\') {
		sc->nul |= left >= 6 && memcmp(s, nul, 6) == 0;
		return 2;
	}
	if (*s == '"')
		sc->quoted = !sc->quoted;
	else if (!*s)
		sc->nul = true;
	else if (!sc->quoted && strchr(",[{", *s))
		sc->values++;
	return 1;
}

/*
 * A string with a NUL, as a byte or escaped, would end there and pass for
 * another. A tree takes some 40 times the memory of a text of nothing but
 * values, so there may only be as many as a large page of a listing has.
 */
static bool acceptable(const char *text, size_t n)
{
	struct scan sc = { .nul = false };

	for (size_t i = 0; i < n;)
		i += look(&sc, text + i, n - i);
	return !sc.nul && sc.values <= VALUES_MAX;
}

cJSON *sl_gcs_json_parse(const char *text, size_t n)
{
	if (!text || !n || !acceptable(text, n))
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

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings by the JSON API. fields= is not looked at: more is answered than
 * was asked for, which is allowed to a server and harder on a client.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "gcs.h"
#include "page.h"

struct listing {
	struct sim_req *r;
	cJSON *items;
	cJSON *prefixes;
	struct sim_page page;
};

static void add_object(struct sim_page *p, const char *key,
		       const struct sim_meta *m)
{
	struct listing *l = p->arg;

	cJSON_AddItemToArray(l->items, sim_gcs_resource(l->r, key, m));
}

static void add_common(struct sim_page *p, const char *prefix)
{
	struct listing *l = p->arg;

	cJSON_AddItemToArray(l->prefixes, cJSON_CreateString(prefix));
}

/* Empty arrays are left out, as Google does. */
static void add_array(cJSON *o, const char *name, cJSON *a)
{
	if (cJSON_GetArraySize(a))
		cJSON_AddItemToObject(o, name, a);
	else
		cJSON_Delete(a);
}

static void answer(struct listing *l)
{
	cJSON *o = cJSON_CreateObject();

	cJSON_AddStringToObject(o, "kind", "storage#objects");
	if (l->page.more && l->page.last) {
		SIM_AUTOFREE char *token = sim_page_token(l->page.last);

		cJSON_AddStringToObject(o, "nextPageToken", token);
	}
	add_array(o, "prefixes", l->prefixes);
	add_array(o, "items", l->items);
	sim_gcs_json(l->r, 200, o);
}

static const char *text_param(const struct sim_req *r, const char *name)
{
	const char *v = sim_param(r, name);

	return v ? v : "";
}

static bool limit(struct sim_req *r, int64_t *max)
{
	const char *v = sim_param(r, "maxResults");

	*max = 1000;
	if (v && !sim_number(v, 0, INT32_MAX, max)) {
		sim_gcs_fail(r, 400, NULL, "Invalid unsigned integer value "
					   "for maxResults");
		return false;
	}
	if (*max > 1000 || !*max)
		*max = 1000;
	return true;
}

void sim_gcs_list(struct sim_req *r)
{
	struct listing l = { .r = r };
	const char *token = sim_param(r, "pageToken");
	SIM_AUTOFREE char *after = NULL;

	l.page = (struct sim_page){ .object = add_object, .common = add_common,
				    .prefix = text_param(r, "prefix"),
				    .delimiter = text_param(r, "delimiter"),
				    .arg = &l };
	if (!sim_gcs_in_scope(r, l.page.prefix) || !limit(r, &l.page.max))
		return;
	if (token && *token) {
		after = sim_page_start(token);
		if (!after) {
			sim_gcs_fail(r, 400, NULL, "Invalid pageToken");
			return;
		}
	}
	l.page.after = after;
	l.items = cJSON_CreateArray();
	l.prefixes = cJSON_CreateArray();
	sim_page_make(r->sim, &l.page);
	answer(&l);
	sim_page_clear(&l.page);
}

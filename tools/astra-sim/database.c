/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the DevOps API tells of databases: GET /v2/databases/{dbID} and the
 * list. Only id, orgId, ownerId, info and status are promised there; the rest
 * is what a Serverless database has.
 */
#include <cjson/cJSON.h>
#include <stdlib.h>
#include <string.h>

#include "database.h"

static const char base[] = "/v2/databases";

static const struct {
	const char *provider, *region;
} places[SIM_CLOUD_COUNT] = {
	[SIM_CLOUD_S3] = { "AWS", NULL }, /* --region */
	[SIM_CLOUD_GCS] = { "GCP", "us-east1" },
	[SIM_CLOUD_AZURE] = { "AZURE", "westus2" },
};

static cJSON *describe(const struct sim *s)
{
	const char *region = places[s->opt.cloud].region;
	cJSON *db = cJSON_CreateObject(), *info, *centers, *center;

	if (!region)
		region = s->opt.region;
	cJSON_AddStringToObject(db, "id", s->opt.db);
	cJSON_AddStringToObject(db, "orgId",
				"5a0f4c1e-0000-4000-8000-000000000001");
	cJSON_AddStringToObject(db, "ownerId",
				"5a0f4c1e-0000-4000-8000-000000000002");
	info = cJSON_AddObjectToObject(db, "info");
	cJSON_AddStringToObject(info, "name", "rehearsal");
	cJSON_AddStringToObject(info, "keyspace", "default_keyspace");
	cJSON_AddStringToObject(info, "cloudProvider",
				places[s->opt.cloud].provider);
	cJSON_AddStringToObject(info, "region", region);
	cJSON_AddStringToObject(info, "tier", s->opt.db_tier);
	cJSON_AddNumberToObject(info, "capacityUnits", 1);
	centers = cJSON_AddArrayToObject(info, "datacenters");
	center = cJSON_CreateObject();
	cJSON_AddItemToArray(centers, center);
	cJSON_AddStringToObject(center, "name", "dc-1");
	cJSON_AddStringToObject(center, "region", region);
	cJSON_AddStringToObject(db, "status", s->opt.db_status);
	return db;
}

static cJSON *list(const struct sim *s)
{
	cJSON *all = cJSON_CreateArray();

	cJSON_AddItemToArray(all, describe(s));
	return all;
}

bool sim_is_database(const struct sim_req *r)
{
	const char *rest = r->path + sizeof(base) - 1;

	if (strcmp(r->method, "GET") || !sim_starts(r->path, base))
		return false;
	return !*rest || (*rest == '/' && rest[1] && !strchr(rest + 1, '/'));
}

void sim_database(struct sim_req *r)
{
	const char *id = r->path + sizeof(base) - 1;
	cJSON *j;
	char *text;

	if (*id && strcmp(id + 1, r->sim->opt.db)) {
		r->side->fail(r, 404, "2000404", "database not found");
		return;
	}
	j = *id ? describe(r->sim) : list(r->sim);
	text = cJSON_PrintUnformatted(j);
	cJSON_Delete(j);
	sim_reply_text(r, 200, "application/json", text);
	free(text);
}

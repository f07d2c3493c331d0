/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects that are there: their resource in JSON, their bytes, their end, by
 * both APIs; preconditions on generations. An ETag in JSON is the base64 of
 * the generation, in XML the MD5 or what stands for it after multipart.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gcs.h"
#include "page.h"
#include "side.h"

/* The checksum as it is to be shown: a liar changes its first character. */
static const char *shown(const struct sim_req *r, const char *sum, char tmp[80])
{
	if (!(r->trouble.flags & SIM_F_LIE_CHECKSUM))
		return sum;
	snprintf(tmp, 80, "%s", sum);
	*tmp = *tmp == 'A' ? 'B' : 'A';
	return tmp;
}

/* base64 of the MD5, a new string; NULL for what came in parts. */
static char *md5_of(const struct sim_meta *m)
{
	unsigned char raw[16];

	if (strlen(m->etag) != 32 || !sim_unhex(m->etag, 16, raw))
		return NULL;
	return sim_b64(raw, sizeof(raw));
}

/* base64 of the generation: changes whenever the object does. */
static char *json_etag(const struct sim_meta *m)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, m->generation);
	return sim_b64(text, strlen(text));
}

static void add_links(struct sim_req *r, const char *key,
		      const struct sim_meta *m, cJSON *o)
{
	SIM_AUTOBUF struct sim_buf enc = { 0 };
	SIM_AUTOFREE char *self = NULL, *media = NULL, *id = NULL;
	const char *host = sim_header(r, "host");

	sim_url_encode(&enc, key, strlen(key), false);
	self = sim_format("http://%s/storage/v1/b/%s/o/%s", host ? host : "",
			  r->sim->bucket, enc.p);
	media = sim_format("http://%s/download/storage/v1/b/%s/o/%s?generation"
			   "=%" PRIu64 "&alt=media", host ? host : "",
			   r->sim->bucket, enc.p, m->generation);
	id = sim_format("%s/%s/%" PRIu64, r->sim->bucket, key, m->generation);
	cJSON_AddStringToObject(o, "id", id);
	cJSON_AddStringToObject(o, "selfLink", self);
	cJSON_AddStringToObject(o, "mediaLink", media);
}

static const struct {
	const char *header;
	const char *field;
} fields[] = {
	{ "content-type", "contentType" },
	{ "content-encoding", "contentEncoding" },
	{ "cache-control", "cacheControl" },
	{ "content-disposition", "contentDisposition" },
	{ "content-language", "contentLanguage" },
};

/* The object's own headers: fixed fields, and metadata. */
static void add_headers(const struct sim_meta *m, cJSON *o)
{
	SIM_AUTOFREE char *copy = sim_strdup(m->headers ? m->headers : "");
	cJSON *metadata = NULL;
	char *save = NULL;

	for (char *l = strtok_r(copy, "\n", &save); l;
	     l = strtok_r(NULL, "\n", &save)) {
		char *v = strstr(l, ": ");

		if (!v)
			continue;
		*v = '\0';
		for (size_t i = 0; i < SIM_COUNT(fields); i++)
			if (!strcmp(fields[i].header, l))
				cJSON_AddStringToObject(o, fields[i].field,
							v + 2);
		if (!sim_starts(l, "x-goog-meta-"))
			continue;
		if (!metadata)
			metadata = cJSON_AddObjectToObject(o, "metadata");
		cJSON_AddStringToObject(metadata, l + 12, v + 2);
	}
}

static void add_sums(struct sim_req *r, const struct sim_meta *m, cJSON *o)
{
	SIM_AUTOFREE char *md5 = md5_of(m);
	char tmp[80];

	if (r->trouble.flags & SIM_F_IGNORE_CHECKSUM)
		return;
	cJSON_AddStringToObject(o, "crc32c", shown(r, m->sum, tmp));
	if (md5)
		cJSON_AddStringToObject(o, "md5Hash", shown(r, md5, tmp));
}

cJSON *sim_gcs_resource(struct sim_req *r, const char *key,
			const struct sim_meta *m)
{
	SIM_AUTOFREE char *etag = json_etag(m);
	cJSON *o = cJSON_CreateObject();
	char text[32];

	cJSON_AddStringToObject(o, "kind", "storage#object");
	add_links(r, key, m, o);
	cJSON_AddStringToObject(o, "name", key);
	cJSON_AddStringToObject(o, "bucket", r->sim->bucket);
	snprintf(text, sizeof(text), "%" PRIu64, m->generation);
	cJSON_AddStringToObject(o, "generation", text);
	cJSON_AddStringToObject(o, "metageneration", "1");
	cJSON_AddStringToObject(o, "storageClass", "STANDARD");
	snprintf(text, sizeof(text), "%" PRIu64, m->size);
	cJSON_AddStringToObject(o, "size", text);
	add_sums(r, m, o);
	cJSON_AddStringToObject(o, "etag", etag);
	sim_iso_ms(m->mtime_ms, text);
	cJSON_AddStringToObject(o, "timeCreated", text);
	cJSON_AddStringToObject(o, "updated", text);
	add_headers(m, o);
	return o;
}

/* A number from the query or, for the XML API, from a header. */
static const char *condition(const struct sim_req *r, const char *param,
			     const char *header)
{
	return sim_gcs_is_xml(r) ? sim_header(r, header) : sim_param(r, param);
}

bool sim_gcs_absent(const struct sim_req *r)
{
	const char *v = condition(r, "ifGenerationMatch",
				  "x-goog-if-generation-match");

	return v && !strcmp(v, "0");
}

/* generation of what is there, 0 for nothing. */
static uint64_t generation_of(struct sim_req *r, const char *key)
{
	struct sim_meta m = { 0 };
	int fd = sim_store_open(r->sim, key, &m);
	uint64_t g = fd < 0 ? 0 : m.generation;

	if (fd >= 0)
		close(fd);
	sim_meta_clear(&m);
	return g;
}

static bool number(struct sim_req *r, const char *text, uint64_t *ret)
{
	int64_t n = 0;

	if (!sim_number(text, 0, INT64_MAX, &n))
		sim_gcs_fail(r, 400, NULL,
			     "Invalid value for a generation.");
	*ret = (uint64_t)n;
	return !r->reply.ready;
}

bool sim_gcs_conditions(struct sim_req *r, const char *key)
{
	const char *match = condition(r, "ifGenerationMatch",
				      "x-goog-if-generation-match");
	const char *not = sim_param(r, "ifGenerationNotMatch");
	uint64_t want = 0, have;

	if (!match && !not)
		return true;
	have = generation_of(r, key);
	if (match && number(r, match, &want) && want != have)
		sim_gcs_fail(r, 412, NULL, NULL);
	if (not && number(r, not, &want) && want == have)
		sim_gcs_fail(r, strcmp(r->method, "GET") ? 412 : 304, NULL,
			     NULL);
	return !r->reply.ready;
}

/* Opens the object; generation= names one that must be it. */
static int open_object(struct sim_req *r)
{
	const char *g = sim_param(r, "generation");
	struct sim_meta *m = &r->gcs->meta;
	uint64_t want = 0;
	int fd;

	if (!sim_gcs_conditions(r, r->gcs->key) || (g && !number(r, g, &want)))
		return -1;
	fd = sim_store_open(r->sim, r->gcs->key, m);
	if (fd >= 0 && g && m->generation != want) {
		close(fd);
		fd = -ENOENT;
	}
	if (fd >= 0)
		return fd;
	/* Who may not list is not told what is there. */
	if (fd == -ENOENT && r->sim->opt.deny & SIM_DENY_LIST)
		sim_gcs_fail(r, 403, NULL, NULL);
	sim_gcs_errno(r, fd);
	return -1;
}

void sim_gcs_get_resource(struct sim_req *r)
{
	int fd = open_object(r);

	if (fd < 0)
		return;
	close(fd);
	sim_gcs_json(r, 200, sim_gcs_resource(r, r->gcs->key, &r->gcs->meta));
}

void sim_gcs_hash_headers(struct sim_req *r, const struct sim_meta *m)
{
	SIM_AUTOFREE char *md5 = md5_of(m);
	char tmp[80];

	if (!(r->trouble.flags & SIM_F_IGNORE_CHECKSUM)) {
		sim_reply_header(r, "x-goog-hash", "crc32c=%s",
				 shown(r, m->sum, tmp));
		if (md5)
			sim_reply_header(r, "x-goog-hash", "md5=%s",
					 shown(r, md5, tmp));
	}
	if (!m->generation)
		return; /* a part has none */
	sim_reply_header(r, "x-goog-generation", "%" PRIu64, m->generation);
	sim_reply_header(r, "x-goog-metageneration", "1");
}

static void object_headers(struct sim_req *r, const struct sim_meta *m)
{
	sim_side_headers(r, m, "application/octet-stream");
	sim_reply_header(r, "x-goog-stored-content-length", "%" PRIu64,
			 m->size);
	sim_gcs_hash_headers(r, m);
}

/* GET, and HEAD: the library leaves the body out. */
void sim_gcs_get(struct sim_req *r)
{
	struct sim_meta *m = &r->gcs->meta;
	uint64_t from = 0, len;
	int fd = open_object(r), ranged;

	if (fd < 0)
		return;
	len = m->size;
	ranged = sim_range_parse(sim_header(r, "range"), m->size, &from, &len);
	if (ranged < 0) {
		close(fd);
		sim_gcs_fail(r, 416, NULL, NULL);
		sim_reply_header(r, "Content-Range", "bytes */%" PRIu64,
				 m->size);
		return;
	}
	r->reply.fd = fd;
	sim_reply_start(r, ranged ? 206 : 200);
	r->reply.offset = from;
	r->reply.length = len;
	object_headers(r, m);
	if (ranged)
		sim_reply_header(r, "Content-Range",
				 "bytes %" PRIu64 "-%" PRIu64 "/%" PRIu64, from,
				 from + len - 1, m->size);
}

void sim_gcs_delete(struct sim_req *r)
{
	const char *g = sim_param(r, "generation");
	uint64_t want = 0;
	int rc = 0;

	if (!sim_gcs_conditions(r, r->gcs->key))
		return;
	/* An old version is not kept: there is nothing to delete of it. */
	if (g && number(r, g, &want) &&
	    generation_of(r, r->gcs->key) != want)
		rc = -ENOENT;
	if (!rc && !r->reply.ready)
		rc = sim_store_remove(r->sim, r->gcs->key);
	if (rc)
		sim_gcs_errno(r, rc);
	else
		sim_reply_start(r, 204);
}

/* Never allowed: the credentials are for a directory. */
void sim_gcs_bucket(struct sim_req *r)
{
	sim_gcs_fail(r, 403, NULL,
		     "The account does not have storage.buckets.get access to "
		     "the Google Cloud Storage bucket.");
}

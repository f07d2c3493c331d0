/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Objects in one request: uploadType=multipart and media of the JSON API, PUT
 * of the XML API. What the client says of the bytes (CRC32C, MD5, in headers
 * or in the resource) must be true before there is an object.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "gcs.h"

static const char *const kept[] = { "content-type", "content-encoding",
				    "cache-control", "content-disposition",
				    "content-language" };

/* Headers of an XML request that belong to the object. */
char *sim_gcs_kept_headers(const struct sim_req *r)
{
	struct sim_buf b = { 0 };

	sim_buf_str(&b, "");
	for (size_t i = 0; i < r->headers.n; i++) {
		const struct sim_pair *h = &r->headers.v[i];
		bool keep = sim_starts(h->name, "x-goog-meta-");

		for (size_t k = 0; k < SIM_COUNT(kept); k++)
			keep |= !strcmp(h->name, kept[k]);
		if (keep)
			sim_buf_printf(&b, "%s: %s\n", h->name, h->value);
	}
	return b.p;
}

static bool sum_differs(struct sim_req *r, const char *name, const char *said,
			const char *have)
{
	SIM_AUTOFREE char *text = NULL;

	if (!said || r->trouble.flags & SIM_F_IGNORE_CHECKSUM ||
	    !strcmp(said, have))
		return false;
	text = sim_format("Provided %s \"%s\" doesn't match calculated %s "
			  "\"%s\".", name, said, name, have);
	sim_gcs_fail(r, 400, sim_gcs_is_xml(r) ? "BadDigest" : NULL, text);
	return true;
}

bool sim_gcs_sums(struct sim_req *r, const struct sim_meta *m,
		  const char *crc32c, const char *md5)
{
	SIM_AUTOFREE char *have = NULL;
	unsigned char raw[16];

	if (sim_unhex(m->etag, sizeof(raw), raw) && strlen(m->etag) == 32)
		have = sim_b64(raw, sizeof(raw));
	return !sum_differs(r, "CRC32C", crc32c, m->sum) &&
	       !sum_differs(r, "MD5 hash", have ? md5 : NULL, have);
}

/* One value of x-goog-hash: "crc32c=AAAAAA==, md5=..." */
static bool check_hash(struct sim_req *r, const struct sim_meta *m,
		       const char *value)
{
	SIM_AUTOFREE char *copy = sim_strdup(value);
	char *save = NULL;
	bool ok = true;

	for (char *w = strtok_r(copy, ", ", &save); w && ok;
	     w = strtok_r(NULL, ", ", &save)) {
		if (sim_starts(w, "crc32c="))
			ok = sim_gcs_sums(r, m, w + 7, NULL);
		else if (sim_starts(w, "md5="))
			ok = sim_gcs_sums(r, m, NULL, w + 4);
		else
			sim_gcs_fail(r, 400, NULL,
				     "x-goog-hash names an unknown hash.");
	}
	return ok && !r->reply.ready;
}

bool sim_gcs_digests(struct sim_req *r, const struct sim_intake *k)
{
	struct sim_meta m = { 0 };

	sim_intake_meta(k, &m);
	for (size_t i = 0; i < r->headers.n; i++)
		if (!strcmp(r->headers.v[i].name, "x-goog-hash") &&
		    !check_hash(r, &m, r->headers.v[i].value))
			return false;
	return sim_gcs_sums(r, &m, NULL, sim_header(r, "content-md5"));
}

/* Is it one line of text? A sidecar holds no other. */
static bool plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 32 || *s == 127)
			return false;
	return true;
}

static const char *text_of(const cJSON *o, const char *name)
{
	const cJSON *v = cJSON_GetObjectItemCaseSensitive(o, name);

	return cJSON_IsString(v) ? v->valuestring : NULL;
}

static char *copy_of(const cJSON *o, const char *name)
{
	const char *v = text_of(o, name);

	return v ? sim_strdup(v) : NULL;
}

static bool add_header(struct sim_buf *b, const char *prefix, const char *name,
		       const char *v)
{
	if (!v)
		return true;
	sim_buf_printf(b, "%s%s: %s\n", prefix, name, v);
	return plain(v) && plain(name) && !strstr(name, ": ");
}

/* The fields of an object's resource that a client may set. */
static bool headers_said(const cJSON *o, const char *content_type,
			 struct sim_buf *b)
{
	static const char *const names[][2] = {
		{ "content-encoding", "contentEncoding" },
		{ "cache-control", "cacheControl" },
		{ "content-disposition", "contentDisposition" },
		{ "content-language", "contentLanguage" },
	};
	const char *type = text_of(o, "contentType");
	const cJSON *x;
	bool ok;

	sim_buf_str(b, "");
	ok = add_header(b, "", "content-type", type ? type : content_type);
	for (size_t i = 0; i < SIM_COUNT(names); i++)
		ok &= add_header(b, "", names[i][0], text_of(o, names[i][1]));
	cJSON_ArrayForEach(x, cJSON_GetObjectItemCaseSensitive(o, "metadata"))
		ok &= add_header(b, "x-goog-meta-", x->string,
				 cJSON_IsString(x) ? x->valuestring : NULL);
	return ok;
}

bool sim_gcs_said(struct sim_req *r, const char *json,
		  const char *content_type, struct sim_gcs_said *said)
{
	cJSON *o = cJSON_Parse(*json ? json : "{}");
	struct sim_buf headers = { 0 };
	bool ok = cJSON_IsObject(o) && headers_said(o, content_type, &headers);

	*said = (struct sim_gcs_said){ .name = copy_of(o, "name"),
				       .crc32c = copy_of(o, "crc32c"),
				       .md5 = copy_of(o, "md5Hash"),
				       .headers = headers.p };
	cJSON_Delete(o);
	if (!said->name && sim_param(r, "name"))
		said->name = sim_strdup(sim_param(r, "name"));
	if (!ok)
		sim_gcs_fail(r, 400, "parseError", "Parse Error");
	else if (!said->name)
		sim_gcs_fail(r, 400, "required", "Required parameter: name");
	return !r->reply.ready;
}

void sim_gcs_said_clear(struct sim_gcs_said *said)
{
	free(said->name);
	free(said->crc32c);
	free(said->md5);
	free(said->headers);
	memset(said, 0, sizeof(*said));
}

void sim_gcs_store(struct sim_req *r, const char *tmp, const char *key)
{
	struct sim_meta *m = &r->gcs->meta;
	int rc;

	if (!sim_gcs_conditions(r, key) || !sim_gcs_may_replace(r, key))
		return;
	rc = sim_store_commit(r->sim, tmp, key, m, sim_gcs_absent(r));
	if (rc) {
		sim_gcs_errno(r, rc);
		return;
	}
	sim_log_made(r, key, m->size);
	if (!sim_gcs_is_xml(r)) {
		sim_gcs_json(r, 200, sim_gcs_resource(r, key, m));
		return;
	}
	sim_reply_start(r, 200);
	sim_reply_header(r, "ETag", "\"%s\"", m->etag);
	sim_gcs_hash_headers(r, m);
}

/* The bytes are in k, and the client said this of them. */
static void store_said(struct sim_req *r, const struct sim_intake *k,
		       struct sim_gcs_said *said)
{
	struct sim_meta *m = &r->gcs->meta;

	sim_intake_meta(k, m);
	m->headers = said->headers;
	said->headers = NULL;
	if (sim_gcs_key_valid(r, said->name) &&
	    sim_gcs_in_scope(r, said->name) && sim_gcs_digests(r, k) &&
	    sim_gcs_sums(r, m, said->crc32c, said->md5))
		sim_gcs_store(r, k->tmp, said->name);
}

void sim_gcs_upload_media(struct sim_req *r)
{
	struct sim_gcs_said said = { 0 };

	if (sim_gcs_said(r, "{}", sim_header(r, "content-type"), &said))
		store_said(r, &r->gcs->in, &said);
	sim_gcs_said_clear(&said);
}

void sim_gcs_xml_put(struct sim_req *r)
{
	struct sim_meta *m = &r->gcs->meta;

	if (!sim_gcs_digests(r, &r->gcs->in))
		return;
	sim_intake_meta(&r->gcs->in, m);
	m->headers = sim_gcs_kept_headers(r);
	sim_gcs_store(r, r->gcs->in.tmp, r->gcs->key);
}

/* gcs_related.c has found the two parts of the body. */
void sim_gcs_upload_parts(struct sim_req *r, const char *json,
			  const char *content_type, const void *data, size_t n)
{
	struct sim_gcs_said said = { 0 };
	struct sim_intake k;
	int rc;

	if (!sim_gcs_said(r, json, content_type, &said)) {
		sim_gcs_said_clear(&said);
		return;
	}
	rc = sim_intake_begin(r->sim, &k, true, SIM_SUM_CRC32C);
	if (!rc)
		rc = sim_intake_add(&k, data, n);
	sim_intake_end(&k);
	if (rc)
		sim_gcs_errno(r, rc);
	else
		store_said(r, &k, &said);
	sim_intake_free(&k);
	sim_gcs_said_clear(&said);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the store says of objects: JSON resources, the headers that come with
 * an object's bytes, and pages of a listing. Sizes and generations are
 * numbers written as strings there.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/gcs/internal.h"
#include "backends/gcs/internal_json.h"

static int take_number(const cJSON *doc, const char *name, uint64_t *ret)
{
	const char *s = sl_gcs_json_string(doc, name);

	return s ? sl_cloud_number(s, ret) : -EPROTO;
}

static int read_resource(const cJSON *doc, struct sl_gcs_object *ret)
{
	const char *crc = sl_gcs_json_string(doc, "crc32c");
	const char *updated = sl_gcs_json_string(doc, "updated");
	struct sl_object *o = &ret->o;
	uint64_t generation;

	*ret = (struct sl_gcs_object){ .has_crc32c = false };
	if (take_number(doc, "size", &o->size) ||
	    take_number(doc, "generation", &generation))
		return -EPROTO;
	snprintf(o->etag, sizeof(o->etag), "%llu",
		 (unsigned long long)generation);
	if (updated)
		o->mtime_ms = sl_cloud_time(updated);
	if (crc)
		ret->has_crc32c = sl_cloud_unbe32(crc, &ret->crc32c);
	return 0;
}

int sl_gcs_object_json(const char *text, size_t n, struct sl_gcs_object *ret)
{
	SL_CLEANUP(gcs_json) cJSON *doc = sl_gcs_json_parse(text, n);
	int err;

	if (!cJSON_IsObject(doc))
		return -EPROTO;
	err = read_resource(doc, ret);
	if (!err && ret->has_crc32c)
		ret->o.proof = SL_PROOF_CRC32C;
	return err;
}

bool sl_gcs_hash(const struct sl_http_response *r, uint32_t *ret)
{
	static const char name[] = "x-goog-hash:", kind[] = "crc32c=";
	const char *line = sl_buf_str(&r->headers);

	for (; *line; line += *line == '\n') {
		size_t n = strcspn(line, "\n");
		const char *p = memmem(line, n, kind, sizeof(kind) - 1);
		char b64[16];

		if (p && strncmp(line, name, sizeof(name) - 1) == 0) {
			p += sizeof(kind) - 1;
			snprintf(b64, sizeof(b64), "%.*s",
				 (int)strcspn(p, ", \t\r\n"), p);
			return sl_cloud_unbe32(b64, ret);
		}
		line += n;
	}
	return false;
}

static void read_headers(const struct sl_http_response *r,
			 struct sl_gcs_object *ret)
{
	struct sl_object *o = &ret->o;
	char v[96];
	uint64_t n;

	*ret = (struct sl_gcs_object){ .has_crc32c = false };
	sl_cloud_object_headers(r, o);
	o->etag[0] = '\0'; /* an ETag is not what conditions are made of */
	if (sl_http_header(r, "x-goog-generation", v, sizeof(v)) &&
	    sl_cloud_number(v, &n) == 0)
		snprintf(o->etag, sizeof(o->etag), "%llu",
			 (unsigned long long)n);
	ret->has_crc32c = sl_gcs_hash(r, &ret->crc32c);
	o->proof = ret->has_crc32c ? SL_PROOF_CRC32C : SL_PROOF_NONE;
}

int sl_gcs_object_read(const struct sl_http_response *r,
		       struct sl_gcs_object *ret)
{
	char type[64];

	/* Bytes of an object are not kept: what is there is a resource. */
	if (r->status < 300 && r->body.len &&
	    sl_http_header(r, "content-type", type, sizeof(type)) &&
	    strncmp(type, "application/json", 16) == 0)
		return sl_gcs_object_json(r->body.data, r->body.len, ret);
	read_headers(r, ret);
	return 0;
}

static int push(struct sl_cloud_page *p, const char *key, bool is_prefix)
{
	int err = key ? sl_cloud_set_string(&p->cur.key, key) : -EPROTO;

	return err ? err : sl_cloud_page_push(p, is_prefix);
}

static int read_items(const cJSON *items, struct sl_cloud_page *p)
{
	const cJSON *it;
	int err = 0;

	cJSON_ArrayForEach(it, items) {
		struct sl_gcs_object x;

		err = read_resource(it, &x);
		if (err)
			return err;
		p->cur.obj = x.o;
		err = push(p, sl_gcs_json_string(it, "name"), false);
		if (err)
			return err;
	}
	return 0;
}

static int read_prefixes(const cJSON *prefixes, struct sl_cloud_page *p)
{
	const cJSON *it;
	int err = 0;

	cJSON_ArrayForEach(it, prefixes) {
		err = push(p, cJSON_GetStringValue(it), true);
		if (err)
			return err;
	}
	return 0;
}

int sl_gcs_page_json(const char *text, size_t n, struct sl_cloud_page *p)
{
	SL_CLEANUP(gcs_json) cJSON *doc = sl_gcs_json_parse(text, n);
	const char *token;
	int err;

	if (!cJSON_IsObject(doc))
		return -EPROTO;
	p->seen = true;
	err = read_items(sl_gcs_json_item(doc, "items"), p);
	if (!err)
		err = read_prefixes(sl_gcs_json_item(doc, "prefixes"), p);
	token = sl_gcs_json_string(doc, "nextPageToken");
	if (!err && token && *token) {
		p->truncated = true;
		err = sl_cloud_set_string(&p->token, token);
	}
	return err;
}

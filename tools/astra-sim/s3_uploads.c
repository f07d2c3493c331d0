/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unfinished: ListParts and ListMultipartUploads.
 */
#include <stdlib.h>
#include <string.h>

#include "s3.h"

static bool limit(struct sim_req *r, const char *name, int64_t *max)
{
	const char *v = sim_param(r, name);

	*max = 1000;
	if (!v || sim_number(v, 1, INT32_MAX, max)) {
		if (*max > 1000)
			*max = 1000;
		return true;
	}
	sim_s3_fail(r, 400, "InvalidArgument",
		    "the limit is not an integer between 1 and 2147483647");
	return false;
}

static void add_part(struct sim_buf *b, const struct sim_upload *u,
		     const struct sim_part *p)
{
	char time[32];

	sim_iso_ms(p->mtime_ms, time);
	sim_buf_printf(b, "<Part><PartNumber>%d</PartNumber>", p->number);
	sim_xml_element(b, "LastModified", time);
	sim_buf_printf(b, "<ETag>&quot;%s&quot;</ETag><Size>%llu</Size>",
		       p->etag, (unsigned long long)p->size);
	if (u->algo && *p->sum)
		sim_xml_element(b, sim_algos[u->algo].xml, p->sum);
	sim_buf_str(b, "</Part>");
}

/* Parts after the marker, at most max; the last number given, 0 if all. */
static int add_parts(struct sim_buf *b, const struct sim_upload *u,
		     const char *dir, int64_t after, int64_t max)
{
	struct sim_part *p = NULL;
	size_t n = sim_upload_parts(dir, &p), given = 0;
	int last = 0, next = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i].number <= after)
			continue;
		if (given++ == (size_t)max) {
			next = last;
			break;
		}
		add_part(b, u, &p[i]);
		last = p[i].number;
	}
	free(p);
	return next;
}

void sim_s3_parts(struct sim_req *r)
{
	const char *marker = sim_param(r, "part-number-marker");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int64_t max, after = 0;
	struct sim_upload u;
	int next;

	if (!limit(r, "max-parts", &max) || !sim_upload_load(r, &u))
		return;
	if (marker && !sim_number(marker, 0, INT32_MAX, &after))
		sim_s3_fail(r, 400, "InvalidArgument",
			    "part-number-marker is not a number");
	sim_buf_str(&b, "<ListPartsResult>");
	sim_xml_element(&b, "Bucket", r->s3->bucket);
	sim_xml_element(&b, "Key", u.key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_xml_element(&b, "StorageClass", "STANDARD");
	if (u.algo) {
		sim_xml_element(&b, "ChecksumAlgorithm",
				sim_algos[u.algo].name);
		sim_xml_element(&b, "ChecksumType",
				u.composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	sim_buf_printf(&b, "<PartNumberMarker>%lld</PartNumberMarker>"
		       "<MaxParts>%lld</MaxParts>", (long long)after,
		       (long long)max);
	next = add_parts(&b, &u, r->s3->upload, after, max);
	sim_buf_printf(&b, "<IsTruncated>%s</IsTruncated>",
		       next ? "true" : "false");
	if (next)
		sim_buf_printf(&b, "<NextPartNumberMarker>%d"
			       "</NextPartNumberMarker>", next);
	sim_buf_str(&b, "</ListPartsResult>");
	sim_s3_xml(r, &b);
	sim_upload_clear(&u);
}

static void add_key(struct sim_req *r, struct sim_buf *b, const char *name,
		    const char *key)
{
	const char *type = sim_param(r, "encoding-type");
	SIM_AUTOBUF struct sim_buf enc = { 0 };

	if (type && !strcmp(type, "url")) {
		sim_url_encode(&enc, key, strlen(key), true);
		key = enc.p;
	}
	sim_xml_element(b, name, key);
}

static void add_upload(struct sim_req *r, struct sim_buf *b,
		       const struct sim_upload *u)
{
	char time[32];

	sim_iso_ms(u->started_ms, time);
	sim_buf_str(b, "<Upload>");
	add_key(r, b, "Key", u->key);
	sim_xml_element(b, "UploadId", u->id);
	sim_xml_element(b, "StorageClass", "STANDARD");
	sim_xml_element(b, "Initiated", time);
	if (u->algo) {
		sim_xml_element(b, "ChecksumAlgorithm",
				sim_algos[u->algo].name);
		sim_xml_element(b, "ChecksumType",
				u->composite ? "COMPOSITE" : "FULL_OBJECT");
	}
	sim_buf_str(b, "</Upload>");
}

/* After the markers; an empty upload-id-marker skips the whole key. */
static bool beyond(const struct sim_upload *u, const char *key, const char *id)
{
	int c = key ? strcmp(u->key, key) : 1;

	return c > 0 || (!c && id && *id && strcmp(u->id, id) > 0);
}

static void add_uploads(struct sim_req *r, struct sim_buf *b,
			const char *prefix, int64_t max)
{
	const char *key = sim_param(r, "key-marker");
	const char *id = sim_param(r, "upload-id-marker");
	struct sim_upload *u;
	size_t n = sim_uploads_all(r->sim, prefix, &u), given = 0, last = 0;
	bool more = false;

	for (size_t i = 0; i < n && !more; i++) {
		if (!beyond(&u[i], key, id))
			continue;
		more = given == (size_t)max;
		if (more)
			break;
		add_upload(r, b, &u[i]);
		given++;
		last = i;
	}
	sim_buf_printf(b, "<IsTruncated>%s</IsTruncated>",
		       more ? "true" : "false");
	if (more) {
		add_key(r, b, "NextKeyMarker", u[last].key);
		sim_xml_element(b, "NextUploadIdMarker", u[last].id);
	}
	sim_uploads_free(u, n);
}

void sim_s3_uploads(struct sim_req *r)
{
	const char *prefix = sim_param(r, "prefix");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int64_t max;

	prefix = prefix ? prefix : "";
	if (!sim_s3_in_scope(r, prefix) || !limit(r, "max-uploads", &max))
		return;
	sim_buf_str(&b, "<ListMultipartUploadsResult>");
	sim_xml_element(&b, "Bucket", r->s3->bucket);
	add_key(r, &b, "Prefix", prefix);
	sim_buf_printf(&b, "<MaxUploads>%lld</MaxUploads>", (long long)max);
	add_uploads(r, &b, prefix, max);
	sim_buf_str(&b, "</ListMultipartUploadsResult>");
	sim_s3_xml(r, &b);
}

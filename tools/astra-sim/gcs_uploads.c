/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unfinished, by the XML API: the parts of an upload, the uploads of
 * a directory. Resumable sessions are not among them.
 */
#include <stdlib.h>
#include <string.h>

#include "gcs.h"
#include "xml.h"

static const char xmlns[] = " xmlns='http://s3.amazonaws.com/doc/2006-03-01/'>";

static bool limit(struct sim_req *r, const char *name, int64_t *max)
{
	const char *v = sim_param(r, name);

	*max = 1000;
	if (v && !sim_number(v, 1, INT32_MAX, max)) {
		sim_gcs_fail(r, 400, NULL, "The limit is not a number.");
		return false;
	}
	if (*max > 1000)
		*max = 1000;
	return true;
}

static void add_part(struct sim_buf *b, const struct sim_part *p)
{
	char time[32];

	sim_iso_ms(p->mtime_ms, time);
	sim_buf_printf(b, "<Part><PartNumber>%d</PartNumber>", p->number);
	sim_xml_element(b, "LastModified", time);
	sim_buf_printf(b, "<ETag>\"%s\"</ETag><Size>%llu</Size></Part>",
		       p->etag, (unsigned long long)p->size);
}

/* Parts after the marker, at most max; the last number given, 0 if all. */
static int add_parts(struct sim_buf *b, const char *dir, int64_t after,
		     int64_t max)
{
	struct sim_part *p = NULL;
	size_t n = sim_upload_parts(dir, &p);
	int64_t given = 0;
	int next = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i].number <= after)
			continue;
		if (given++ == max) {
			next = p[i - 1].number;
			break;
		}
		add_part(b, &p[i]);
	}
	free(p);
	return next;
}

void sim_gcs_parts(struct sim_req *r)
{
	const char *marker = sim_param(r, "part-number-marker");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int64_t max, after = 0;
	struct sim_upload u;
	int next;

	if (marker && !sim_number(marker, 0, INT32_MAX, &after))
		sim_gcs_fail(r, 400, NULL, "The marker is not a number.");
	if (!limit(r, "max-parts", &max) || !sim_gcs_upload_load(r, &u))
		return;
	sim_buf_printf(&b, "<ListPartsResult%s", xmlns);
	sim_xml_element(&b, "Bucket", r->gcs->bucket);
	sim_xml_element(&b, "Key", u.key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_xml_element(&b, "StorageClass", "STANDARD");
	sim_buf_printf(&b, "<PartNumberMarker>%lld</PartNumberMarker>"
		       "<MaxParts>%lld</MaxParts>", (long long)after,
		       (long long)max);
	next = add_parts(&b, r->gcs->upload, after, max);
	if (next)
		sim_buf_printf(&b, "<NextPartNumberMarker>%d"
			       "</NextPartNumberMarker>", next);
	sim_buf_printf(&b, "<IsTruncated>%s</IsTruncated></ListPartsResult>",
		       next ? "true" : "false");
	sim_gcs_xml(r, &b);
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
	sim_buf_str(b, "</Upload>");
}

/* One of the list, after the markers; without an ID the key is done. */
static bool beyond(const struct sim_upload *u, const char *key, const char *id)
{
	int c = key ? strcmp(u->key, key) : 1;

	if (sim_starts(u->headers, SIM_GCS_RESUMABLE))
		return false;
	return c > 0 || (!c && id && *id && strcmp(u->id, id) > 0);
}

static void add_uploads(struct sim_req *r, struct sim_buf *b,
			const char *prefix, int64_t max)
{
	const char *key = sim_param(r, "key-marker");
	const char *id = sim_param(r, "upload-id-marker");
	const struct sim_upload *last = NULL;
	struct sim_upload *u;
	size_t n = sim_uploads_all(r->sim, prefix, &u);
	int64_t given = 0;
	bool more = false;

	for (size_t i = 0; i < n && !more; i++) {
		if (!beyond(&u[i], key, id))
			continue;
		more = given++ == max;
		if (more)
			break;
		add_upload(r, b, &u[i]);
		last = &u[i];
	}
	if (more && last) {
		add_key(r, b, "NextKeyMarker", last->key);
		sim_xml_element(b, "NextUploadIdMarker", last->id);
	}
	sim_buf_printf(b, "<IsTruncated>%s</IsTruncated>",
		       more ? "true" : "false");
	sim_uploads_free(u, n);
}

void sim_gcs_uploads(struct sim_req *r)
{
	const char *prefix = sim_param(r, "prefix");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int64_t max;

	prefix = prefix ? prefix : "";
	if (!sim_gcs_in_scope(r, prefix) || !limit(r, "max-uploads", &max))
		return;
	sim_buf_printf(&b, "<ListMultipartUploadsResult%s", xmlns);
	sim_xml_element(&b, "Bucket", r->gcs->bucket);
	add_key(r, &b, "Prefix", prefix);
	sim_buf_printf(&b, "<MaxUploads>%lld</MaxUploads>", (long long)max);
	add_uploads(r, &b, prefix, max);
	sim_buf_str(&b, "</ListMultipartUploadsResult>");
	sim_gcs_xml(r, &b);
}

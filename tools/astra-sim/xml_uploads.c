/* SPDX-License-Identifier: Apache-2.0 */
#include "xml_uploads.h"

#include <stdlib.h>
#include <string.h>

#include "xml.h"

static bool limit(struct sim_req *r, const struct sim_xml_uploads *x,
		  const char *name, int64_t *max)
{
	const char *v = sim_param(r, name);

	*max = 1000;
	if (v && !sim_number(v, 1, INT32_MAX, max)) {
		x->invalid(r, "the limit is not an integer between 1 and "
			      "2147483647");
		return false;
	}
	if (*max > 1000)
		*max = 1000;
	return true;
}

static void add_bool(struct sim_buf *b, const char *name, bool v)
{
	sim_xml_element(b, name, v ? "true" : "false");
}

static void add_number(struct sim_buf *b, const char *name, int64_t v)
{
	sim_buf_printf(b, "<%s>%lld</%s>", name, (long long)v, name);
}

static void add_algo(struct sim_buf *b, const struct sim_xml_uploads *x,
		     const struct sim_upload *u)
{
	if (!x->sums || !u->algo)
		return;
	sim_xml_element(b, "ChecksumAlgorithm", sim_algos[u->algo].name);
	sim_xml_element(b, "ChecksumType",
			u->composite ? "COMPOSITE" : "FULL_OBJECT");
}

static void add_part(struct sim_buf *b, const struct sim_xml_uploads *x,
		     const struct sim_upload *u, const struct sim_part *p)
{
	char time[32];

	sim_iso_ms(p->mtime_ms, time);
	sim_buf_str(b, "<Part>");
	add_number(b, "PartNumber", p->number);
	sim_xml_element(b, "LastModified", time);
	sim_buf_printf(b, "<ETag>%s%s%s</ETag>", x->quote, p->etag, x->quote);
	add_number(b, "Size", (int64_t)p->size);
	if (x->sums && u->algo && *p->sum)
		sim_xml_element(b, sim_algos[u->algo].xml, p->sum);
	sim_buf_str(b, "</Part>");
}

struct part_range {
	int64_t after;
	int64_t max;
};

/* Parts after the marker, at most max; the last number given, 0 if all. */
static int add_parts(struct sim_buf *b, const struct sim_xml_uploads *x,
		     const struct sim_upload *u, const char *dir,
		     struct part_range want)
{
	struct sim_part *p = NULL;
	size_t n = sim_upload_parts(dir, &p);
	int64_t given = 0;
	int next = 0;

	for (size_t i = 0; i < n; i++) {
		if (p[i].number <= want.after)
			continue;
		if (given++ == want.max) {
			next = p[i - 1].number;
			break;
		}
		add_part(b, x, u, &p[i]);
	}
	free(p);
	return next;
}

void sim_xml_parts(struct sim_req *r, const struct sim_xml_uploads *x,
		   const char *bucket, char *const *dir)
{
	const char *marker = sim_param(r, "part-number-marker");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	struct part_range want = { 0 };
	struct sim_upload u;
	int next;

	if (marker && !sim_number(marker, 0, INT32_MAX, &want.after)) {
		x->invalid(r, "part-number-marker is not a number");
		return;
	}
	if (!limit(r, x, "max-parts", &want.max) || !x->load(r, &u))
		return;
	sim_buf_printf(&b, "<ListPartsResult%s>", x->xmlns);
	sim_xml_element(&b, "Bucket", bucket);
	sim_xml_element(&b, "Key", u.key);
	sim_xml_element(&b, "UploadId", u.id);
	sim_xml_element(&b, "StorageClass", "STANDARD");
	add_algo(&b, x, &u);
	add_number(&b, "PartNumberMarker", want.after);
	add_number(&b, "MaxParts", want.max);
	next = add_parts(&b, x, &u, *dir, want);
	if (next)
		add_number(&b, "NextPartNumberMarker", next);
	add_bool(&b, "IsTruncated", next);
	sim_buf_str(&b, "</ListPartsResult>");
	x->send(r, &b);
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
		       const struct sim_xml_uploads *x,
		       const struct sim_upload *u)
{
	char time[32];

	sim_iso_ms(u->started_ms, time);
	sim_buf_str(b, "<Upload>");
	add_key(r, b, "Key", u->key);
	sim_xml_element(b, "UploadId", u->id);
	sim_xml_element(b, "StorageClass", "STANDARD");
	sim_xml_element(b, "Initiated", time);
	add_algo(b, x, u);
	sim_buf_str(b, "</Upload>");
}

/* After the markers; an empty upload-id-marker skips the whole key. */
static bool beyond(const struct sim_upload *u, const char *key, const char *id)
{
	int c = key ? strcmp(u->key, key) : 1;

	return c > 0 || (!c && id && *id && strcmp(u->id, id) > 0);
}

static void add_uploads(struct sim_req *r, struct sim_buf *b,
			const struct sim_xml_uploads *x, const char *prefix,
			int64_t max)
{
	const char *key = sim_param(r, "key-marker");
	const char *id = sim_param(r, "upload-id-marker");
	const struct sim_upload *last = NULL;
	struct sim_upload *u;
	size_t n = sim_uploads_all(r->sim, prefix, &u);
	int64_t given = 0;
	bool more = false;

	for (size_t i = 0; i < n && !more; i++) {
		if ((x->hidden && x->hidden(&u[i])) || !beyond(&u[i], key, id))
			continue;
		more = given++ == max;
		if (more)
			break;
		add_upload(r, b, x, &u[i]);
		last = &u[i];
	}
	if (more && last) {
		add_key(r, b, "NextKeyMarker", last->key);
		sim_xml_element(b, "NextUploadIdMarker", last->id);
	}
	add_bool(b, "IsTruncated", more);
	sim_uploads_free(u, n);
}

void sim_xml_uploads(struct sim_req *r, const struct sim_xml_uploads *x,
		     const char *bucket)
{
	const char *prefix = sim_param(r, "prefix");
	SIM_AUTOBUF struct sim_buf b = { 0 };
	int64_t max;

	prefix = prefix ? prefix : "";
	if (!x->in_scope(r, prefix) || !limit(r, x, "max-uploads", &max))
		return;
	sim_buf_printf(&b, "<ListMultipartUploadsResult%s>", x->xmlns);
	sim_xml_element(&b, "Bucket", bucket);
	add_key(r, &b, "Prefix", prefix);
	add_number(&b, "MaxUploads", max);
	add_uploads(r, &b, x, prefix, max);
	sim_buf_str(&b, "</ListMultipartUploadsResult>");
	x->send(r, &b);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listings: objects in pages with prefixes (versions 1 and 2 of the request),
 * unfinished uploads, and the parts of one.
 */
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/s3/sigv4.h"
#include "clock.h"
#include "tests/bench/sink.h"

#define PAGE 1000
#define KEY_MAX 1100

void sink_xml_text(struct sl_buf *b, const char *s)
{
	for (; *s; s++) {
		if (strchr("<>&\"\r", *s))
			sl_buf_printf(b, "&#%d;", *s);
		else
			sl_buf_append(b, s, 1);
	}
}

struct query {
	char bucket[128];
	char prefix[KEY_MAX], after[KEY_MAX], delimiter[8];
	bool encoded;
	size_t max, count;
	struct sl_buf xml;
	char last[KEY_MAX]; /* key or common prefix that came last */
};

static void put_name(struct query *q, const char *tag, const char *name)
{
	sl_buf_printf(&q->xml, "<%s>", tag);
	if (q->encoded)
		sl_cloud_escape(&q->xml, name, true);
	else
		sink_xml_text(&q->xml, name);
	sl_buf_printf(&q->xml, "</%s>", tag);
}

static void read_query(const struct sink_conn *c, struct query *q)
{
	char value[32];

	snprintf(q->bucket, sizeof(q->bucket), "%.*s",
		 (int)strcspn(c->req.key, "/"), c->req.key);
	sink_http_query(c, "prefix", q->prefix, sizeof(q->prefix));
	sink_http_query(c, "delimiter", q->delimiter, sizeof(q->delimiter));
	if (!sink_http_query(c, "continuation-token", q->after,
			     sizeof(q->after)) &&
	    !sink_http_query(c, "start-after", q->after, sizeof(q->after)))
		sink_http_query(c, "marker", q->after, sizeof(q->after));
	sink_http_query(c, "encoding-type", value, sizeof(value));
	q->encoded = strcmp(value, "url") == 0;
	sink_http_query(c, "max-keys", value, sizeof(value));
	q->max = *value ? strtoul(value, NULL, 10) : PAGE;
	if (q->max > PAGE)
		q->max = PAGE;
}

static void put_object(struct query *q, const struct sink_object *o,
		       const char *name)
{
	char when[64];

	sl_buf_puts(&q->xml, "<Contents>");
	put_name(q, "Key", name);
	sl_buf_printf(&q->xml, "<LastModified>%s</LastModified><ETag>",
		      sl_time_format(when, sizeof(when), o->mtime_ms));
	sink_xml_text(&q->xml, o->etag);
	sl_buf_printf(&q->xml, "</ETag><Size>%llu</Size><StorageClass>"
		      "STANDARD</StorageClass></Contents>",
		      (unsigned long long)o->size);
	snprintf(q->last, sizeof(q->last), "%s", name);
}

/* The length of the common prefix that stands for this name; 0 none. */
static size_t common(const struct query *q, const char *name)
{
	const char *p = NULL;

	if (q->delimiter[0])
		p = strstr(name + strlen(q->prefix), q->delimiter);
	return p ? (size_t)(p - name) + strlen(q->delimiter) : 0;
}

static void put_common(struct query *q, const char *name, size_t n)
{
	snprintf(q->last, sizeof(q->last), "%.*s", (int)n, name);
	sl_buf_puts(&q->xml, "<CommonPrefixes>");
	put_name(q, "Prefix", q->last);
	sl_buf_puts(&q->xml, "</CommonPrefixes>");
}

/* Was it told before: on this page as a prefix, or on the one before? */
static bool told(const struct query *q, const char *name, size_t common_len)
{
	if (q->after[0] && strcmp(name, q->after) <= 0)
		return true;
	return common_len && (strncmp(name, q->last, common_len) == 0 ||
			      strncmp(name, q->after, common_len) == 0);
}

static bool asked(const struct query *q, const char *key)
{
	size_t n = strlen(q->bucket);

	return strncmp(key, q->bucket, n) == 0 && key[n] == '/' &&
	       strncmp(key + n + 1, q->prefix, strlen(q->prefix)) == 0;
}

static size_t first_of(const struct sink *s, const struct query *q)
{
	char from[sizeof(q->bucket) + KEY_MAX];

	snprintf(from, sizeof(from), "%s/%s", q->bucket,
		 strcmp(q->after, q->prefix) > 0 ? q->after : q->prefix);
	return sink_store_from(s, from);
}

/* Fills a page; true when there is more. */
static bool put_page(const struct sink *s, struct query *q)
{
	for (size_t i = first_of(s, q); i < s->object_count; i++) {
		const struct sink_object *o = s->objects[i];
		const char *name = o->key + strlen(q->bucket) + 1;
		size_t n;

		if (!asked(q, o->key))
			return false;
		n = common(q, name);
		if (told(q, name, n))
			continue;
		if (q->count++ == q->max)
			return true;
		if (n)
			put_common(q, name, n);
		else
			put_object(q, o, name);
	}
	return false;
}

void sink_list_objects(struct sink *s, struct sink_conn *c)
{
	struct query q = { .xml = SL_BUF_INIT(SINK_ANSWER_MAX) };
	bool more;

	read_query(c, &q);
	sl_buf_puts(&q.xml, SINK_XML "<ListBucketResult>");
	put_name(&q, "Name", q.bucket);
	put_name(&q, "Prefix", q.prefix);
	more = put_page(s, &q);
	sl_buf_printf(&q.xml, "<MaxKeys>%zu</MaxKeys><KeyCount>%zu</KeyCount>",
		      q.max, more ? q.max : q.count);
	if (q.encoded)
		sl_buf_puts(&q.xml, "<EncodingType>url</EncodingType>");
	if (more) {
		sl_buf_puts(&q.xml, "<NextContinuationToken>");
		sink_xml_text(&q.xml, q.last);
		sl_buf_puts(&q.xml, "</NextContinuationToken>");
		put_name(&q, "NextMarker", q.last);
	}
	sl_buf_printf(&q.xml, "<IsTruncated>%s</IsTruncated>"
		      "</ListBucketResult>", more ? "true" : "false");
	sink_http_answer(c, 200, "application/xml", &q.xml);
	sl_buf_release(&q.xml);
}

void sink_list_uploads(struct sink *s, struct sink_conn *c)
{
	struct query q = { .xml = SL_BUF_INIT(SINK_ANSWER_MAX) };
	char when[64];

	read_query(c, &q);
	sl_buf_puts(&q.xml, SINK_XML "<ListMultipartUploadsResult>");
	if (q.encoded)
		sl_buf_puts(&q.xml, "<EncodingType>url</EncodingType>");
	for (struct sink_upload *u = s->uploads; u; u = u->next) {
		if (!asked(&q, u->key))
			continue;
		sl_buf_puts(&q.xml, "<Upload>");
		put_name(&q, "Key", u->key + strlen(q.bucket) + 1);
		sl_buf_printf(&q.xml, "<UploadId>%s</UploadId><Initiated>%s"
			      "</Initiated></Upload>", u->id,
			      sl_time_format(when, sizeof(when),
					     u->started_ms));
	}
	sl_buf_puts(&q.xml, "<IsTruncated>false</IsTruncated>"
			    "</ListMultipartUploadsResult>");
	sink_http_answer(c, 200, "application/xml", &q.xml);
	sl_buf_release(&q.xml);
}

void sink_list_parts(struct sink *s, struct sink_conn *c)
{
	struct sl_buf b = SL_BUF_INIT(SINK_ANSWER_MAX);
	char id[64], value[16];
	struct sink_upload *u;
	uint64_t from;

	sink_http_query(c, "uploadId", id, sizeof(id));
	sink_http_query(c, "part-number-marker", value, sizeof(value));
	from = strtoull(value, NULL, 10);
	u = sink_upload_find(s, id);
	if (!u) {
		sink_s3_error(c, 404, "NoSuchUpload");
		return;
	}
	sl_buf_puts(&b, SINK_XML "<ListPartsResult>");
	for (uint64_t i = from; i < u->part_cap; i++) {
		const struct sink_part *p = &u->parts[i];

		if (!p->etag[0])
			continue;
		sl_buf_printf(&b, "<Part><PartNumber>%llu</PartNumber><Size>"
			      "%llu</Size><ETag>", (unsigned long long)i + 1,
			      (unsigned long long)p->size);
		sink_xml_text(&b, p->etag);
		sl_buf_puts(&b, "</ETag>");
		if (p->crc32[0])
			sl_buf_printf(&b, "<ChecksumCRC32>%s</ChecksumCRC32>",
				      p->crc32);
		sl_buf_puts(&b, "</Part>");
	}
	sl_buf_puts(&b, "<IsTruncated>false</IsTruncated></ListPartsResult>");
	sink_http_answer(c, 200, "application/xml", &b);
	sl_buf_release(&b);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request asks for, and the answers to those that only look.
 * Signatures are not looked at.
 */
#include <errno.h>
#include <string.h>

#include "tests/bench/sink.h"

struct route {
	const char *method;
	bool bucket;	   /* asks of a bucket, not of an object */
	const char *query; /* a parameter that must be there; NULL: any */
	enum sink_kind kind;
};

/* The first that fits. */
static const struct route routes[] = {
	{ "GET", true, "location", SINK_BUCKET },
	{ "GET", true, "uploads", SINK_UPLOADS },
	{ "GET", true, "list-type", SINK_LIST },
	{ "GET", true, "prefix", SINK_LIST },
	{ "GET", true, "delimiter", SINK_LIST },
	{ "GET", true, "max-keys", SINK_LIST },
	{ "HEAD", true, NULL, SINK_BUCKET },
	{ "PUT", true, NULL, SINK_BUCKET },
	{ "PUT", false, "partNumber", SINK_PART },
	{ "PUT", false, NULL, SINK_PUT },
	{ "POST", false, "uploads", SINK_CREATE },
	{ "POST", false, "uploadId", SINK_COMPLETE },
	{ "GET", false, "uploadId", SINK_PARTS },
	{ "GET", false, NULL, SINK_GET },
	{ "HEAD", false, NULL, SINK_OBJECT_HEAD },
	{ "DELETE", false, "uploadId", SINK_ABORT },
	{ "DELETE", false, NULL, SINK_DELETE },
};

enum sink_kind sink_s3_kind(const struct sink_conn *c)
{
	const struct sink_request *q = &c->req;
	char value[8];

	if (strcmp(q->target, "/stats") == 0 ||
	    strcmp(q->target, "/stats/reset") == 0)
		return SINK_OWN;
	for (size_t i = 0; i < SL_ARRAY_LEN(routes); i++) {
		const struct route *r = &routes[i];

		if (strcmp(q->method, r->method) == 0 &&
		    r->bucket == q->bucket_only &&
		    (!r->query ||
		     sink_http_query(c, r->query, value, sizeof(value))))
			return r->kind;
	}
	return SINK_OTHER;
}

void sink_s3_error(struct sink_conn *c, int status, const char *code)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);

	sl_buf_printf(&b, SINK_XML "<Error><Code>%s</Code><Message>%s</Message>"
		      "<RequestId>sink</RequestId></Error>", code, code);
	sink_http_answer(c, status, "application/xml", &b);
}

void sink_s3_xml(struct sink_conn *c, const struct sl_buf *b)
{
	if (sl_buf_error(b))
		sink_s3_error(c, 500, "InternalError");
	else
		sink_http_answer(c, 200, "application/xml", b);
}

void sink_s3_crc_header(const char *crc, char *dst, size_t size)
{
	snprintf(dst, size, *crc ? "x-amz-checksum-crc32: %s\r\n"
				   "x-amz-checksum-type: FULL_OBJECT\r\n" :
				   "%s", crc);
}

/* "bytes=A-B", "bytes=A-", "bytes=-N": false when it does not fit. */
static bool read_range(const char *text, uint64_t size, uint64_t *from,
		       uint64_t *to)
{
	char *end;

	if (strncmp(text, "bytes=", 6) != 0 || !size)
		return false;
	text += 6;
	*to = size - 1;
	if (*text == '-') {
		uint64_t n = strtoull(text + 1, &end, 10);

		*from = n < size ? size - n : 0;
		return n != 0;
	}
	*from = strtoull(text, &end, 10);
	if (*end == '-' && end[1])
		*to = strtoull(end + 1, &end, 10);
	if (*to >= size)
		*to = size - 1;
	return *from <= *to;
}

static void object_headers(const struct sink_object *o, struct sl_buf *h)
{
	time_t at = (time_t)(o->mtime_ms / 1000);
	char when[64] = "", sum[128];
	struct tm tm;

	sink_s3_crc_header(o->crc32, sum, sizeof(sum));
	if (gmtime_r(&at, &tm))
		strftime(when, sizeof(when), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	sl_buf_printf(h, "ETag: %s\r\nLast-Modified: %s\r\n%s%s"
		      "Accept-Ranges: bytes\r\n"
		      "Content-Type: application/octet-stream\r\n",
		      o->etag, when, sum, o->meta ? o->meta : "");
}

static void do_read(struct sink *s, struct sink_conn *c)
{
	SL_CLEANUP(buf) struct sl_buf h = SL_BUF_INIT(65536);
	struct sink_object *o = sink_store_find(s, c->req.key);
	bool gets = c->req.kind == SINK_GET;
	uint64_t from = 0, to = 0;
	char range[64];

	if (!o) {
		sink_s3_error(c, 404, "NoSuchKey");
		return;
	}
	object_headers(o, &h);
	if (!gets || !sink_http_header(c, "range", range, sizeof(range))) {
		c->zeros = gets ? o->size : 0;
		sink_http_begin(c, 200, o->size, sl_buf_str(&h));
		return;
	}
	if (!read_range(range, o->size, &from, &to)) {
		sink_s3_error(c, 416, "InvalidRange");
		return;
	}
	sl_buf_printf(&h, "Content-Range: bytes %llu-%llu/%llu\r\n",
		      (unsigned long long)from, (unsigned long long)to,
		      (unsigned long long)o->size);
	c->zeros = to - from + 1;
	sink_http_begin(c, 206, c->zeros, sl_buf_str(&h));
}

/* Every bucket is there, in us-east-1. */
static void do_bucket(struct sink *s, struct sink_conn *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);

	(void)s;
	if (strcmp(c->req.method, "GET") != 0) {
		sink_http_begin(c, 200, 0,
				"x-amz-bucket-region: us-east-1\r\n");
		return;
	}
	sl_buf_puts(&b, SINK_XML "<LocationConstraint></LocationConstraint>");
	sink_s3_xml(c, &b);
}

static void do_other(struct sink *s, struct sink_conn *c)
{
	/* A plain GET of a bucket is the old way to list it. */
	if (c->req.bucket_only && c->req.key[0] && !c->req.query &&
	    strcmp(c->req.method, "GET") == 0)
		sink_list_objects(s, c);
	else
		sink_s3_error(c, 501, "NotImplemented");
}

static void do_own(struct sink *s, struct sink_conn *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(65536);

	if (strcmp(c->req.method, "POST") == 0)
		sink_stats_reset(s);
	sink_stats_json(s, &b);
	sink_http_answer(c, 200, "application/json", &b);
}

void sink_s3_answer(struct sink *s, struct sink_conn *c)
{
	static void (*const answers[])(struct sink *, struct sink_conn *) = {
		[SINK_PUT] = sink_do_put,
		[SINK_CREATE] = sink_do_create,
		[SINK_PART] = sink_do_part,
		[SINK_COMPLETE] = sink_do_complete,
		[SINK_ABORT] = sink_do_abort,
		[SINK_OBJECT_HEAD] = do_read,
		[SINK_GET] = do_read,
		[SINK_DELETE] = sink_do_delete,
		[SINK_LIST] = sink_list_objects,
		[SINK_UPLOADS] = sink_list_uploads,
		[SINK_PARTS] = sink_list_parts,
		[SINK_BUCKET] = do_bucket,
		[SINK_OTHER] = do_other,
		[SINK_OWN] = do_own,
	};

	answers[c->req.kind](s, c);
}

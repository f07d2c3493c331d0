/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests that make or remove something: objects in one request or in parts.
 * An ETag is the Content-MD5 that was sent, else something that nobody takes
 * for an MD5; checksums are believed and echoed.
 */
#include <errno.h>
#include <string.h>

#include "clock.h"
#include "tests/bench/sink.h"

/* The ETag of a body: its Content-MD5 in hex, else a number. */
static void make_etag(struct sink *s, const struct sink_conn *c, char *dst,
		      size_t size)
{
	unsigned char md[24];
	char text[64];

	if (sink_http_header(c, "content-md5", text, sizeof(text)) &&
	    strlen(text) == 24 &&
	    EVP_DecodeBlock(md, (unsigned char *)text, 24) == 18) {
		*dst++ = '"';
		for (int i = 0; i < 16; i++)
			dst += snprintf(dst, 3, "%02x", md[i]);
		snprintf(dst, 2, "\"");
	} else {
		snprintf(dst, size, "\"sink-%llu\"",
			 (unsigned long long)++s->next_id);
	}
}

/* The user's own headers, to be given back with the object. */
static char *copy_meta(const struct sink_conn *c)
{
	static const char name[] = "x-amz-meta-";
	struct sl_buf b = SL_BUF_INIT(SINK_HEAD_MAX);
	const char *end = c->in + c->head_len;

	sl_buf_puts(&b, "");
	for (const char *p = c->in; p && p < end; p = strchr(p, '\n')) {
		p += *p == '\n';
		if (strncasecmp(p, name, sizeof(name) - 1) == 0) {
			sl_buf_append(&b, p, strcspn(p, "\r\n"));
			sl_buf_puts(&b, "\r\n");
		}
	}
	return sl_buf_steal(&b);
}

static void answer_stored(struct sink_conn *c, const char *etag,
			  const char *crc)
{
	char headers[256], sum[128];

	sink_s3_crc_header(crc, sum, sizeof(sum));
	snprintf(headers, sizeof(headers), "ETag: %s\r\n%s", etag, sum);
	sink_http_begin(c, 200, 0, headers);
}

/* Names of buckets need no escape. */
static void put_place(const struct sink_conn *c, struct sl_buf *b)
{
	const char *key = strchr(c->req.key, '/');

	sl_buf_printf(b, "<Bucket>%.*s</Bucket><Key>",
		      (int)(key - c->req.key), c->req.key);
	sink_xml_text(b, key + 1);
	sl_buf_puts(b, "</Key>");
}

/* An object that becomes another's copy; rename through some clients. */
static void do_copy(struct sink *s, struct sink_conn *c, const char *source)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);
	struct sink_object *from, *to, was;
	char when[64];

	from = sink_store_find(s, source + (*source == '/'));
	if (!from) {
		sink_s3_error(c, 404, "NoSuchKey");
		return;
	}
	was = *from;
	to = sink_store_make(s, c->req.key);
	if (!to) {
		sink_s3_error(c, 500, "InternalError");
		return;
	}
	to->size = was.size;
	to->mtime_ms = sink_wall_ms();
	to->meta = copy_meta(c);
	snprintf(to->etag, sizeof(to->etag), "%s", was.etag);
	sl_buf_printf(&b, SINK_XML "<CopyObjectResult><LastModified>%s"
		      "</LastModified><ETag>",
		      sl_time_format(when, sizeof(when), to->mtime_ms));
	sink_xml_text(&b, to->etag);
	sl_buf_puts(&b, "</ETag></CopyObjectResult>");
	sink_s3_xml(c, &b);
}

void sink_do_put(struct sink *s, struct sink_conn *c)
{
	char source[2048];
	struct sink_object *o;

	if (sink_http_header(c, "x-amz-copy-source", source,
			     sizeof(source))) {
		do_copy(s, c, source);
		return;
	}
	o = sink_store_make(s, c->req.key);
	if (!o) {
		sink_s3_error(c, 500, "InternalError");
		return;
	}
	o->meta = copy_meta(c);
	o->size = c->req.decoded;
	o->mtime_ms = sink_wall_ms();
	make_etag(s, c, o->etag, sizeof(o->etag));
	sink_http_header(c, "x-amz-checksum-crc32", o->crc32,
			 sizeof(o->crc32));
	answer_stored(c, o->etag, o->crc32);
}

void sink_do_create(struct sink *s, struct sink_conn *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(16384);
	struct sink_upload *u = sink_upload_new(s, c->req.key);

	if (!u) {
		sink_s3_error(c, 500, "InternalError");
		return;
	}
	u->meta = copy_meta(c);
	sl_buf_puts(&b, SINK_XML "<InitiateMultipartUploadResult>");
	put_place(c, &b);
	sl_buf_printf(&b, "<UploadId>%s</UploadId>"
		      "</InitiateMultipartUploadResult>", u->id);
	sink_s3_xml(c, &b);
}

static struct sink_upload *asked_upload(struct sink *s, struct sink_conn *c)
{
	char id[64];
	struct sink_upload *u;

	sink_http_query(c, "uploadId", id, sizeof(id));
	u = sink_upload_find(s, id);
	if (!u)
		sink_s3_error(c, 404, "NoSuchUpload");
	return u;
}

void sink_do_part(struct sink *s, struct sink_conn *c)
{
	struct sink_upload *u = asked_upload(s, c);
	struct sink_part *p;
	char number[16];

	if (!u)
		return;
	sink_http_query(c, "partNumber", number, sizeof(number));
	p = sink_upload_part(u, strtoull(number, NULL, 10));
	if (!p) {
		sink_s3_error(c, 400, "InvalidArgument");
		return;
	}
	p->size = c->req.decoded;
	make_etag(s, c, p->etag, sizeof(p->etag));
	sink_http_header(c, "x-amz-checksum-crc32", p->crc32,
			 sizeof(p->crc32));
	answer_stored(c, p->etag, p->crc32);
}

/* Exactly the parts in the request's list make the object. */
static uint64_t listed_size(const struct sink_conn *c, struct sink_upload *u,
			    uint32_t *ret_count)
{
	static const char tag[] = "<PartNumber>";
	const char *p = sl_buf_str(&c->body);
	uint64_t size = 0;

	*ret_count = 0;
	while ((p = strstr(p, tag)) != NULL) {
		struct sink_part *part;

		p += sizeof(tag) - 1;
		part = sink_upload_part(u, strtoull(p, NULL, 10));
		if (!part || !part->etag[0]) {
			*ret_count = 0;
			return 0;
		}
		size += part->size;
		(*ret_count)++;
	}
	return size;
}

void sink_do_complete(struct sink *s, struct sink_conn *c)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(16384);
	struct sink_upload *u = asked_upload(s, c);
	struct sink_object *o;
	uint32_t count;
	uint64_t size;

	if (!u)
		return;
	size = listed_size(c, u, &count);
	o = count ? sink_store_make(s, c->req.key) : NULL;
	if (!o) {
		sink_s3_error(c, 400, "InvalidPart");
		return;
	}
	o->size = size;
	o->mtime_ms = sink_wall_ms();
	o->meta = sl_steal(&u->meta);
	snprintf(o->etag, sizeof(o->etag), "\"sink%llu-%u\"",
		 (unsigned long long)++s->next_id, count);
	sink_http_header(c, "x-amz-checksum-crc32", o->crc32,
			 sizeof(o->crc32));
	sl_buf_puts(&b, SINK_XML "<CompleteMultipartUploadResult>");
	put_place(c, &b);
	sl_buf_puts(&b, "<ETag>");
	sink_xml_text(&b, o->etag);
	sl_buf_puts(&b, "</ETag>");
	if (o->crc32[0])
		sl_buf_printf(&b, "<ChecksumCRC32>%s</ChecksumCRC32>"
			      "<ChecksumType>FULL_OBJECT</ChecksumType>",
			      o->crc32);
	sl_buf_puts(&b, "</CompleteMultipartUploadResult>");
	sink_upload_free(s, u);
	sink_s3_xml(c, &b);
}

void sink_do_abort(struct sink *s, struct sink_conn *c)
{
	struct sink_upload *u = asked_upload(s, c);

	if (!u)
		return;
	sink_upload_free(s, u);
	sink_http_begin(c, 204, 0, "");
}

void sink_do_delete(struct sink *s, struct sink_conn *c)
{
	sink_store_remove(s, c->req.key);
	sink_http_begin(c, 204, 0, "");
}

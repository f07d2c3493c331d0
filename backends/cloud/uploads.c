/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is unfinished: uploads below a prefix, and the parts of one upload.
 * Both in pages, told on as they are read.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/mpu.h"
#include "backends/cloud/page.h"
#include "backends/cloud/text.h"
#include "backends/cloud/xml.h"

struct page {
	struct sl_cloud_task *t;
	char *key, *id;		/* of the upload being read */
	int64_t started_ms;
	struct sl_part part;	/* of the part being read */
	uint64_t number;
	bool encoded, truncated;
	char *marker, *marker2;
	uint64_t part_marker;
};

static void page_release(struct page *p)
{
	free(p->key);
	free(p->id);
	free(p->marker);
	free(p->marker2);
}

static int tell_upload(struct page *p)
{
	const char *prefix = p->t->cloud->prefix;
	size_t skip = strlen(prefix);
	struct sl_upload_entry e;

	if (!p->key || !p->id)
		return -EPROTO;
	if (p->encoded && !sl_cloud_unescape(p->key, true))
		return -EPROTO;
	if (strncmp(p->key, prefix, skip) != 0)
		return -EPROTO;
	e = (struct sl_upload_entry){ .key = p->key + skip,
				      .upload_id = p->id,
				      .started_ms = p->started_ms };
	p->started_ms = 0;
	return *e.key ? p->t->op->on_upload(p->t->op, &e) : 0;
}

static int on_upload_field(struct page *p, const char *field, const char *text)
{
	if (!*field)
		return tell_upload(p);
	if (strcmp(field, "/Key") == 0)
		return sl_cloud_set_string(&p->key, text);
	if (strcmp(field, "/UploadId") == 0)
		return sl_cloud_set_string(&p->id, text);
	if (strcmp(field, "/Initiated") == 0)
		p->started_ms = sl_cloud_time(text);
	return 0;
}

static int on_uploads_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListMultipartUploadsResult/";
	struct page *p = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strcmp(path, "UploadIdMarker") == 0)
		return 0;
	if (strcmp(path, "Upload") == 0 || strncmp(path, "Upload/", 7) == 0)
		return on_upload_field(p, path + 6, text);
	if (strcmp(path, "EncodingType") == 0)
		p->encoded = strcmp(text, "url") == 0;
	if (strcmp(path, "IsTruncated") == 0)
		p->truncated = strcmp(text, "true") == 0;
	if (strcmp(path, "NextKeyMarker") == 0)
		return sl_cloud_set_string(&p->marker, text);
	if (strcmp(path, "NextUploadIdMarker") == 0)
		return sl_cloud_set_string(&p->marker2, text);
	return 0;
}

static int next_uploads(struct sl_cloud_task *t, struct page *p)
{
	t->more = p->truncated;
	if (!t->more)
		return 0;
	if (!p->marker || !p->marker2)
		return -EPROTO;
	if (p->encoded && !sl_cloud_unescape(p->marker, true))
		return -EPROTO;
	if (t->marker && strcmp(t->marker, p->marker) == 0 &&
	    strcmp(t->marker2, p->marker2) == 0)
		return -EPROTO; /* it would never end */
	free(t->marker);
	free(t->marker2);
	t->marker = sl_steal(&p->marker);
	t->marker2 = sl_steal(&p->marker2);
	return 0;
}

static enum sl_verdict uploads_good(struct sl_cloud_task *t,
				    const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = {
		.element = on_uploads_element,
	};
	struct page p = { .t = t };
	int err = sl_xml_parse(r->body.data, r->body.len, &h, &p);

	if (!err)
		err = next_uploads(t, &p);
	page_release(&p);
	return sl_cloud_page_judged(t, err);
}

static int fill_uploads(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_cloud_full_key(t->cloud, t->op->prefix, &key))
		return -ENOMEM;
	sl_cloud_query(q, "encoding-type", "url");
	if (t->marker)
		sl_cloud_query(q, "key-marker", t->marker);
	sl_cloud_query(q, "prefix", sl_buf_str(&key));
	if (t->marker2)
		sl_cloud_query(q, "upload-id-marker", t->marker2);
	return sl_cloud_query(q, "uploads", "");
}

static const struct sl_cloud_step uploads_step, parts_step;

static const struct sl_cloud_step *after_uploads(struct sl_cloud_task *t)
{
	return t->more ? &uploads_step : NULL;
}

static const struct sl_cloud_step uploads_step = {
	.method = "GET",
	.place = true,
	.fill = fill_uploads,
	.good = uploads_good,
	.next = after_uploads,
};

void sl_cloud_mpu_uploads(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &uploads_step);
}

static int tell_part(struct page *p)
{
	int err;

	if (!p->number || p->number > p->t->cloud->b.limits.max_parts)
		return -EPROTO;
	p->part.number = (uint32_t)p->number;
	err = p->t->op->on_part(p->t->op, &p->part);
	p->part = (struct sl_part){ 0 };
	p->number = 0;
	return err;
}

static int on_parts_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListPartsResult/";
	struct page *p = arg;

	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strcmp(path, "Part") == 0)
		return tell_part(p);
	if (strcmp(path, "Part/PartNumber") == 0)
		return sl_cloud_number(text, &p->number);
	if (strcmp(path, "Part/Size") == 0)
		return sl_cloud_number(text, &p->part.size);
	if (strcmp(path, "Part/ETag") == 0)
		sl_text_clean(p->part.etag, sizeof(p->part.etag), text,
			      strlen(text));
	/* Without a checksum it stays 0, and the caller sends it again. */
	if (strcmp(path, "Part/ChecksumCRC32") == 0 &&
	    !sl_cloud_unbe32(text, &p->part.crc32))
		return -EPROTO;
	if (strcmp(path, "IsTruncated") == 0)
		p->truncated = strcmp(text, "true") == 0;
	if (strcmp(path, "NextPartNumberMarker") == 0 && *text)
		return sl_cloud_number(text, &p->part_marker);
	return 0;
}

static enum sl_verdict parts_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	static const struct sl_xml_handlers h = { .element = on_parts_element };
	struct page p = { .t = t };
	int err = sl_xml_parse(r->body.data, r->body.len, &h, &p);

	if (!err && p.truncated && p.part_marker <= t->part_marker)
		err = -EPROTO; /* it would never end */
	t->more = p.truncated;
	t->part_marker = (uint32_t)p.part_marker;
	page_release(&p);
	return sl_cloud_page_judged(t, err);
}

static enum sl_verdict parts_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)t;
	(void)r;
	return c.errnum == ENOENT ? SL_V_RESTART_FILE : c.verdict;
}

static int fill_parts(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	char n[16];

	snprintf(n, sizeof(n), "%u", t->part_marker);
	if (t->part_marker)
		sl_cloud_query(q, "part-number-marker", n);
	return sl_cloud_query(q, "uploadId", t->op->upload_id);
}

static const struct sl_cloud_step *after_parts(struct sl_cloud_task *t)
{
	return t->more ? &parts_step : NULL;
}

static const struct sl_cloud_step parts_step = {
	.method = "GET",
	.fill = fill_parts,
	.good = parts_good,
	.bad = parts_bad,
	.next = after_parts,
};

void sl_cloud_mpu_list_parts(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &parts_step);
}

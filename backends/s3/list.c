/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Listing objects, a page of at most 1000 at a time. Keys come
 * percent-encoded where the server says so.
 */
#include <errno.h>
#include <string.h>

#include "backends/cloud/page.h"
#include "backends/cloud/xml.h"
#include "backends/s3/internal.h"

struct reading {
	struct sl_cloud_page page;
	bool encoded;
};

static int on_object_field(struct sl_cloud_page *p, const char *field,
			   const char *text)
{
	struct sl_object *o = &p->cur.obj;

	if (!*field)
		return sl_cloud_page_push(p, false);
	if (strcmp(field, "/Key") == 0)
		return sl_cloud_set_string(&p->cur.key, text);
	if (strcmp(field, "/Size") == 0)
		return sl_cloud_number(text, &o->size);
	if (strcmp(field, "/ETag") == 0)
		sl_text_clean(o->etag, sizeof(o->etag), text, strlen(text));
	if (strcmp(field, "/LastModified") == 0)
		o->mtime_ms = sl_cloud_time(text);
	return 0;
}

static int on_element(void *arg, const char *path, const char *text)
{
	static const char root[] = "ListBucketResult/";
	struct reading *rd = arg;
	struct sl_cloud_page *p = &rd->page;

	if (strcmp(path, "ListBucketResult") == 0)
		p->seen = true;
	if (strncmp(path, root, sizeof(root) - 1) != 0)
		return 0;
	path += sizeof(root) - 1;
	if (strncmp(path, "Contents", 8) == 0)
		return on_object_field(p, path + 8, text);
	if (strcmp(path, "CommonPrefixes/Prefix") == 0)
		return sl_cloud_set_string(&p->cur.key, text);
	if (strcmp(path, "CommonPrefixes") == 0)
		return sl_cloud_page_push(p, true);
	if (strcmp(path, "EncodingType") == 0)
		rd->encoded = strcmp(text, "url") == 0;
	if (strcmp(path, "IsTruncated") == 0)
		p->truncated = strcmp(text, "true") == 0;
	if (strcmp(path, "NextContinuationToken") == 0)
		return sl_cloud_set_string(&p->token, text);
	return 0;
}

static int read_page(struct sl_cloud_task *t, const struct sl_http_response *r,
		     struct reading *rd)
{
	static const struct sl_xml_handlers h = { .element = on_element };
	struct sl_cloud_page *p = &rd->page;
	int err = sl_xml_parse(r->body.data, r->body.len, &h, rd);

	if (err)
		return err;
	for (size_t i = 0; rd->encoded && i < p->n; i++)
		if (!sl_cloud_unescape(p->items[i].key, true))
			return -EPROTO;
	return sl_cloud_page_tell(t, p);
}

static enum sl_verdict list_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	struct reading rd = { .encoded = false };
	int err = read_page(t, r, &rd);

	sl_cloud_page_release(&rd.page);
	return sl_cloud_page_judged(t, err);
}

static int fill_list(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_cloud_full_key(t->cloud, t->op->prefix, &key))
		return -ENOMEM;
	if (t->marker)
		sl_cloud_query(q, "continuation-token", t->marker);
	if (!t->op->recursive)
		sl_cloud_query(q, "delimiter", "/");
	sl_cloud_query(q, "encoding-type", "url");
	sl_cloud_query(q, "list-type", "2");
	sl_cloud_query(q, "max-keys", "1000");
	return sl_cloud_query(q, "prefix", sl_buf_str(&key));
}

static const struct sl_cloud_step list_step;

static const struct sl_cloud_step *after_list(struct sl_cloud_task *t)
{
	return t->more ? &list_step : NULL;
}

static const struct sl_cloud_step list_step = {
	.method = "GET",
	.place = true,
	.fill = fill_list,
	.good = list_good,
	.next = after_list,
};

void sl_s3_list(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &list_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One object's resource, and a page of resources.
 */
#include <errno.h>
#include <string.h>

#include "backends/gcs/internal.h"

void sl_gcs_object_of(const struct sl_http_response *r, struct sl_object *o)
{
	struct sl_gcs_object x;

	*o = (struct sl_object){ .size = 0 };
	if (!sl_gcs_object_read(r, &x))
		*o = x.o;
}

static enum sl_verdict head_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	struct sl_gcs_object x;

	if (sl_gcs_object_json(r->body.data, r->body.len, &x))
		return sl_cloud_fatal(t, EPROTO, "the store's answer makes no "
				      "sense");
	t->op->obj = x.o;
	return SL_V_OK;
}

const struct sl_cloud_step sl_gcs_head_step = {
	.method = "HEAD",
	.good = head_good,
};

static int fill_list(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	SL_CLEANUP(buf) struct sl_buf key = SL_BUF_INIT(4096);

	if (sl_cloud_full_key(t->cloud, t->op->prefix, &key))
		return -ENOMEM;
	if (!t->op->recursive)
		sl_cloud_query(q, "delimiter", "/");
	sl_cloud_query(q, "fields", "nextPageToken,prefixes,items("
		       SL_GCS_OBJECT_FIELDS ")");
	sl_cloud_query(q, "maxResults", "1000");
	if (t->marker)
		sl_cloud_query(q, "pageToken", t->marker);
	return sl_cloud_query(q, "prefix", sl_buf_str(&key));
}

static enum sl_verdict list_good(struct sl_cloud_task *t,
				 const struct sl_http_response *r)
{
	struct sl_cloud_page p = { .seen = false };
	int err = sl_gcs_page_json(r->body.data, r->body.len, &p);

	if (!err)
		err = sl_cloud_page_tell(t, &p);
	sl_cloud_page_release(&p);
	return sl_cloud_page_judged(t, err);
}

static const struct sl_cloud_step list_step;

static const struct sl_cloud_step *after_list(struct sl_cloud_task *t)
{
	return t->more ? &list_step : NULL;
}

static const struct sl_cloud_step list_step = {
	.method = "GET",
	.own = SL_GCS_LIST,
	.place = true,
	.fill = fill_list,
	.good = list_good,
	.next = after_list,
};

void sl_gcs_list(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &list_step);
}

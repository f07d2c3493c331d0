/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob in one request: Put Blob.
 */
#include <errno.h>

#include "backends/azure/internal.h"

static int fill_put(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = sl_cloud_check_name(t);

	if (err)
		return err;
	sl_buf_puts(&q->headers,
		    "Content-Type: application/octet-stream\n"
		    "X-Ms-Blob-Type: BlockBlob\n");
	sl_azure_put_crc(&q->headers, t->op->crc32);
	return sl_azure_body_checks(t, q);
}

static enum sl_verdict put_good(struct sl_cloud_task *t,
				const struct sl_http_response *r)
{
	struct sl_object *o = &t->op->obj;
	struct sl_object said;

	sl_azure_object(r, &said);
	/* Who answers 201 to everything is not a store. */
	if (!said.etag[0])
		return sl_cloud_fatal(t, EPROTO, "the store gave no ETag");
	*o = said;
	o->size = t->op->size;
	o->has_crc32 = true;
	o->crc32 = t->op->crc32;
	return sl_azure_check_echo(t, r);
}

static enum sl_verdict put_bad(struct sl_cloud_task *t,
			       const struct sl_http_response *r,
			       struct sl_classified c)
{
	enum sl_verdict v;

	if (sl_azure_checks_failed(t, r, &c, &v))
		return v;
	return sl_cloud_put_bad(t, r, c);
}

static const struct sl_cloud_step put_step = {
	.method = "PUT",
	.with_body = true,
	.fill = fill_put,
	.good = put_good,
	.bad = put_bad,
};

void sl_azure_put(struct sl_backend *b, struct sl_op *op)
{
	sl_cloud_run(b, op, &put_step);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One blob: Put Blob, head, get, remove. What Azure would store under another
 * name than the one asked for is refused here: such a blob is never there.
 */
#include <errno.h>

#include "backends/azure/internal.h"

int sl_azure_check_name(struct sl_cloud_task *t)
{
	SL_CLEANUP(buf) struct sl_buf name = SL_BUF_INIT(4096);
	const char *why;

	if (sl_cloud_full_key(t->cloud, t->op->key, &name))
		return -ENOMEM;
	why = sl_azure_name_refused(sl_buf_str(&name));
	return why ? sl_error_set(&t->call.error, EOPNOTSUPP, "'%s': %s",
				  t->op->key, why) : 0;
}

static int fill_put(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	int err = sl_azure_check_name(t);

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

static bool refused(struct sl_backend *b, const struct sl_op *op)
{
	struct sl_cloud *c = sl_container_of(b, struct sl_cloud, b);
	SL_CLEANUP(buf) struct sl_buf name = SL_BUF_INIT(4096);

	/* Without memory the op itself will find none. */
	return !sl_cloud_full_key(c, op->key, &name) &&
	       sl_azure_name_refused(sl_buf_str(&name));
}

static int absent(struct sl_cloud_task *t, struct sl_cloud_request *q)
{
	(void)q;
	return sl_error_set(&t->call.error, ENOENT, "'%s' does not exist",
			    t->op->key);
}

static const struct sl_cloud_step absent_step = {
	.method = "HEAD",
	.no_creds = true,
	.local = true,
	.fill = absent,
};

static const struct sl_cloud_step nothing_step = {
	.method = "DELETE",
	.no_creds = true,
	.local = true,
};

void sl_azure_head(struct sl_backend *b, struct sl_op *op)
{
	if (refused(b, op))
		sl_cloud_run(b, op, &absent_step);
	else
		sl_cloud_head(b, op);
}

void sl_azure_get(struct sl_backend *b, struct sl_op *op)
{
	if (refused(b, op))
		sl_cloud_run(b, op, &absent_step);
	else
		sl_cloud_get(b, op);
}

void sl_azure_remove(struct sl_backend *b, struct sl_op *op)
{
	if (refused(b, op))
		sl_cloud_run(b, op, &nothing_step);
	else
		sl_cloud_remove(b, op);
}

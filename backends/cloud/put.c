/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole object in one request. If the answer is lost after the body went
 * out, HEAD tells whether the object is there already; it is only sent again
 * when it is not.
 */
#include <errno.h>

#include "backends/cloud/internal.h"

static const struct sl_cloud_step probe_step;

enum sl_verdict sl_cloud_put_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	if (c.errnum == EBADMSG)
		return sl_cloud_bad_digest(t);
	if (c.errnum == ENOENT)
		return sl_cloud_fatal(t, EIO,
				      "the store does not know the place");
	if (c.verdict == SL_V_RETRY && sl_classify_ambiguous(r))
		return sl_cloud_lost(t, &probe_step);
	return c.verdict;
}

static enum sl_verdict probe_good(struct sl_cloud_task *t,
				  const struct sl_http_response *r)
{
	const struct sl_cloud_dialect *d = t->cloud->dialect;
	struct sl_object o;

	d->object(r, &o);
	if (o.size != t->op->size || !d->is_our_body ||
	    !d->is_our_body(t, &o))
		return sl_cloud_lost(t, t->first);
	t->op->obj = o;
	return SL_V_OK;
}

/* What the probe cannot see is sent again: that is always right. */
static enum sl_verdict probe_bad(struct sl_cloud_task *t,
				 const struct sl_http_response *r,
				 struct sl_classified c)
{
	(void)r;
	if (c.verdict == SL_V_FATAL)
		return sl_cloud_lost(t, t->first);
	return c.verdict;
}

static const struct sl_cloud_step probe_step = {
	.method = "HEAD",
	.fill = sl_cloud_fill_head,
	.good = probe_good,
	.bad = probe_bad,
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files of backends/cloud alone.
 */
#ifndef SL_CLOUD_INTERNAL_H
#define SL_CLOUD_INTERNAL_H

#include "backends/cloud/cloud.h"

/*
 * How the call of a step that sends nothing ends: the client would call on,
 * and done() shall come from one of its threads.
 */
#define SL_CLOUD_NOTHING_SENT (-EALREADY)

/* How the sink ends a read that has all it asked for, and more comes. */
#define SL_CLOUD_ENOUGH (-EALREADY)

/* request.c, judge.c, object.c: the callbacks of every call. */
int sl_cloud_prepare(struct sl_http_call *call, struct sl_http_request *req,
		     const struct sl_cred *cred);
enum sl_verdict sl_cloud_judge(struct sl_http_call *call,
			       const struct sl_http_response *r,
			       const struct sl_cred *cred);
int sl_cloud_sink(struct sl_http_call *call, const void *p, size_t n);

/* object.c: dialect->fill_head, if there is one. */
int sl_cloud_fill_head(struct sl_cloud_task *t, struct sl_cloud_request *q);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* .metrics: what is counted over the life of the mount. See metrics.c. */
#ifndef SL_METRICS_H
#define SL_METRICS_H

#include "mount/mount.h"

int sl_metrics_new(struct sl_metrics **ret) SL_MUST_CHECK;
void sl_metrics_free(struct sl_metrics *ms); /* NULL is fine */
/* For sl_http_config.observe; arg is the struct sl_metrics. */
void sl_metrics_observe(void *arg, const char *method, int status, int err,
			uint64_t bytes_up);

#endif

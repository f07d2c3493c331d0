/* SPDX-License-Identifier: Apache-2.0 */
/* Google Cloud Storage. */
#ifndef SL_GCS_H
#define SL_GCS_H

#include "backend.h"

/* As sl_backend_open, for gs:// URLs. */
int sl_gcs_backend_open(const struct sl_backend_config *cfg,
			struct sl_backend **ret, struct sl_error *e)
	SL_MUST_CHECK;

#endif

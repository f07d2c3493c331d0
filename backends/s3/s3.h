/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The S3 backend: Amazon S3 and servers that speak its dialect.
 */
#ifndef SL_S3_H
#define SL_S3_H

#include "backend.h"

/* As sl_backend_open(), for "s3://bucket/prefix/". No network. */
int sl_s3_backend_open(const struct sl_backend_config *cfg,
		       struct sl_backend **ret, struct sl_error *e)
	SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Shared by the files that implement mpu.h.
 */
#ifndef SL_CLOUD_MPU_INTERNAL_H
#define SL_CLOUD_MPU_INTERNAL_H

#include "backends/cloud/mpu.h"

/* part.c: after a Complete whose answer was lost, too. */
extern const struct sl_cloud_step sl_cloud_mpu_abort_step;

/* document.c: the document of Complete in t->text, once. */
int sl_cloud_mpu_document(struct sl_cloud_task *t);
/* Reads CompleteMultipartUploadResult. -EPROTO: it is none. */
int sl_cloud_mpu_made(const struct sl_http_response *r,
		      struct sl_cloud_made *ret);

#endif

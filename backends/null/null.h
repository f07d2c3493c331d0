/* SPDX-License-Identifier: Apache-2.0 */
/*
 * null: - takes everything and keeps nothing: for measuring what is above a
 * store, and as the smallest example of a backend.
 */
#ifndef SL_NULL_H
#define SL_NULL_H

#include "backend.h"

/* "null:", nothing else is looked at. -ENOMEM, -EAGAIN (no thread). */
int sl_null_backend_open(const struct sl_backend_config *cfg,
			 struct sl_backend **ret,
			 struct sl_error *e) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend that passes every op to another one and logs it at debug level:
 * name, key, size, outcome and time.
 */
#ifndef SL_TRACE_H
#define SL_TRACE_H

#include "backend.h"

/* Stacks on 'inner', which it closes with itself. -ENOMEM leaves inner. */
int sl_trace_backend_open(struct sl_backend *inner, struct sl_backend **ret)
	SL_MUST_CHECK;

#endif

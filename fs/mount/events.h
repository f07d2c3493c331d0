/* SPDX-License-Identifier: Apache-2.0 */
/* The newest events, for .errors. See sl_mount_event() in mount.h. */
#ifndef SL_EVENTS_H
#define SL_EVENTS_H

#include "mount/mount.h"

int sl_events_new(struct sl_events **ret) SL_MUST_CHECK;
void sl_events_free(struct sl_events *ev);

#endif

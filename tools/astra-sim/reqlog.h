/* SPDX-License-Identifier: Apache-2.0 */
/* The request log: one JSON object a line. */
#ifndef SIM_REQLOG_H
#define SIM_REQLOG_H

#include "http.h"

int sim_log_open(struct sim *s); /* 0 or -errno */
void sim_log_close(struct sim *s);

#endif

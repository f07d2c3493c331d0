/* SPDX-License-Identifier: Apache-2.0 */
/* The control endpoint for tests; see control.c. */
#ifndef SIM_CONTROL_H
#define SIM_CONTROL_H

struct sim_req;
void sim_control(struct sim_req *r);

#endif

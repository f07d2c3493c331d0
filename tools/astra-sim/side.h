/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the sides of the three object stores have in common: where the faults
 * strike on a request's way, and headers that an object keeps.
 */
#ifndef SIM_SIDE_H
#define SIM_SIDE_H

#include "http.h"
#include "store.h"

/* The credentials expire now, if the trouble is that one. */
void sim_side_expire(struct sim_req *r, enum sim_fault_flag when);

/* A 5xx of the front end, a cut and the like: they come before any check. */
bool sim_side_refused(const struct sim_req *r);

/* How a dialect says what a fault makes of a request that came in whole. */
struct sim_side_faults {
	void (*expired)(struct sim_req *r);    /* its credentials just did */
	void (*late_error)(struct sim_req *r); /* a 200 that is none */
};
/* Acts on the request by finish, unless its trouble is something else. */
void sim_side_finish(struct sim_req *r, const struct sim_side_faults *f,
			void (*finish)(struct sim_req *r));

/* The headers it was stored with, its time and ETag. */
void sim_side_headers(struct sim_req *r, const struct sim_meta *m,
			 const char *type);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* The part of the DevOps API that is about databases, not migrations. */
#ifndef SIM_DATABASE_H
#define SIM_DATABASE_H

#include "http.h"

/* Is it GET /v2/databases or GET /v2/databases/{dbID}? */
bool sim_is_database(const struct sim_req *r);
/* Answers it; the token was checked. */
void sim_database(struct sim_req *r);

#endif

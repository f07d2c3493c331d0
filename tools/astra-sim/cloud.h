/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations and their upload credentials: the state that both sides share.
 * Everything here is called with sim.lock held unless said otherwise.
 */
#ifndef SIM_CLOUD_H
#define SIM_CLOUD_H

#include "sim.h"

enum sim_state {
	SIM_INITIALIZING,
	SIM_RECEIVING,
	SIM_IMPORTING,
	SIM_DONE,
	SIM_FAILED,
	SIM_ABORTED,
	SIM_PAUSED,
	SIM_CLEANING,
	SIM_CLOSED,
	SIM_STATE_COUNT
};
extern const char *const sim_state_names[SIM_STATE_COUNT];

struct sim_cred {
	struct sim_cred *next; /* older */
	uint64_t generation;
	char key[24];
	char secret[44];
	char token[260];
	int64_t made_ms;
	int64_t expires_ms;
	bool expired; /* ended before its time (POST /sim/expire) */
};

/* What the API says of a state, from when on: --lag shows it late. */
struct sim_event {
	struct sim_event *next; /* older */
	int64_t at_ms;
	enum sim_state state;
	char *progress;
};

struct sim_migration {
	struct sim_migration *next;
	char id[37];
	enum sim_state state;
	struct sim_event *events; /* newest first, never NULL */
	struct sim_cred *creds;	  /* newest first */
	int64_t due_ms; /* end of Initializing, of the import delay */
	int64_t cleanup_ms;
	bool rescheduled;
	bool metadata; /* the import is past the point of no return */
	uint64_t imports;
};

struct sim_migration *sim_migration_new(struct sim *s);
struct sim_migration *sim_migration_find(struct sim *s, const char *id);
bool sim_importing(const struct sim *s);
void sim_set_state(struct sim *s, struct sim_migration *m,
		   enum sim_state state, const char *progress);
/* As shown now, lag applied. */
const struct sim_event *sim_shown(const struct sim *s,
				  const struct sim_migration *m);
/* The credentials to hand out, minted when it is time. */
const struct sim_cred *sim_cred_current(struct sim *s,
					struct sim_migration *m);
const struct sim_cred *sim_cred_find(struct sim *s, const char *key,
				     struct sim_migration **m);
/* Expires what was handed out; m NULL: of all migrations. */
void sim_cred_expire(struct sim *s, struct sim_migration *m);
void sim_migrations_free(struct sim *s);

/* worker.c: moves migrations on until stopping; takes the lock itself. */
void *sim_worker(void *sim);

#endif

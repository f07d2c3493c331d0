/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Migrations and their upload credentials: the state that both sides share.
 * Everything here is called with sim.lock held unless said otherwise.
 */
#ifndef SIM_CLOUD_H
#define SIM_CLOUD_H

#include "checksum.h"
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

/* One set of credentials as handed out; the dialect says of what. */
struct sim_cred {
	struct sim_cred *next; /* older */
	uint64_t generation;
	char key[72]; /* names it: access key, key of an account, policy */
	char secret[44];
	char token[260];
	void *own; /* further parts of the dialect */
	int64_t made_ms;
	int64_t works_ms; /* made, and --creds-delay */
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

struct cJSON;
struct sim_buf;
struct sim_side;

/*
 * What --cloud chooses: how credentials are made and shown, and which side
 * answers on the store's port. The functions are called with sim.lock held,
 * but for describe.
 */
struct sim_dialect {
	const struct sim_side *side;
	enum sim_algo sum; /* kept for every object; NONE: as it comes */
	const char *creds_name; /* uploadCredentials.name */
	/* Fills key, secret, token, own. */
	void (*mint)(struct sim *s, struct sim_migration *m,
		     struct sim_cred *c);
	/* Frees own; may be NULL. */
	void (*forget)(struct sim_cred *c);
	/*
	 * When new ones are due: true when the old ones were prolonged
	 * instead, the same to the byte. May be NULL.
	 */
	bool (*extend)(struct sim *s, struct sim_migration *m,
		       struct sim_cred *c);
	/* uploadBucketDir, a new string. */
	char *(*bucket_dir)(const struct sim *s, const struct sim_migration *m);
	/* Adds to uploadCredentials.keys, and a hint to uploadCredentials. */
	void (*show)(const struct sim *s, const struct sim_migration *m,
		     const struct sim_cred *c, struct cJSON *keys,
		     struct cJSON *upload_credentials);
	/* mount option of the endpoint, NULL: the directory names it */
	const char *endpoint_option;
	/* Further lines when ready, of --print-env; may be NULL. */
	void (*describe)(const struct sim *s, struct sim_buf *b);
};
extern const struct sim_dialect sim_dialect_s3; /* s3_creds.c */
extern const struct sim_dialect sim_dialect_gcs; /* gcs_creds.c */
extern const struct sim_dialect sim_dialect_azure; /* azure_creds.c */
extern const struct sim_dialect *const sim_dialects[SIM_CLOUD_COUNT];

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
struct sim_cred *sim_cred_find(struct sim *s, const char *key,
			       struct sim_migration **m);
/* Still in its time? */
bool sim_cred_live(const struct sim_cred *c);
/* Expires what was handed out; m NULL: of all migrations. */
void sim_cred_expire(struct sim *s, struct sim_migration *m);
void sim_migrations_free(struct sim *s);

/* worker.c: moves migrations on until stopping; takes the lock itself. */
void *sim_worker(void *sim);

#endif

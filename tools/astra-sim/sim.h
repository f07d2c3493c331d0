/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one object of the program and what its parts see of each other.
 *
 * Threads: one per HTTP connection (libmicrohttpd), so that a stalled answer
 * delays nobody else; one worker that moves migrations on; main waits for
 * signals. All changing state (migrations, credentials, faults, counters) is
 * under sim.lock, which is never held while a body moves or a file is read.
 * The store has a lock of its own for renames (store.c), taken alone.
 */
#ifndef SIM_SIM_H
#define SIM_SIM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "faults.h"
#include "util.h"

enum sim_cloud_id {
	SIM_CLOUD_S3,
	SIM_CLOUD_GCS,
	SIM_CLOUD_AZURE,
	SIM_CLOUD_COUNT
};

/* What a Google credentials file is. */
enum sim_gcs_creds { SIM_GCS_SERVICE_ACCOUNT, SIM_GCS_AUTHORIZED_USER };

enum sim_creds_mode { SIM_CREDS_HALF, SIM_CREDS_MINT, SIM_CREDS_SAME };

enum sim_deny {
	SIM_DENY_DELETE = 1 << 0,
	SIM_DENY_UPLOADS = 1 << 1,
	SIM_DENY_LIST = 1 << 2,
	SIM_DENY_PARTS = 1 << 3,
	SIM_DENY_ABORT = 1 << 4,
	SIM_DENY_GET = 1 << 5,
};

struct sim_options {
	char *dir;
	char *listen;
	int64_t port;
	int64_t s3_port;
	char *db;
	char *db_status;
	char *db_tier;
	char *token_file;
	char *log;
	char *faults;
	char *ready_file;
	char *region;
	int64_t creds_life_ms;
	int64_t init_delay_ms;
	int64_t import_delay_ms;
	int64_t lag_ms;
	int64_t clock_offset_ms;
	int64_t cleanup_days;
	int64_t min_part;
	int64_t idle_timeout_s;
	int64_t creds_delay_ms;
	enum sim_creds_mode creds;
	enum sim_cloud_id cloud;
	enum sim_gcs_creds gcs_creds;
	unsigned deny;
	bool index_fail;
	bool no_crc64;
	bool print_env;
};

struct sim_migration;
struct sim_dialect;

struct sim {
	struct sim_options opt;
	char token[160];
	const struct sim_dialect *dialect; /* of --cloud */
	char bucket[64]; /* ds-mig-DBID */
	int api_port;
	int store_port;

	pthread_mutex_t lock;
	pthread_cond_t wake; /* stopping, or a migration changed */
	bool stopping;
	struct sim_migration *migrations; /* newest last */
	struct sim_faults faults;
	unsigned fault_turn; /* counts the times they were replaced */
	uint64_t requests[SIM_KIND_COUNT];
	uint64_t cred_generation;

	pthread_mutex_t log_lock;
	FILE *log;
	uint64_t log_n;
};

void sim_lock(struct sim *s);
void sim_unlock(struct sim *s);
/* Sleeps, or returns at once when the program is to end. Lock not held. */
void sim_sleep(struct sim *s, int64_t ms);

/* options.c: 0, or an exit status + 1 after having said why. */
int sim_options_parse(int argc, char **argv, struct sim_options *o);
void sim_options_free(struct sim_options *o);

/* import.c: NULL when the directory can be imported, else the reason. */
char *sim_import_check(struct sim *s, const char *migration_id);

#endif

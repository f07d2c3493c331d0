/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests over astra-sim share: the simulator as a child process with
 * a migration that takes files, credentials that are fetched as a mount does,
 * an engine over the cloud's backend, files with known bytes, and what the
 * simulator says happened. The suite is split by topic: sim.c, creds.c,
 * files.c, reqlog.c; runs.c and faults.c are the tests.
 */
#ifndef SL_LOST_RIG_H
#define SL_LOST_RIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/types.h>

#include "backend.h"
#include "buf.h"
#include "credentials.h"
#include "http.h"
#include "upload/upload.h"

#define MIB ((uint64_t)1 << 20)
#define SIM_REGION "eu-west-3"

/*
 * Azure has no uploads to begin, to look at or to give up: a block and a list
 * of blocks whose answers were lost are sent again, and what is not committed
 * is left to the store.
 */
struct rig {
	char *dir;	    /* of the test; the simulator's is dir/sim */
	pid_t pid;
	const char *cloud;  /* "s3", "gcs" or "azure" */
	int port, store_port; /* of the API and of the bucket */
	char db[64], token[256], migration[64];
	char *bucket_url;
	char *objects;	    /* where the migration's objects lie */
	long log_at;	    /* the request log has been read up to here */
	/* rig_up() */
	struct sl_cred_source *creds;
	struct sl_http *http;
	struct sl_backend *b;
	struct sl_engine *e;
};

/* How rig_up() sets up the client side. */
struct rig_how {
	int64_t retry_for_ms;
	const char *region;  /* the hint */
	bool never_renew;    /* refused credentials stay refused */
};

static inline bool rig_is(const struct rig *r, const char *cloud)
{
	return strcmp(r->cloud, cloud) == 0;
}

/* Prints where and why, for TAP; the condition must hold. */
#define CHECK(cond, ...) \
	do { \
		if (!(cond)) { \
			printf("# %s:%d: %s: ", __FILE__, __LINE__, #cond); \
			printf(__VA_ARGS__); \
			printf("\n"); \
			return -1; \
		} \
	} while (0)

/* sim.c: 0 or -1 with a word on stdout */
int rig_start(struct rig *r, const char *astra_sim, const char *cloud);
void rig_stop(struct rig *r);
int rig_up(struct rig *r, const struct rig_how *how);
void rig_down(struct rig *r);
/* The body of the simulator's answer; NULL unless it is a 200. */
char *rig_ask(struct rig *r, const char *method, const char *path,
	      const char *body);
int rig_faults(struct rig *r, const char *text);
/* A number of /sim/state; -1: none. */
long rig_state(struct rig *r, const char *name);
/* The present upload credentials, fetched now. NULL: not to be had. */
struct sl_cred *rig_fetch_cred(struct rig *r, uint64_t generation);

/* creds.c: a source that fetches a new set when one is refused */
struct sl_cred_source *rig_cred_new(struct rig *r, bool never_renew);
void rig_cred_free(struct sl_cred_source *s);
int rig_cred_fetched(struct sl_cred_source *s);

/* files.c */
struct file {
	char key[128];
	uint64_t size, seed;
	uint32_t crc;	     /* set by file_copy() */
	struct sl_object obj; /* set by file_copy() on success */
	struct sl_error error;
};
/* Writes and commits through the engine: 0 or -errno. */
int file_copy(struct rig *r, struct file *f);
/* Up to a committed object; many at once on a few threads. First error. */
int file_copy_all(struct rig *r, struct file *f, size_t n);
/* Are exactly these below 'prefix' ("dir/"), by the backend? */
int file_check_list(struct rig *r, const char *prefix, const struct file *f,
		    size_t n);
/* The same, by looking into the simulator's directory, byte by byte. */
int file_check_disk(struct rig *r, const char *prefix, const struct file *f,
		    size_t n);
/* Removes what a run has made behind the simulator's back. */
void file_remove_all(struct rig *r, const char *prefix);

/* reqlog.c: what the simulator did since the last look */
enum deed { DEED_PUT, DEED_CREATE, DEED_PART, DEED_COMPLETE, DEED_ABORT,
	    DEED__COUNT };
extern const char *const deed_names[DEED__COUNT];
struct deeds {
	long done[DEED__COUNT];	 /* acted on, with success */
	long lost[DEED__COUNT];	 /* of these, the answer was cut */
	long again[DEED__COUNT]; /* of these, repeated as it should be */
	long refused;		 /* 4xx of any kind */
	long requests;
	long twice;		 /* the same thing done again */
};
/*
 * Prints what was done twice. NULL: only forgets what was. -1: the log cannot
 * be read.
 */
int rig_deeds(struct rig *r, struct deeds *ret);

/* The tests: each prints TAP and adds to the counts. */
struct tally {
	int passed, failed;
};
void tally_line(struct tally *t, bool ok, const char *name);
void lost_runs(struct rig *r, struct tally *t, int runs, uint64_t seed);
void fault_cases(struct rig *r, struct tally *t, const char *only);

#endif

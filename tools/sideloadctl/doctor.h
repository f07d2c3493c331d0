/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `doctor`: what a migration needs, looked at before days of copying. Each
 * check is a row of a table (doctor.c) and prints one line; what fails comes
 * with its cure. Nothing that it does stays behind: rights are tried with
 * what cannot become an object. Single thread; the HTTP client and the
 * migration's actor have their own.
 */
#ifndef SL_DOCTOR_H
#define SL_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "backend.h"
#include "ctl.h"
#include "http.h"
#include "migration/migration.h"
#include "options.h"

enum sl_doctor_verdict {
	SL_DOC_OK,
	SL_DOC_WARN,
	SL_DOC_FAIL,
	SL_DOC_SKIP, /* could not be looked at, or nothing was named */
	SL_DOC__COUNT,
};

struct sl_doctor {
	struct sl_options o;
	const char *db_id;  /* NULL: none given */
	char **dirs;	    /* snapshots to be copied; borrowed */
	int dir_count;
	bool json;
	/* what earlier checks found */
	bool token, api, database;
	struct sl_error token_error;
	struct sl_http *http;
	struct sl_error http_error;
	struct sl_http_response answer; /* about the database */
	bool answered;
	int64_t answer_ms;		/* how long it took */
	char region[64];		/* of the database; "" unknown */
	char cloud[32];			/* of the database, as told */
	struct sl_migration *migration;
	struct sl_migration_view view;
	bool receiving;			/* view is good and takes files */
	struct sl_backend *backend;
	uint64_t rate;			/* bytes a second; 0: unknown */
	int side_by_side;		/* requests it was measured with */
	/* of the present check */
	enum sl_doctor_verdict verdict;
	char text[512];
	char cure[512];
};

/* The outcome of a check; returns the verdict. */
enum sl_doctor_verdict sl_doc(struct sl_doctor *d, enum sl_doctor_verdict v,
			      const char *fmt, ...) SL_PRINTF(3, 4);
/* What to do about it. */
void sl_doc_cure(struct sl_doctor *d, const char *fmt, ...) SL_PRINTF(2, 3);

/* doctor_host.c: this machine */
void sl_doc_fuse(struct sl_doctor *d);
void sl_doc_memory(struct sl_doctor *d);
void sl_doc_state(struct sl_doctor *d);
void sl_doc_proxy(struct sl_doctor *d);
/* The cure where 'what' cannot be reached. */
void sl_doc_way(struct sl_doctor *d, const char *what);
void sl_doc_ca(struct sl_doctor *d);

/* doctor_api.c: the service */
void sl_doc_token(struct sl_doctor *d);
void sl_doc_api(struct sl_doctor *d);
void sl_doc_clock(struct sl_doctor *d);
void sl_doc_role(struct sl_doctor *d);
void sl_doc_database(struct sl_doctor *d);

/* doctor_store.c: the migration and its bucket */
void sl_doc_migration(struct sl_doctor *d);
void sl_doc_bucket(struct sl_doctor *d);
void sl_doc_list(struct sl_doctor *d);
void sl_doc_write(struct sl_doctor *d);
void sl_doc_delete(struct sl_doctor *d);

/* doctor_time.c: how long it will take */
void sl_doc_time(struct sl_doctor *d);

/* doctor_rate.c */
/*
 * Sends parts side by side for a few seconds to an upload that is given up;
 * 0 and d->rate, or -errno with 'e'.
 */
int sl_doc_measure(struct sl_doctor *d, struct sl_error *e) SL_MUST_CHECK;

#endif

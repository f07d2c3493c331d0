/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Astra DevOps API, one function for every call on migrations. Facts:
 * Astra DB Sideloader documentation ("Initialize the migration", "Import
 * data", "Manage the cleanup"), DevOps API v2. Asynchronous: done() comes on
 * an HTTP thread. Thread safe.
 */
#ifndef SL_DEVOPS_H
#define SL_DEVOPS_H

#include <stdbool.h>
#include <stdint.h>

#include "credentials.h"
#include "error.h"
#include "http.h"

/* A MigrationStatus, checked and bounded. Owned strings, never NULL. */
struct sl_migration_status {
	char *id;
	char *db_id;
	char *status;	     /* as given: an open set */
	char *progress_info;
	char *bucket_dir;    /* "" before ReceivingFiles */
	int64_t cleanup_ms;  /* expectedCleanupTime; 0: none */
	int64_t expires_ms;  /* credentialExpiration; 0: none */
	struct sl_cred *cred; /* NULL before ReceivingFiles; generation 0 */
	/* The document with every secret replaced, for .status (JSON text). */
	char *redacted_json;
	int64_t server_ms;   /* Date of the answer; 0: none */
	int64_t received_ms; /* local monotonic */
};
void sl_migration_status_free(struct sl_migration_status *s);

/*
 * Parses a body of 'n' bytes; hostile input is fine. -EPROTO with a text
 * that quotes at most 200 cleaned bytes (HTML, "404 page not found" ...),
 * -E2BIG over 1 MiB, -ENOMEM.
 */
int sl_migration_status_parse(const char *body, size_t n,
			      struct sl_migration_status **ret,
			      struct sl_error *e) SL_MUST_CHECK;

enum sl_devops_verb {
	SL_API_INITIALIZE, /* POST /initialize */
	SL_API_STATUS,	   /* GET /{id}: also fresh credentials */
	SL_API_LAUNCH,
	SL_API_PAUSE,
	SL_API_RESUME,
	SL_API_ABORT,
	SL_API_CLEANUP,	   /* now, or at cleanup_time */
};

struct sl_devops;

/*
 * api_url: "https://host[/path]" (http:// is for rehearsals and only to
 * loopback or when allow_http says so). token: copied, wiped on free; quotes
 * and white space around it are stripped. db_id: a UUID. -EINVAL names the
 * value that is wrong.
 */
int sl_devops_new(struct sl_http *http, const char *api_url, const char *token,
		  const char *db_id, struct sl_devops **ret,
		  struct sl_error *e) SL_MUST_CHECK;
void sl_devops_free(struct sl_devops *d);

struct sl_devops_call {
	/* in */
	enum sl_devops_verb verb;
	const char *migration_id; /* a UUID, copied; NULL: initialize */
	const char *cleanup_time; /* ISO 8601, copied; NULL: now */
	int64_t retry_for_ms;	  /* -1: the client's; 0: one attempt */
	void (*done)(struct sl_devops_call *c);
	void *arg;
	/* out */
	int err; /* 0; -EINVAL bad UUID (before any request), -EACCES,
		    -ENOENT, -EPROTO, -ETIMEDOUT, -ECANCELED, -EIO;
		    -EINPROGRESS: a POST whose answer was lost;
		    -EINVAL, -EBUSY: the service refuses it as malformed
		    (400), in this state (409, 412, 422);
		    -EAGAIN: asked to slow down (429) */
	struct sl_error error;
	struct sl_migration_status *status; /* may be NULL for POSTs that
		    answer without one; the caller frees */
	struct sl_http_call http; /* internal */
	void *impl;
};

/* Starts; the call's memory is the caller's until done(). */
void sl_devops_start(struct sl_devops *d, struct sl_devops_call *c);
void sl_devops_cancel(struct sl_devops *d, struct sl_devops_call *c);

/* A canonical UUID (8-4-4-4-12 hex digits). */
bool sl_uuid_valid(const char *s);

#endif

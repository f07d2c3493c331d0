/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration as the mount sees it: one actor that polls the DevOps API,
 * carries out commands, keeps the credentials fresh and answers at any moment
 * from what it knows. Functions never block on the network; those that take
 * long return SL_PARKED (wait.h). Thread safe.
 */
#ifndef SL_MIGRATION_H
#define SL_MIGRATION_H

#include <stdbool.h>
#include <stdint.h>

#include "clock.h"
#include "credentials.h"
#include "error.h"
#include "http.h"
#include "lifecycle.h"
#include "wait.h"

struct sl_migration;

struct sl_migration_config {
	struct sl_http *http;	     /* borrowed */
	const char *api_url;
	const char *token;
	const char *db_id;
	const char *migration_id;    /* NULL: none yet */
	const struct sl_clock *clock; /* NULL: system */
	int clock_speed;	     /* of a clock of one's own that runs so
					many times faster than the machine's;
					0: it is looked at all the time */
	bool keep;		     /* move cleanup dates that come close;
					false: leave them alone */
	/*
	 * Something that others should know changed: a migration was made or
	 * joined, the state or the bucket directory changed. On an actor or
	 * HTTP thread, no lock held; must not block.
	 */
	void (*changed)(void *arg);
	/* A line for .errors and the log, with what to do. */
	void (*event)(void *arg, int errnum, const char *text);
	void *arg;
};

int sl_migration_new(const struct sl_migration_config *cfg,
		     struct sl_migration **ret, struct sl_error *e)
	SL_MUST_CHECK;
/* Cancels what is under way, ends waits with -ECANCELED. NULL is fine. */
void sl_migration_free(struct sl_migration *m);

/* A copy of all that is known; release with sl_migration_view_release. */
struct sl_migration_view {
	char id[37];		/* "" without a migration */
	enum sl_life life;
	char status[64];	/* as the service says; "none" without */
	char *json;		/* redacted MigrationStatus; NULL: none seen */
	char *bucket_dir;	/* "" or NULL before ReceivingFiles */
	char *progress_info;
	int64_t cleanup_ms;	/* 0: unknown */
	const char *cleanup_state; /* "none" known, "far", "close" (will be
				      moved), "moving", "refused", "left"
				      (close and left alone) */
	char cleanup_text[320]; /* what there is to say of it, or "" */
	int64_t cred_expires_ms;
	const char *cred_state; /* "none" "valid" "refreshing" "expired"
				   "refused" */
	char cred_reason[320];	/* why not "valid", or "" */
	int64_t api_age_ms;	/* since the last good answer; -1: never */
	struct sl_error api_error; /* errnum 0: the last answer was good */
	int64_t server_offset_ms; /* server wall - local wall */
	bool launch_lags;	/* launched here; the status is behind */
};
int sl_migration_get(struct sl_migration *m, struct sl_migration_view *ret)
	SL_MUST_CHECK;
void sl_migration_view_release(struct sl_migration_view *v);

/* This mount has files in migration 'id': its cleanup matters here. */
void sl_migration_used(struct sl_migration *m, const char *id);

/* changed() is called once more, although nothing has. */
void sl_migration_tell_again(struct sl_migration *m);

/*
 * Does migration 'id' take files now? Asked at every create, so it copies
 * nothing but the status, which has at most 64 bytes.
 */
bool sl_migration_takes_files(struct sl_migration *m, const char *id,
			      char *ret_status);

/*
 * Carries out a command: checks the state (sl_life_allows), asks the API,
 * judges a lost answer by polling. 'arg': the UUID of JOIN, ABORT and
 * CLEANUP_NOW (for the last two it must be this migration's), the time of
 * CLEANUP_AT. Returns SL_PARKED, or -errno with 'e' filled. The outcome's
 * text is kept for sl_migration_outcome(). NEW is done when the service has
 * given an ID, JOIN when the status was read.
 */
int sl_migration_command(struct sl_migration *m, enum sl_command c,
			 const char *arg, struct sl_wait *w,
			 struct sl_error *e) SL_MUST_CHECK;
/* The outcome of the last finished command of this kind; errnum 0: fine. */
void sl_migration_outcome(struct sl_migration *m, enum sl_command c,
			  struct sl_error *ret);

/*
 * Waits until the status reads 'status' (compared without case). 0 if it
 * does; else SL_PARKED; done: 0, -ECANCELED (left the way to it), -ETIMEDOUT.
 */
int sl_migration_await(struct sl_migration *m, const char *status,
		       struct sl_wait *w) SL_MUST_CHECK;
/* Ends a parked wait with -EINTR soon; what was asked for goes on. */
void sl_migration_interrupt(struct sl_migration *m, struct sl_wait *w);

/* Asks for a poll now (".status" readers do not: they read the cache). */
void sl_migration_poke(struct sl_migration *m);

/* The credentials of this migration for a backend; lives as long as m. */
struct sl_cred_source *sl_migration_creds(struct sl_migration *m);

#endif

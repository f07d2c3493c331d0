/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The actor behind migration.h, as its files share it. The essay on threads
 * and timers is at the head of actor.c.
 */
#ifndef SL_MIGRATION_INTERNAL_H
#define SL_MIGRATION_INTERNAL_H

#include <pthread.h>

#include "cred_store.h"
#include "devops.h"
#include "lock.h"
#include "migration.h"

#define SL_ID_SIZE 37
#define SL_WORD_SIZE 64

struct mig_await {
	struct mig_await *next;
	struct sl_wait *w;
	char want[SL_WORD_SIZE];
};

struct mig_event {
	struct mig_event *next;
	int errnum;
	char text[512];
};

enum mig_phase {
	MIG_IDLE,
	MIG_READY,   /* to be sent by the actor */
	MIG_SENT,
	MIG_PROBING, /* the answer was lost: the status must tell */
};

struct mig_cmd {
	enum mig_phase phase;
	enum sl_command c;
	struct sl_wait *w; /* NULL: nobody waits any more */
	bool answered;	   /* the call is done */
	char id[SL_ID_SIZE];
	char time[SL_WORD_SIZE];
	char old_id[SL_ID_SIZE];
	char old_status[SL_WORD_SIZE];
	int64_t lost_at;
	int64_t probe_until;
	struct sl_devops_call call;
};

struct mig_poll {
	bool busy;
	bool answered;
	bool for_refusal; /* started while somebody waited for newer keys */
	char id[SL_ID_SIZE];
	int64_t started;
	int64_t good;	  /* when the last good one was started */
	int64_t ended;	  /* monotonic; 0: never */
	int64_t due;	  /* of the regular one */
	struct sl_devops_call call;
};

/* The cleanup date (cleanup.c). */
enum mig_keep_phase {
	MIG_KEEP_REST,
	MIG_KEEP_WAITING, /* close: for this mount's moment */
	MIG_KEEP_READING, /* the status is read again first */
	MIG_KEEP_SENT,
	MIG_KEEP_SHOWING, /* until the status shows the new date */
	MIG_KEEP_REFUSED, /* or not shown; tried again later */
};

struct mig_keep {
	enum mig_keep_phase phase;
	bool answered;	   /* the call is done */
	bool used;	   /* this mount has uploaded */
	bool tried;	   /* for the launch that is put down */
	int64_t at;	   /* monotonic: when this phase began or ends */
	int64_t hold_until; /* how long a launch waits for it; 0: does not */
	int64_t asked_ms;  /* the date that was asked for */
	int64_t first_ms;  /* the date of a migration made here */
	int64_t hand_ms;   /* a close date that the user here wanted */
	int64_t warned_ms; /* the date that was warned of ... */
	bool warned_late;  /* ... and again in its last hours */
	char id[SL_ID_SIZE];
	char time[SL_WORD_SIZE];
	char why[192];	   /* of REFUSED */
	struct sl_devops_call call;
};

struct sl_migration {
	struct sl_migration_config cfg; /* strings in it are not kept */
	const struct sl_clock *clock;
	struct sl_devops *api;
	struct sl_cred_store *creds;
	pthread_t thread;

	struct sl_mutex lock; /* before the store's lock; never called with */
	struct sl_cond cond;
	/* All below is guarded by lock. */
	bool stop;
	char id[SL_ID_SIZE];
	enum sl_life life;
	char status[SL_WORD_SIZE];
	struct sl_migration_status *last; /* without credentials */
	struct sl_error api_error;
	int64_t last_good; /* monotonic; -1: never */
	int64_t server_ms; /* the service's clock when ... */
	int64_t server_mono;
	bool server_known;

	unsigned failures; /* status calls in a row */
	unsigned denials;  /* 401, 403 in a row */
	unsigned absences; /* 404 in a row */
	unsigned pressure; /* refusals of keys that were just given */
	int64_t cred_mono; /* when keys were last given */
	int64_t again_at;  /* refused uploads try the new keys again; 0: no */
	unsigned late;	   /* of this mount's next refresh, [0, 1000) */

	int64_t launched_until; /* the status may lag behind a launch */
	char launched_from[SL_WORD_SIZE];
	bool over_told;	    /* that somebody else launched or ended it */
	int64_t blocked_at; /* uploads wait for keys since; 0: none does */
	bool blocked_told;
	int64_t after_until; /* a command was sent: look often */
	int64_t await_until; /* somebody began to wait: look often */

	struct mig_poll poll;
	struct mig_cmd cmd;
	struct mig_keep keep;
	struct mig_await *awaits;
	struct sl_error outcome[SL_CMD__COUNT];

	/* What the actor tells others once the lock is off. */
	struct sl_wait *finished;
	struct mig_event *events;
	bool changed;
	bool telling; /* changed() runs: what it does is not done yet */
};

/* actor.c */
void *sl_mig_actor(void *arg);
int64_t sl_mig_server_now_locked(const struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
void sl_mig_finish_wait_locked(struct sl_migration *m, struct sl_wait *w,
			       int err) SL_REQUIRES(m->lock);
void sl_mig_event_locked(struct sl_migration *m, int errnum, const char *fmt,
			 ...) SL_PRINTF(3, 4) SL_REQUIRES(m->lock);
/* The next poll no later than the present state asks for. */
void sl_mig_hurry_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* The launch of this mount that the status does not show yet. */
bool sl_mig_launch_lags_locked(const struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);

/* poll.c */
int64_t sl_mig_poll_due_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
void sl_mig_poll_start_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
void sl_mig_poll_answer_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* Takes a good status (ownership) as what is known from now on. */
void sl_mig_take_status_locked(struct sl_migration *m,
			       struct sl_migration_status *s, bool for_refusal,
			       int64_t now) SL_REQUIRES(m->lock);
/* The service has refused so often that keys cannot be had. */
bool sl_mig_hopeless_locked(const struct sl_migration *m, int *ret_err)
	SL_REQUIRES(m->lock);

/* command.c */
void sl_mig_cmd_start_locked(struct sl_migration *m) SL_REQUIRES(m->lock);
void sl_mig_cmd_answer_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* A status that was asked for after the answer was lost has come. */
void sl_mig_cmd_probe_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* What became overdue: probing, the deadline of the wait. */
void sl_mig_cmd_timers_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* Is a launch on its way to the service? */
bool sl_mig_cmd_imports_locked(const struct sl_migration *m)
	SL_REQUIRES(m->lock);
int64_t sl_mig_cmd_due_locked(const struct sl_migration *m)
	SL_REQUIRES(m->lock);

/* migration.c: why the credentials' state is what it is; "" if valid. */
void sl_mig_cred_reason_locked(const struct sl_migration *m, const char *state,
			       char *dst, size_t size) SL_REQUIRES(m->lock);

/* cleanup.c */
void sl_mig_keep_turn_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
int64_t sl_mig_keep_due_locked(struct sl_migration *m) SL_REQUIRES(m->lock);
/* The launch that is put down waits until the date was moved for it. */
bool sl_mig_keep_holds_locked(struct sl_migration *m, int64_t now)
	SL_REQUIRES(m->lock);
/* Another migration; made: by this mount, with the date that it has. */
void sl_mig_keep_reset_locked(struct sl_migration *m, bool made)
	SL_REQUIRES(m->lock);
/* The user of this mount has set the date. */
void sl_mig_keep_by_hand_locked(struct sl_migration *m, const char *time,
				int64_t now) SL_REQUIRES(m->lock);
/* For people: the state's word, and a sentence if there is one to say. */
const char *sl_mig_keep_view_locked(struct sl_migration *m, int64_t now,
				    char *text, size_t size)
	SL_REQUIRES(m->lock);

#endif

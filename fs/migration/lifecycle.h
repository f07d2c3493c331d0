/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration's states and what they allow, without any I/O. Facts: the
 * Sideloader documentation; failed, aborted and paused states have names it
 * does not give, so the set is open. Pure; thread safe.
 */
#ifndef SL_LIFECYCLE_H
#define SL_LIFECYCLE_H

#include <stdbool.h>
#include <stdint.h>

enum sl_life {
	SL_LIFE_NONE,	 /* no migration yet */
	SL_LIFE_INITIALIZING,
	SL_LIFE_RECEIVING,
	SL_LIFE_IMPORTING,
	SL_LIFE_DONE,
	SL_LIFE_CLEANING,
	SL_LIFE_CLOSED,
	SL_LIFE_UNKNOWN, /* any other text: shown as it is */
	SL_LIFE__COUNT,
};

enum sl_command {
	SL_CMD_NEW,
	SL_CMD_JOIN,
	SL_CMD_LAUNCH,
	SL_CMD_RELAUNCH,
	SL_CMD_PAUSE,
	SL_CMD_RESUME,
	SL_CMD_ABORT,
	SL_CMD_CLEANUP_NOW,
	SL_CMD_CLEANUP_AT,
	SL_CMD__COUNT,
};

enum sl_life sl_life_from_status(const char *status);
/* The vendor's word; "none" for NONE, "unknown" for UNKNOWN. */
const char *sl_life_name(enum sl_life s);
/* Only RECEIVING takes files. */
bool sl_life_takes_files(enum sl_life s);
/*
 * May a command be sent in this state? 0, or -errno (EEXIST, EBUSY, EROFS,
 * EINVAL) with *why set to a static sentence. In UNKNOWN the service judges.
 */
int sl_life_allows(enum sl_life s, enum sl_command c, const char **why);
/*
 * Waiting for 'want' while the state is 's': 0 reached, 1 still possible,
 * -ECANCELED not on the way any more.
 */
int sl_life_wait(const char *status, const char *want);
/*
 * Milliseconds to the next poll: seconds while a transition is awaited, a
 * minute otherwise, jittered by 'random' in [0, 1000); after failures twice
 * as long each time, up to a minute or so, and jittered more.
 */
int64_t sl_life_poll_ms(enum sl_life s, bool transition, unsigned failures,
			unsigned random);
/*
 * When to refresh credentials: at 75 % of their life, and when the same came
 * back at 90 % and 97 %. All in server wall ms; 'same' counts how often the
 * same set came back. INT64_MAX: never by the clock.
 */
int64_t sl_life_refresh_at(int64_t obtained_ms, int64_t expires_ms,
			   unsigned same);
/*
 * When one of perhaps many mounts with the same set asks for the refresh that
 * is due at 'at': later by up to a quarter of what is left. 'random' in
 * [0, 1000).
 */
int64_t sl_life_refresh_late(int64_t at, int64_t expires_ms, unsigned random);
/*
 * Is it over with this migration's files: imported, being imported, removed,
 * failed or aborted? Not for states that may take files yet, nor for words
 * that tell nothing.
 */
bool sl_life_over(const char *status);

/* The cleanup date: what is to be done about it. */
enum sl_keep {
	SL_KEEP_NOTHING, /* far away, or it does not matter here */
	SL_KEEP_LEAVE,	 /* close, and left alone: the user is warned */
	SL_KEEP_MOVE,	 /* close: to be moved away */
};
struct sl_keep_facts {
	enum sl_life life; /* with a launch under way: IMPORTING */
	bool launching;	   /* the launch is about to be sent */
	bool keep;	   /* -o keep=on */
	bool used;	   /* this mount uploads, or has uploaded */
	bool by_hand;	   /* its user wanted the date as close as that */
	bool restarts;	   /* the date was never moved: launching restarts */
	int64_t left_ms;   /* until the cleanup; INT64_MAX: no date known */
};
enum sl_keep sl_life_keep(const struct sl_keep_facts *f);
#define SL_KEEP_CLOSE_MS (INT64_C(2) * 86400000)
#define SL_KEEP_LAUNCH_MS (INT64_C(6) * 86400000)
#define SL_KEEP_AHEAD_MS (INT64_C(7) * 86400000)
/*
 * How long one of perhaps many mounts waits before it moves a date that is
 * 'left_ms' away: up to an eighth of it. 'random' in [0, SL_KEEP_RANDOM).
 */
#define SL_KEEP_RANDOM 1023000
int64_t sl_life_keep_wait(int64_t left_ms, uint64_t random);

#endif

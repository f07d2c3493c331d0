/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The migration's states:
 *
 *   none -> Initializing -> ReceivingFiles -> ImportInProgress
 *        -> MigrationDone -> CleaningUpFiles -> Closed
 *
 * and besides them any other word (failed, aborted and paused migrations have
 * names that are not documented). Three facts shape the tables below. The
 * service's answers may be minutes old, so a command is refused here only
 * where it could never be meant. In an unknown state the service judges. And
 * nothing but ReceivingFiles takes files.
 *
 * Refreshing. The service may give all mounts one set, so all of them would
 * ask for the next at one moment: each comes late by a random part of what is
 * left of the set's life.
 *
 * The cleanup date. The service deletes what was uploaded at
 * expectedCleanupTime, whether or not anybody is still uploading; only
 * launching restarts that timer, and not after a date was set by hand. So a
 * date within two days is moved to a week ahead by whoever uploads, and one
 * within six days before a launch. Hundreds of mounts see the same date and
 * one request is enough, but they know nothing of each other. Each waits for a
 * moment of its own, reads the status again and leaves alone what was moved
 * meanwhile. The moments are drawn with a density that doubles with every
 * tenth of the time there is: few come early whatever their number is, and
 * the first has been seen by all the others before the second comes. (The
 * timers of NACK-based multicast, RFC 5401 section 2.1, have that shape for
 * that reason.)
 */
#include "lifecycle.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"

static const char *const names[SL_LIFE__COUNT] = {
	[SL_LIFE_NONE] = "none",
	[SL_LIFE_INITIALIZING] = "Initializing",
	[SL_LIFE_RECEIVING] = "ReceivingFiles",
	[SL_LIFE_IMPORTING] = "ImportInProgress",
	[SL_LIFE_DONE] = "MigrationDone",
	[SL_LIFE_CLEANING] = "CleaningUpFiles",
	[SL_LIFE_CLOSED] = "Closed",
	[SL_LIFE_UNKNOWN] = "unknown",
};

enum sl_life sl_life_from_status(const char *status)
{
	if (!status || !*status)
		return SL_LIFE_NONE;
	for (int i = 0; i < SL_LIFE_UNKNOWN; i++) {
		if (!strcasecmp(status, names[i]))
			return (enum sl_life)i;
	}
	return SL_LIFE_UNKNOWN;
}

const char *sl_life_name(enum sl_life s)
{
	return names[s];
}

bool sl_life_takes_files(enum sl_life s)
{
	return s == SL_LIFE_RECEIVING;
}

struct refusal {
	int errnum; /* 0: allowed */
	const char *why;
};

#define OK { 0, "" }
#define NO_MIGRATION { EINVAL, "there is no migration yet: write 'new' or " \
			       "a migration ID to .init first" }
#define NOT_READY { EBUSY, "the migration is still Initializing: wait for " \
			   "ReceivingFiles" }
#define RUNNING { EBUSY, "the import is running already" }
#define OVER { EROFS, "the migration is over: its files are imported or " \
		      "removed" }
#define ONE_THERE { EEXIST, "a migration is under way here: abort it or let " \
			    "it finish first" }
#define NOT_LAUNCHED { EINVAL, "nothing has been launched yet" }
#define FIRST_LAUNCH { EINVAL, "this migration has not been launched: " \
			       "write 'launch', which checks the files" }
#define GONE { EROFS, "the files are being removed already" }

static const struct refusal allows[SL_CMD__COUNT][SL_LIFE__COUNT] = {
	/* NONE, INIT, RECEIVING, IMPORTING, DONE, CLEANING, CLOSED, UNKNOWN */
	[SL_CMD_NEW] = { OK, ONE_THERE, ONE_THERE, ONE_THERE, OK, OK, OK, OK },
	[SL_CMD_JOIN] = { OK, ONE_THERE, ONE_THERE, ONE_THERE, OK, OK, OK,
			  OK },
	[SL_CMD_LAUNCH] = { NO_MIGRATION, NOT_READY, OK, RUNNING, OVER, OVER,
			    OVER, OK },
	[SL_CMD_RELAUNCH] = { NO_MIGRATION, NOT_READY, FIRST_LAUNCH, RUNNING,
			      OVER, OVER, OVER, OK },
	[SL_CMD_PAUSE] = { NO_MIGRATION, NOT_READY, NOT_LAUNCHED, OK, OVER,
			   OVER, OVER, OK },
	[SL_CMD_RESUME] = { NO_MIGRATION, NOT_READY, NOT_LAUNCHED, OK, OVER,
			    OVER, OVER, OK },
	[SL_CMD_ABORT] = { NO_MIGRATION, OK, OK, OK, OVER, OVER, OVER, OK },
	[SL_CMD_CLEANUP_NOW] = { NO_MIGRATION, OK, OK, RUNNING, OK, GONE,
				 GONE, OK },
	[SL_CMD_CLEANUP_AT] = { NO_MIGRATION, OK, OK, OK, OK, GONE, GONE,
				OK },
};

int sl_life_allows(enum sl_life s, enum sl_command c, const char **why)
{
	const struct refusal *r = &allows[c][s];

	if (r->errnum)
		*why = r->why;
	return -r->errnum;
}

/* Words of states that lead nowhere but to cleanup. */
static bool looks_final(const char *status)
{
	static const char *const words[] = { "fail", "abort", "error",
					     "cancel" };

	for (size_t i = 0; i < SL_ARRAY_LEN(words); i++) {
		if (strcasestr(status, words[i]))
			return true;
	}
	return false;
}

int sl_life_wait(const char *status, const char *want)
{
	enum sl_life now = sl_life_from_status(status);
	enum sl_life goal = sl_life_from_status(want);

	if (status && want && !strcasecmp(status, want))
		return 0;
	if (now == goal && goal != SL_LIFE_UNKNOWN)
		return 0;
	if (now == SL_LIFE_NONE)
		return 1;
	if (now == SL_LIFE_CLOSED || goal == SL_LIFE_NONE)
		return -ECANCELED;
	if (now == SL_LIFE_UNKNOWN)
		return looks_final(status) && goal != SL_LIFE_CLEANING &&
				       goal != SL_LIFE_CLOSED ?
			       -ECANCELED :
			       1;
	return goal == SL_LIFE_UNKNOWN || now < goal ? 1 : -ECANCELED;
}

int64_t sl_life_poll_ms(enum sl_life s, bool transition, unsigned failures,
			unsigned random)
{
	const int64_t slow = 60000;
	int64_t base = slow, spread = failures ? 1000 : 250;

	if (transition)
		base = s == SL_LIFE_IMPORTING ? 4000 : 2000;
	for (; failures && base < slow; failures--)
		base *= 2;
	if (base > slow)
		base = slow;
	/* Those whom one outage has put in step must fall out of it. */
	if (failures)
		base -= base / 4;
	return base + base * spread / 1000 * (int64_t)(random % 1000) / 1000;
}

int64_t sl_life_refresh_at(int64_t obtained_ms, int64_t expires_ms,
			   unsigned same)
{
	static const int percent[] = { 75, 90, 97 };
	int64_t life;

	if (expires_ms <= 0 || same >= SL_ARRAY_LEN(percent))
		return INT64_MAX;
	if (__builtin_sub_overflow(expires_ms, obtained_ms, &life) ||
	    life <= 0)
		return obtained_ms;
	/* Divided first: a life from a hostile clock may be any number. */
	return obtained_ms + life / 100 * percent[same] +
	       life % 100 * percent[same] / 100;
}

int64_t sl_life_refresh_late(int64_t at, int64_t expires_ms, unsigned random)
{
	int64_t left;

	if (__builtin_sub_overflow(expires_ms, at, &left) || left <= 0)
		return at;
	return at + left / 4000 * (int64_t)(random % 1000) +
	       left % 4000 * (int64_t)(random % 1000) / 4000;
}

bool sl_life_over(const char *status)
{
	static const bool over[SL_LIFE__COUNT] = {
		[SL_LIFE_IMPORTING] = true,
		[SL_LIFE_DONE] = true,
		[SL_LIFE_CLEANING] = true,
		[SL_LIFE_CLOSED] = true,
	};
	enum sl_life s = sl_life_from_status(status);

	return over[s] || (s == SL_LIFE_UNKNOWN && looks_final(status));
}

enum { NO, YES, ANY };

struct keep_row {
	unsigned lives; /* 1 << enum sl_life */
	int launching, keep, used, by_hand, restarts;
	int64_t within_ms;
	enum sl_keep out;
};

#define LIVES(a) (1u << SL_LIFE_##a)
/* Where a launch may be sent from. */
#define LAUNCHABLE (LIVES(RECEIVING) | LIVES(UNKNOWN))

/* The first row that fits; else nothing is to be done. */
static const struct keep_row keep_rows[] = {
	/* launching keep used by_hand restarts */
	{ LAUNCHABLE, YES, YES, ANY, NO, NO, SL_KEEP_LAUNCH_MS, SL_KEEP_MOVE },
	{ LAUNCHABLE, YES, ANY, ANY, ANY, NO, SL_KEEP_CLOSE_MS,
	  SL_KEEP_LEAVE },
	{ LIVES(RECEIVING), NO, YES, YES, NO, ANY, SL_KEEP_CLOSE_MS,
	  SL_KEEP_MOVE },
	{ LAUNCHABLE, NO, ANY, ANY, ANY, ANY, SL_KEEP_CLOSE_MS,
	  SL_KEEP_LEAVE },
};

static bool fits(int want, bool is)
{
	return want == ANY || (want == YES) == is;
}

enum sl_keep sl_life_keep(const struct sl_keep_facts *f)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(keep_rows); i++) {
		const struct keep_row *r = &keep_rows[i];

		if ((r->lives & 1u << f->life) &&
		    fits(r->launching, f->launching) &&
		    fits(r->keep, f->keep) && fits(r->used, f->used) &&
		    fits(r->by_hand, f->by_hand) &&
		    fits(r->restarts, f->restarts) &&
		    f->left_ms < r->within_ms)
			return r->out;
	}
	return SL_KEEP_NOTHING;
}

int64_t sl_life_keep_wait(int64_t left_ms, uint64_t random)
{
	uint64_t draw = random % SL_KEEP_RANDOM;
	int64_t spread = left_ms > 0 ? left_ms / 8 : 0;
	int64_t tenth = 0;

	/* 1 of 1023 numbers for the first tenth, 2 for the second, 4 ... */
	for (uint64_t n = draw / 1000 + 1; n > 1; n /= 2)
		tenth++;
	return spread / 10 * tenth +
	       spread / 10 * (int64_t)(draw % 1000) / 1000;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The life cycle's tables: names, commands, waits, times. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>

#include "cleanup.h"
#include "migration/lifecycle.h"

static void test_names(void **state)
{
	static const struct {
		const char *status;
		enum sl_life life;
	} rows[] = {
		{ NULL, SL_LIFE_NONE },
		{ "", SL_LIFE_NONE },
		{ "none", SL_LIFE_NONE },
		{ "Initializing", SL_LIFE_INITIALIZING },
		{ "ReceivingFiles", SL_LIFE_RECEIVING },
		{ "receivingfiles", SL_LIFE_RECEIVING },
		{ "ImportInProgress", SL_LIFE_IMPORTING },
		{ "MigrationDone", SL_LIFE_DONE },
		{ "CleaningUpFiles", SL_LIFE_CLEANING },
		{ "Closed", SL_LIFE_CLOSED },
		{ "Failed", SL_LIFE_UNKNOWN },
		{ "unknown", SL_LIFE_UNKNOWN },
		{ "ReceivingFiles ", SL_LIFE_UNKNOWN },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_life_from_status(rows[i].status),
				 rows[i].life);
	for (int l = 0; l < SL_LIFE__COUNT; l++)
		assert_int_equal(sl_life_takes_files((enum sl_life)l),
				 l == SL_LIFE_RECEIVING);
	assert_string_equal(sl_life_name(SL_LIFE_NONE), "none");
	assert_string_equal(sl_life_name(SL_LIFE_UNKNOWN), "unknown");
}

/* E exists, B busy, R read-only, I invalid, '.' allowed. */
static void test_allows(void **state)
{
	static const char *const rows[SL_CMD__COUNT] = {
		/*                      NIRIDCCU */
		[SL_CMD_NEW] =         ".EEE....",
		[SL_CMD_JOIN] =        ".EEE....",
		[SL_CMD_LAUNCH] =      "IB.BRRR.",
		[SL_CMD_RELAUNCH] =    "IBIBRRR.",
		[SL_CMD_PAUSE] =       "IBI.RRR.",
		[SL_CMD_RESUME] =      "IBI.RRR.",
		[SL_CMD_ABORT] =       "I...RRR.",
		[SL_CMD_CLEANUP_NOW] = "I..B.RR.",
		[SL_CMD_CLEANUP_AT] =  "I....RR.",
	};
	static const int answers[UCHAR_MAX + 1] = {
		['E'] = -EEXIST, ['B'] = -EBUSY,
		['R'] = -EROFS,	 ['I'] = -EINVAL,
	};

	(void)state;
	for (int c = 0; c < SL_CMD__COUNT; c++) {
		for (int l = 0; l < SL_LIFE__COUNT; l++) {
			const char *why = NULL;
			int want = answers[(unsigned char)rows[c][l]];

			assert_int_equal(sl_life_allows((enum sl_life)l,
							(enum sl_command)c,
							&why), want);
			assert_int_equal(want != 0, why && *why);
		}
	}
}

static void test_wait(void **state)
{
	static const struct {
		const char *status, *want;
		int r;
	} rows[] = {
		{ "ReceivingFiles", "receivingfiles", 0 },
		{ "none", "ReceivingFiles", 1 },
		{ "Initializing", "ReceivingFiles", 1 },
		{ "ReceivingFiles", "MigrationDone", 1 },
		{ "ImportInProgress", "MigrationDone", 1 },
		{ "ImportInProgress", "ReceivingFiles", -ECANCELED },
		{ "MigrationDone", "ImportInProgress", -ECANCELED },
		{ "Closed", "MigrationDone", -ECANCELED },
		{ "Closed", "Paused", -ECANCELED },
		{ "MigrationDone", "Closed", 1 },
		{ "Paused", "MigrationDone", 1 },
		{ "ImportFailed", "MigrationDone", -ECANCELED },
		{ "Aborted", "MigrationDone", -ECANCELED },
		{ "Aborted", "Closed", 1 },
		{ "Paused", "paused", 0 },
		{ "Aborted", "Aborted", 0 },
		{ "ImportInProgress", "Paused", 1 },
		{ "ReceivingFiles", "none", -ECANCELED },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_life_wait(rows[i].status, rows[i].want),
				 rows[i].r);
}

static void test_poll(void **state)
{
	(void)state;
	for (int l = 0; l < SL_LIFE__COUNT; l++) {
		for (unsigned r = 0; r < 1000; r += 37) {
			enum sl_life s = (enum sl_life)l;
			int64_t slow = sl_life_poll_ms(s, false, 0, r);
			int64_t fast = sl_life_poll_ms(s, true, 0, r);
			int64_t worn = sl_life_poll_ms(s, true, 4000000000u,
						       r);

			assert_true(slow >= 60000 && slow < 75000);
			assert_true(fast >= 2000 && fast <= 5000);
			assert_true(worn >= 45000 && worn < 90000);
			assert_true(sl_life_poll_ms(s, true, 1, r) > fast);
		}
	}
	assert_int_not_equal(sl_life_poll_ms(SL_LIFE_RECEIVING, false, 0, 0),
			     sl_life_poll_ms(SL_LIFE_RECEIVING, false, 0,
					     999));
}

static void test_refresh(void **state)
{
	static const struct {
		int64_t obtained, expires;
		unsigned same;
		int64_t at;
	} rows[] = {
		{ 1000000, 1020000, 0, 1015000 },
		{ 1000000, 1020000, 1, 1018000 },
		{ 1000000, 1020000, 2, 1019400 },
		{ 1000000, 1020000, 3, INT64_MAX },
		{ 1000000, 4600000, 0, 3700000 },
		{ 1000000, 0, 0, INT64_MAX },
		{ 1000000, 900000, 0, 1000000 },
		{ -5, INT64_MAX, 0, -5 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_true(sl_life_refresh_at(rows[i].obtained,
					       rows[i].expires,
					       rows[i].same) == rows[i].at);
}

#define HOUR INT64_C(3600000)
#define DAY (24 * HOUR)

static void test_over(void **state)
{
	static const char *const over[] = {
		"ImportInProgress", "MigrationDone", "CleaningUpFiles",
		"Closed", "Failed", "Aborted", "ImportError",
	};
	static const char *const not_over[] = {
		NULL, "", "none", "Initializing", "ReceivingFiles", "Paused",
		"unknown",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(over); i++)
		assert_true(sl_life_over(over[i]));
	for (size_t i = 0; i < SL_ARRAY_LEN(not_over); i++)
		assert_false(sl_life_over(not_over[i]));
}

static void test_keep(void **state)
{
#define F(life_, ...) { .life = SL_LIFE_##life_, __VA_ARGS__ }
	static const struct {
		struct sl_keep_facts f;
		enum sl_keep what;
	} rows[] = {
		{ F(RECEIVING, .keep = 1, .used = 1, .left_ms = 2 * DAY),
		  SL_KEEP_NOTHING },
		{ F(RECEIVING, .keep = 1, .used = 1, .left_ms = INT64_MAX),
		  SL_KEEP_NOTHING },
		{ F(RECEIVING, .keep = 1, .used = 1, .left_ms = 2 * DAY - 1),
		  SL_KEEP_MOVE },
		{ F(RECEIVING, .keep = 1, .used = 1, .left_ms = -DAY),
		  SL_KEEP_MOVE },
		{ F(RECEIVING, .used = 1, .left_ms = DAY), SL_KEEP_LEAVE },
		{ F(RECEIVING, .keep = 1, .left_ms = DAY), SL_KEEP_LEAVE },
		{ F(RECEIVING, .keep = 1, .used = 1, .by_hand = 1,
		    .left_ms = DAY), SL_KEEP_LEAVE },
		{ F(RECEIVING, .keep = 1, .used = 1, .restarts = 1,
		    .left_ms = DAY), SL_KEEP_MOVE },
		{ F(UNKNOWN, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_LEAVE },
		{ F(NONE, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(INITIALIZING, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(IMPORTING, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(IMPORTING, .keep = 1, .launching = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(DONE, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(CLEANING, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		{ F(CLOSED, .keep = 1, .used = 1, .left_ms = DAY),
		  SL_KEEP_NOTHING },
		/* just before a launch, whoever uploaded */
		{ F(RECEIVING, .keep = 1, .launching = 1,
		    .left_ms = 6 * DAY - 1), SL_KEEP_MOVE },
		{ F(RECEIVING, .keep = 1, .launching = 1, .left_ms = 6 * DAY),
		  SL_KEEP_NOTHING },
		{ F(UNKNOWN, .keep = 1, .launching = 1, .left_ms = DAY),
		  SL_KEEP_MOVE },
		{ F(RECEIVING, .keep = 1, .launching = 1, .restarts = 1,
		    .left_ms = DAY), SL_KEEP_NOTHING },
		{ F(RECEIVING, .launching = 1, .left_ms = 3 * DAY),
		  SL_KEEP_NOTHING },
		{ F(RECEIVING, .launching = 1, .left_ms = DAY),
		  SL_KEEP_LEAVE },
		{ F(RECEIVING, .keep = 1, .launching = 1, .by_hand = 1,
		    .left_ms = DAY), SL_KEEP_LEAVE },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++)
		assert_int_equal(sl_life_keep(&rows[i].f), rows[i].what);
}

/* Numbers that are the same in every run. */
static uint64_t draw(uint64_t *s, uint64_t below)
{
	*s = *s * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*s >> 33) % below;
}

/*
 * 300 mounts see a date that is two days away; a status is two minutes old
 * and read once a minute. One POST is enough, and hardly ever are there two.
 */
static void test_keep_crowd(void **state)
{
	const int64_t late = 3 * 60000;
	uint64_t seed = 1;
	int posts = 0;

	(void)state;
	for (int run = 0; run < 200; run++) {
		int64_t at[300], first = INT64_MAX;

		for (size_t i = 0; i < SL_ARRAY_LEN(at); i++) {
			at[i] = sl_life_keep_wait(2 * DAY,
						  draw(&seed, SL_KEEP_RANDOM));
			assert_true(at[i] >= 0 && at[i] <= 6 * HOUR);
			first = at[i] < first ? at[i] : first;
		}
		for (size_t i = 0; i < SL_ARRAY_LEN(at); i++)
			posts += at[i] <= first + late;
	}
	assert_in_range(posts, 200, 240);
	assert_int_equal(sl_life_keep_wait(0, 5), 0);
	assert_int_equal(sl_life_keep_wait(-DAY, 5), 0);
}

/*
 * 300 mounts and an API that is down from the tenth minute to the eleventh:
 * neither while it is nor after does the crowd come at once.
 */
static void test_outage_crowd(void **state)
{
	enum { MOUNTS = 300, SECONDS = 1200, DOWN = 600, UP = 660 };
	static int second[SECONDS];
	uint64_t seed = 7;
	int after = 0, minute = 0;

	(void)state;
	for (int i = 0; i < MOUNTS; i++) {
		int64_t t = (int64_t)draw(&seed, 60000);
		unsigned failures = 0;
		bool hit = false;

		while (t < SECONDS * INT64_C(1000)) {
			bool bad = t >= DOWN * 1000 && t < UP * 1000;

			/* All have something refused when it begins. */
			if (t >= DOWN * 1000 && !hit) {
				t = DOWN * 1000;
				bad = hit = true;
			}

			second[t / 1000]++;
			failures = bad ? failures + 1 : 0;
			t += sl_life_poll_ms(SL_LIFE_RECEIVING, failures,
					     failures,
					     (unsigned)draw(&seed, 1000));
		}
	}
	for (int s = UP; s < SECONDS; s++)
		after = second[s] > after ? second[s] : after;
	for (int s = UP + 120; s < UP + 180; s++)
		minute += second[s];
	/* At most one a minute each; spread, five a second are expected. */
	assert_in_range(minute, MOUNTS * 3 / 4, MOUNTS);
	assert_in_range(after, 1, 30);
}

/*
 * 300 mounts, a day, and a service that gives all of them one set, which it
 * renews when half its life is over: they never all come for it at once.
 */
static void test_refresh_crowd(void **state)
{
	enum { MOUNTS = 300, DAY_S = 86400 };
	static int second[DAY_S];
	int64_t at[MOUNTS], made = 0, life = HOUR;
	uint64_t seed = 3;
	int most = 0, all = 0;

	(void)state;
	for (int i = 0; i < MOUNTS; i++)
		at[i] = 0;
	for (int64_t t = 0; t < DAY_S * INT64_C(1000); t += 250) {
		for (int i = 0; i < MOUNTS; i++) {
			int64_t due, random;

			if (t < at[i])
				continue;
			if (t - made >= life / 2)
				made = t;
			random = (int64_t)draw(&seed, 1000);
			due = sl_life_refresh_at(t, made + life, 0);
			at[i] = sl_life_refresh_late(due, made + life,
						     (unsigned)random);
			assert_true(at[i] < made + life);
			second[t / 1000]++;
		}
	}
	/* Mounted all at once, which is not to be seen a few lives later. */
	for (int s = DAY_S / 2; s < DAY_S; s++) {
		most = second[s] > most ? second[s] : most;
		all += second[s];
	}
	assert_in_range(most, 1, 40);
	assert_in_range(all, MOUNTS * 12, MOUNTS * 12 * 60 / 27);
	assert_int_equal(sl_life_refresh_late(100, 50, 999), 100);
	assert_int_equal(sl_life_refresh_late(0, 4000, 999), 999);
	assert_int_equal(sl_life_refresh_late(INT64_MIN, INT64_MAX, 5),
			 INT64_MIN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_refresh),
		cmocka_unit_test(test_over),
		cmocka_unit_test(test_keep),
		cmocka_unit_test(test_keep_crowd),
		cmocka_unit_test(test_outage_crowd),
		cmocka_unit_test(test_refresh_crowd),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

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
			assert_true(worn >= 60000 && worn < 75000);
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

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_allows),
		cmocka_unit_test(test_wait),
		cmocka_unit_test(test_poll),
		cmocka_unit_test(test_refresh),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

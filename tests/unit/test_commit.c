/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commit table, replaying what tools were seen to do to a mount
 * (coreutils 9.1, bash 5.2, rsync 3.2, tar 1.34, Python 3).
 */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "upload/commit.h"

#define MOST 16
#define A 100 /* the thread group that opens */
#define B 200
#define BIG 30000000

/* One event and the decision expected for it. */
struct step {
	struct sl_commit_event ev;
	enum sl_commit_decision want;
	bool end;
};

#define EV(k, ...) { .kind = SL_EV_##k, __VA_ARGS__ }
#define BY(p, ...) .caller = { .tgid = p, __VA_ARGS__ }
#define OPEN(p) { EV(OPEN, BY(p)), SL_DO_NOTHING, false }
#define WRITE(p, n) { EV(WRITE, BY(p), .size = n), SL_DO_NOTHING, false }
#define AGAIN(p, n) { EV(WRITE, BY(p), .size = n), SL_DO_REOPEN, false }
#define TRUNC(p, n) { EV(TRUNCATE, BY(p), .size = n), SL_DO_NOTHING, false }
#define FLUSH(p, n, d, ...) \
	{ EV(FLUSH, BY(p, __VA_ARGS__), .size = n), SL_DO_##d, false }
#define DONE { EV(COMMITTED), SL_DO_NOTHING, false }
#define RELEASE(n, d) \
	{ EV(RELEASE, .size = n, .last_writer = true), SL_DO_##d, false }
#define RENAME(d, ...) { EV(RENAME, BY(A), __VA_ARGS__), SL_DO_##d, false }
#define UNLINK { EV(UNLINK, BY(A)), SL_DO_ABANDON, false }
#define END { .end = true }

static const struct replay {
	const char *name;
	bool temporary;
	enum sl_commit_state last;
	int commits;
	struct step steps[MOST];
} replays[] = {
	{ "cp", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 3),
	    FLUSH(A, 3, COMMIT, .source_size = 3, .source_pos = 3), DONE,
	    RELEASE(3, NOTHING), END } },
	{ "cp -a of a large file", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 131072), WRITE(A, BIG),
	    FLUSH(A, BIG, COMMIT, .source_size = BIG, .source_pos = BIG),
	    DONE, RELEASE(BIG, NOTHING), END } },
	{ "cp of an empty file", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, COMMIT, 0), DONE, RELEASE(0, NOTHING),
	    END } },
	{ "rsync --inplace, closing within its handler of INT", false,
	  SL_ST_INTERRUPTED, 0,
	  { { EV(OPEN, BY(A, .pid = A)), SL_DO_NOTHING, false },
	    WRITE(A, BIG),
	    FLUSH(A, BIG, INTERRUPT, .pid = A, .blocked = 0x202),
	    RELEASE(BIG, NOTHING), END } },
	{ "rsync --partial without -t, its sender is gone", true,
	  SL_ST_INTERRUPTED, 0,
	  { { EV(OPEN, BY(A, .pid = A)), SL_DO_NOTHING, false },
	    WRITE(A, BIG),
	    FLUSH(A, BIG, INTERRUPT, .pid = A, .ignored = 0xa00),
	    RELEASE(BIG, NOTHING), RENAME(PARK), END } },
	{ "nohup'd: ignores HUP, and one of the two always", false,
	  SL_ST_COMMITTED, 1,
	  { { EV(OPEN, BY(A, .pid = A, .ignored = 0x201)), SL_DO_NOTHING,
	      false },
	    WRITE(A, 3), FLUSH(A, 3, COMMIT, .pid = A, .ignored = 0xa01),
	    DONE, RELEASE(3, NOTHING), END } },
	{ "an empty file closed within a handler", false, SL_ST_GONE, 0,
	  { { EV(OPEN, BY(A, .pid = A)), SL_DO_NOTHING, false },
	    FLUSH(A, 0, NOTHING, .pid = A, .blocked = 0x4000),
	    RELEASE(0, ABANDON), END } },
	{ "a copy under a program that blocks INT always", false,
	  SL_ST_COMMITTED, 1,
	  { { EV(OPEN, BY(A, .pid = A, .blocked = 0x2)), SL_DO_NOTHING,
	      false },
	    WRITE(A, 3), FLUSH(A, 3, COMMIT, .pid = A, .blocked = 0x2), DONE,
	    RELEASE(3, NOTHING), END } },
	{ "closed by another thread, with another mask", false,
	  SL_ST_COMMITTED, 1,
	  { { EV(OPEN, BY(A, .pid = A)), SL_DO_NOTHING, false },
	    WRITE(A, 3), FLUSH(A, 3, COMMIT, .pid = A + 1, .blocked = 0x2),
	    DONE, RELEASE(3, NOTHING), END } },
	{ "blocks a signal that ends nothing (CHLD)", false,
	  SL_ST_COMMITTED, 1,
	  { { EV(OPEN, BY(A, .pid = A)), SL_DO_NOTHING, false },
	    WRITE(A, 3), FLUSH(A, 3, COMMIT, .pid = A, .blocked = 0x10000),
	    DONE, RELEASE(3, NOTHING), END } },
	{ "cp, source read error", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 131072),
	    FLUSH(A, 131072, INTERRUPT, .source_size = BIG,
		  .source_pos = 131072), RELEASE(131072, NOTHING), END } },
	{ "cp, error at the first byte", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), FLUSH(A, 0, INTERRUPT, .source_size = BIG),
	    RELEASE(0, NOTHING), END } },
	{ "cp, read further than written", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 100),
	    FLUSH(A, 100, INTERRUPT, .source_size = BIG, .source_pos = 200,
		  .source_same_name = true), END } },
	{ "cut after the look, which asked for no position", false,
	  SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 100),
	    FLUSH(A, 100, INTERRUPT, .source_size = BIG, .written = BIG),
	    END } },
	{ "longer source of another name, position elsewhere", false,
	  SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 100),
	    FLUSH(A, 100, COMMIT, .source_size = BIG, .source_pos = 200,
		  .written = 100), DONE, RELEASE(100, NOTHING), END } },
	{ "kill -9", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 2580480),
	    FLUSH(A, 2580480, INTERRUPT, .killed = true, .exiting = true),
	    RELEASE(2580480, NOTHING), END } },
	{ "killed before the first byte", false, SL_ST_GONE, 0,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .killed = true, .exiting = true),
	    RELEASE(0, ABANDON), END } },
	{ "rsync", true, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 3), FLUSH(A, 3, SETTLE, 0),
	    RELEASE(3, NOTHING), FLUSH(A, 3, SETTLE, 0),
	    RENAME(COMMIT, 0), DONE, END } },
	{ "rsync of an empty file", true, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, SETTLE, 0), RELEASE(0, NOTHING),
	    RENAME(COMMIT, 0), DONE, END } },
	{ "rsync, INT", true, SL_ST_GONE, 0,
	  { OPEN(A), WRITE(A, 2981888), FLUSH(A, 2981888, SETTLE, 0),
	    RELEASE(2981888, NOTHING), UNLINK, END } },
	{ "rsync, KILL", true, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 2981888),
	    FLUSH(A, 2981888, INTERRUPT, .killed = true, .exiting = true),
	    RELEASE(2981888, NOTHING), END } },
	{ "rsync --partial, INT", true, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 2981888), FLUSH(A, 2981888, SETTLE, 0),
	    RELEASE(2981888, NOTHING), RENAME(PARK, .mtime_zero = true),
	    END } },
	{ "rsync --delay-updates", true, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 3), FLUSH(A, 3, SETTLE, 0),
	    RENAME(PARK, .parked_name = true), RENAME(COMMIT, 0), DONE,
	    END } },
	{ "dd", false, SL_ST_COMMITTED, 1,
	  { OPEN(A),
	    FLUSH(A, 0, NOTHING, .source_size = 3, .still_open = true),
	    WRITE(A, 3), FLUSH(A, 3, COMMIT, 0), DONE, RELEASE(3, NOTHING),
	    END } },
	{ "dd, INT", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .source_size = BIG,
			   .still_open = true, .comm = "dd"),
	    WRITE(A, 66715648 / 4),
	    FLUSH(A, 66715648 / 4, INTERRUPT, .comm = "dd"), END } },
	{ "a filter that closes its input", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .source_size = BIG,
			   .still_open = true, .comm = "sh"),
	    WRITE(A, 50), FLUSH(A, 50, COMMIT, .comm = "cut"), DONE, END } },
	{ "dd, source still open at INT", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .source_size = BIG,
			   .still_open = true),
	    WRITE(A, 8192), FLUSH(A, 8192, INTERRUPT, .source_size = BIG,
				  .source_pos = 8192), END } },
	{ "dd, killed by INT", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .still_open = true),
	    WRITE(A, 8192), FLUSH(A, 8192, INTERRUPT, .killed = true), END } },
	{ "tar -x", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 3),
	    FLUSH(A, 3, COMMIT, .source_size = BIG, .source_pos = 10240),
	    DONE, RELEASE(3, NOTHING), END } },
	{ "echo >", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .still_open = true), WRITE(A, 2),
	    FLUSH(A, 2, COMMIT, 0), DONE, RELEASE(2, NOTHING), END } },
	{ "echo > where /proc shows nothing", false, SL_ST_COMMITTED, 1,
	  { OPEN(0), FLUSH(0, 0, NOTHING, 0), WRITE(0, 2),
	    FLUSH(0, 2, COMMIT, 0), DONE, RELEASE(2, NOTHING), END } },
	{ "empty file where /proc shows nothing", false, SL_ST_COMMITTED, 1,
	  { OPEN(0), FLUSH(0, 0, NOTHING, 0), RELEASE(0, COMMIT), DONE,
	    END } },
	{ "echo >>", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 2, NOTHING, .still_open = true), WRITE(A, 4),
	    FLUSH(A, 4, COMMIT, 0), DONE, RELEASE(4, NOTHING), END } },
	{ ">> without a write", false, SL_ST_EMPTY, 0,
	  { OPEN(A), FLUSH(A, 2, NOTHING, 0), RELEASE(2, NOTHING), END } },
	{ ": >", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .still_open = true),
	    FLUSH(A, 0, COMMIT, 0), DONE, RELEASE(0, NOTHING), END } },
	{ "{ echo; cat; } >", false, SL_ST_COMMITTED, 2,
	  { OPEN(A), FLUSH(A, 0, NOTHING, .still_open = true), WRITE(A, 2),
	    WRITE(B, 5), FLUSH(B, 5, COMMIT, 0), DONE, AGAIN(A, 7),
	    FLUSH(A, 7, COMMIT, 0), DONE, RELEASE(7, NOTHING), END } },
	{ "{ child exits without close; } >", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(B, 5), FLUSH(B, 5, NOTHING, .exiting = true),
	    FLUSH(A, 5, COMMIT, 0), DONE, RELEASE(5, NOTHING), END } },
	{ "child exits, nobody closes", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(B, 5), FLUSH(B, 5, NOTHING, .exiting = true),
	    RELEASE(5, INTERRUPT), END } },
	{ "exec 3>, echo, /bin/echo, exec 3>&-", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 2), FLUSH(A, 2, NOTHING, .still_open = true),
	    WRITE(B, 4), FLUSH(B, 4, NOTHING, .still_open = true),
	    FLUSH(B, 4, NOTHING, .exiting = true),
	    FLUSH(A, 4, NOTHING, .still_open = true), FLUSH(A, 4, COMMIT, 0),
	    DONE, RELEASE(4, NOTHING), END } },
	{ "tee", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 3),
	    FLUSH(A, 3, COMMIT, .source_size = 3, .source_pos = 3), DONE,
	    END } },
	{ "exit without close", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 1), FLUSH(A, 1, INTERRUPT, .exiting = true),
	    RELEASE(1, NOTHING), END } },
	{ "(echo a) >", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 2),
	    FLUSH(A, 2, COMMIT, .exiting = true, .exit_ok = true), DONE,
	    FLUSH(A, 2, NOTHING, .exiting = true, .exit_ok = true),
	    RELEASE(2, NOTHING), END } },
	{ "(:) >", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), FLUSH(A, 0, COMMIT, .exiting = true, .exit_ok = true),
	    DONE, RELEASE(0, NOTHING), END } },
	{ "child exits well, nobody closes", false, SL_ST_COMMITTING, 1,
	  { OPEN(A), WRITE(B, 5),
	    FLUSH(B, 5, NOTHING, .exiting = true, .exit_ok = true),
	    RELEASE(5, COMMIT), END } },
	{ "a forked child that only inherited", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 1), FLUSH(B, 1, NOTHING, .exiting = true),
	    FLUSH(A, 1, COMMIT, 0), DONE, RELEASE(1, NOTHING), END } },
	{ "an inheritor is killed", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 1), FLUSH(B, 1, NOTHING, .killed = true),
	    FLUSH(A, 1, COMMIT, 0), DONE, END } },
	{ "the process is gone", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 1), FLUSH(0, 1, COMMIT, .gone = true), DONE,
	    END } },
	{ "truncate -s 5", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), TRUNC(A, 5), FLUSH(A, 5, COMMIT, 0), DONE, END } },
	{ "closed by another, released", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 5), FLUSH(B, 5, NOTHING, 0),
	    RELEASE(5, COMMIT), DONE, END } },
	{ "second version through the same file", false, SL_ST_COMMITTED, 2,
	  { OPEN(A), WRITE(A, 5), FLUSH(A, 5, COMMIT, 0), DONE,
	    AGAIN(A, 6), FLUSH(A, 6, COMMIT, 0), DONE, END } },
	{ "written to while it is committed", false, SL_ST_DIRTY, 1,
	  { OPEN(A), WRITE(A, 5), FLUSH(A, 5, COMMIT, 0), AGAIN(B, 6), DONE,
	    END } },
	{ "failed", false, SL_ST_FAILED, 1,
	  { OPEN(A), WRITE(A, 5), FLUSH(A, 5, COMMIT, 0),
	    { EV(FAILED), SL_DO_NOTHING, false }, FLUSH(A, 5, FAIL, 0),
	    { EV(WRITE, BY(A)), SL_DO_FAIL, false }, RELEASE(5, NOTHING),
	    RENAME(FAIL, 0), END } },
	{ "begun anew after an interruption", false, SL_ST_COMMITTED, 1,
	  { OPEN(A), WRITE(A, 5), FLUSH(A, 5, INTERRUPT, .killed = true),
	    TRUNC(B, 0), WRITE(B, 5), FLUSH(B, 5, COMMIT, 0), DONE, END } },
	{ "written on after an interruption", false, SL_ST_INTERRUPTED, 0,
	  { OPEN(A), WRITE(A, 5), FLUSH(A, 5, INTERRUPT, .killed = true),
	    WRITE(B, 9), FLUSH(B, 9, INTERRUPT, 0), RELEASE(9, NOTHING),
	    END } },
};

static void play(const struct replay *r)
{
	struct sl_commit c;
	int commits = 0;

	sl_commit_init(&c, r->temporary);
	for (int i = 0; i < MOST && !r->steps[i].end; i++) {
		enum sl_commit_decision d =
			sl_commit_step(&c, &r->steps[i].ev);

		if (d != r->steps[i].want)
			fail_msg("%s, step %d: %d, not %d", r->name, i, d,
				 r->steps[i].want);
		commits += d == SL_DO_COMMIT;
	}
	if (c.state != r->last || commits != r->commits)
		fail_msg("%s: ends '%s' with %d commits", r->name,
			 sl_commit_state_name(c.state), commits);
}

static void test_replays(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(replays) / sizeof(replays[0]); i++)
		play(&replays[i]);
}

/* Killed after any event of any list: never a commit from then on. */
static void test_killed_anywhere(void **state)
{
	static const struct sl_commit_event dying = {
		.kind = SL_EV_FLUSH,
		.caller = { .tgid = A, .killed = true, .exiting = true },
		.size = 1,
	};
	static const struct sl_commit_event released = {
		.kind = SL_EV_RELEASE,
		.size = 1,
		.last_writer = true,
	};

	(void)state;
	for (size_t i = 0; i < sizeof(replays) / sizeof(replays[0]); i++) {
		for (int n = 1; n < MOST && !replays[i].steps[n - 1].end; n++) {
			struct sl_commit c;
			enum sl_commit_state before;
			int d;

			sl_commit_init(&c, replays[i].temporary);
			for (int k = 0; k < n; k++)
				sl_commit_step(&c, &replays[i].steps[k].ev);
			if (c.opener != A || c.state == SL_ST_COMMITTING)
				continue;
			before = c.state;
			d = sl_commit_step(&c, &dying);
			assert_int_not_equal(d, SL_DO_COMMIT);
			d = sl_commit_step(&c, &released);
			assert_int_not_equal(d, SL_DO_COMMIT);
			if (before == SL_ST_DIRTY)
				assert_int_equal(c.state, SL_ST_INTERRUPTED);
		}
	}
}

static void test_names(void **state)
{
	(void)state;
	for (int i = 0; i < SL_ST__COUNT; i++)
		assert_non_null(sl_commit_state_name((enum sl_commit_state)i));
	assert_string_equal(sl_commit_state_name(SL_ST__COUNT), "unknown");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_replays),
		cmocka_unit_test(test_killed_anywhere),
		cmocka_unit_test(test_names),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

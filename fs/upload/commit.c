/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When a file becomes an object.
 *
 * FLUSH is not close. It comes for every descriptor that goes: of a dup(), of
 * a child that inherited one and never wrote, of a process that is being
 * killed. And rsync closes a temporary file long before it is sure of it. So
 * a FLUSH is judged by who sends it and by what that process looks like.
 *
 *   EMPTY ---write---> DIRTY ---flush---> COMMITTING ---> COMMITTED
 *     |                 |  ^                  |               |
 *     | flush, release  |  +---- write -------+---- write ----+ (reopen)
 *     |  (size 0)       |
 *     |                 +--flush, temporary name--> SETTLED --rename-->
 *     |                 |                             COMMITTING
 *     |                 +--killed, exits, cut source--> INTERRUPTED
 *     +--> COMMITTING           anything --unlink--> GONE
 *
 * The rules, in the order in which the table tries them for a FLUSH:
 *  1. Another thread group than the opener or the last writer: nothing. An
 *     unknown one (0: another pid namespace, or gone) counts as the opener.
 *  2. Being killed: interrupted.
 *  3. The opener exits and the kernel closes for it: interrupted, unless
 *     it ends with status 0 (a subshell's redirection does). A writer
 *     that is not the opener (a child of a shell group) may exit so; but if
 *     nobody closes after it, RELEASE finds the file suspect: interrupted.
 *  4. It closes on its way out, in good order, as rsync does with --inplace
 *     or --partial: within a handler of a signal that means to end it, which
 *     shows in a blocked signal that was not blocked when it opened the file;
 *     or in its clean-up after an error, where it ignores USR1 and USR2,
 *     which it did not when it opened the file: interrupted.
 *  5. It still has a descriptor for writing on this name: nothing, the last
 *     one counts (dup2 of shells and dd; opened, duplicated, closed).
 *  6. It reads one regular file that is longer than what was written, and has
 *     read exactly what was written or the file has the target's name: a copy
 *     that was cut short: interrupted. (tar reads an archive: longer, another
 *     name, another position.) dd on INT closes its input first and its
 *     output after it, without haste: so what the same program was seen to
 *     read when it closed a duplicate (rule 5) counts while it reads nothing
 *     now. The price: dd with count= or skip= ends interrupted, too.
 *  7. A temporary name: everything acknowledged, not committed.
 *  8. Commit.
 *
 * An empty file is committed at the FLUSH of its opener, so that cp hears of
 * failures; where the caller is not to be seen RELEASE does it. If bytes come
 * later the commit is done again. EMPTY with a size is a file opened without
 * truncation and not written to: never committed.
 *
 * INTERRUPTED ends only by a truncation to nothing (a new beginning) or by
 * unlink; the caller makes a new struct sl_commit for a new version.
 */
#include "upload/commit.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>

typedef bool guard_fn(const struct sl_commit *c,
		      const struct sl_commit_event *ev);

static bool is_foreign(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	const struct sl_caller *p = &ev->caller;

	return p->tgid && !p->gone && p->tgid != c->opener &&
	       p->tgid != c->writer;
}

static bool is_killed(const struct sl_commit *c,
		      const struct sl_commit_event *ev)
{
	(void)c; /* every guard has the same shape */
	return ev->caller.killed;
}

#define SIGNAL_BIT(n) (1u << ((n) - 1))

static bool on_way_out(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	static const uint32_t users =
		SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGUSR2);
	static const uint32_t ending =
		SIGNAL_BIT(SIGHUP) | SIGNAL_BIT(SIGINT) |
		SIGNAL_BIT(SIGQUIT) | SIGNAL_BIT(SIGTERM) |
		SIGNAL_BIT(SIGUSR1) | SIGNAL_BIT(SIGALRM) |
		SIGNAL_BIT(SIGPIPE);
	const struct sl_caller *p = &ev->caller;

	if (!p->pid || p->pid != c->open_pid)
		return false;
	return (p->blocked & ~c->open_blocked & ending) ||
	       (p->ignored & ~c->open_ignored & users) == users;
}

static bool opener_exits(const struct sl_commit *c,
			 const struct sl_commit_event *ev)
{
	return ev->caller.exiting && !ev->caller.exit_ok &&
	       ev->caller.tgid == c->opener;
}

static bool child_done(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	return ev->caller.exiting && ev->caller.exit_ok &&
	       ev->caller.tgid != c->opener;
}

static bool writer_exits(const struct sl_commit *c,
			 const struct sl_commit_event *ev)
{
	(void)c;
	return ev->caller.exiting && !ev->caller.exit_ok;
}

static bool source_is_cut(const struct sl_commit *c,
			  const struct sl_commit_event *ev)
{
	const struct sl_caller *p = &ev->caller;

	(void)c;
	/* Made shorter after the look: what is not known counts as cut. */
	return p->source_size > ev->size &&
	       (p->source_pos == ev->size || p->source_same_name ||
		p->source_size <= p->written);
}

static bool source_was_longer(const struct sl_commit *c,
			      const struct sl_commit_event *ev)
{
	const struct sl_caller *p = &ev->caller;

	return !p->source_size && c->source_size > ev->size &&
	       p->tgid == c->source_of &&
	       !strncmp(p->comm, c->source_comm, sizeof(p->comm));
}

static bool still_open(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	(void)c;
	return ev->caller.still_open;
}

static bool is_temporary(const struct sl_commit *c,
			 const struct sl_commit_event *ev)
{
	(void)ev;
	return c->temporary;
}

static bool is_suspect(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	return c->suspect || ev->caller.killed;
}

static bool is_unseen(const struct sl_commit *c,
		      const struct sl_commit_event *ev)
{
	(void)c;
	return !ev->caller.tgid || ev->caller.gone;
}

static bool has_size(const struct sl_commit *c,
		     const struct sl_commit_event *ev)
{
	(void)c;
	return ev->size != 0;
}

static bool not_last(const struct sl_commit *c,
		     const struct sl_commit_event *ev)
{
	(void)c;
	return !ev->last_writer;
}

static bool mtime_zero(const struct sl_commit *c,
		       const struct sl_commit_event *ev)
{
	(void)c;
	return ev->mtime_zero;
}

static bool parked_name(const struct sl_commit *c,
			const struct sl_commit_event *ev)
{
	(void)c;
	return ev->parked_name;
}

#define ANY SL_ST__COUNT /* as 'from': every state; as 'to': stays */

enum side_effect { SUSPECT = 1 };

/* The first row that fits decides; no row: nothing, as it was. */
static const struct rule {
	enum sl_commit_event_kind kind;
	enum sl_commit_state from;
	guard_fn *guard; /* NULL: always */
	enum sl_commit_state to;
	enum sl_commit_decision decision;
	int effect;
} rules[] = {
	{ SL_EV_UNLINK, ANY, NULL, SL_ST_GONE, SL_DO_ABANDON, 0 },

	{ SL_EV_WRITE, SL_ST_EMPTY, NULL, SL_ST_DIRTY, SL_DO_NOTHING, 0 },
	{ SL_EV_WRITE, SL_ST_SETTLED, NULL, SL_ST_DIRTY, SL_DO_NOTHING, 0 },
	{ SL_EV_WRITE, SL_ST_COMMITTING, NULL, SL_ST_DIRTY, SL_DO_REOPEN, 0 },
	{ SL_EV_WRITE, SL_ST_COMMITTED, NULL, SL_ST_DIRTY, SL_DO_REOPEN, 0 },
	{ SL_EV_WRITE, SL_ST_FAILED, NULL, ANY, SL_DO_FAIL, 0 },

	{ SL_EV_TRUNCATE, SL_ST_EMPTY, NULL, SL_ST_DIRTY, SL_DO_NOTHING, 0 },
	{ SL_EV_TRUNCATE, SL_ST_SETTLED, NULL, SL_ST_DIRTY, SL_DO_NOTHING,
	  0 },
	{ SL_EV_TRUNCATE, SL_ST_COMMITTING, NULL, SL_ST_DIRTY, SL_DO_REOPEN,
	  0 },
	{ SL_EV_TRUNCATE, SL_ST_COMMITTED, NULL, SL_ST_DIRTY, SL_DO_REOPEN,
	  0 },
	{ SL_EV_TRUNCATE, SL_ST_FAILED, has_size, ANY, SL_DO_FAIL, 0 },
	{ SL_EV_TRUNCATE, SL_ST_FAILED, NULL, SL_ST_DIRTY, SL_DO_NOTHING, 0 },
	{ SL_EV_TRUNCATE, SL_ST_INTERRUPTED, has_size, ANY, SL_DO_NOTHING,
	  0 },
	{ SL_EV_TRUNCATE, SL_ST_INTERRUPTED, NULL, SL_ST_DIRTY,
	  SL_DO_NOTHING, 0 },

	{ SL_EV_FLUSH, ANY, is_foreign, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, is_killed, ANY, SL_DO_NOTHING, SUSPECT },
	{ SL_EV_FLUSH, SL_ST_EMPTY, writer_exits, ANY, SL_DO_NOTHING,
	  SUSPECT },
	{ SL_EV_FLUSH, SL_ST_EMPTY, on_way_out, ANY, SL_DO_NOTHING,
	  SUSPECT },
	{ SL_EV_FLUSH, SL_ST_EMPTY, has_size, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, is_unseen, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, still_open, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, source_is_cut, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, is_temporary, SL_ST_SETTLED,
	  SL_DO_SETTLE, 0 },
	{ SL_EV_FLUSH, SL_ST_EMPTY, NULL, SL_ST_COMMITTING, SL_DO_COMMIT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, is_killed, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, opener_exits, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, on_way_out, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, child_done, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, writer_exits, ANY, SL_DO_NOTHING,
	  SUSPECT },
	{ SL_EV_FLUSH, SL_ST_DIRTY, still_open, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, source_is_cut, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, source_was_longer, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, is_temporary, SL_ST_SETTLED,
	  SL_DO_SETTLE, 0 },
	{ SL_EV_FLUSH, SL_ST_DIRTY, NULL, SL_ST_COMMITTING, SL_DO_COMMIT, 0 },
	{ SL_EV_FLUSH, SL_ST_SETTLED, is_killed, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_SETTLED, NULL, ANY, SL_DO_SETTLE, 0 },
	{ SL_EV_FLUSH, SL_ST_COMMITTING, NULL, ANY, SL_DO_COMMIT, 0 },
	{ SL_EV_FLUSH, SL_ST_INTERRUPTED, NULL, ANY, SL_DO_INTERRUPT, 0 },
	{ SL_EV_FLUSH, SL_ST_FAILED, NULL, ANY, SL_DO_FAIL, 0 },

	{ SL_EV_RELEASE, ANY, not_last, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_RELEASE, SL_ST_EMPTY, is_suspect, SL_ST_GONE, SL_DO_ABANDON,
	  0 },
	{ SL_EV_RELEASE, SL_ST_EMPTY, has_size, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_RELEASE, SL_ST_EMPTY, is_temporary, SL_ST_SETTLED,
	  SL_DO_SETTLE, 0 },
	{ SL_EV_RELEASE, SL_ST_EMPTY, NULL, SL_ST_COMMITTING, SL_DO_COMMIT,
	  0 },
	{ SL_EV_RELEASE, SL_ST_DIRTY, is_suspect, SL_ST_INTERRUPTED,
	  SL_DO_INTERRUPT, 0 },
	{ SL_EV_RELEASE, SL_ST_DIRTY, is_temporary, SL_ST_SETTLED,
	  SL_DO_SETTLE, 0 },
	{ SL_EV_RELEASE, SL_ST_DIRTY, NULL, SL_ST_COMMITTING, SL_DO_COMMIT,
	  0 },

	{ SL_EV_RENAME, SL_ST_SETTLED, mtime_zero, SL_ST_INTERRUPTED,
	  SL_DO_PARK, 0 },
	{ SL_EV_RENAME, SL_ST_DIRTY, mtime_zero, SL_ST_INTERRUPTED,
	  SL_DO_PARK, 0 },
	{ SL_EV_RENAME, SL_ST_INTERRUPTED, NULL, ANY, SL_DO_PARK, 0 },
	{ SL_EV_RENAME, SL_ST_FAILED, NULL, ANY, SL_DO_FAIL, 0 },
	{ SL_EV_RENAME, ANY, parked_name, ANY, SL_DO_PARK, 0 },
	{ SL_EV_RENAME, SL_ST_SETTLED, NULL, SL_ST_COMMITTING, SL_DO_COMMIT,
	  0 },

	{ SL_EV_COMMITTED, SL_ST_COMMITTING, NULL, SL_ST_COMMITTED,
	  SL_DO_NOTHING, 0 },
	{ SL_EV_FAILED, SL_ST_GONE, NULL, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FAILED, SL_ST_INTERRUPTED, NULL, ANY, SL_DO_NOTHING, 0 },
	{ SL_EV_FAILED, ANY, NULL, SL_ST_FAILED, SL_DO_NOTHING, 0 },
};

void sl_commit_init(struct sl_commit *c, bool temporary)
{
	*c = (struct sl_commit){
		.state = SL_ST_EMPTY,
		.temporary = temporary,
	};
}

static void note_open(struct sl_commit *c, const struct sl_commit_event *ev)
{
	if (c->opener && c->state != SL_ST_COMMITTED &&
	    c->state != SL_ST_SETTLED)
		return;
	c->opener = ev->caller.tgid;
	c->open_pid = ev->caller.pid;
	c->open_blocked = ev->caller.blocked;
	c->open_ignored = ev->caller.ignored;
}

static void note_write(struct sl_commit *c, const struct sl_commit_event *ev)
{
	c->writer = ev->caller.tgid;
	c->wrote = true;
}

static void note_truncate(struct sl_commit *c,
			  const struct sl_commit_event *ev)
{
	note_write(c, ev);
	if (!ev->size)
		c->suspect = false;
}

static void note_rename(struct sl_commit *c, const struct sl_commit_event *ev)
{
	c->temporary = ev->parked_name;
}

static void note_committed(struct sl_commit *c,
			   const struct sl_commit_event *ev)
{
	(void)ev; /* as the others */
	if (c->state == SL_ST_COMMITTED)
		c->wrote = false;
}

static void note_flush(struct sl_commit *c, const struct sl_commit_event *ev)
{
	const struct sl_caller *p = &ev->caller;

	if (!p->still_open || !p->source_size || is_foreign(c, ev))
		return;
	c->source_size = p->source_size;
	c->source_of = p->tgid;
	memcpy(c->source_comm, p->comm, sizeof(c->source_comm));
}

/* What an event tells, apart from the state. */
static void (*const notes[SL_EV__COUNT])(struct sl_commit *,
					 const struct sl_commit_event *) = {
	[SL_EV_OPEN] = note_open,
	[SL_EV_WRITE] = note_write,
	[SL_EV_TRUNCATE] = note_truncate,
	[SL_EV_FLUSH] = note_flush,
	[SL_EV_RENAME] = note_rename,
	[SL_EV_COMMITTED] = note_committed,
};

static const struct rule *find_rule(const struct sl_commit *c,
				    const struct sl_commit_event *ev)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		const struct rule *r = &rules[i];

		if (r->kind == ev->kind &&
		    (r->from == ANY || r->from == c->state) &&
		    (!r->guard || r->guard(c, ev)))
			return r;
	}
	return NULL;
}

enum sl_commit_decision sl_commit_step(struct sl_commit *c,
				       const struct sl_commit_event *ev)
{
	const struct rule *r = find_rule(c, ev);

	if (r && r->to != ANY)
		c->state = r->to;
	if (r && r->effect == SUSPECT)
		c->suspect = true;
	if (notes[ev->kind])
		notes[ev->kind](c, ev);
	return r ? r->decision : SL_DO_NOTHING;
}

const char *sl_commit_state_name(enum sl_commit_state s)
{
	static const char *const names[SL_ST__COUNT] = {
		[SL_ST_EMPTY] = "empty",
		[SL_ST_DIRTY] = "open",
		[SL_ST_SETTLED] = "settled",
		[SL_ST_COMMITTING] = "committing",
		[SL_ST_COMMITTED] = "committed",
		[SL_ST_INTERRUPTED] = "interrupted",
		[SL_ST_FAILED] = "failed",
		[SL_ST_GONE] = "gone",
	};

	return (unsigned)s < SL_ST__COUNT ? names[s] : "unknown";
}

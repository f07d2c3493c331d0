/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When does a file become an object? FLUSH is not close, closers may be
 * dying, and rsync commits by rename: the rules are a pure transition table,
 * events in, decision out, without any I/O, so that unit tests replay the
 * recorded event lists of cp, rsync, dd, tar and shells. The essay and the
 * table are at the head of commit.c.
 */
#ifndef SL_COMMIT_H
#define SL_COMMIT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* What is known about the process behind a FLUSH or RELEASE (proc.c). */
struct sl_caller {
	pid_t tgid;	   /* 0: unknown or another pid namespace */
	bool gone;	   /* no such process any more */
	bool killed;	   /* PF_SIGNALED */
	bool exiting;	   /* PF_EXITING: closes because it exits */
	bool exit_ok;	   /* ... and does so with status 0, as far as seen */
	/*
	 * It has exactly one regular file open for reading, of this size and
	 * read up to this position; source_size 0: none or not to be seen.
	 */
	uint64_t source_size;
	uint64_t source_pos;
	bool source_same_name; /* its last path segment equals the target's */
	uint64_t written; /* position and name are known if it is longer */
	pid_t pid;	   /* the thread; 0: unknown */
	/* Its blocked and ignored signals: bit 0 is signal 1. */
	uint32_t blocked, ignored;
	/* It has another descriptor for writing on a file of this name. */
	bool still_open;
	char comm[16]; /* the program, as /proc names it; or "" */
};

enum sl_commit_event_kind {
	SL_EV_OPEN,	/* a writer opened (tgid, pid, signals) */
	SL_EV_WRITE,	/* bytes were taken (tgid) */
	SL_EV_TRUNCATE,	/* size set by ftruncate/truncate (tgid) */
	SL_EV_FLUSH,	/* a descriptor was closed (caller, size) */
	SL_EV_RELEASE,	/* the last descriptor of an open went */
	SL_EV_RENAME,	/* renamed to its final upload name */
	SL_EV_UNLINK,	/* the name was removed */
	SL_EV_COMMITTED, /* the commit succeeded */
	SL_EV_FAILED,	/* the commit or a part failed */
	SL_EV__COUNT,
};

struct sl_commit_event {
	enum sl_commit_event_kind kind;
	struct sl_caller caller;
	uint64_t size;	   /* bytes in the file now */
	bool parked_name;  /* FLUSH, RENAME: the (new) name is temporary or in
			      a dot directory: never commits by itself */
	bool mtime_zero;   /* RENAME: mtime 0 (rsync --partial) */
	bool last_writer;  /* RELEASE: no writing descriptor is left */
};

enum sl_commit_state {
	SL_ST_EMPTY,	   /* nothing written since open */
	SL_ST_DIRTY,	   /* has bytes or a new size not committed */
	SL_ST_SETTLED,	   /* temporary name, closed, awaiting rename */
	SL_ST_COMMITTING,
	SL_ST_COMMITTED,
	SL_ST_INTERRUPTED, /* never commits by itself; parts are kept */
	SL_ST_FAILED,
	SL_ST_GONE,
	SL_ST__COUNT,
};

enum sl_commit_decision {
	SL_DO_NOTHING,	 /* answer 0 */
	SL_DO_SETTLE,	 /* wait until the parts so far are acknowledged */
	SL_DO_COMMIT,	 /* commit, answer with its outcome */
	SL_DO_INTERRUPT, /* keep parts, mark interrupted, answer -EINTR */
	SL_DO_REOPEN,	 /* a new version follows on committed bytes */
	SL_DO_FAIL,	 /* answer the sticky error (or -EIO) */
	SL_DO_ABANDON,	 /* forget the upload; its parts are kept if dirty */
	SL_DO_PARK,	 /* renamed to a parked name: keep as it is */
};

struct sl_commit {
	enum sl_commit_state state;
	pid_t opener;	   /* thread group that opened for writing first */
	pid_t open_pid;	   /* its thread, and what that did with signals */
	uint32_t open_blocked, open_ignored;
	pid_t writer;	   /* thread group that wrote last */
	bool wrote;	   /* bytes since the last commit */
	bool temporary;	   /* the present name never commits by itself */
	bool suspect;	   /* the evidence said "cut": only a new write from
			      the beginning clears it */
	/* What a FLUSH of a duplicate saw the process read; 0: nothing. */
	uint64_t source_size;
	pid_t source_of;
	char source_comm[16];
};

void sl_commit_init(struct sl_commit *c, bool temporary);
/* Pure: changes *c, returns what to do. Caller serialises. */
enum sl_commit_decision sl_commit_step(struct sl_commit *c,
				       const struct sl_commit_event *ev);
const char *sl_commit_state_name(enum sl_commit_state s);

/*
 * Looks at process 'pid' (a thread id, as FUSE gives it) through /proc
 * without ever asking a network or FUSE filesystem (statx with
 * AT_STATX_DONT_SYNC). tgid: its thread group if that is known, else 0. name:
 * last segment of the target. written: how large the target is; position and
 * name of a source that is no longer are not asked for. Never fails: what
 * cannot be seen stays unknown.
 */
void sl_caller_look(pid_t pid, pid_t tgid, const char *name,
		    uint64_t written, struct sl_caller *ret);
/* Only who it is: tgid, pid, signals. */
void sl_caller_who(pid_t pid, struct sl_caller *ret);
/* The thread group of a thread id; 0 when it cannot be told. */
pid_t sl_caller_tgid(pid_t pid);
/* Closes what the calling thread keeps open of a process. */
void sl_caller_forget(void);

#endif

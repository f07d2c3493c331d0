/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From the first byte of a version to its end. The decisions come from
 * sl_commit_step(); this file asks the engine and records the outcome.
 *
 * A commit has two kinds of waiters: the process whose close or rename asked
 * for it, which may be interrupted or give up, and the version itself
 * (adopt_w), which takes the outcome into tree and ledger in any case.
 * sl_file_adopt() is called by both and acts once.
 */
#include <string.h>

#include "log.h"
#include "mount/verdict.h"
#include "mount/version.h"

void sl_version_begin_locked(struct sl_file *f, pid_t pid)
{
	struct sl_commit_event ev = { .kind = SL_EV_OPEN };
	struct sl_tree *t = f->m->tree;
	struct sl_node *n = f->node;

	if (!f->skip)
		sl_caller_who(pid, &ev.caller);
	if (!f->skip && sl_commit_step(&f->commit, &ev) == SL_DO_FAIL)
		f->err = -EIO;
	f->keep = 0;
	if (f->begun) {
		if (f->size)
			sl_version_restart_locked(f);
		return;
	}
	f->begun = true;
	sl_mutex_lock(&t->mu);
	sl_tree_seen_locked(t, n);
	n->u.f.old_size = n->size;
	n->u.f.old_mtime_ns = n->mtime_ns;
	n->hidden = false;
	sl_tree_set_state_locked(t, n, SL_FILE_OPEN);
	sl_mutex_unlock(&t->mu);
	sl_version_size_locked(f, 0);
}

void sl_version_restart_locked(struct sl_file *f)
{
	struct sl_commit_event ev = {
		.kind = SL_EV_TRUNCATE,
		.caller.tgid = f->commit.opener,
	};
	int r = f->up ? sl_upload_restart(f->up) : 0;

	f->keep = 0;
	sl_verdict_lost_locked(f);
	if (!r && sl_commit_step(&f->commit, &ev) == SL_DO_FAIL)
		r = -EIO;
	if (r)
		sl_version_fail_locked(f, -r, "the copy cannot begin again; "
				       "remove the file and copy it");
	f->adopt_busy = false;
	f->adopted = false;
	sl_mutex_lock(&f->m->tree->mu);
	sl_tree_set_state_locked(f->m->tree, f->node, SL_FILE_OPEN);
	sl_mutex_unlock(&f->m->tree->mu);
	sl_version_size_locked(f, 0);
}

int sl_version_reopen_locked(struct sl_file *f)
{
	int r = f->up ? sl_upload_reopen(f->up) : 0;

	if (r)
		return sl_version_fail_locked(f, EIO, "more bytes came after "
			"the file was closed and sent; copy it in one go");
	f->adopted = false;
	f->adopt_busy = false;
	sl_mutex_lock(&f->m->tree->mu);
	sl_tree_set_state_locked(f->m->tree, f->node, SL_FILE_OPEN);
	sl_mutex_unlock(&f->m->tree->mu);
	return 0;
}

/* Lets go of the upload; its parts stay in the store if 'keep'. */
static void drop_upload(struct sl_file *f, bool keep)
{
	if (!f->up)
		return;
	sl_upload_abandon(f->up, keep);
	if (keep)
		sl_leftovers_orphan(sl_store_leftovers(f->store), f->up);
}

static bool worth_keeping(int errnum)
{
	return errnum == ETIMEDOUT || errnum == EKEYEXPIRED ||
	       errnum == ECANCELED || errnum == EINTR;
}

static int lose_locked(struct sl_file *f, int errnum, const char *text,
		       const struct sl_error *detail)
{
	struct sl_commit_event ev = { .kind = SL_EV_FAILED };
	bool cut = errnum == EINTR || errnum == ECANCELED;

	if (f->err || f->ended)
		return f->err ? f->err : -errnum;
	f->err = -errnum;
	/* The state machine may already be where FAILED leads. */
	if (sl_commit_step(&f->commit, &ev) == SL_DO_COMMIT)
		SL_BUG("a failed version cannot commit");
	drop_upload(f, worth_keeping(errnum));
	sl_verdict_lost_locked(f);
	sl_outcome_lost(f, cut ? SL_FILE_INTERRUPTED : SL_FILE_FAILED, errnum,
			text, detail);
	return -errnum;
}

int sl_version_fail_locked(struct sl_file *f, int errnum, const char *text)
{
	return lose_locked(f, errnum, text, NULL);
}

int sl_file_broken(struct sl_file *f, int err)
{
	struct sl_upload_state st = { 0 };

	SL_LOCK_SCOPE(&f->mu);
	if (f->up)
		sl_upload_get(f->up, &st);
	return lose_locked(f, -err, st.error.text[0] ? st.error.text :
		    "the bytes could not be taken; copy the file again",
		    &st.error);
}

static int interrupt_locked(struct sl_file *f)
{
	lose_locked(f, EINTR, "the copy was cut off before its end; run the "
		    "same copy again", NULL);
	return -EINTR;
}

static int adopt(struct sl_file *f, bool *ret_new)
{
	struct sl_commit_event ev = { .kind = SL_EV_COMMITTED };
	struct sl_upload_state st = { 0 };

	SL_LOCK_SCOPE(&f->mu);
	if (f->skip || !f->up || f->adopted || f->err)
		return f->err;
	sl_upload_get(f->up, &st);
	if (st.err)
		return lose_locked(f, -st.err, st.error.text[0] ?
				   st.error.text : "the upload failed",
				   &st.error);
	if (!st.committed || !f->adopt_busy)
		return 0;
	f->adopted = true;
	ev.size = st.size;
	if (sl_commit_step(&f->commit, &ev) == SL_DO_FAIL)
		sl_log_debug("'%s': commit in an unexpected state", f->key);
	st.obj.has_crc32 = true;
	st.obj.crc32 = st.crc32;
	sl_outcome_committed(f, &st.obj);
	*ret_new = true;
	f->err = sl_verdict_committed_locked(f);
	return f->err;
}

int sl_file_adopt(struct sl_file *f)
{
	bool fresh = false;
	int r = adopt(f, &fresh);

	if (fresh) {
		sl_version_supersede(f);
		sl_verdict_settle(f);
	}
	return r;
}

static void follow(struct sl_file *f);

static bool must_follow_again(struct sl_file *f)
{
	SL_LOCK_SCOPE(&f->mu);
	f->following = false;
	if (!sl_steal(&f->follow_again))
		return false;
	return f->adopt_busy && !f->adopted && !f->err && f->up;
}

static void adopt_done(struct sl_wait *w, int err)
{
	struct sl_file *f = sl_container_of(w, struct sl_file, adopt_w);

	if (sl_file_adopt(f))
		sl_log_debug("'%s': not committed (%d)", f->key, err);
	if (must_follow_again(f))
		follow(f);
	sl_version_detach(f);
	sl_file_unref(f);
}

/* The version's own interest in the commit. */
static void follow(struct sl_file *f)
{
	bool already;
	int r;

	sl_mutex_lock(&f->mu);
	f->adopt_busy = true;
	already = f->following;
	f->follow_again = already;
	f->following = true;
	sl_mutex_unlock(&f->mu);
	if (already)
		return;
	sl_file_ref(f);
	f->adopt_w = (struct sl_wait){ .done = adopt_done };
	r = sl_upload_commit(f->up, &f->adopt_w);
	if (r != SL_PARKED)
		adopt_done(&f->adopt_w, r);
}

static int prepare_commit(struct sl_file *f)
{
	struct sl_upload_state st;
	int r;

	SL_LOCK_SCOPE(&f->mu);
	if (f->err)
		return f->err;
	if (f->keep > f->size)
		return sl_version_fail_locked(f, ESPIPE, "the beginning of "
			"the file was written over and the rest not cut off; "
			"copy the whole file");
	r = sl_version_upload_locked(f);
	if (r)
		return r;
	sl_upload_get(f->up, &st);
	/* No write is under way now; if this ever fails, bytes were lost. */
	if (!st.err && !st.committing && !st.committed && st.size != f->size)
		return sl_version_fail_locked(f, EIO, "fewer or more bytes "
			"were taken than were written; copy the file again");
	if (st.err || st.committing || st.committed)
		return 0;
	r = sl_outcome_may_replace(f, st.crc32);
	return r ? r : sl_verdict_close_locked(f, &st);
}

int sl_version_commit(struct sl_file *f, struct sl_wait *w)
{
	int r = prepare_commit(f);

	sl_verdict_settle(f);
	if (r)
		return r;
	follow(f);
	if (!w)
		return 0;
	r = sl_upload_commit(f->up, w);
	if (r == SL_PARKED)
		return r;
	return sl_file_adopt(f);
}

static int settle(struct sl_file *f, struct sl_wait *w)
{
	int r = f->up ? sl_upload_settle(f->up, w) : 0;

	if (r < 0)
		sl_file_broken(f, r);
	return r;
}

/* Carries a decision out; file.mu not held. */
static int perform(struct sl_file *f, enum sl_commit_decision d,
		   struct sl_wait *w)
{
	switch (d) {
	case SL_DO_NOTHING:
	case SL_DO_PARK:
	case SL_DO_REOPEN:
		return 0;
	case SL_DO_SETTLE:
		return w ? settle(f, w) : 0;
	case SL_DO_COMMIT:
		return sl_version_commit(f, w);
	case SL_DO_FAIL:
		return f->err ? f->err : -EIO;
	case SL_DO_INTERRUPT:
	case SL_DO_ABANDON:
		break;
	}
	SL_LOCK_SCOPE(&f->mu);
	return interrupt_locked(f);
}

static int flush_event(struct sl_file *f, struct sl_commit_event *ev,
		       enum sl_commit_decision *d)
{
	SL_LOCK_SCOPE(&f->mu);
	if (!f->begun)
		return 0;
	if (f->err)
		return f->err;
	ev->size = f->size;
	ev->parked_name = f->commit.temporary;
	*d = sl_commit_step(&f->commit, ev);
	return 0;
}

int sl_file_flush(struct sl_handle *h, pid_t pid, struct sl_wait *w)
{
	struct sl_commit_event ev = { .kind = SL_EV_FLUSH };
	enum sl_commit_decision d = SL_DO_NOTHING;
	struct sl_file *f = h->file;
	int r;

	if (!h->write)
		return 0;
	if (f->skip) {
		if (f->begun)
			sl_outcome_skipped(f);
		return 0;
	}
	sl_caller_look(pid, h->pid == pid ? h->tgid : 0,
		       sl_last_segment(f->key), sl_version_size(f),
		       &ev.caller);
	r = flush_event(f, &ev, &d);
	return r ? r : perform(f, d, w);
}

void sl_version_release(struct sl_file *f, pid_t pid)
{
	struct sl_commit_event ev = { .kind = SL_EV_RELEASE };
	enum sl_commit_decision d = SL_DO_NOTHING;

	if (pid)
		sl_caller_look(pid, 0, sl_last_segment(f->key), 0, &ev.caller);
	sl_mutex_lock(&f->mu);
	if (f->writers)
		f->writers--;
	ev.last_writer = !f->writers;
	ev.size = f->size;
	ev.parked_name = f->commit.temporary;
	if (f->begun && !f->err && !f->skip)
		d = sl_commit_step(&f->commit, &ev);
	sl_mutex_unlock(&f->mu);
	if (f->skip && f->begun)
		sl_outcome_skipped(f);
	/* Nobody hears of it any more: .errors and the ledger do. */
	if (perform(f, d, NULL))
		sl_log_debug("'%s': ended at release", f->key);
	sl_version_detach(f);
}

/* Can anything more come of this version? */
static bool is_over_locked(const struct sl_file *f)
{
	if (f->writers)
		return false;
	return !f->begun || f->skip || f->err || f->adopted ||
	       f->commit.state == SL_ST_GONE;
}

static void take_off_locked(struct sl_file *f, bool *ret_mine)
{
	struct sl_tree *t = f->m->tree;

	f->ended = true;
	SL_LOCK_SCOPE(&t->mu);
	*ret_mine = f->node->u.f.open == f;
	if (!*ret_mine)
		return;
	f->node->u.f.open = NULL;
	sl_version_unindex_locked(f);
}

void sl_version_detach(struct sl_file *f)
{
	bool mine;

	sl_mutex_lock(&f->mu);
	if (!is_over_locked(f)) {
		sl_mutex_unlock(&f->mu);
		return;
	}
	take_off_locked(f, &mine);
	sl_mutex_unlock(&f->mu);
	if (mine)
		sl_file_unref(f);
}

void sl_version_replace(struct sl_file *f)
{
	bool mine;

	sl_mutex_lock(&f->mu);
	take_off_locked(f, &mine);
	sl_mutex_unlock(&f->mu);
	if (mine)
		sl_file_unref(f);
}
/*
 * rsync --partial sets the time 0 on what it gave up: the seconds. The
 * nanoseconds stay those of the source.
 */
static bool has_no_time(struct sl_file *f)
{
	SL_LOCK_SCOPE(&f->m->tree->mu);
	return f->node->mtime_ns >= 0 && f->node->mtime_ns < 1000000000;
}

int sl_file_rename(struct sl_file *f, const char *path, bool parked,
		   struct sl_wait *w)
{
	struct sl_commit_event ev = {
		.kind = SL_EV_RENAME,
		.parked_name = parked,
		.mtime_zero = has_no_time(f),
	};
	enum sl_commit_decision d = SL_DO_NOTHING;
	int r = 0;

	if (f->skip)
		return 0;
	sl_mutex_lock(&f->mu);
	ev.size = f->size;
	if (f->err)
		r = f->err;
	else if (!parked && strcmp(path, f->key))
		r = -EXDEV; /* its parts lie under another key */
	else
		d = sl_commit_step(&f->commit, &ev);
	if (!r && !parked && d == SL_DO_NOTHING)
		r = -EBUSY; /* still open for writing */
	if (!r && !parked && d == SL_DO_PARK) {
		/* rsync --partial gave it up: nothing is to be seen of it. */
		interrupt_locked(f);
		sl_mutex_unlock(&f->mu);
		sl_version_detach(f);
		return 0;
	}
	sl_mutex_unlock(&f->mu);
	return r ? r : perform(f, d, w);
}

void sl_file_unlinked(struct sl_file *f, bool at_key)
{
	struct sl_commit_event ev = { .kind = SL_EV_UNLINK };
	enum sl_commit_decision d = SL_DO_NOTHING;

	sl_mutex_lock(&f->mu);
	/*
	 * The caller of a rename gave up waiting: the commit goes on, and until
	 * its outcome is known the gate must see the path.
	 */
	if (!at_key && !f->skip && !f->err && !f->adopted &&
	    f->commit.state == SL_ST_COMMITTING)
		sl_outcome_pending(f);
	if (f->skip) {
		f->begun = false;
	} else if (f->begun && !f->err &&
		   (at_key || f->commit.state != SL_ST_COMMITTING)) {
		/*
		 * A temporary name whose rename gave up waiting goes on and
		 * is adopted; one that was not renamed was a cut copy.
		 */
		ev.size = f->size;
		d = sl_commit_step(&f->commit, &ev);
		if (d == SL_DO_ABANDON && at_key) {
			/*
			 * Removed on purpose: nothing to be missed, and what
			 * still comes through old descriptors goes nowhere.
			 */
			f->skip = true;
			f->begun = false;
			drop_upload(f, false);
			d = SL_DO_NOTHING;
		}
	}
	sl_mutex_unlock(&f->mu);
	if (perform(f, d, NULL) && d == SL_DO_FAIL)
		sl_log_debug("'%s': unlinked after a failure", f->key);
	sl_version_detach(f);
}

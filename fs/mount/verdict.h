/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judging what passes: the judge of a migration (verdicts.c), what a version
 * of a file adds to it (verdict.c), files taken back out of the bucket
 * (withdraw.c), and the report (verify.c).
 *
 * sl_verdicts.mu and sl_verdict.mu are leaves: nothing else is locked while
 * one of them is held, and they may be taken with file.mu and tree.mu held.
 */
#ifndef SL_VERDICT_H
#define SL_VERDICT_H

#include "buf.h"
#include "lock.h"
#include "migration/ledger.h"
#include "mount/mount.h"
#include "sstable/judge.h"
#include "upload/upload.h"

struct sl_file;
struct sl_node;
struct sl_trial;
struct sl_withdrawal;

/* What is known of the files of one migration; its store's. */
struct sl_verdicts {
	struct sl_mutex mu;
	struct sl_judge *judge SL_GUARDED_BY(mu);
	/* Judged, and their commits are under way. */
	struct sl_trial *pending SL_GUARDED_BY(mu);
	struct sl_withdrawal *leaving SL_GUARDED_BY(mu);
	/* Hashes of warnings that .errors has: rule and directory. */
	uint64_t *told SL_GUARDED_BY(mu);
	size_t told_count SL_GUARDED_BY(mu);
};

/* --- verdicts.c */

int sl_verdicts_new(const struct sl_policy *policy,
		    struct sl_verdicts **ret) SL_MUST_CHECK;
void sl_verdicts_free(struct sl_verdicts *vs);
/* Facts that an earlier run left in a ledger; after its rows. */
int sl_verdicts_load(struct sl_store *s, struct sl_ledger *l,
		     struct sl_error *e) SL_MUST_CHECK;
/* A row of an earlier run: it is there, and was perhaps never judged. */
void sl_verdicts_row(struct sl_verdicts *vs, const struct sl_path *p,
		     const struct sl_ledger_row *r);
/*
 * The file (or directory of a snapshot) 'path' is about to be made: -EOPNOTSUPP
 * with the reason in .errors and 'e' (or NULL) if its table has another
 * tag or id already.
 */
int sl_verdicts_create(struct sl_mount *m, const struct sl_path *p,
		       const char *path, bool is_dir,
		       struct sl_error *e) SL_MUST_CHECK;
/* The file is in the bucket no longer; its facts go, also in the ledger. */
void sl_verdicts_forget(struct sl_store *s, const char *path);
/* verdict.c: only the first half; with tree.mu held, say. */
void sl_verdicts_drop(struct sl_verdicts *vs, const char *path);
/*
 * It is in the bucket, but its bytes did not pass here. Nothing if something
 * is known of it already.
 */
void sl_verdicts_unread(struct sl_verdicts *vs, const char *path,
			const struct sl_object *o);
/* As those of judge.h, with the lock. Facts: with references, or -ENOENT. */
int sl_verdicts_put(struct sl_verdicts *vs, const char *path,
		    const struct sl_facts *f, sl_found_fn *found,
		    void *arg) SL_MUST_CHECK;
int sl_verdicts_facts(struct sl_verdicts *vs, const char *path,
		      struct sl_facts *ret) SL_MUST_CHECK;
int sl_verdicts_all(struct sl_verdicts *vs, const char *node,
		    sl_found_fn *found, void *arg) SL_MUST_CHECK;
/* For reports: writers wait for no more than one table of it. */
int sl_verdicts_report(struct sl_verdicts *vs, sl_found_fn *found,
		       void *arg) SL_MUST_CHECK;
int sl_verdicts_of(struct sl_verdicts *vs, const char *path,
		   sl_found_fn *found, void *arg) SL_MUST_CHECK;
/* True once for each rule and directory: a thousand SSTables say the same. */
bool sl_verdicts_first(struct sl_verdicts *vs, enum sl_rule rule,
		       const char *path);

/*
 * "RULE: SENTENCE (DETAIL); CURE": as notes of rows and lines of .errors have
 * it. Cut at 'size'.
 */
void sl_verdict_say(const struct sl_finding *f, char *dst, size_t size);
#define SL_VERDICT_TEXT 640
/* The rule with which such a text begins; SL_RULE_NONE. */
enum sl_rule sl_verdict_rule(const char *note);
/* What a row says: its state, and the rule in its note. */
enum sl_judgement sl_verdict_of_row(enum sl_file_state s, const char *note);

/*
 * Something to be told of a file in the bucket that is no reason against it:
 * its row has it, and .errors once for each directory and rule. No lock held.
 */
void sl_verdict_warn(struct sl_store *s, const char *path, enum sl_rule rule,
		     const char *text);

/* --- verdict.c: one version of a file. 'locked': file.mu is held. */

/* Its upload was made: from now on the bytes are looked at. */
int sl_verdict_begin_locked(struct sl_file *f) SL_MUST_CHECK;
/*
 * All bytes are there and the commit is to begin. -EBADMSG: the version has
 * failed. Call sl_verdict_settle() afterwards in any case.
 */
int sl_verdict_close_locked(struct sl_file *f,
			    const struct sl_upload_state *st) SL_MUST_CHECK;
/* The commit is in tree and ledger; -EBADMSG: it was proven wrong since. */
int sl_verdict_committed_locked(struct sl_file *f) SL_MUST_CHECK;
/* It will not be, or not so: what was known before holds again. */
void sl_verdict_lost_locked(struct sl_file *f);
/* What the version says of other files is carried out; no lock held. */
void sl_verdict_settle(struct sl_file *f);
/* The file goes. */
void sl_verdict_release(struct sl_file *f);
/* For withdraw.c: a commit of this path is under way, and will be undone. */
bool sl_verdict_doom_locked(struct sl_verdicts *vs, const char *path,
			    const char *text) SL_REQUIRES(vs->mu);

/* --- withdraw.c */

/* 'path' was proven wrong: out of the bucket with it. No lock held. */
void sl_withdraw(struct sl_store *s, const char *path, const char *text);
/* Finds out in the background whether it will be granted. */
void sl_withdraw_probe(struct sl_store *s);
/* An earlier version of this path is on its way out. */
bool sl_withdraw_under_way_locked(struct sl_verdicts *vs,
				  const char *path) SL_REQUIRES(vs->mu);

/* --- verify.c */

int sl_render_verify(struct sl_mount *m, struct sl_buf *out);
int sl_render_schema(struct sl_mount *m, struct sl_buf *out);
/*
 * A copy that brought nothing: files were skipped or refused, and none went
 * or goes up. 'text' (or NULL) says so.
 */
bool sl_mount_nothing(struct sl_mount *m, char *text, size_t size);
/* Every few seconds: says it once, when the copy seems to have ended. */
void sl_mount_tell_nothing(struct sl_mount *m, bool at_end);
/* user.sideload.verdict and .rules of a file, by name. */
int sl_verdict_xattr(struct sl_mount *m, struct sl_node *n, bool rules,
		     struct sl_buf *out) SL_MUST_CHECK;

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The life of one version of a file: begun, written, committed, or given up.
 * Shared by file.c (descriptors) and version.c, outcome.c (ends).
 */
#ifndef SL_VERSION_H
#define SL_VERSION_H

#include "mount/file.h"
#include "mount/store.h"

/* A new, empty version begins; the old one stays in the bucket. */
void sl_version_begin_locked(struct sl_file *f, pid_t pid);
/* Begins again from the first byte. */
void sl_version_restart_locked(struct sl_file *f);
/* Bytes follow on a committed version (shell redirections). */
int sl_version_reopen_locked(struct sl_file *f);
/* Makes sure that there is an upload to write to. */
int sl_version_upload_locked(struct sl_file *f);
void sl_version_size_locked(struct sl_file *f, uint64_t size);
/* How many bytes were taken. */
uint64_t sl_version_size(struct sl_file *f);
/* Fails the version for good; returns -errnum. */
int sl_version_fail_locked(struct sl_file *f, int errnum, const char *text);
/* A writer went. */
void sl_version_release(struct sl_file *f, pid_t pid);
/* Takes the version off its node if nothing more can come of it. */
void sl_version_detach(struct sl_file *f);
/* Takes a failed version off although old descriptors still have it. */
void sl_version_replace(struct sl_file *f);
/* supersede.c: with tree.mu; f is, or is no more, the version of its node. */
void sl_version_index_locked(struct sl_file *f);
void sl_version_unindex_locked(struct sl_file *f);
/* f is committed; closed temporaries of its path go. */
void sl_version_supersede(struct sl_file *f);
/* Asks for the commit and waits with w (NULL: nobody waits). */
int sl_version_commit(struct sl_file *f, struct sl_wait *w);

/* hole.c */
struct sl_hole {
	uint64_t at;	/* where it begins: the bytes taken so far */
	uint64_t old;	/* so many stay from the bucket's version */
	uint64_t zeros;	/* and so many follow */
	uint64_t size;	/* of the bucket's version */
};
/* The version has begun and stands on the one in the bucket. */
void sl_hole_keep_locked(struct sl_file *f);
/* The hole from the bytes taken so far to 'to'; or the version fails. */
int sl_hole_find_locked(struct sl_file *f, uint64_t to,
			struct sl_hole *ret) SL_MUST_CHECK;
/*
 * Fills it, then writes data (n may be 0). As sl_upload_write(); the upload
 * is there and the bytes are accounted for. f->mu not held.
 */
int sl_hole_write(struct sl_file *f, const struct sl_hole *h,
		  const void *data, size_t n,
		  struct sl_wait *user) SL_MUST_CHECK;
/* What is being filled ends soon with -EINTR, unless it is about to end. */
void sl_hole_interrupt(struct sl_file *f);

/* outcome.c: what tree, ledger and events say of an end. */
/* Committed: the node moves to its key and shows the new version. */
void sl_outcome_committed(struct sl_file *f, const struct sl_object *o);
/* Its name is gone while the commit is under way: the path is marked. */
void sl_outcome_pending(struct sl_file *f);
/* With tree.mu: the path that f is for is in the bucket. */
bool sl_outcome_arrived_locked(struct sl_file *f);
/* Not committed: the path is marked, the old version shows again. */
void sl_outcome_lost(struct sl_file *f, enum sl_file_state state, int errnum,
		     const char *text, const struct sl_error *detail);
/*
 * 0; or the version has failed: -EBADMSG, it is a Data.db that would replace
 * other bytes; -EBUSY, what is there is being withdrawn.
 */
int sl_outcome_may_replace(struct sl_file *f, uint32_t crc32);
/* Skipped: noted with its size and times. */
void sl_outcome_skipped(struct sl_file *f);

#endif

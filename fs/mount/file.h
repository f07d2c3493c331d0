/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Open files: the version of a file that is being written, shared by all
 * descriptors of it, and the handle of one descriptor. Nothing of FUSE here;
 * what takes long is parked (wait.h).
 */
#ifndef SL_FILE_H
#define SL_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "lock.h"
#include "mount/mount.h"
#include "mount/tree.h"
#include "upload/commit.h"
#include "upload/upload.h"

/* A version on its way. Lock order: file.mu before tree.mu. */
struct sl_file {
	struct sl_mutex mu;
	int refs;		/* atomic */
	struct sl_mount *m;
	struct sl_store *store;	/* outlives the file */
	struct sl_node *node;	/* pinned */
	struct sl_file *key_next;	/* tree.mu */
	bool replaces;		/* the path was there when this one began */
	bool skip;		/* taken, not uploaded */
	bool looked SL_GUARDED_BY(mu);	/* for the size of the source */
	bool begun SL_GUARDED_BY(mu);	/* a new version exists */
	bool adopted SL_GUARDED_BY(mu);	/* its commit is in tree and ledger */
	bool ended SL_GUARDED_BY(mu);	/* given up */
	bool deferred SL_GUARDED_BY(mu); /* empty: commits at release */
	struct sl_commit commit SL_GUARDED_BY(mu);
	struct sl_upload *up SL_GUARDED_BY(mu);
	struct sl_trial *verdict SL_GUARDED_BY(mu); /* of 'up'; or NULL */
	struct sl_wait adopt_w;		/* our own interest in the commit */
	bool adopt_busy SL_GUARDED_BY(mu);   /* a commit was asked for */
	bool following SL_GUARDED_BY(mu);    /* adopt_w is the engine's */
	bool follow_again SL_GUARDED_BY(mu); /* when it is back */
	int writers SL_GUARDED_BY(mu);
	uint64_t size SL_GUARDED_BY(mu);
	/* Begun without truncation: so long is what it stands on. */
	uint64_t keep SL_GUARDED_BY(mu);
	struct sl_filling *filling SL_GUARDED_BY(mu); /* hole.c: under way */
	int err SL_GUARDED_BY(mu);	/* sticky -errno */
	char key[SL_PATH_MAX];		/* where it will be committed */
};

/* One descriptor of a file. */
struct sl_handle {
	struct sl_mount *m;
	struct sl_node *node;	/* pinned */
	struct sl_file *file;	/* a reference; NULL: read only */
	bool write, append;
	bool wrote;		/* this descriptor wrote or truncated */
	pid_t pid, tgid;	/* who wrote last, and its thread group */
};

struct sl_open_how {
	pid_t pid;
	bool write, append, trunc, created;
};

/*
 * Opens node 'n' (a file; the caller holds a pin). -EROFS, -EPERM, -ENODATA
 * (reading what was skipped), -ENOMEM.
 */
int sl_file_open(struct sl_mount *m, struct sl_node *n,
		 const struct sl_open_how *how, struct sl_handle **ret,
		 struct sl_error *e) SL_MUST_CHECK;
/* One write(2), or a piece of it. */
struct sl_bytes {
	const void *data;
	size_t n;
	uint64_t off;
	struct sl_lent **lent; /* as for sl_upload_write_lent() */
};

/*
 * Takes bytes; 0, SL_PARKED or -errno. When it was interrupted after some of
 * them, w->left says how many were not taken.
 */
int sl_file_write(struct sl_handle *h, const struct sl_bytes *b, pid_t pid,
		  struct sl_wait *w) SL_MUST_CHECK;
/* Of a write that was interrupted, n bytes from off were not taken. */
void sl_file_unwrite(struct sl_file *f, uint64_t off, uint64_t n);
/*
 * The engine could not take bytes (-errno): the version fails. Returns why it
 * has failed, which may have come before.
 */
int sl_file_broken(struct sl_file *f, int err);
/* ftruncate through a handle; or truncate(2) of an open file. */
int sl_file_truncate(struct sl_handle *h, uint64_t size, pid_t pid,
		     struct sl_wait *w) SL_MUST_CHECK;
/*
 * One FLUSH by 'pid'. After a parked answer, and before it is passed on,
 * call sl_file_adopt(h->file).
 */
int sl_file_flush(struct sl_handle *h, pid_t pid, struct sl_wait *w)
	SL_MUST_CHECK;
int sl_file_fsync(struct sl_handle *h, struct sl_wait *w) SL_MUST_CHECK;
/* The descriptor is gone; frees the handle. */
void sl_file_release(struct sl_handle *h, pid_t pid);
/*
 * Takes what the engine knows of the commit into tree and ledger: once, by
 * whoever comes first. Returns 0 or the sticky error of the file.
 */
int sl_file_adopt(struct sl_file *f);
/*
 * The node was renamed to 'path' (its final name, or a parked one): decides
 * and perhaps commits. 'mtime_zero' as rsync --partial does. 0: moved in the
 * tree; SL_PARKED: call sl_file_adopt() then answer.
 */
int sl_file_rename(struct sl_file *f, const char *path, bool parked,
		   struct sl_wait *w) SL_MUST_CHECK;
/* The name was removed; at_key: the final one, not a temporary. */
void sl_file_unlinked(struct sl_file *f, bool at_key);
/* Unmount: what is not committed is interrupted; the upload is let go. */
void sl_file_shutdown(struct sl_file *f);

/* over.c: the migration reads 'status' now and takes no files any more. */
void sl_mount_end_writes(struct sl_mount *m, const char *status);

struct sl_file *sl_file_ref(struct sl_file *f);
void sl_file_unref(struct sl_file *f);

/* row.c: a ledger row with its own copies of strings. */
struct sl_row_copy {
	struct sl_ledger_row row;
	char path[SL_PATH_MAX];
	char etag[SL_ETAG_ROOM];
	char note[1024];
};
int sl_row_take_locked(struct sl_tree *t, const struct sl_node *n,
		       struct sl_row_copy *ret) SL_MUST_CHECK;
/* Writes the present state of a node of ours to its ledger. */
void sl_row_save(struct sl_mount *m, struct sl_node *n);

#endif

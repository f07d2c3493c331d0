/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of FUSE operations share. ops_*.c are thin: take the
 * arguments, look at the tree, ask file.c or the store, reply or park.
 *
 * Thread model. libfuse runs the operations on its worker threads; none of
 * them ever waits for budget, network or a control file. What cannot be
 * answered at once becomes a struct sl_park, and whoever finishes it replies.
 * An INTERRUPT for a parked request reaches park->interrupt.
 */
#ifndef SL_OPS_H
#define SL_OPS_H

#define FUSE_USE_VERSION 312
#include <fuse_lowlevel.h>

#include "mount/control_internal.h"
#include "mount/file.h"
#include "mount/readahead.h"
#include "mount/store.h"
#include "mount/tree.h"

/* How long the kernel may remember names and attributes, seconds. */
#define SL_CACHE_S 1.0

/*
 * A request that is answered later. An INTERRUPT may come before whoever is
 * asked knows the wait; then it is passed on after the asking. 'refs' keeps
 * the park alive for that even when the answer is quicker.
 */
enum sl_park_stage {
	SL_STAGE_ASKING,
	SL_STAGE_ASKED,
	SL_STAGE_HEARD, /* interrupted while asking, or passed on */
};

struct sl_link;

struct sl_park {
	struct sl_wait w;
	struct sl_list_wait lw;
	struct sl_control_work work; /* answers an interrupted listing */
	struct sl_node *listed;	/* borrowed: the directory of 'lw' */
	fuse_req_t req;
	struct sl_mount *m;
	struct sl_file *file;	/* a reference or NULL */
	struct sl_handle *h;	/* borrowed: alive while a request is */
	struct sl_node *node;	/* pinned or NULL */
	struct sl_node *node2;	/* pinned or NULL */
	char *name, *name2;	/* owned or NULL */
	struct sl_link *link;	/* owned or NULL (link.c) */
	int64_t number;		/* the operation's own */
	void *data;		/* the operation's own; freed by finish */
	uint64_t offset;
	int refs;		/* atomic: the asker's and the answer's */
	bool answered;		/* atomic */
	bool picky;		/* only signals that mean to end it count */
	pid_t pid;		/* the caller's thread */
	int stage;		/* atomic: SL_STAGE_... */
	/* Replies; the park is freed afterwards. */
	void (*finish)(struct sl_park *p, int err);
	/* Passes an INTERRUPT on; NULL: it waits to the end. */
	void (*interrupt)(struct sl_park *p);
};

/* What a file handle (fi->fh) stands for. */
struct sl_fh {
	struct sl_fh *prev, *next;	/* guarded by mount.mu */
	struct sl_handle *file;		/* or: */
	struct sl_reader *reader;	/* of a file; or NULL */
	const struct sl_control *control;
	/* or: a directory */
	struct sl_buf text;		/* control: content, or the line */
	struct sl_mutex mu;		/* guards text of a control */
};

/* handle.c: a handle of the mount's list; NULL: out of memory. */
struct sl_fh *sl_fh_new(struct sl_mount *m);
/* Releases what it stands for; pid: who closed, 0 unknown. */
void sl_fh_free(struct sl_mount *m, struct sl_fh *fh, pid_t pid);

struct sl_mount *sl_req_mount(fuse_req_t req);

/* A park for this request; on no memory replies ENOMEM and gives NULL. */
struct sl_park *sl_park_new(fuse_req_t req,
			    void (*finish)(struct sl_park *, int));
/* Pins a node into the park. */
void sl_park_node(struct sl_park *p, struct sl_node *n);
/* After asking with p->w, whatever came back; 'p' may be gone afterwards. */
void sl_park_result(struct sl_park *p, int r);
/* Ends the park before anything was asked. */
void sl_park_end(struct sl_park *p, int err);
/*
 * Makes directory 'dir' known, then calls p->finish(p, err): at once, or
 * from a backend thread.
 */
void sl_park_list(struct sl_park *p, struct sl_node *dir, bool fresh);

void sl_park_ref(struct sl_park *p);
void sl_park_unref(struct sl_park *p);

/* signals.c: is a signal pending there that means to end something? */
bool sl_signal_is_meant(pid_t tid);
/* Is it being killed? */
bool sl_signal_is_kill(pid_t tid);
/* Passes an interrupt on once there is such a signal. */
void sl_signal_watch(struct sl_park *p);

/* The errno for the kernel: what has no meaning there becomes EIO. */
int sl_fuse_errno(int err);
/* Replies -err and, if it says something, notes 'e' for path in .errors. */
void sl_reply_error(fuse_req_t req, int err, const struct sl_error *e);

/* Entry of a node, which gains a lookup. tree.mu held. */
void sl_entry_fill_locked(struct sl_tree *t, struct sl_node *n,
			  struct fuse_entry_param *e);
/*
 * May names be changed in this directory? -EPERM foreign node or root,
 * -EROFS no migration; 'ret' gets the path of dir/name.
 */
int sl_may_change(struct sl_mount *m, struct sl_node *dir, const char *name,
		  char *ret, struct sl_error *e) SL_MUST_CHECK;

/* ops_name.c */
void sl_op_lookup(fuse_req_t, fuse_ino_t, const char *);
void sl_op_forget(fuse_req_t, fuse_ino_t, uint64_t);
void sl_op_forget_multi(fuse_req_t, size_t, struct fuse_forget_data *);
void sl_op_mkdir(fuse_req_t, fuse_ino_t, const char *, mode_t);
void sl_op_rmdir(fuse_req_t, fuse_ino_t, const char *);
void sl_op_unlink(fuse_req_t, fuse_ino_t, const char *);
void sl_op_mknod(fuse_req_t, fuse_ino_t, const char *, mode_t, dev_t);
void sl_op_symlink(fuse_req_t, const char *, fuse_ino_t, const char *);
/* link.c */
void sl_op_link(fuse_req_t, fuse_ino_t, fuse_ino_t, const char *);
/* ops_rename.c */
void sl_op_rename(fuse_req_t, fuse_ino_t, const char *, fuse_ino_t,
		  const char *, unsigned);
/* ops_dir.c */
void sl_op_opendir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void sl_op_readdir(fuse_req_t, fuse_ino_t, size_t, off_t,
		   struct fuse_file_info *);
void sl_op_readdirplus(fuse_req_t, fuse_ino_t, size_t, off_t,
		       struct fuse_file_info *);
void sl_op_releasedir(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
/* ops_attr.c */
void sl_op_getattr(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void sl_op_setattr(fuse_req_t, fuse_ino_t, struct stat *, int,
		   struct fuse_file_info *);
void sl_op_statfs(fuse_req_t, fuse_ino_t);
/* ops_xattr.c */
void sl_op_setxattr(fuse_req_t, fuse_ino_t, const char *, const char *,
		    size_t, int);
void sl_op_getxattr(fuse_req_t, fuse_ino_t, const char *, size_t);
void sl_op_listxattr(fuse_req_t, fuse_ino_t, size_t);
void sl_op_removexattr(fuse_req_t, fuse_ino_t, const char *);
/* ops_file.c */
void sl_op_create(fuse_req_t, fuse_ino_t, const char *, mode_t,
		  struct fuse_file_info *);
void sl_op_open(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void sl_op_write(fuse_req_t, fuse_ino_t, const char *, size_t, off_t,
		 struct fuse_file_info *);
void sl_op_flush(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void sl_op_fsync(fuse_req_t, fuse_ino_t, int, struct fuse_file_info *);
void sl_op_release(fuse_req_t, fuse_ino_t, struct fuse_file_info *);
void sl_op_fallocate(fuse_req_t, fuse_ino_t, int, off_t, off_t,
		     struct fuse_file_info *);
/* ops_read.c */
/* The reader of a new handle of 'n'; NULL: out of memory. */
struct sl_reader *sl_fh_reader(struct sl_mount *m, struct sl_node *n);
void sl_op_read(fuse_req_t, fuse_ino_t, size_t, off_t,
		struct fuse_file_info *);
/* ops_control.c */
void sl_control_open(fuse_req_t, struct sl_node *, struct fuse_file_info *);
void sl_control_fh_write(fuse_req_t, struct sl_fh *, const char *, size_t);
void sl_control_fh_flush(fuse_req_t, struct sl_fh *);

/* loop.c: serves requests until the session ends; 0 or -errno. */
int sl_loop_run(struct fuse_session *se) SL_MUST_CHECK;
/*
 * Within an operation: a pointer to the memory that its request lies in, to
 * be kept by whoever makes the pointer NULL.
 */
struct sl_lent **sl_loop_lend(void);

#endif

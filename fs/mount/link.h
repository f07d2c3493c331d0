/* SPDX-License-Identifier: Apache-2.0 */
/* A second name for a file: see link.c. Shared with ops_rename.c. */
#ifndef SL_LINK_H
#define SL_LINK_H

#include "mount/feed.h"
#include "mount/ops.h"
#include "mount/version.h"

#define SL_LINK_NO_BYTES \
	"a hard link to a file that is not uploaded, so its bytes are not " \
	"here; copy with cp -r --preserve=timestamps, or rsync without -H"

struct sl_link {
	struct sl_wait w;	/* the source's commit, then our own */
	struct sl_wait *user;	/* the request's */
	struct sl_mount *m;
	struct sl_file *source;	/* a reference; its commit is awaited */
	struct sl_feed feed;
	struct sl_feed_from from;
	int64_t mtime_ns;	/* of the source, as are these */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	char etag[96];
	enum sl_path_class to;	/* of the new name */
	enum sl_rule why;
	bool skipped;		/* the source was not uploaded */
	bool temporary;		/* the new name is one to be renamed */
	struct sl_node *target;	/* pinned */
	struct sl_handle *h;
};

/* For a park that sl_op_link() or a rename made. NULL is fine. */
void sl_link_free(struct sl_link *l);
void sl_link_interrupt(struct sl_park *p);
/* What the copy is made from; tree.mu held. -EBUSY written, -EIO lost. */
int sl_link_take_locked(struct sl_link *l, struct sl_node *n) SL_MUST_CHECK;
/* The same of a source that was not uploaded. */
int sl_link_take_skipped_locked(struct sl_link *l,
				struct sl_node *n) SL_MUST_CHECK;
/* Times, mode and owner of the source. */
void sl_link_dress_locked(const struct sl_link *l, struct sl_node *n);
/* Writes the source's bytes as a new version of l->target. */
int sl_link_copy(struct sl_link *l, bool created) SL_MUST_CHECK;
/* link_alias.c */
/*
 * Brings the alias p->node to the name p->name in p->node2 (p->link is new):
 * 0 at once if the bytes are there already, or SL_PARKED while they are
 * copied, or -errno.
 */
int sl_link_place(struct sl_park *p, const struct sl_path *to) SL_MUST_CHECK;

#endif

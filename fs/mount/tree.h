/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tree of names: what lookup, stat and readdir see, kept in memory. It
 * is fed by the ledger (files of earlier runs), by listings of the store
 * (lazily, a directory at a time) and by what tools create. No I/O here.
 *
 * An inode number is the node's address (the root's is FUSE_ROOT_ID). A node
 * lives while it is linked into its parent, the kernel knows it (nlookup) or
 * somebody has pinned it.
 *
 * A file's visible size, times and bytes are those of the version in the
 * bucket, or of the version being written while one is. A path whose first
 * version was interrupted or failed has a node that is hidden: the ledger
 * and the gate see it, tools do not.
 */
#ifndef SL_TREE_H
#define SL_TREE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>

#include "lock.h"
#include "migration/ledger.h"
#include "mount/mount.h"
#include "sstable/path.h"

struct sl_file;
struct sl_control;
struct sl_list_wait;

enum sl_node_kind {
	SL_NODE_DIR,
	SL_NODE_FILE,
	SL_NODE_CONTROL,
};

enum sl_listed {
	SL_LISTED_NO,	   /* the store may have more than we know */
	SL_LISTED_PENDING,
	SL_LISTED_YES,
	SL_LISTED_LOCAL,   /* nothing of it can be in the store */
};

/* All fields are guarded by tree.mu unless said otherwise. */
struct sl_node {
	struct sl_node *parent;	   /* fixed while linked */
	struct sl_node *hash_next;
	struct sl_node *child, *next, *prev; /* children; siblings */
	char *name;		   /* 'room', or owned */
	uint64_t nlookup;
	uint32_t pins;
	/* An enum sl_node_kind; fixed, so it may be read without the lock
	 * (which is why it is no bit field). */
	unsigned char kind;
	bool linked : 1;
	bool hidden : 1;	   /* no version to show */
	bool seen : 1;		   /* copied or looked at since mount */
	bool from_ledger : 1;	   /* from an earlier run */
	bool temp : 1;		   /* a copy tool's temporary name */
	bool timed : 1;		   /* its time was set since the last write */
	bool alias : 1;		   /* such a name, linked to the path 'note' */
	bool in_bucket : 1;	   /* a committed version is there */
	bool own : 1;		   /* below a node that this mount may write */
	bool has_crc32 : 1;
	bool marked : 1;	   /* in the listing under way */
	unsigned verdict : 2;	   /* enum sl_judgement, with its state */
	uint16_t capacity;	   /* bytes of a name that fit into 'room' */
	uint16_t etag_parts;	   /* see etag_form */
	mode_t mode;
	uid_t uid;
	gid_t gid;
	int64_t mtime_ns, ctime_ns;
	uint64_t size;

	union {
		struct { /* SL_NODE_FILE */
			unsigned char state;   /* enum sl_file_state */
			unsigned char cls;     /* enum sl_path_class */
			unsigned char why;     /* enum sl_rule */
			unsigned char etag_form; /* tree_etag.c's */
			uint32_t crc32;
			union {
				unsigned char md5[16];
				char *text;    /* owned */
			} etag;
			char *note;	       /* owned or NULL */
			struct sl_file *open;  /* the version being written;
						  a reference */
			/* The bucket's version while 'open' shows another. */
			uint64_t old_size;
			int64_t old_mtime_ns;
		} f;
		struct { /* SL_NODE_DIR */
			unsigned char listed;  /* enum sl_listed */
			unsigned char cls;     /* enum sl_path_class */
			unsigned char why;     /* enum sl_rule */
			uint32_t cost_ms;      /* what the listing took */
			int64_t listed_ms;     /* monotonic */
			struct sl_list_wait *waits;
		} d;
		const struct sl_control *control;
	} u;
	struct sl_xattr *xattrs;
	char room[];		   /* the name, unless it grew in a move */
};

struct sl_xattr {
	struct sl_xattr *next;
	size_t len;
	char *value;
	char name[];
};

#define SL_TREE_VERSIONS 4096

struct sl_tree {
	struct sl_mutex mu;
	struct sl_node *root;
	struct sl_node *orphans; /* without a name, still known somewhere */
	struct sl_node **hash;
	size_t hash_size, entries;
	struct sl_counts counts;
	/*
	 * After an unclean end the gate asks for one more run of the copy.
	 * It has happened when every upload file of the earlier runs was
	 * looked at, and every directory of such files was written to or had
	 * its time set (which a mere ls or du does not do; the kernel reads
	 * directories with attributes, so ls looks at files as du does).
	 */
	uint64_t unseen;
	/* Versions on their nodes by the key they are for; supersede.c's. */
	struct sl_file *versions[SL_TREE_VERSIONS];
};

#define SL_PATH_MAX 1100 /* a key and its NUL, with room for a temp name */

int sl_tree_new(struct sl_tree **ret) SL_MUST_CHECK;
void sl_tree_free(struct sl_tree *t);

struct sl_node *sl_tree_node(struct sl_tree *t, uint64_t ino);
uint64_t sl_tree_ino(const struct sl_tree *t, const struct sl_node *n);

/* The functions below are called with t->mu held. */

/* A child by name, hidden or not; NULL. */
struct sl_node *sl_tree_find_locked(struct sl_tree *t, struct sl_node *dir,
				    const char *name) SL_REQUIRES(t->mu);
/*
 * Adds a child with the class its path has; -ENAMETOOLONG, -ENOMEM. The
 * name must be free. Files start as OPEN, hidden false.
 */
int sl_tree_add_locked(struct sl_mount *m, struct sl_node *dir,
		       const char *name, enum sl_node_kind kind,
		       struct sl_node **ret) SL_MUST_CHECK;
/* Takes the node out of its directory; frees it when nobody needs it. */
void sl_tree_unlink_locked(struct sl_tree *t, struct sl_node *n)
	SL_REQUIRES(t->mu);
/* Moves a node, replacing what was there. -ENOMEM leaves all as it was. */
int sl_tree_move_locked(struct sl_tree *t, struct sl_node *n,
			struct sl_node *dir, const char *name)
	SL_REQUIRES(t->mu) SL_MUST_CHECK;
void sl_tree_pin_locked(struct sl_node *n);
void sl_tree_unpin_locked(struct sl_tree *t, struct sl_node *n)
	SL_REQUIRES(t->mu);
/*
 * The kernel forgets 'count' lookups. A directory of another node that it
 * forgets whole gives up its children, which a listing brings back.
 */
void sl_tree_forget_locked(struct sl_tree *t, struct sl_node *n,
			   uint64_t count) SL_REQUIRES(t->mu);
/* Drops the children of 'dir' that a listing would bring back. */
void sl_tree_prune_locked(struct sl_tree *t, struct sl_node *dir)
	SL_REQUIRES(t->mu);
/* The path below the root ("" for the root) into a SL_PATH_MAX buffer. */
int sl_tree_path_locked(struct sl_tree *t, const struct sl_node *n,
			char *dst) SL_REQUIRES(t->mu) SL_MUST_CHECK;
/* "dir/name"; 'dir' may be the root. */
int sl_tree_join_locked(struct sl_tree *t, const struct sl_node *dir,
			const char *name, char *dst)
	SL_REQUIRES(t->mu) SL_MUST_CHECK;
/* The node of a path, its directories made as needed; NULL: no memory. */
struct sl_node *sl_tree_make_locked(struct sl_mount *m, const char *path,
				    enum sl_node_kind kind);
struct sl_node *sl_tree_walk_locked(struct sl_tree *t, const char *path)
	SL_REQUIRES(t->mu);
/* The next node below 'root' in depth-first order; NULL: no more. */
struct sl_node *sl_tree_next_locked(struct sl_node *root, struct sl_node *n);
/* State and size changes go through these, which keep the counts right. */
void sl_tree_set_state_locked(struct sl_tree *t, struct sl_node *n,
			      enum sl_file_state s) SL_REQUIRES(t->mu);
void sl_tree_set_verdict_locked(struct sl_tree *t, struct sl_node *n,
				enum sl_judgement v) SL_REQUIRES(t->mu);
void sl_tree_set_size_locked(struct sl_tree *t, struct sl_node *n,
			     uint64_t size) SL_REQUIRES(t->mu);
void sl_tree_touch_locked(struct sl_node *dir);
/* Marks a file as looked at, a directory as copied to, since mount. */
void sl_tree_seen_locked(struct sl_tree *t, struct sl_node *n)
	SL_REQUIRES(t->mu);
void sl_tree_stat_locked(struct sl_tree *t, const struct sl_node *n,
			 struct stat *st) SL_REQUIRES(t->mu);
int sl_node_set_text(char **field, const char *text) SL_MUST_CHECK;
/*
 * tree_etag.c: a file's ETag, kept in 16 bytes when it is an MD5 or the one
 * of an object made from parts. -ENOMEM: the file has none then.
 */
#define SL_ETAG_ROOM 96 /* as struct sl_object has it */
int sl_node_set_etag(struct sl_node *n, const char *text) SL_MUST_CHECK;
/* Writes it into 'room' and returns that; "" if there is none. */
const char *sl_node_etag(const struct sl_node *n, char room[SL_ETAG_ROOM]);
void sl_node_drop_etag(struct sl_node *n);
/*
 * Fills a ledger row; strings are borrowed from the node, 'path' and 'etag',
 * which is filled.
 */
void sl_node_row(const struct sl_node *n, const char *path,
		 char etag[SL_ETAG_ROOM], struct sl_ledger_row *ret);
/* What follows the last '/'. */
const char *sl_last_segment(const char *path);
int64_t sl_now_ns(void);
/* A row of an earlier run makes its file, and its directory, unseen. */
void sl_tree_expect_locked(struct sl_tree *t, struct sl_node *n)
	SL_REQUIRES(t->mu);
/* Empties the tree below the root: another migration begins. */
void sl_tree_clear_locked(struct sl_tree *t) SL_REQUIRES(t->mu);

/* list.c */
struct sl_list_wait {
	/* err 0: the directory is known now. Never inside the call. */
	void (*ready)(struct sl_list_wait *w, int err);
	struct sl_list_wait *next;
};
/*
 * Makes sure that what the store has in directory 'dir' is known. 0: it is;
 * SL_PARKED: w->ready() comes. fresh: a listing of another node's directory
 * older than some seconds is repeated.
 */
int sl_list_ensure(struct sl_mount *m, struct sl_node *dir, bool fresh,
		   struct sl_list_wait *w) SL_MUST_CHECK;
/* true: w is out of the queue and ready() will not come. */
bool sl_list_forget(struct sl_mount *m, struct sl_node *dir,
		    struct sl_list_wait *w);

#endif

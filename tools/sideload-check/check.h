/* SPDX-License-Identifier: Apache-2.0 */
/*
 * sideload-check: the rules of the mount on trees that lie here, before
 * anything is sent. What its files share.
 *
 *   main.c      the order of things
 *   options.c   the command line, and the policy file
 *   place.c     what a DIR is: a node, a table, nodes ...; whose files
 *   node.c      which data directories are one node's
 *   entry.c     directories, read whole and in order
 *   walk.c      from there to every file of a snapshot; rules on names
 *   scan.c      the files, read by workers and given to the judge
 *   progress.c  how far they are, on a terminal
 *   found.c     findings, and the paths that they blame
 *   report.c    findings and the summary as text and as JSON
 *
 * Each file has two paths. One is its place here, as the user would type it.
 * The other, "virtual" below, is where it would be in the migration
 * directory: NODE/KEYSPACE/TABLE-ID/snapshots/TAG/FILE. The rules know only
 * the second, the user is told the first. Data directories of one node have
 * one virtual tree.
 *
 * Threads: workers run only within sl_check_scan(), and share what 'lock'
 * guards and the atomic counters; all else is the main thread's.
 */
#ifndef SL_CHECK_H
#define SL_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"
#include "lock.h"
#include "sstable/judge.h"

#define SL_CHECK_PATH 4096

enum sl_check_exit {
	SL_CHECK_OK,	   /* the worst is a warning */
	SL_CHECK_REJECTED, /* something would not be imported */
	SL_CHECK_UNREAD,   /* something could not be read; or usage */
};

/* Pointers; the list owns what its user says. */
struct sl_check_list {
	void **p;
	size_t n, cap;
};
int sl_check_add(struct sl_check_list *l, void *p) SL_MUST_CHECK;

struct sl_check_options {
	bool json, schema, quiet, verbose, one_node, help, version;
	int jobs;
	const char *tag;
	struct sl_policy policy;
	char **dirs; /* borrowed of argv */
	int dir_count;
};

/* Where a walk begins. */
struct sl_check_source {
	int fd;
	struct sl_check_node *node;
	char *shown;   /* its path here */
	char *virtual; /* "node1", "node1/ks/t-ID/snapshots" ... */
};

struct sl_check_node {
	char *key; /* path of the data directory, or of what stands for it */
	char *name;
	bool disk; /* named like one of several data directories */
	bool has_host;
	uint8_t host[16]; /* who wrote its SSTables */
	unsigned looked;
};

/* A directory of snapshot files. */
struct sl_check_dir {
	struct sl_check_source *source;
	char *path;    /* below the source, "." for itself */
	char *shown;
	char *virtual; /* NODE/KEYSPACE/TABLE-ID/snapshots/TAG */
	enum sl_rule why; /* said of the directory, so not of each file */
	bool blamed;   /* by a warning or worse */
	bool has_index; /* a directory of a secondary index in it */
};

struct sl_check_file {
	struct sl_check_dir *dir;
	uint64_t size;
	uint32_t crc32;
	bool read;
	size_t set; /* so many bytes of the name are its SSTable's */
	uint8_t component, rank;
	char name[];
};

struct sl_check_finding {
	enum sl_rule rule;
	enum sl_judgement verdict;
	char *path, *detail;
};

struct sl_check_unread {
	char *path;
	int err;
};

struct sl_check {
	struct sl_check_options o;
	struct sl_check_list sources, nodes, dirs, files, findings, unread;
	void *seen; /* tsearch(): directories that were walked */
	struct sl_mutex lock; /* judge, unread */
	struct sl_judge *judge;
	uint64_t total, done, files_done; /* bytes; atomic */
	double seconds;
};

/* --- options.c: 0, -EINVAL when it was complained about */
int sl_check_options(struct sl_check_options *o, char **argv) SL_MUST_CHECK;
void sl_check_help(void);

/* --- entry.c */
struct sl_check_entry {
	char type; /* 'd', 'f', 'l', '?': anything else */
	char name[];
};
/* All but . and .., in byte order; the entries are the caller's. */
int sl_check_entries(int fd, struct sl_check_list *ret) SL_MUST_CHECK;
void sl_check_entries_free(struct sl_check_list *l);
static inline void sl_cleanup_entries(struct sl_check_list *l)
{
	sl_check_entries_free(l);
}
/* A directory that is no link; -errno. */
int sl_check_opendir(int fd, const char *name) SL_MUST_CHECK;

/* --- place.c: 0 or -ENOMEM; what cannot be read is noted */
int sl_check_place(struct sl_check *c, const char *dir) SL_MUST_CHECK;

/* --- walk.c */
int sl_check_walk(struct sl_check *c,
		  struct sl_check_source *s) SL_MUST_CHECK;

/* --- node.c */
int sl_check_join(struct sl_check *c) SL_MUST_CHECK;
void sl_check_node_free(struct sl_check_node *n);

/* --- scan.c */
/* A descriptor, or -errno. */
int sl_check_open(const struct sl_check_file *f) SL_MUST_CHECK;
int sl_check_scan(struct sl_check *c) SL_MUST_CHECK;
/* By virtual path; and by the SSTable's, so that its files are together. */
int sl_check_file_order(const struct sl_check_file *a,
			const struct sl_check_file *b);

/* --- progress.c: draws until 'stop' is set; for the main thread */
struct sl_check_progress {
	struct sl_mutex lock;
	struct sl_cond cond;
	int running; /* workers */
};
void sl_check_watch(struct sl_check *c, struct sl_check_progress *p);

/* --- found.c */
int sl_check_unreadable(struct sl_check *c, const char *path,
			int err) SL_MUST_CHECK;
/* 'shown' and 'virtual' are of one thing. */
int sl_check_found(struct sl_check *c, const struct sl_finding *f,
		   const char *shown) SL_MUST_CHECK;
/* All that the judge has to say. */
int sl_check_judge(struct sl_check *c) SL_MUST_CHECK;
/* The same of the schemas alone; the DDL to 'out'. */
int sl_check_ddl(struct sl_check *c, struct sl_buf *out) SL_MUST_CHECK;

/* --- report.c: the exit status */
int sl_check_report(struct sl_check *c);
int sl_check_status(const struct sl_check *c);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the judge keeps, and how its files work together.
 *
 *   judge.c         the questions of judge.h
 *   judge_store.c   places: nodes, tables, snapshots, SSTables; their lists
 *   judge_part.c    facts of one component, kept small
 *   judge_hash.c    the hash tables that all of this is found by
 *   judge_set.c     rules on one SSTable
 *   judge_sum.c     those of them that compare checksums and lengths
 *   judge_table.c   rules on one table of one node
 *   judge_gate.c    completeness
 *   judge_nodes.c   rules between nodes
 *   judge_hosts.c   who wrote what: merged nodes, and one under two names
 *   judge_all.c     the walk over everything
 *   judge_ddl.c     the DDL of the target
 *
 * Every finding is a function of what is kept at that moment, never of how
 * it came to be kept; so the verdict over a tree cannot depend on the order
 * of arrival. The only exception is who of two tags or table ids was first:
 * sl_judge_put() refuses the later, and the walk refuses the smaller.
 *
 * Nodes, tables and snapshots stay until the end, for there are few; SSTables
 * go when their last component does.
 */
#ifndef SL_JUDGE_INTERNAL_H
#define SL_JUDGE_INTERNAL_H

#include "sstable/judge.h"

#define SL_JUDGE_PATH 2304 /* room for any path, and for one we make of it */
#define SL_JUDGE_DETAIL 256

/* --- judge_hash.c */

struct sl_jhook {
	struct sl_jhook *next;
	uint64_t hash;
};
struct sl_jhash {
	struct sl_jhook **slots;
	size_t size, count;
};
#define SL_JHASH_SEED 0xcbf29ce484222325ull
uint64_t sl_jhash_bytes(uint64_t seed, const void *p, size_t n);
int sl_jhash_add(struct sl_jhash *t, struct sl_jhook *h,
		 uint64_t hash) SL_MUST_CHECK;
void sl_jhash_remove(struct sl_jhash *t, struct sl_jhook *h);
/* Those with this hash, one after the other; NULL at the end. */
struct sl_jhook *sl_jhash_first(const struct sl_jhash *t, uint64_t hash);
struct sl_jhook *sl_jhash_next(const struct sl_jhook *h);

/* --- judge_part.c */

/* Equal headers are kept once. */
struct sl_jheader {
	struct sl_jhook hook;
	struct sl_header *header;
	size_t users;
	uint64_t clean_with; /* serial of a schema it agrees with */
};

struct sl_jfound {
	struct sl_jfound *next;
	enum sl_rule rule;
	char detail[];
};

struct sl_jpart {
	uint64_t size;
	uint32_t crc32;
	uint8_t component;
	bool has_crc32, unread;
	bool broken; /* it did not parse: compare it with nothing */
	struct sl_jfound *found;
	uint64_t u[]; /* the member of the union, as long as it is */
};

struct sl_jstatistics {
	struct sl_statistics_facts f;
	struct sl_jheader *header; /* what f.header is borrowed from */
};

int sl_jpart_new(struct sl_judge *j, const struct sl_facts *f,
		 struct sl_jpart **ret) SL_MUST_CHECK;
void sl_jpart_free(struct sl_judge *j, struct sl_jpart *p);
/* References are the part's. */
void sl_jpart_facts(const struct sl_jpart *p, struct sl_facts *ret);
/* Lets the packed table go; hashes remain. */
void sl_jpart_forget_table(struct sl_jpart *p);
bool sl_jpart_has_found(const struct sl_jpart *p, enum sl_rule r);
/* NULL: not there, not read, or it makes no sense. */
static inline const void *sl_jpart_u(const struct sl_jpart *p)
{
	return p && !p->unread && !p->broken ? p->u : NULL;
}

/* --- judge_store.c */

struct sl_jnode {
	struct sl_jhook hook;
	struct sl_jnode *next;
	struct sl_jtable *tables; /* by their 'in_node' */
	uint64_t sstables, components;
	uint64_t mark; /* for judge_nodes.c: seen at this step */
	char name[];
};

/* KEYSPACE/TABLE, over all nodes and ids. */
struct sl_jfamily {
	struct sl_jhook hook;
	struct sl_jfamily *next;
	struct sl_jtable *tables; /* by their 'in_family' */
	struct sl_jid *ids;
	/* Ids that have files, the first to have had them first. */
	struct sl_jid *first_id, *last_id;
	size_t keyspace_len;
	char name[];
};

struct sl_jid {
	struct sl_jid *next, *before, *after;
	uint64_t files;
	char id[33];
};

/* NODE/KEYSPACE/TABLE-ID. */
struct sl_jtable {
	struct sl_jhook hook;
	struct sl_jnode *node;
	struct sl_jfamily *family;
	struct sl_jid *id;
	struct sl_jtable *in_node, *in_family;
	struct sl_jdir *dirs;
	/* Snapshots that have files, likewise. */
	struct sl_jdir *first_dir, *last_dir;
	size_t views; /* snapshots whose schema.cql says so */
	char key[];
};

enum sl_jdir_part {
	SL_JDIR_MANIFEST,
	SL_JDIR_SCHEMA,
	SL_JDIR_PARTS,
};

/* NODE/KEYSPACE/TABLE-ID/snapshots/TAG. */
struct sl_jdir {
	struct sl_jhook hook;
	struct sl_jtable *table;
	struct sl_jdir *next, *before, *after;
	struct sl_jset *sets;
	uint64_t files;
	bool has_index;
	uint64_t schema_serial; /* of this schema; never used again */
	struct sl_jpart *part[SL_JDIR_PARTS];
	char key[];
};

/* An SSTable, or one file that is none. */
struct sl_jset {
	struct sl_jhook hook;
	struct sl_jdir *dir;
	struct sl_jset *next, **self;
	bool sstable;
	uint8_t format;
	char version[3];
	uint32_t files;
	struct sl_jpart *part[SL_COMP__SSTABLE]; /* [0] if it is no SSTable */
	char name[]; /* "nb-1-big", or the file's name */
};

/* One hash table each. */
enum sl_jkind {
	SL_JKIND_NODE,
	SL_JKIND_FAMILY,
	SL_JKIND_TABLE,
	SL_JKIND_DIR,
	SL_JKIND_SET,
	SL_JKIND_HEADER,
	SL_JKIND__COUNT,
};

struct sl_judge {
	struct sl_policy policy;
	struct sl_jhash hash[SL_JKIND__COUNT];
	struct sl_jnode *nodes;
	struct sl_jfamily *families;
	uint64_t serial;
	struct sl_facts scratch[1]; /* what sl_judge_facts() returns */
};

/* A path taken to pieces, and what is kept there. */
struct sl_jplace {
	const char *path;
	struct sl_path_part node, keyspace, table, id, tag, file;
	size_t table_len, dir_len, family_at;
	bool index;	     /* below a secondary index's directory */
	struct sl_name name; /* of the file */
	struct sl_path_part set;
	struct sl_jdir *dir; /* NULL: none */
	struct sl_jset *sstable;
	struct sl_jpart **slot;
};

/* Splits; -EINVAL: no path of a file in a snapshot. */
int sl_jplace_parse(const char *path, struct sl_jplace *ret) SL_MUST_CHECK;
/* Fills in what is there. */
void sl_jplace_find(const struct sl_judge *j, struct sl_jplace *w);
/* Makes what is not there. -ENOMEM: some of it may remain. */
int sl_jplace_make_dir(struct sl_judge *j, struct sl_jplace *w) SL_MUST_CHECK;
int sl_jplace_make(struct sl_judge *j, struct sl_jplace *w) SL_MUST_CHECK;
/* Puts 'p' (NULL: nothing) there; what was there is returned. */
struct sl_jpart *sl_jplace_swap(struct sl_judge *j, struct sl_jplace *w,
				struct sl_jpart *p);
/* An SSTable without a component goes; w->sstable and slot with it. */
void sl_jplace_tidy(struct sl_judge *j, struct sl_jplace *w);

int sl_jnode_get(struct sl_judge *j, const char *s, size_t n,
		 struct sl_jnode **ret) SL_MUST_CHECK;
struct sl_jtable *sl_jtable_find(const struct sl_judge *j, const char *key,
				 size_t n);
struct sl_jfamily *sl_jfamily_find(const struct sl_judge *j, const char *s,
				   size_t n);
struct sl_jset *sl_jset_find(const struct sl_judge *j,
			     const struct sl_jdir *d, const char *name,
			     size_t n);
void sl_judge_store_free(struct sl_judge *j);

/* --- how findings leave */

struct sl_jout {
	const struct sl_policy *policy;
	sl_found_fn *found;
	void *arg;
	bool gate; /* completeness is asked for */
};

/* Through the policy; SL_ACCEPT is dropped. */
void sl_jout_say(const struct sl_jout *o, enum sl_rule r, const char *path,
		 const char *detail);
/* The same, never worse than 'most'. */
void sl_jout_say_most(const struct sl_jout *o, enum sl_rule r,
		      enum sl_judgement most, const char *path,
		      const char *detail);
/* Blames a component of an SSTable, there or not. */
void sl_jset_say(const struct sl_jout *o, enum sl_rule r,
		 const struct sl_jset *s, enum sl_component c,
		 const char *fmt, ...) SL_PRINTF(5, 6);
void sl_jset_path(const struct sl_jset *s, enum sl_component c, char *buf,
		  size_t size);
void sl_jdir_path(const struct sl_jdir *d, enum sl_jdir_part p, char *buf,
		  size_t size);
/* The same of a component of an SSTable, if it still counts. */
void sl_jset_say_found(const struct sl_jout *o, const struct sl_jset *s,
		       enum sl_component c);
/* What was found about the component alone. */
void sl_jpart_say(const struct sl_jout *o, const struct sl_jpart *p,
		  const char *path);

/* --- judge_set.c, judge_sum.c */

#define SL_JBIT(c) (1u << (c))

/*
 * The rules on one SSTable that need or look at one of 'touched'
 * (1 << enum sl_component).
 */
void sl_jset_judge(const struct sl_jset *s, uint32_t touched,
		   const struct sl_jout *o);

/* May Data.db be a part of what the others describe? Not known: also true. */
bool sl_jset_slice(const struct sl_jset *s);
enum sl_jproof {
	SL_JPROOF_NONE,
	SL_JPROOF_RIGHT,
	SL_JPROOF_WRONG,
};
enum sl_jproof sl_jset_digest(const struct sl_jset *s);
/* Does what was found in Data.db as it passed stand against it? */
bool sl_jset_found_counts(const struct sl_jset *s);
/* Is each byte of Data.db covered by a checksum that was right? */
bool sl_jset_proven_by_table(const struct sl_jset *s);

void sl_jcheck_digest(const struct sl_jset *s, const struct sl_jout *o);
void sl_jcheck_chunks(const struct sl_jset *s, const struct sl_jout *o);
void sl_jcheck_words(const struct sl_jset *s, const struct sl_jout *o);
void sl_jcheck_both(const struct sl_jset *s, const struct sl_jout *o);

/* --- judge_table.c */

/* The schema rules on one SSTable. */
int sl_jset_schema(const struct sl_jset *s,
		   const struct sl_jout *o) SL_MUST_CHECK;
/* The same on all of a snapshot: what only warns, once. */
int sl_jdir_schema(struct sl_jdir *d, const struct sl_jout *o) SL_MUST_CHECK;
/* Is 'path' below a second tag or table id, or of a view? */
void sl_jplace_tag(const struct sl_judge *j, const struct sl_jplace *w,
		   const struct sl_jout *o);
/* All files of a table whose schema.cql says that it is a view. */
void sl_jtable_view(const struct sl_jtable *t, const struct sl_jout *o);
/* Of several tags and ids those that should go. */
void sl_jtable_tags(const struct sl_judge *j, const struct sl_jtable *t,
		    const struct sl_jout *o);
void sl_jtable_lookalike(const struct sl_jtable *t, const struct sl_jout *o);
const struct sl_schema *sl_jdir_schema_of(const struct sl_jdir *d);

/* --- judge_gate.c */

void sl_jset_whole(const struct sl_jset *s, const struct sl_jout *o);
void sl_jdir_whole(const struct sl_judge *j, const struct sl_jdir *d,
		   const struct sl_jout *o);

/* --- judge_nodes.c */

/* node NULL: between all; else what is to be said of one. */
int sl_judge_between(struct sl_judge *j, const char *node,
		     const struct sl_jout *o) SL_MUST_CHECK;

/* Do nodes differ in their schema.cql? */
void sl_jfamily_schemas(const struct sl_jfamily *f, const struct sl_jout *o);

/* --- judge_hosts.c */

/* One sequence id under two versions, written by two hosts. */
void sl_jdir_hosts(const struct sl_judge *j, const struct sl_jdir *d,
		   const struct sl_jout *o);
/* One SSTable under two nodes. */
int sl_judge_doubles(struct sl_judge *j, const struct sl_jout *o) SL_MUST_CHECK;

/* --- judge_all.c */

/* What is to be said of one table of one node; 'o' takes it unsorted. */
int sl_jtable_all(struct sl_judge *j, struct sl_jtable *t,
		  const struct sl_jout *o) SL_MUST_CHECK;

/* Pointers gathered and sorted. */
struct sl_jlist {
	void **p;
	size_t n, cap;
};
int sl_jlist_add(struct sl_jlist *l, void *p) SL_MUST_CHECK;
void sl_jlist_sort(struct sl_jlist *l, int (*cmp)(const void *a,
						  const void *b));
static inline void sl_cleanup_jlist(struct sl_jlist *l)
{
	free(l->p);
}

#endif

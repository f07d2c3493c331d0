/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of a migration say together. Facts of components come in
 * any order, with the path they are for; rules fire when what they need has
 * come, and blame one path each. The verdict over a whole tree does not
 * depend on the order of arrival.
 *
 * Kept in memory: per SSTable one record of some hundred bytes and the facts
 * of its components; per table the schemas, manifests and the distinct
 * columns of its headers (shared). No I/O, no lock: the caller serialises.
 * Paths are NODE/KEYSPACE/TABLE-ID/snapshots/TAG/FILE as sl_path_judge() has
 * taken them for SL_PATH_UPLOAD.
 */
#ifndef SL_JUDGE_H
#define SL_JUDGE_H

#include "sstable/facts.h"
#include "sstable/path.h"
#include "sstable/rule.h"
#include "sstable/stream.h"

struct sl_judge;

/* policy: copied; NULL: the table's verdicts. -ENOMEM. */
int sl_judge_new(const struct sl_policy *policy,
		 struct sl_judge **ret) SL_MUST_CHECK;
void sl_judge_free(struct sl_judge *j);

/*
 * The file 'path' is about to be written: findings that its name gives
 * together with what is here already (a second tag or table id). Also
 * for paths that are skipped, so that index directories are known. Reports
 * through found, remembers nothing of a file that is rejected.
 */
int sl_judge_create(struct sl_judge *j, const char *path, sl_found_fn *found,
		    void *arg) SL_MUST_CHECK;
/* What is known of the SSTable before 'path' begins: references added. */
int sl_judge_prior(struct sl_judge *j, const char *path,
		   struct sl_prior *ret) SL_MUST_CHECK;
void sl_prior_release(struct sl_prior *p);

/*
 * The file is whole: its own findings, and those with the others that have
 * come. Facts are copied (references added) and take the place of earlier
 * ones of this path. A finding may blame another path: then that one is
 * wrong, not this. -ENOMEM; -EINVAL: no path of a snapshot file.
 */
int sl_judge_put(struct sl_judge *j, const char *path,
		 const struct sl_facts *f, sl_found_fn *found,
		 void *arg) SL_MUST_CHECK;
/* The same question without keeping anything: for a name not yet final. */
int sl_judge_try(struct sl_judge *j, const char *path,
		 const struct sl_facts *f, sl_found_fn *found,
		 void *arg) SL_MUST_CHECK;
/* The file is gone, or was never committed. */
void sl_judge_drop(struct sl_judge *j, const char *path);
/* The facts that are kept of a path; NULL: none. Until the next change. */
const struct sl_facts *sl_judge_facts(const struct sl_judge *j,
				      const char *path);

/*
 * Everything that is to be said of the files below 'node' (NULL: of all
 * nodes, and between them), the rules of SL_WHEN_GATE included; each finding
 * once, in byte order of paths.
 */
int sl_judge_all(struct sl_judge *j, const char *node, sl_found_fn *found,
		 void *arg) SL_MUST_CHECK;
/*
 * The same of a judge that others use, too: it is theirs from give() to
 * take(), which come around the findings of each table, so that they need not
 * wait for all of it. What changes meanwhile is told or not.
 */
struct sl_judge_turns {
	void (*give)(void *arg);
	void (*take)(void *arg);
	void *arg;
};
int sl_judge_all_in_turns(struct sl_judge *j,
			  const struct sl_judge_turns *turns,
			  sl_found_fn *found, void *arg) SL_MUST_CHECK;
/* Findings that blame this path, or its SSTable as a whole. */
int sl_judge_of(struct sl_judge *j, const char *path, sl_found_fn *found,
		void *arg) SL_MUST_CHECK;

struct sl_judge_counts {
	uint64_t tables, sstables, components;
};
void sl_judge_count(const struct sl_judge *j, const char *node,
		    struct sl_judge_counts *ret);

/*
 * The DDL that must exist in the target: types, tables with columns, keys and
 * clustering order, from schema.cql and the headers over all tables and
 * nodes; differences between nodes are findings.
 */
int sl_judge_ddl(struct sl_judge *j, struct sl_buf *out, sl_found_fn *found,
		 void *arg) SL_MUST_CHECK;

#endif

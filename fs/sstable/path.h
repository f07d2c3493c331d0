/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a path below the migration directory is: part of an importable
 * snapshot, something that must not go up, a copy tool's temporary name, or
 * a directory on the way. Pure; thread safe. Facts: the layout of Cassandra
 * data directories (Directories.java, Descriptor.java of Cassandra 3.11-5.0)
 * and the Sideloader documentation, "Create snapshots".
 */
#ifndef SL_PATH_H
#define SL_PATH_H

#include <stdbool.h>
#include <stddef.h>

#include "sstable/rule.h"

enum sl_path_class {
	SL_PATH_INVALID,   /* not a usable name: see why */
	SL_PATH_ROOT,	   /* "" */
	SL_PATH_STRUCTURE, /* a directory on the way to snapshots */
	SL_PATH_UPLOAD,	   /* a file (or directory) that goes up */
	SL_PATH_SKIP,	   /* taken from the tool, not uploaded */
	SL_PATH_REFUSE,	   /* cannot be imported: EOPNOTSUPP, see why */
};

/* Offsets of the parts of a path within the string given. */
struct sl_path_part {
	const char *p; /* NULL: the path does not reach that far */
	size_t n;
};

struct sl_path {
	enum sl_path_class cls;
	/*
	 * The rule that skips or refuses it; of what goes up, a rule that
	 * only warns, or SL_RULE_NONE.
	 */
	enum sl_rule why;
	struct sl_path_part node, keyspace, table, table_name, table_id, tag,
		index, file;
	/*
	 * The name is a copy tool's own: rsync's .NAME.XXXXXX, or lies in
	 * .~tmp~/ or another dot directory of rsync. final_key is the path it
	 * stands for ("" when not temporary).
	 */
	bool temporary;
	char final_key[1025];
};

struct sl_path_rules {
	const char *tag_glob; /* -o tag=; NULL: none given */
	const struct sl_policy *policy; /* NULL: the table's verdicts */
};

/*
 * Judges 'path' (relative, '/'-separated, no leading or trailing '/').
 * A temporary name is judged by the name it stands for. The class follows from
 * the verdict that the policy gives the rule: skip SL_PATH_SKIP, reject
 * SL_PATH_REFUSE, warn and accept SL_PATH_UPLOAD. What takes several files to
 * be known (a second tag or table id) is judge.h's.
 */
void sl_path_judge(const struct sl_path_rules *r, const char *path,
		   bool is_dir, struct sl_path *ret);
bool sl_node_name_valid(const char *s, size_t n);
/* System keyspaces that the service ignores. */
bool sl_keyspace_is_system(const char *s, size_t n);
/* dropped-*, truncated-*, pre-scrub-*, upgrade-*, UUIDs, epoch milliseconds */
bool sl_tag_is_machine_made(const char *s, size_t n);

#endif

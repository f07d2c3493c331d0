/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about names and places: known before a byte of a file has come. See
 * rule.h; path.c says which path they are for.
 */
#include "sstable/rule_table.h"

#define AT(r) [(r) - SL_RULES_PLACE]
#define SNAPSHOT_AGAIN "delete it in the copy, and take the snapshot again " \
	"with 'nodetool snapshot' while the node runs"
#define UPGRADE "run 'nodetool upgradesstables' on the origin node, take " \
	"the snapshot again and copy that"

const struct sl_rule_info sl_rules_place[SL_RULES_ALONE - SL_RULES_PLACE] = {
	AT(SL_RULE_NONE) = { "none", SL_ACCEPT, SL_WHEN_NAME,
		"part of a snapshot", "" },
	AT(SL_RULE_SYSTEM_KEYSPACE) = { "system-keyspace", SL_SKIP,
		SL_WHEN_NAME,
		"a system keyspace, of which the target database has its own",
		"" },
	AT(SL_RULE_LIVE_FILE) = { "live-file", SL_SKIP, SL_WHEN_NAME,
		"a live file of the node, and only snapshots are imported",
		"" },
	AT(SL_RULE_BACKUPS) = { "backups", SL_SKIP, SL_WHEN_NAME,
		"an incremental backup, and only snapshots are imported", "" },
	AT(SL_RULE_INDEX_DIRECTORY) = { "index-directory", SL_SKIP,
		SL_WHEN_NAME,
		"a secondary index, of which the import builds its own", "" },
	AT(SL_RULE_MACHINE_TAG) = { "machine-tag", SL_SKIP, SL_WHEN_NAME,
		"a snapshot that cassandra made by itself",
		"name its tag with -o tag= if it is meant" },
	AT(SL_RULE_OTHER_TAG) = { "other-tag", SL_SKIP, SL_WHEN_NAME,
		"a snapshot that -o tag= does not name", "" },
	AT(SL_RULE_INDEX_COMPONENT) = { "index-component", SL_SKIP,
		SL_WHEN_NAME,
		"a component of an attached index (SAI or SASI), of which the "
		"import builds its own", "" },
	AT(SL_RULE_NO_TABLE_ID) = { "no-table-id", SL_SKIP, SL_WHEN_NAME,
		"in a directory whose name does not end in -TABLEID (32 hex "
		"digits), so it holds no table of cassandra 2.1 or later",
		"" },
	AT(SL_RULE_NOT_A_SNAPSHOT) = { "not-a-snapshot", SL_SKIP, SL_WHEN_NAME,
		"not at a place where files of a snapshot are",
		"copy snapshots to NODE/KEYSPACE/TABLE-ID/snapshots/TAG/" },
	AT(SL_RULE_EPHEMERAL_MARKER) = { "ephemeral-marker", SL_SKIP,
		SL_WHEN_NAME,
		"the mark of a snapshot that a repair made, without data; "
		"cassandra may delete such a snapshot at any time", "" },
	AT(SL_RULE_BAD_NODE) = { "bad-node", SL_REJECT, SL_WHEN_NAME,
		"at the top there are only directories of nodes, named with "
		"letters, digits, '.', '_' and '-', at most 63, beginning "
		"with a letter or digit",
		"copy each data directory into a directory of its node's "
		"name" },
	AT(SL_RULE_BAD_NAME) = { "bad-name", SL_REJECT, SL_WHEN_NAME,
		"a name with control bytes, invalid UTF-8 or empty parts, or "
		"over 1024 bytes; no snapshot has such names",
		"leave it out of the copy (rsync --exclude=...)" },
	AT(SL_RULE_PRE21_DIRECTORY) = { "pre21-directory", SL_REJECT,
		SL_WHEN_NAME,
		"a snapshot in a directory without a table id: the table was "
		"made before cassandra 2.1, and the import does not find it "
		"there",
		"copy it to KEYSPACE/TABLE-ID/snapshots/TAG/, where ID is the "
		"table's id in system_schema.tables without dashes" },
	AT(SL_RULE_OLD_VERSION) = { "old-version", SL_REJECT, SL_WHEN_NAME,
		"an SSTable of cassandra 2.2 or older, which the import takes "
		"for no data at all or refuses",
		UPGRADE },
	AT(SL_RULE_NEW_VERSION) = { "new-version", SL_REJECT, SL_WHEN_NAME,
		"an SSTable of a version that the importer does not know; it "
		"reads ma to nb, and aa to cc of the BTI format",
		"on cassandra 5.0 set storage_compatibility_mode: CASSANDRA_4 "
		"and restart, run 'nodetool upgradesstables -a', take the "
		"snapshot again and copy that" },
	AT(SL_RULE_PRERELEASE) = { "prerelease", SL_WARN, SL_WHEN_NAME,
		"an SSTable of a version that only pre-releases wrote (na, "
		"nc, ab); importers were not seen with it",
		"run 'nodetool upgradesstables' with a release and take the "
		"snapshot again to be sure" },
	AT(SL_RULE_SCYLLA) = { "scylla", SL_REJECT, SL_WHEN_NAME,
		"the SSTable was written by ScyllaDB, which is no origin that "
		"the service supports",
		"write the table's SSTables with cassandra, by loading them "
		"into a node, and copy a snapshot of that" },
	AT(SL_RULE_TEMPORARY) = { "temporary", SL_REJECT, SL_WHEN_NAME,
		"an unfinished file of cassandra's, which makes the import "
		"refuse the whole directory",
		SNAPSHOT_AGAIN },
	AT(SL_RULE_TRANSACTION_LOG) = { "transaction-log", SL_REJECT,
		SL_WHEN_NAME,
		"the log of a compaction or flush that had not ended; what "
		"lies beside it is no whole snapshot",
		SNAPSHOT_AGAIN },
	AT(SL_RULE_UNKNOWN_FILE) = { "unknown-file", SL_WARN, SL_WHEN_NAME,
		"a file that no snapshot of cassandra has",
		"leave it out of the copy (rsync --exclude=...) if it is not "
		"meant" },
	AT(SL_RULE_UNKNOWN_COMPONENT) = { "unknown-component", SL_WARN,
		SL_WHEN_NAME,
		"a component of an SSTable that is not known here and was not "
		"checked", "" },
	AT(SL_RULE_ODD_TAG) = { "odd-tag", SL_WARN, SL_WHEN_NAME,
		"the snapshot's name has other characters than letters, "
		"digits, '_' and '-', and newer readers do not find it",
		"rename the directory in the copy, or take the snapshot again "
		"under a plain name" },
};

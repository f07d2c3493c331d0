/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about one component alone: known when it is closed. See rule.h. A
 * damaged component can rarely be told from a damaged copy of it, so most
 * cures begin with copying again and end with the node.
 */
#include "sstable/rule_table.h"

#define AT(r) [(r) - SL_RULES_ALONE]
#define COPY_OR_SCRUB "copy it again; if the snapshot's own file is damaged, " \
	"run 'nodetool scrub KEYSPACE TABLE' on the origin node, take the " \
	"snapshot again and copy that"
#define COPY_OR_UPGRADE "copy it again; if the snapshot's own file is " \
	"damaged, run 'nodetool upgradesstables -a KEYSPACE TABLE' on the " \
	"origin node, which writes it anew, take the snapshot again and copy " \
	"that"
#define COMPACT "run 'nodetool compact KEYSPACE TABLE' on the origin node " \
	"and take the snapshot again to be sure"

const struct sl_rule_info sl_rules_alone[SL_RULES_SET - SL_RULES_ALONE] = {
	AT(SL_RULE_EMPTY_COMPONENT) = { "empty-component", SL_REJECT,
		SL_WHEN_ALONE,
		"the file is empty, and this component never is",
		COPY_OR_UPGRADE },
	AT(SL_RULE_DATA_CHUNK) = { "data-chunk", SL_REJECT, SL_WHEN_ALONE,
		"the data is damaged: a block's checksum is wrong",
		COPY_OR_SCRUB },
	AT(SL_RULE_COMPRESSION_INFO) = { "compression-info", SL_REJECT,
		SL_WHEN_ALONE,
		"CompressionInfo.db makes no sense, and without it the data "
		"cannot be read",
		COPY_OR_SCRUB },
	AT(SL_RULE_COMPRESSOR) = { "compressor", SL_REJECT, SL_WHEN_ALONE,
		"compressed by a class that the importer does not have",
		"set 'compression' of the table to LZ4Compressor, run "
		"'nodetool upgradesstables -a' on the origin node, take the "
		"snapshot again and copy that" },
	AT(SL_RULE_ENCRYPTED) = { "encrypted", SL_REJECT, SL_WHEN_ALONE,
		"the SSTable is encrypted, and the importer has no key",
		"set 'compression' of the table to a class that does not "
		"encrypt, run 'nodetool upgradesstables -a' on the origin "
		"node, take the snapshot again and copy that" },
	AT(SL_RULE_CRC_DB) = { "crc-db", SL_REJECT, SL_WHEN_ALONE,
		"CRC.db makes no sense", COPY_OR_UPGRADE },
	AT(SL_RULE_DIGEST) = { "digest", SL_REJECT, SL_WHEN_ALONE,
		"Digest.crc32 does not hold a checksum", COPY_OR_UPGRADE },
	AT(SL_RULE_STATISTICS) = { "statistics", SL_REJECT, SL_WHEN_ALONE,
		"Statistics.db is damaged, and without it the SSTable does "
		"not open",
		COPY_OR_SCRUB },
	AT(SL_RULE_PARTITIONER) = { "partitioner", SL_REJECT, SL_WHEN_ALONE,
		"the table's rows are spread by another partitioner than "
		"Murmur3Partitioner, the only one that the target has",
		"load the table into a cluster with Murmur3Partitioner and "
		"migrate that; files cannot be converted" },
	AT(SL_RULE_INDEX) = { "index", SL_REJECT, SL_WHEN_ALONE,
		"Index.db is damaged or cut off: partitions would be lost",
		COPY_OR_SCRUB },
	AT(SL_RULE_SUMMARY) = { "summary", SL_REJECT, SL_WHEN_ALONE,
		"Summary.db is damaged or cut off, and importers refuse that",
		"copy it again; if the snapshot's own file is damaged, leave "
		"it out (rsync --exclude='*-Summary.db'): it is built anew" },
	AT(SL_RULE_FILTER) = { "filter", SL_REJECT, SL_WHEN_ALONE,
		"Filter.db is damaged or cut off: rows that are there would "
		"not be found",
		"copy it again; if the snapshot's own file is damaged, leave "
		"it out (rsync --exclude='*-Filter.db'): it is built anew" },
	AT(SL_RULE_PARTITIONS) = { "partitions", SL_REJECT, SL_WHEN_ALONE,
		"Partitions.db is damaged or cut off: partitions would be "
		"lost",
		COPY_OR_SCRUB },
	AT(SL_RULE_ROWS) = { "rows", SL_REJECT, SL_WHEN_ALONE,
		"Rows.db is damaged or cut off: rows would be lost",
		COPY_OR_SCRUB },
	AT(SL_RULE_TOC) = { "toc", SL_WARN, SL_WHEN_ALONE,
		"TOC.txt is no list of components",
		"copy it again if the snapshot's own file is another; it is "
		"not needed" },
	AT(SL_RULE_MANIFEST) = { "manifest", SL_WARN, SL_WHEN_ALONE,
		"manifest.json cannot be read, so it cannot be told whether "
		"all SSTables of the snapshot are there",
		"copy it again" },
	AT(SL_RULE_SCHEMA) = { "schema", SL_WARN, SL_WHEN_ALONE,
		"schema.cql cannot be read, so the table's columns were not "
		"compared with it",
		"copy it again; see that the target's table is like the "
		"origin's" },
	AT(SL_RULE_VIEW) = { "view", SL_REJECT, SL_WHEN_ALONE,
		"a materialized view, which cannot be imported",
		"leave it out (rsync --exclude=/KEYSPACE/VIEW-*) and make it "
		"anew in the target, from its base table" },
	AT(SL_RULE_COMPACT_STORAGE) = { "compact-storage", SL_WARN,
		SL_WHEN_ALONE,
		"a table WITH COMPACT STORAGE, which the target cannot have",
		"make the target's table with the hidden columns that 'ALTER "
		"TABLE ... DROP COMPACT STORAGE' would show; .schema.cql "
		"has them" },
	AT(SL_RULE_PENDING_REPAIR) = { "pending-repair", SL_WARN,
		SL_WHEN_ALONE,
		"an incremental repair had not ended when the snapshot was "
		"taken; the import forgets it", "" },
	AT(SL_RULE_TRANSIENT) = { "transient", SL_WARN, SL_WHEN_ALONE,
		"a transient replica's SSTable, which may lack rows that full "
		"replicas have",
		"run a repair first, and copy all nodes" },
	AT(SL_RULE_LEGACY_COUNTERS) = { "legacy-counters", SL_WARN,
		SL_WHEN_ALONE,
		"the SSTable has counters in the form of cassandra 2.0",
		"run 'nodetool upgradesstables -a' on the origin node and "
		"take the snapshot again to be sure" },
	AT(SL_RULE_SLICE) = { "slice", SL_WARN, SL_WHEN_ALONE,
		"a part of an SSTable that another node sent whole (DSE's "
		"zero-copy streaming); importers were not seen with it",
		COMPACT },
};

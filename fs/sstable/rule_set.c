/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rules about several files together, known when the last of them has come,
 * and those that can be known only when all is said to be there. See rule.h.
 */
#include "sstable/rule_table.h"

#define AT(r) [(r) - SL_RULES_SET]
#define COPY_SET "copy all files of this SSTable again; if the snapshot's " \
	"own files contradict each other, run 'nodetool scrub KEYSPACE " \
	"TABLE' on the origin node, take the snapshot again and copy that"
#define COPY_REST "copy the rest of the snapshot; if it is not there, run " \
	"'nodetool scrub KEYSPACE TABLE' on the origin node, take the " \
	"snapshot again and copy that"
#define ONE_NODE "give each node a directory of its own: begin again with " \
	"an empty one and copy one node's data into it"

const struct sl_rule_info sl_rules_set[SL_RULE__COUNT - SL_RULES_SET] = {
	AT(SL_RULE_DIGEST_MISMATCH) = { "digest-mismatch", SL_REJECT,
		SL_WHEN_SET,
		"the data is not what cassandra wrote: its checksum is not "
		"the one in Digest.crc32",
		COPY_SET },
	AT(SL_RULE_DATA_LENGTH) = { "data-length", SL_REJECT, SL_WHEN_SET,
		"Data.db is shorter or longer than its table of blocks says",
		COPY_SET },
	AT(SL_RULE_CHUNK_TABLE) = { "chunk-table", SL_REJECT, SL_WHEN_SET,
		"CompressionInfo.db does not fit Data.db: rows could not be "
		"read",
		COPY_SET },
	AT(SL_RULE_CHUNK_TABLE_UNPROVEN) = { "chunk-table-unproven", SL_WARN,
		SL_WHEN_SET,
		"it could not be shown that CompressionInfo.db fits Data.db, "
		"which came before it",
		"copy Data.db again, now that CompressionInfo.db is there" },
	AT(SL_RULE_CRC_TABLE) = { "crc-table", SL_REJECT, SL_WHEN_SET,
		"the checksums in CRC.db are not those of Data.db",
		COPY_SET },
	AT(SL_RULE_BOTH_CHECKSUMS) = { "both-checksums", SL_REJECT,
		SL_WHEN_SET,
		"the SSTable has CompressionInfo.db and CRC.db, so it cannot "
		"be told whether it is compressed",
		"remove the one that the snapshot does not have" },
	AT(SL_RULE_INDEX_SUMMARY) = { "index-summary", SL_REJECT, SL_WHEN_SET,
		"Index.db does not begin and end as Summary.db says: "
		"partitions would be lost",
		COPY_SET },
	AT(SL_RULE_INDEX_DATA) = { "index-data", SL_REJECT, SL_WHEN_SET,
		"the index points beyond the end of the data",
		COPY_SET },
	AT(SL_RULE_PARTITION_COUNT) = { "partition-count", SL_REJECT,
		SL_WHEN_SET,
		"the index has another number of partitions than "
		"Statistics.db counts",
		COPY_SET },
	AT(SL_RULE_PARTITION_SIZES) = { "partition-sizes", SL_REJECT,
		SL_WHEN_SET,
		"the index gives partitions other sizes than Statistics.db "
		"counts: one of the two is damaged or another SSTable's",
		COPY_SET },
	AT(SL_RULE_FILTER_SMALL) = { "filter-small", SL_REJECT, SL_WHEN_SET,
		"Filter.db is too small for so many partitions: some would "
		"not be found",
		"copy it again; if the snapshot's own file is like that, leave "
		"it out (rsync --exclude='*-Filter.db'): it is built anew" },
	AT(SL_RULE_ENCRYPTED_SUSPECT) = { "encrypted-suspect", SL_REJECT,
		SL_WHEN_SET,
		"Statistics.db has right checksums and content that makes no "
		"sense, as encrypted ones do",
		"switch the table's encryption off, run 'nodetool "
		"upgradesstables -a' on the origin node, take the snapshot "
		"again and copy that" },
	AT(SL_RULE_SCHEMA_MISMATCH) = { "schema-mismatch", SL_REJECT,
		SL_WHEN_SET,
		"the SSTable's columns are not those of schema.cql: wrong "
		"values would be read",
		"copy schema.cql and the SSTables of one and the same "
		"snapshot" },
	AT(SL_RULE_DROPPED_COLUMN) = { "dropped-column", SL_WARN, SL_WHEN_SET,
		"the SSTable still holds a column that the table does not "
		"have any more, and a target that never had it refuses the "
		"SSTable",
		"make the target's table with the column and drop it there, "
		"or run 'nodetool upgradesstables -a' on the origin node and "
		"take the snapshot again" },
	AT(SL_RULE_UNFROZEN_TYPE) = { "unfrozen-type", SL_WARN, SL_WHEN_SET,
		"the SSTable calls a type unfrozen that schema.cql calls "
		"frozen, as cassandra 3.0 wrote it",
		"run 'sstablescrub -e fix' or 'nodetool upgradesstables -a' "
		"on the origin node and take the snapshot again" },
	AT(SL_RULE_LOOKS_LIKE_VIEW) = { "looks-like-view", SL_WARN,
		SL_WHEN_SET,
		"the table looks like a materialized view of another one, "
		"and views cannot be imported",
		"if it is one, leave it out (rsync --exclude=/KEYSPACE/VIEW-*) "
		"and make it anew in the target" },
	AT(SL_RULE_SECOND_TAG) = { "second-tag", SL_REJECT, SL_WHEN_SET,
		"a second snapshot of the table: the same rows would be "
		"imported twice",
		"copy one snapshot only, and name it with -o tag=" },
	AT(SL_RULE_SECOND_TABLE_ID) = { "second-table-id", SL_REJECT,
		SL_WHEN_SET,
		"a table of this name with another id: one of them was "
		"dropped, or the nodes are of different clusters",
		"copy only the directory whose id system_schema.tables has "
		"(rsync --exclude=/KEYSPACE/TABLE-OLDID)" },
	AT(SL_RULE_OTHER_DATA) = { "other-data", SL_REJECT, SL_WHEN_SET,
		"another Data.db has this name already: two nodes are copied "
		"into one directory",
		ONE_NODE },
	AT(SL_RULE_SAME_SSTABLE) = { "same-sstable", SL_REJECT, SL_WHEN_SET,
		"components of one SSTable are in two directories",
		"copy the snapshot again as it is, into one directory" },
	AT(SL_RULE_HOST_IDS) = { "host-ids", SL_WARN, SL_WHEN_SET,
		"SSTables that two hosts wrote are in one node's directory; "
		"that is right only where one was streamed to the other",
		"look whether two nodes were copied into one directory" },
	AT(SL_RULE_DOUBLE_UPLOAD) = { "double-upload", SL_REJECT, SL_WHEN_SET,
		"one node's data is here under two names",
		"remove the directory of the name that is wrong" },
	AT(SL_RULE_MISSING_COMPONENT) = { "missing-component", SL_REJECT,
		SL_WHEN_GATE,
		"the SSTable is not whole: a component is missing",
		COPY_REST },
	AT(SL_RULE_NO_CHECKSUMS) = { "no-checksums", SL_REJECT, SL_WHEN_GATE,
		"the SSTable has neither CompressionInfo.db nor CRC.db",
		COPY_REST },
	AT(SL_RULE_TOC_MISSING) = { "toc-missing", SL_REJECT, SL_WHEN_GATE,
		"TOC.txt lists a component that is not there",
		COPY_REST },
	AT(SL_RULE_NO_DIGEST) = { "no-digest", SL_WARN, SL_WHEN_GATE,
		"there is no Digest.crc32, so the data as a whole was "
		"compared with nothing",
		"copy it, if the snapshot has it" },
	AT(SL_RULE_NO_FILTER) = { "no-filter", SL_WARN, SL_WHEN_GATE,
		"there is no Filter.db; the import builds it anew",
		"copy it, if the snapshot has it" },
	AT(SL_RULE_NO_SUMMARY) = { "no-summary", SL_WARN, SL_WHEN_GATE,
		"there is no Summary.db; the import builds it anew",
		"copy it, if the snapshot has it" },
	AT(SL_RULE_NO_TOC) = { "no-toc", SL_WARN, SL_WHEN_GATE,
		"there is no TOC.txt; the import writes it anew",
		"copy it, if the snapshot has it" },
	AT(SL_RULE_MANIFEST_SSTABLE) = { "manifest-sstable", SL_REJECT,
		SL_WHEN_GATE,
		"an SSTable that manifest.json lists is not there: its rows "
		"would be lost",
		COPY_REST },
	AT(SL_RULE_NO_MANIFEST) = { "no-manifest", SL_WARN, SL_WHEN_GATE,
		"there is no manifest.json, which other nodes have, so it "
		"cannot be told whether all SSTables are there",
		"copy all data directories of the node" },
	AT(SL_RULE_TABLE_MISSING) = { "table-missing", SL_REJECT,
		SL_WHEN_GATE,
		"the node has nothing of a table that other nodes have: its "
		"rows would be lost",
		"take the snapshot of this table on the node and copy it (an "
		"empty table has a snapshot too)" },
	AT(SL_RULE_SCHEMAS_DIFFER) = { "schemas-differ", SL_WARN,
		SL_WHEN_GATE,
		"nodes have different columns in the table's schema.cql",
		"let the nodes agree ('nodetool describecluster') and take "
		"the snapshot again on all of them" },
	AT(SL_RULE_NOTHING) = { "nothing", SL_REJECT, SL_WHEN_GATE,
		"nothing that was copied is a snapshot's, so there is nothing "
		"to import",
		"run 'nodetool snapshot -t NAME' and copy the data directory; "
		".skipped tells what was left out and why" },
	AT(SL_RULE_UNREAD) = { "unread", SL_WARN, SL_WHEN_GATE,
		"the file was not checked, because its bytes did not pass "
		"here",
		"copy it again through this mount, or check what was sent "
		"with sideload-check" },
};

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rules by which a snapshot is judged, as one table: name, verdict, when
 * it can be known, a sentence, and the cure. Everything that is said about a
 * file, by the mount, by the gate and by sideload-check, is a finding by one
 * of them. Pure; the table is constant and a policy is the caller's.
 *
 * Sources of the verdicts: the Sideloader documentation ("Prepare",
 * "Troubleshoot"), and what `nodetool import` of Cassandra 4.0.17, 4.1.9 and
 * 5.0.4 did with damaged copies.
 */
#ifndef SL_RULE_H
#define SL_RULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buf.h"
#include "error.h"

/* A verdict. (http.h has the other one of that name.) */
enum sl_judgement {
	SL_ACCEPT,
	SL_SKIP,   /* not part of the migration: taken, not uploaded */
	SL_WARN,   /* uploaded, and told */
	SL_REJECT, /* the import would fail, or lose data */
};

/* When a rule can be known. */
enum sl_when {
	SL_WHEN_NAME,  /* from the path alone: at create */
	SL_WHEN_ALONE, /* from one component: at close */
	SL_WHEN_SET,   /* from several files that have arrived: at close */
	SL_WHEN_GATE,  /* only when the copy is said to be whole */
};

enum sl_rule {
	SL_RULE_NONE,
	/* by name and place */
	SL_RULE_SYSTEM_KEYSPACE,
	SL_RULE_LIVE_FILE,
	SL_RULE_BACKUPS,
	SL_RULE_INDEX_DIRECTORY,
	SL_RULE_MACHINE_TAG,
	SL_RULE_OTHER_TAG,	  /* does not match tag= */
	SL_RULE_INDEX_COMPONENT,  /* SAI and SASI files */
	SL_RULE_NO_TABLE_ID,	  /* a directory that is no table's */
	SL_RULE_NOT_A_SNAPSHOT,	  /* a file where no file can belong */
	SL_RULE_EPHEMERAL_MARKER, /* ephemeral.snapshot */
	SL_RULE_BAD_NODE,
	SL_RULE_BAD_NAME,
	SL_RULE_PRE21_DIRECTORY,  /* KS/TABLE/snapshots without an id */
	SL_RULE_OLD_VERSION,	  /* before ma; 2.x file names */
	SL_RULE_NEW_VERSION,	  /* oa, da and anything later */
	SL_RULE_PRERELEASE,	  /* na, nc, ab */
	SL_RULE_SCYLLA,
	SL_RULE_TEMPORARY,	  /* *.tmp, tmp-..., tmplink-... */
	SL_RULE_TRANSACTION_LOG,
	SL_RULE_UNKNOWN_FILE,	  /* no SSTable's name, nor known */
	SL_RULE_UNKNOWN_COMPONENT,
	SL_RULE_ODD_TAG,	  /* not [A-Za-z0-9_-]+ */
	/* one component alone */
	SL_RULE_EMPTY_COMPONENT,  /* 0 bytes (not Rows.db) */
	SL_RULE_DATA_CHUNK,	  /* a chunk whose CRC is wrong */
	SL_RULE_COMPRESSION_INFO, /* malformed */
	SL_RULE_COMPRESSOR,	  /* a class that is not known */
	SL_RULE_ENCRYPTED,
	SL_RULE_CRC_DB,
	SL_RULE_DIGEST,		  /* not a number */
	SL_RULE_STATISTICS,	  /* does not parse, or its own CRC */
	SL_RULE_PARTITIONER,
	SL_RULE_INDEX,
	SL_RULE_SUMMARY,
	SL_RULE_FILTER,
	SL_RULE_PARTITIONS,
	SL_RULE_ROWS,
	SL_RULE_TOC,
	SL_RULE_MANIFEST,
	SL_RULE_SCHEMA,		  /* schema.cql does not parse */
	SL_RULE_VIEW,
	SL_RULE_COMPACT_STORAGE,
	SL_RULE_PENDING_REPAIR,
	SL_RULE_TRANSIENT,
	SL_RULE_LEGACY_COUNTERS,
	SL_RULE_SLICE,		  /* streamed whole: a part of Data.db */
	/* several files together */
	SL_RULE_DIGEST_MISMATCH,
	SL_RULE_DATA_LENGTH,	  /* too short or long for its table */
	SL_RULE_CHUNK_TABLE,	  /* CompressionInfo.db of other data */
	SL_RULE_CHUNK_TABLE_UNPROVEN,
	SL_RULE_CRC_TABLE,	  /* CRC.db of other data */
	SL_RULE_BOTH_CHECKSUMS,	  /* CompressionInfo.db and CRC.db */
	SL_RULE_INDEX_SUMMARY,	  /* last or first keys differ */
	SL_RULE_INDEX_DATA,	  /* positions beyond the data */
	SL_RULE_PARTITION_COUNT,  /* index and Statistics.db differ */
	SL_RULE_PARTITION_SIZES,  /* likewise */
	SL_RULE_FILTER_SMALL,	  /* for so many keys */
	SL_RULE_ENCRYPTED_SUSPECT,
	SL_RULE_SCHEMA_MISMATCH,
	SL_RULE_DROPPED_COLUMN,
	SL_RULE_UNFROZEN_TYPE,
	SL_RULE_LOOKS_LIKE_VIEW,
	SL_RULE_SECOND_TAG,
	SL_RULE_SECOND_TABLE_ID,
	SL_RULE_OTHER_DATA,	  /* another Data.db under this name */
	SL_RULE_SAME_SSTABLE,	  /* one id under two directories */
	SL_RULE_HOST_IDS,	  /* SSTables of two hosts in one node */
	SL_RULE_DOUBLE_UPLOAD,	  /* one host under two node names */
	/* when all is said to be there */
	SL_RULE_MISSING_COMPONENT,
	SL_RULE_NO_CHECKSUMS,	  /* neither CompressionInfo nor CRC.db */
	SL_RULE_TOC_MISSING,	  /* TOC.txt names CompressionInfo.db */
	SL_RULE_NO_DIGEST,
	SL_RULE_NO_FILTER,
	SL_RULE_NO_SUMMARY,
	SL_RULE_NO_TOC,
	SL_RULE_MANIFEST_SSTABLE, /* listed there, not here */
	SL_RULE_NO_MANIFEST,	  /* other nodes have one */
	SL_RULE_TABLE_MISSING,	  /* other nodes have the table */
	SL_RULE_SCHEMAS_DIFFER,	  /* between nodes */
	SL_RULE_NOTHING,	  /* nothing to upload was found */
	SL_RULE_UNREAD,		  /* never judged: came by another tool */
	SL_RULE__COUNT,
};

struct sl_rule_info {
	const char *name; /* "digest-mismatch": in reports, policies */
	enum sl_judgement verdict; /* without a policy */
	enum sl_when when;
	/* What is wrong, lower case, a clause without a full stop. */
	const char *sentence;
	/* What to do, an imperative clause; "" when nothing need be done. */
	const char *cure;
};

const struct sl_rule_info *sl_rule_info(enum sl_rule r);
/* SL_RULE_NONE: no such name. */
enum sl_rule sl_rule_find(const char *name, size_t n);
const char *sl_verdict_name(enum sl_judgement v); /* "accept" ... */

struct sl_policy {
	uint8_t verdict[SL_RULE__COUNT]; /* enum sl_judgement */
};
/* The verdicts of the table. */
void sl_policy_init(struct sl_policy *p);
/*
 * Changes verdicts by the lines of a policy file: "RULE VERDICT", blanks,
 * '#' comments. 'name' is for the text of errors. -EINVAL names line and
 * what is wrong (unknown rule, unknown verdict, skip for a rule that is not
 * known at create); 'p' is then unchanged.
 */
int sl_policy_parse(struct sl_policy *p, const char *name, const char *text,
		    size_t n, struct sl_error *e) SL_MUST_CHECK;
/* NULL: the table's own. */
enum sl_judgement sl_policy_verdict(const struct sl_policy *p, enum sl_rule r);

/* Something found about a file. Strings are borrowed for the call. */
struct sl_finding {
	enum sl_rule rule;
	enum sl_judgement verdict; /* by the policy; never SL_ACCEPT */
	const char *path;   /* whom it blames; a directory's; "" for nobody */
	const char *detail; /* numbers and names, "" when none */
};
typedef void sl_found_fn(void *arg, const struct sl_finding *f);

/* "SENTENCE (DETAIL); CURE" of a finding. */
int sl_finding_text(const struct sl_finding *f, struct sl_buf *out);

#endif

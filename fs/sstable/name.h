/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of files in a snapshot directory: which component of which SSTable.
 * VERSION-ID-FORMAT-COMPONENT as Descriptor.java and Component.java of
 * Cassandra 3.0-5.0 and DataStax's 4.0 line have it. Pure; thread safe.
 */
#ifndef SL_NAME_H
#define SL_NAME_H

#include <stdbool.h>
#include <stddef.h>

#include "sstable/path.h"
#include "sstable/rule.h"

enum sl_component {
	SL_COMP_DATA,
	SL_COMP_INDEX,
	SL_COMP_SUMMARY,
	SL_COMP_PARTITIONS,
	SL_COMP_ROWS,
	SL_COMP_FILTER,
	SL_COMP_COMPRESSION_INFO,
	SL_COMP_CRC,
	SL_COMP_STATISTICS,
	SL_COMP_DIGEST,
	SL_COMP_TOC,
	SL_COMP__SSTABLE,	/* those above belong to an SSTable */
	SL_COMP_MANIFEST = SL_COMP__SSTABLE,
	SL_COMP_SCHEMA,
	SL_COMP_OTHER,		/* anything else: not parsed */
	SL_COMP__COUNT,
};
/* "Data.db" ..., "manifest.json"; "" for SL_COMP_OTHER. */
const char *sl_component_name(enum sl_component c);
/* By a TOC.txt line or the end of a name; SL_COMP_OTHER if none. */
enum sl_component sl_component_find(const char *s, size_t n);

enum sl_format {
	SL_FORMAT_BIG,
	SL_FORMAT_BTI,
};

struct sl_name {
	enum sl_component component;
	bool sstable;		/* the rest is valid */
	char version[3];
	enum sl_format format;
	struct sl_path_part id; /* within the string given */
	struct sl_path_part text; /* "Data.db" within the string given */
};

/* The last segment of a path below snapshots/TAG. Never fails. */
void sl_name_parse(const char *s, size_t n, struct sl_name *ret);

/*
 * Is the version at least 'big' (BIG) or 'bti' (BTI)? NULL: never so for
 * that format. Letters are compared within one format only.
 */
bool sl_version_from(const struct sl_name *n, const char *big,
		     const char *bti);
/* SL_RULE_NONE, _OLD_VERSION, _NEW_VERSION or _PRERELEASE. */
enum sl_rule sl_version_judge(enum sl_format f, const char version[3]);

#endif

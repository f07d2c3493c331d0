/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions about the columns of a schema; shared by schema_*.c only.
 */
#ifndef SL_SCHEMA_COLUMNS_H
#define SL_SCHEMA_COLUMNS_H

#include "sstable/schema.h"

static inline bool sl_column_is_key(const struct sl_schema_column *c)
{
	return c->kind == SL_COLUMN_PARTITION_KEY ||
	       c->kind == SL_COLUMN_CLUSTERING;
}

/* How many columns are of this kind, dropped ones apart. */
unsigned sl_schema_count(const struct sl_schema *s, enum sl_column_kind kind);
/* The key column at this place; NULL. */
const struct sl_schema_column *sl_schema_key(const struct sl_schema *s,
					     enum sl_column_kind kind,
					     unsigned position);
/* The live column of this name; NULL. */
const struct sl_schema_column *sl_schema_live(const struct sl_schema *s,
					      const char *name);
/*
 * COMPACT STORAGE without a clustering column: SSTables have one that nobody
 * sees, and hold the others as static.
 */
bool sl_schema_static_compact(const struct sl_schema *s);
/* Does the table count? */
bool sl_schema_counter(const struct sl_schema *s);

#endif

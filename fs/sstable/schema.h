/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.cql of a snapshot, and comparing it with the headers of SSTables.
 * Grammar: what SchemaCQLHelper.java of Cassandra 3.0-5.0 writes (CREATE
 * TYPE, CREATE TABLE with or without the warning comment around it, CREATE
 * MATERIALIZED VIEW, ALTER TABLE DROP/ADD, CREATE INDEX). A schema is
 * immutable once parsed; pure; thread safe.
 */
#ifndef SL_SCHEMA_H
#define SL_SCHEMA_H

#include "buf.h"
#include "sstable/facts.h"

enum sl_column_kind {
	SL_COLUMN_PARTITION_KEY,
	SL_COLUMN_CLUSTERING,
	SL_COLUMN_STATIC,
	SL_COLUMN_REGULAR,
};

struct sl_schema_column {
	const char *name; /* as it is, without quotes */
	const char *type; /* CQL, normalised: "map<text, int>" */
	enum sl_column_kind kind;
	unsigned position; /* within the keys */
	bool desc;	   /* a clustering column */
	bool dropped;	   /* has a drop record, is not live */
};

struct sl_schema {
	int refs; /* atomic */
	const char *keyspace, *table;
	bool view, compact, has_index;
	const struct sl_schema_column *columns;
	size_t column_count;
	/* CREATE TYPE statements, normalised, each without ';'. */
	const char *const *types;
	size_t type_count;
	char id[33]; /* WITH ID, 32 hex digits; "" if none */
};

/* -EPROTO: not understood ('e' says where); -ENOMEM. */
int sl_schema_parse(const char *text, size_t n, struct sl_schema **ret,
		    struct sl_error *e) SL_MUST_CHECK;

/*
 * Compares a header with a schema: SL_RULE_SCHEMA_MISMATCH,
 * SL_RULE_DROPPED_COLUMN, SL_RULE_UNFROZEN_TYPE, each at most once per
 * column, through found (rule and detail).
 */
typedef void sl_schema_found_fn(void *arg, enum sl_rule rule,
				const char *detail);
int sl_schema_compare(const struct sl_schema *s, const struct sl_header *h,
		      sl_schema_found_fn *found, void *arg) SL_MUST_CHECK;
/* Do two schemas differ in what the target must have? 'why' gets a clause. */
bool sl_schema_differs(const struct sl_schema *a, const struct sl_schema *b,
		       char *why, size_t size);
/* Could 'v' be a view of 'base' although it says CREATE TABLE? */
bool sl_schema_looks_like_view(const struct sl_schema *v,
			       const struct sl_schema *base);
/* The DDL of one schema: types (IF NOT EXISTS), then the table. */
int sl_schema_ddl(const struct sl_schema *s, struct sl_buf *out);
/*
 * DDL of a table of which there is no schema.cql, from headers: names of key
 * columns are not known and are called key, column1 ...; says so.
 */
int sl_schema_ddl_of_headers(const char *keyspace, const char *table,
			     const struct sl_header *const *h, size_t count,
			     struct sl_buf *out);
/*
 * A text that sl_schema_parse() reads as an equal schema, all fields
 * included: for keeping one as bytes.
 */
int sl_schema_text(const struct sl_schema *s, struct sl_buf *out);
/* CQL of a marshal class text: "map<text, int>"; -EPROTO. */
int sl_type_cql(const char *marshal, struct sl_buf *out) SL_MUST_CHECK;

#endif

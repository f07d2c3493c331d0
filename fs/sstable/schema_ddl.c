/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas as CQL again: what the target must have, and a form that keeps
 * everything. Options are left to the target. A dropped column is made and
 * dropped, so that the target too knows that it was there: without such a
 * record it refuses SSTables that still hold it. A COMPACT STORAGE table is
 * written as ALTER TABLE ... DROP COMPACT STORAGE would leave it, for that
 * is what its SSTables look like.
 */
#include <string.h>

#include "error.h"
#include "sstable/schema_columns.h"
#include "sstable/schema_lex.h"

static void put_table(const struct sl_schema *s, struct sl_buf *out)
{
	if (s->keyspace[0]) {
		sl_cql_name(out, s->keyspace);
		sl_buf_puts(out, ".");
	}
	sl_cql_name(out, s->table);
}

static void put_types(const struct sl_schema *s, struct sl_buf *out)
{
	for (size_t i = 0; i < s->type_count; i++)
		sl_buf_printf(out, "%s;\n", s->types[i]);
}

/* A name in a comment: one line, whatever it holds. */
static void put_clean(const char *name, struct sl_buf *out)
{
	char text[SL_FACTS_DETAIL];

	sl_text_clean(text, sizeof(text), name, strlen(name));
	sl_buf_puts(out, text);
}

static void put_column(const struct sl_schema_column *c, bool is_static,
		       struct sl_buf *out)
{
	sl_buf_puts(out, "    ");
	sl_cql_name(out, c->name);
	sl_buf_printf(out, " %s%s,\n", c->type, is_static ? " static" : "");
}

static void put_names(const struct sl_schema *s, enum sl_column_kind kind,
		      const char *comma, struct sl_buf *out)
{
	const struct sl_schema_column *c;

	for (unsigned i = 0; (c = sl_schema_key(s, kind, i)); i++) {
		sl_buf_puts(out, comma);
		sl_cql_name(out, c->name);
		comma = ", ";
	}
}

/* hidden: the name of a clustering column that is not in the schema. */
static void put_key(const struct sl_schema *s, const char *hidden,
		    struct sl_buf *out)
{
	bool many = sl_schema_count(s, SL_COLUMN_PARTITION_KEY) > 1;

	sl_buf_puts(out, many ? "    PRIMARY KEY ((" : "    PRIMARY KEY (");
	put_names(s, SL_COLUMN_PARTITION_KEY, "", out);
	sl_buf_puts(out, many ? ")" : "");
	put_names(s, SL_COLUMN_CLUSTERING, ", ", out);
	if (hidden) {
		sl_buf_puts(out, ", ");
		sl_cql_name(out, hidden);
	}
	sl_buf_puts(out, ")\n)");
}

static bool any_desc(const struct sl_schema *s)
{
	for (size_t i = 0; i < s->column_count; i++)
		if (s->columns[i].desc)
			return true;
	return false;
}

static void put_order(const struct sl_schema *s, const char *before,
		      struct sl_buf *out)
{
	const struct sl_schema_column *c;
	const char *comma = "";

	if (!any_desc(s))
		return;
	sl_buf_printf(out, "%sCLUSTERING ORDER BY (", before);
	for (unsigned i = 0;
	     (c = sl_schema_key(s, SL_COLUMN_CLUSTERING, i)); i++) {
		sl_buf_puts(out, comma);
		sl_cql_name(out, c->name);
		sl_buf_puts(out, c->desc ? " DESC" : " ASC");
		comma = ", ";
	}
	sl_buf_puts(out, ")");
}

/* Dropped, not added again, and of a type that is known. */
static bool must_be_dropped(const struct sl_schema *s,
			    const struct sl_schema_column *c)
{
	return c->dropped && c->type[0] && !sl_schema_live(s, c->name);
}

static void put_create(const struct sl_schema *s, struct sl_buf *out)
{
	sl_buf_puts(out, "CREATE TABLE IF NOT EXISTS ");
	put_table(s, out);
	sl_buf_puts(out, " (\n");
}

static void put_columns(const struct sl_schema *s, bool all_static,
			struct sl_buf *out)
{
	for (size_t i = 0; i < s->column_count; i++) {
		const struct sl_schema_column *c = &s->columns[i];
		bool is_static = c->kind == SL_COLUMN_STATIC ||
				 (all_static && !sl_column_is_key(c));

		if (!c->dropped || must_be_dropped(s, c))
			put_column(c, is_static, out);
	}
}

static void put_drops(const struct sl_schema *s, struct sl_buf *out)
{
	for (size_t i = 0; i < s->column_count; i++) {
		const struct sl_schema_column *c = &s->columns[i];

		if (must_be_dropped(s, c)) {
			sl_buf_puts(out, "ALTER TABLE ");
			put_table(s, out);
			sl_buf_puts(out, " DROP ");
			sl_cql_name(out, c->name);
			sl_buf_puts(out, ";\n");
		} else if (c->dropped) {
			sl_buf_puts(out, "-- column ");
			put_clean(c->name, out);
			sl_buf_puts(out, sl_schema_live(s, c->name) ?
				    " was dropped and added again\n" :
				    " of an unknown type was dropped\n");
		}
	}
}

static void put_head(const struct sl_schema *s, struct sl_buf *out)
{
	sl_buf_puts(out, "-- keyspace ");
	put_clean(s->keyspace, out);
	sl_buf_puts(out, " must be there\n");
	if (!s->compact)
		return;
	sl_buf_puts(out, "-- ");
	put_clean(s->table, out);
	sl_buf_puts(out, " had COMPACT STORAGE; hidden columns are shown\n");
}

/* A name that no column has: NAME, or NAME1, NAME2 ... */
static const char *free_name(const struct sl_schema *s, const char *stem,
			     unsigned i, char out[24])
{
	do {
		snprintf(out, 24, i ? "%s%u" : "%s", stem, i);
		i++;
	} while (sl_schema_live(s, out));
	return out;
}

static void put_hidden(const struct sl_schema *s, const char *column1,
		       struct sl_buf *out)
{
	char value[24];

	sl_buf_printf(out, "    %s text,\n    %s %s,\n", column1,
		      free_name(s, "value", 0, value),
		      sl_schema_counter(s) ? "counter" : "blob");
}

static int ddl_of_view(const struct sl_schema *s, struct sl_buf *out)
{
	sl_buf_puts(out, "-- ");
	put_clean(s->table, out);
	return sl_buf_puts(out, " is a view: make it anew from its table\n");
}

int sl_schema_ddl(const struct sl_schema *s, struct sl_buf *out)
{
	bool hidden = sl_schema_static_compact(s);
	char name[24];

	if (s->view)
		return ddl_of_view(s, out);
	free_name(s, "column", 1, name);
	put_head(s, out);
	put_types(s, out);
	put_create(s, out);
	put_columns(s, hidden, out);
	if (hidden)
		put_hidden(s, name, out);
	put_key(s, hidden ? name : NULL, out);
	put_order(s, " WITH ", out);
	sl_buf_puts(out, ";\n");
	put_drops(s, out);
	return sl_buf_error(out);
}

static void put_id(const struct sl_schema *s, struct sl_buf *out)
{
	if (s->id[0])
		sl_buf_printf(out, " AND ID = %.8s-%.4s-%.4s-%.4s-%.12s",
			      s->id, s->id + 8, s->id + 12, s->id + 16,
			      s->id + 20);
}

static void put_records(const struct sl_schema *s, struct sl_buf *out)
{
	for (size_t i = 0; i < s->column_count; i++) {
		const struct sl_schema_column *c = &s->columns[i];

		if (!c->dropped || !c->type[0])
			continue;
		sl_buf_puts(out, " AND DROPPED COLUMN RECORD ");
		sl_cql_name(out, c->name);
		sl_buf_printf(out, " %s%s", c->type,
			      c->kind == SL_COLUMN_STATIC ? " static" : "");
	}
}

static int text_of_view(const struct sl_schema *s, struct sl_buf *out)
{
	sl_buf_puts(out, "CREATE MATERIALIZED VIEW ");
	put_table(s, out);
	sl_buf_puts(out, " AS SELECT * WITH comment = ''");
	put_id(s, out);
	sl_buf_puts(out, ";\n");
	return sl_buf_puts(out, s->has_index ? "CREATE INDEX i;\n" : "");
}

/* Drops of columns whose type no record could say. */
static void put_unknown_drops(const struct sl_schema *s, struct sl_buf *out)
{
	for (size_t i = 0; i < s->column_count; i++) {
		if (!s->columns[i].dropped || s->columns[i].type[0])
			continue;
		sl_buf_puts(out, "ALTER TABLE ");
		put_table(s, out);
		sl_buf_puts(out, " DROP ");
		sl_cql_name(out, s->columns[i].name);
		sl_buf_puts(out, ";\n");
	}
}

int sl_schema_text(const struct sl_schema *s, struct sl_buf *out)
{
	if (s->view)
		return text_of_view(s, out);
	put_types(s, out);
	put_create(s, out);
	for (size_t i = 0; i < s->column_count; i++)
		if (!s->columns[i].dropped)
			put_column(&s->columns[i],
				   s->columns[i].kind == SL_COLUMN_STATIC, out);
	put_key(s, NULL, out);
	sl_buf_puts(out, " WITH comment = ''");
	if (s->compact)
		sl_buf_puts(out, " AND COMPACT STORAGE");
	put_id(s, out);
	put_order(s, " AND ", out);
	put_records(s, out);
	sl_buf_puts(out, ";\n");
	put_unknown_drops(s, out);
	return sl_buf_puts(out, s->has_index ? "CREATE INDEX i;\n" : "");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands around the table in schema.cql: the types that it uses before
 * it, records of dropped columns and indexes behind it.
 */
#include <string.h>

#include "sstable/schema_parse.h"

#define TYPE_MAX ((size_t)1 << 20)

static int type_fields(struct sl_parse *p, struct sl_buf *out)
{
	const char *name, *type;
	const char *comma = "";
	int r;

	do {
		r = sl_parse_name(p, &name);
		if (!r)
			r = sl_parse_type(p, &type);
		if (r)
			return r;
		sl_buf_puts(out, comma);
		sl_cql_name(out, name);
		sl_buf_puts(out, " ");
		sl_buf_puts(out, type);
		comma = ", ";
	} while (sl_lex_accept_punct(&p->lex, ','));
	return 0;
}

static bool is_kept(const struct sl_parse *p, const char *text)
{
	for (size_t i = 0; i < p->s.type_count; i++)
		if (!strcmp(p->types[i], text))
			return true;
	return false;
}

/* Repeated lines are Cassandra's way: a type per column that uses it. */
static int keep_type(struct sl_parse *p, const struct sl_buf *text)
{
	if (++p->type_lines > SL_SCHEMA_TYPE_LINES)
		return sl_parse_fail(p, "more types than can be read");
	if (is_kept(p, sl_buf_str(text)))
		return 0;
	if (p->s.type_count == SL_SCHEMA_TYPES)
		return sl_parse_fail(p, "more types than can be read");
	p->types[p->s.type_count] =
		sl_arena_str(p->arena, sl_buf_str(text), text->len);
	if (!p->types[p->s.type_count])
		return sl_parse_lacking(p, 0, "too long");
	p->s.type_count++;
	return 0;
}

int sl_parse_create_type(struct sl_parse *p)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(TYPE_MAX);
	const char *keyspace, *name;
	int r = sl_parse_qualified(p, &keyspace, &name);

	if (!r)
		r = sl_parse_expect(p, '(');
	if (r)
		return r;
	sl_buf_puts(&b, "CREATE TYPE IF NOT EXISTS ");
	if (keyspace[0]) {
		sl_cql_name(&b, keyspace);
		sl_buf_puts(&b, ".");
	}
	sl_cql_name(&b, name);
	sl_buf_puts(&b, " (");
	r = type_fields(p, &b);
	if (!r)
		r = sl_parse_expect(p, ')');
	if (r)
		return r;
	r = sl_buf_puts(&b, ")");
	return r ? sl_parse_lacking(p, r, "") : keep_type(p, &b);
}

int sl_parse_create_index(struct sl_parse *p)
{
	p->s.has_index = true;
	return 0;
}

/* A later record of the same name takes the place of an earlier one. */
static int keep_dropped(struct sl_parse *p, const struct sl_schema_column *c)
{
	struct sl_schema_column *old = sl_parse_find(p, c->name, true);

	if (!old)
		return sl_parse_add_column(p, c);
	*old = *c;
	return 0;
}

int sl_parse_dropped(struct sl_parse *p)
{
	struct sl_schema_column c = {
		.kind = SL_COLUMN_REGULAR, .dropped = true
	};
	int r = ++p->alters > SL_SCHEMA_ALTERS ?
			sl_parse_fail(p, "more columns than can be read") :
			sl_parse_name(p, &c.name);

	if (!r)
		r = sl_parse_type(p, &c.type);
	if (r)
		return r;
	if (sl_lex_accept(&p->lex, "static"))
		c.kind = SL_COLUMN_STATIC;
	return keep_dropped(p, &c);
}

/* Makes a live column a dropped one, in the place of an earlier record. */
static void drop(struct sl_parse *p, struct sl_schema_column *live)
{
	struct sl_schema_column *old = sl_parse_find(p, live->name, true);
	struct sl_schema_column *end = p->columns + p->s.column_count;

	live->dropped = true;
	if (!old)
		return;
	*old = *live;
	memmove(live, live + 1, (size_t)(end - live - 1) * sizeof(*live));
	p->s.column_count--;
}

/*
 * DROP c USING TIMESTAMP n. Cassandra 3 and 4 list the column in the table
 * as if it lived, and drop it here.
 */
static int alter_drop(struct sl_parse *p)
{
	struct sl_schema_column gone = {
		.type = "", .kind = SL_COLUMN_REGULAR, .dropped = true
	};
	struct sl_schema_column *live;
	int r = sl_parse_name(p, &gone.name);

	if (r)
		return r;
	live = sl_parse_find(p, gone.name, false);
	if (!live && sl_parse_find(p, gone.name, true))
		return 0;
	if (!live)
		return sl_parse_add_column(p, &gone);
	if (live->kind == SL_COLUMN_STATIC || live->kind == SL_COLUMN_REGULAR)
		drop(p, live);
	return 0;
}

/*
 * ADD c type [static]: it lives again, and keeps its record. One that did
 * not know the type knows it now.
 */
static int alter_add(struct sl_parse *p)
{
	struct sl_schema_column c = { .kind = SL_COLUMN_REGULAR };
	struct sl_schema_column *old;
	int r = sl_parse_name(p, &c.name);

	if (!r)
		r = sl_parse_type(p, &c.type);
	if (r || sl_parse_find(p, c.name, false))
		return r;
	if (sl_lex_accept(&p->lex, "static"))
		c.kind = SL_COLUMN_STATIC;
	old = sl_parse_find(p, c.name, true);
	if (old && !old->type[0]) {
		old->type = c.type;
		old->kind = c.kind;
	}
	return sl_parse_add_column(p, &c);
}

int sl_parse_alter(struct sl_parse *p)
{
	const char *keyspace, *table;
	int r;

	if (!p->have_table || p->s.view || ++p->alters > SL_SCHEMA_ALTERS)
		return 0;
	r = sl_parse_qualified(p, &keyspace, &table);
	if (r || strcmp(table, p->s.table))
		return r;
	if (sl_lex_accept(&p->lex, "drop"))
		return alter_drop(p);
	return sl_lex_accept(&p->lex, "add") ? alter_add(p) : 0;
}

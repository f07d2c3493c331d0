/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas beside each other: do nodes disagree about a table, and is a table
 * a view of another one that an old Cassandra wrote down as a table.
 */
#include "sstable/schema_columns.h"

#include <string.h>

#include "error.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

unsigned sl_schema_count(const struct sl_schema *s, enum sl_column_kind kind)
{
	unsigned n = 0;

	for (size_t i = 0; i < s->column_count; i++)
		n += !s->columns[i].dropped && s->columns[i].kind == kind;
	return n;
}

const struct sl_schema_column *sl_schema_key(const struct sl_schema *s,
					     enum sl_column_kind kind,
					     unsigned position)
{
	for (size_t i = 0; i < s->column_count; i++)
		if (s->columns[i].kind == kind && !s->columns[i].dropped &&
		    s->columns[i].position == position)
			return &s->columns[i];
	return NULL;
}

const struct sl_schema_column *sl_schema_live(const struct sl_schema *s,
					      const char *name)
{
	for (size_t i = 0; i < s->column_count; i++)
		if (!s->columns[i].dropped &&
		    !strcmp(s->columns[i].name, name))
			return &s->columns[i];
	return NULL;
}

bool sl_schema_static_compact(const struct sl_schema *s)
{
	return s->compact && !s->view &&
	       !sl_schema_count(s, SL_COLUMN_CLUSTERING);
}

bool sl_schema_counter(const struct sl_schema *s)
{
	for (size_t i = 0; i < s->column_count; i++)
		if (!s->columns[i].dropped &&
		    !strcmp(s->columns[i].type, "counter"))
			return true;
	return false;
}

/* A clause in words that are fit for a terminal; true, for the caller. */
static bool SL_PRINTF(3, 4)
differ(char *why, size_t size, const char *fmt, ...)
{
	char text[SL_FACTS_DETAIL];
	va_list ap;

	if (!size)
		return true;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sl_text_clean(why, size, text, strlen(text));
	return true;
}

static const struct sl_type *type_of(const char *cql, struct sl_arena *a)
{
	const struct sl_type *t;
	struct sl_lex l;

	sl_lex_init(&l, cql, strlen(cql));
	return sl_type_of_cql(&l, a, &t) ? NULL : t;
}

/* Versions of Cassandra differ in where they say "frozen". */
static bool same_type(const char *a, const char *b)
{
	SL_CLEANUP(arena) struct sl_arena arena = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_type *x, *y;

	if (!strcmp(a, b))
		return true;
	x = type_of(a, &arena);
	y = type_of(b, &arena);
	return x && y && sl_type_compare(x, y, false) == SL_TYPE_SAME;
}

static bool column_differs(const struct sl_schema_column *a,
			   const struct sl_schema *other, char *why,
			   size_t size)
{
	const struct sl_schema_column *b = sl_schema_live(other, a->name);

	if (!b)
		return differ(why, size, "column '%s' is in one only",
			      a->name);
	if (!same_type(a->type, b->type))
		return differ(why, size, "column '%s' is %.40s and %.40s",
			      a->name, a->type, b->type);
	if (a->kind != b->kind || a->position != b->position)
		return differ(why, size,
			      "column '%s' has another place in the table",
			      a->name);
	if (a->desc != b->desc)
		return differ(why, size, "column '%s' is ordered ASC and DESC",
			      a->name);
	return false;
}

static bool columns_differ(const struct sl_schema *a,
			   const struct sl_schema *b, char *why, size_t size)
{
	for (size_t i = 0; i < a->column_count; i++)
		if (!a->columns[i].dropped &&
		    column_differs(&a->columns[i], b, why, size))
			return true;
	return false;
}

static bool has_type(const struct sl_schema *s, const char *type)
{
	for (size_t i = 0; i < s->type_count; i++)
		if (!strcmp(s->types[i], type))
			return true;
	return false;
}

static bool types_differ(const struct sl_schema *a, const struct sl_schema *b,
			 char *why, size_t size)
{
	for (size_t i = 0; i < a->type_count; i++)
		if (!has_type(b, a->types[i]))
			return differ(why, size, "'%s' is in one only",
				      a->types[i]);
	return false;
}

bool sl_schema_differs(const struct sl_schema *a, const struct sl_schema *b,
		       char *why, size_t size)
{
	if (strcmp(a->keyspace, b->keyspace) || strcmp(a->table, b->table))
		return differ(why, size, "it is '%s.%s' and '%s.%s'",
			      a->keyspace, a->table, b->keyspace, b->table);
	if (a->view != b->view)
		return differ(why, size, "one is a view, one a table");
	if (a->compact != b->compact)
		return differ(why, size, "one has COMPACT STORAGE");
	return columns_differ(a, b, why, size) ||
	       columns_differ(b, a, why, size) ||
	       types_differ(a, b, why, size) || types_differ(b, a, why, size);
}

/* Neither has anything that a view cannot, nor is it the same table. */
static bool may_be_view(const struct sl_schema *v,
			const struct sl_schema *base)
{
	if (v->view || base->view || v->compact || base->compact ||
	    v->has_index || sl_schema_count(v, SL_COLUMN_STATIC) ||
	    sl_schema_counter(base))
		return false;
	return !strcmp(v->keyspace, base->keyspace) &&
	       strcmp(v->table, base->table);
}

/* A view with its base's partitions would be of no use. */
static bool same_partitions(const struct sl_schema *v,
			    const struct sl_schema *base)
{
	for (unsigned i = 0;; i++) {
		const struct sl_schema_column *a, *b;

		a = sl_schema_key(v, SL_COLUMN_PARTITION_KEY, i);
		b = sl_schema_key(base, SL_COLUMN_PARTITION_KEY, i);
		if (!a || !b)
			return a == b;
		if (strcmp(a->name, b->name))
			return false;
	}
}

static bool has_key_of(const struct sl_schema *v, const struct sl_schema *base)
{
	for (size_t i = 0; i < base->column_count; i++) {
		const struct sl_schema_column *c = &base->columns[i], *in_v;

		if (c->dropped || !sl_column_is_key(c))
			continue;
		in_v = sl_schema_live(v, c->name);
		if (!in_v || !sl_column_is_key(in_v))
			return false;
	}
	return true;
}

/* Columns of v are base's; at most one more of them is in the key. */
static bool columns_of(const struct sl_schema *v, const struct sl_schema *base)
{
	unsigned more = 0;

	for (size_t i = 0; i < v->column_count; i++) {
		const struct sl_schema_column *c = &v->columns[i], *in_base;

		in_base = sl_schema_live(base, c->name);
		if (c->dropped || !in_base || strcmp(c->type, in_base->type))
			return false;
		if (sl_column_is_key(c) && !sl_column_is_key(in_base))
			more += in_base->kind == SL_COLUMN_STATIC ? 2 : 1;
	}
	return more <= 1;
}

bool sl_schema_looks_like_view(const struct sl_schema *v,
			       const struct sl_schema *base)
{
	return may_be_view(v, base) && !same_partitions(v, base) &&
	       has_key_of(v, base) && columns_of(v, base);
}

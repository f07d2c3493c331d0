/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CQL of a table whose schema.cql is not there, out of what its SSTables say:
 * types, order and the columns that were written. Names of key columns are
 * not among that; they get those that Cassandra gives where there are none.
 * User types are spelled out in headers, so that they can be made, too.
 */
#include <string.h>

#include "error.h"
#include "sstable/schema.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

/* All that is made of one table's headers. */
#define ROOM ((size_t)32 << 20)
#define TYPE_TEXT ((size_t)1 << 20)

#define KEY_NAME 40

struct key {
	struct key *next;
	const struct sl_type *type;
	char name[KEY_NAME];
};

struct maker {
	const char *keyspace, *table;
	const struct sl_header *const *h;
	size_t count;
	const struct sl_column **columns; /* sorted, each name once */
	size_t column_count;
	struct sl_arena arena;
	/* User types that were written, a list. */
	struct made {
		struct made *next;
		const char *name;
	} *made;
	struct key *partition, *clustering, **keys_end;
	struct sl_buf *out;
};

static int by_name(const void *a, const void *b)
{
	const struct sl_column *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

/* The columns of all headers, each once. */
static int collect(struct maker *m)
{
	size_t all = 0, to = 0;

	for (size_t i = 0; i < m->count; i++)
		all += m->h[i]->column_count;
	m->columns = calloc(all + 1, sizeof(const void *));
	if (!m->columns)
		return -ENOMEM;
	all = 0;
	for (size_t i = 0; i < m->count; i++)
		for (size_t k = 0; k < m->h[i]->column_count; k++)
			m->columns[all++] = &m->h[i]->columns[k];
	qsort(m->columns, all, sizeof(const void *), by_name);
	for (size_t i = 0; i < all; i++)
		if (!to || by_name(&m->columns[to - 1], &m->columns[i]))
			m->columns[to++] = m->columns[i];
	m->column_count = to;
	return 0;
}

static const struct sl_type *type_of(struct maker *m, const char *text)
{
	const struct sl_type *t = NULL;

	return sl_type_of_class(text, strlen(text), &m->arena, &t) ? NULL : t;
}

static bool made_before(struct maker *m, const char *name)
{
	struct made *new;

	for (const struct made *i = m->made; i; i = i->next)
		if (!strcmp(i->name, name))
			return true;
	new = sl_arena_alloc(&m->arena, sizeof(*new));
	if (!new)
		return true;
	new->name = name;
	new->next = m->made;
	m->made = new;
	return false;
}

static bool wants_frozen(const struct sl_type *t)
{
	return t->kind == SL_TYPE_USER || t->kind == SL_TYPE_LIST ||
	       t->kind == SL_TYPE_SET || t->kind == SL_TYPE_MAP;
}

static void put_frozen(const struct sl_type *t, struct sl_buf *out)
{
	bool frozen = wants_frozen(t);

	sl_buf_puts(out, frozen ? "frozen<" : "");
	sl_type_print(t, out);
	sl_buf_puts(out, frozen ? ">" : "");
}

static void put_qualified(struct maker *m, const char *name)
{
	sl_cql_name(m->out, m->keyspace);
	sl_buf_puts(m->out, ".");
	sl_cql_name(m->out, name);
}

static void put_user_type(struct maker *m, const struct sl_type *t)
{
	const char *comma = "";

	sl_buf_puts(m->out, "CREATE TYPE IF NOT EXISTS ");
	put_qualified(m, t->text);
	sl_buf_puts(m->out, " (");
	for (const struct sl_type *f = t->first; f; f = f->next) {
		sl_buf_puts(m->out, comma);
		sl_cql_name(m->out, f->field);
		sl_buf_puts(m->out, " ");
		put_frozen(f, m->out);
		comma = ", ";
	}
	sl_buf_puts(m->out, ");\n");
}

/* Types within a type come first; no deeper than types are read. */
static void put_user_types(struct maker *m, const struct sl_type *t)
{
	for (const struct sl_type *a = t->first; a; a = a->next)
		put_user_types(m, a);
	if (t->kind == SL_TYPE_USER && !made_before(m, t->text))
		put_user_type(m, t);
}

static void put_types_of(struct maker *m, const char *text)
{
	const struct sl_type *t = type_of(m, text);

	if (t)
		put_user_types(m, t);
}

static void put_all_types(struct maker *m)
{
	put_types_of(m, m->h[0]->key_type);
	for (size_t i = 0; i < m->h[0]->clusterings; i++)
		put_types_of(m, m->h[0]->clustering[i]);
	for (size_t i = 0; i < m->column_count; i++)
		put_types_of(m, m->columns[i]->type);
}

static bool is_column(const struct maker *m, const char *name)
{
	const struct sl_column key = { .name = name }, *k = &key;

	return bsearch(&k, m->columns, m->column_count, sizeof(const void *),
		       by_name);
}

/* key, key2 ..., column1, column2 ...; one more "_" if it is taken. */
static void key_name(const struct maker *m, const char *stem, size_t i,
		     char out[KEY_NAME])
{
	if (i)
		snprintf(out, KEY_NAME - 8, "%s%zu", stem, i);
	else
		snprintf(out, KEY_NAME - 8, "%s", stem);
	for (size_t n = strlen(out); n < KEY_NAME - 1 && is_column(m, out);
	     n++) {
		out[n] = '_';
		out[n + 1] = '\0';
	}
}

/* A type that makes no sense is left out; that the SSTable is wrong is said. */
static void add_key(struct maker *m, const struct sl_type *t, const char *stem,
		    size_t i)
{
	struct key *k = t ? sl_arena_alloc(&m->arena, sizeof(*k)) : NULL;

	if (!k)
		return;
	k->type = t;
	key_name(m, stem, i, k->name);
	*m->keys_end = k;
	m->keys_end = &k->next;
}

static void collect_keys(struct maker *m)
{
	const struct sl_type *t = type_of(m, m->h[0]->key_type);
	bool many = t && t->kind == SL_TYPE_COMPOSITE;
	size_t i = 0;

	m->keys_end = &m->partition;
	for (t = many ? t->first : t; t; t = many ? t->next : NULL, i++)
		add_key(m, t, "key", i ? i + 1 : 0);
	m->keys_end = &m->clustering;
	for (i = 0; i < m->h[0]->clusterings; i++)
		add_key(m, type_of(m, m->h[0]->clustering[i]), "column",
			i + 1);
}

static void put_key_types(struct maker *m, const struct key *k)
{
	for (; k; k = k->next) {
		sl_buf_printf(m->out, "    %s ", k->name);
		sl_type_print(k->type, m->out);
		sl_buf_puts(m->out, ",\n");
	}
}

static void put_key_names(struct maker *m, const struct key *k,
			  const char *comma)
{
	for (; k; k = k->next) {
		sl_buf_printf(m->out, "%s%s", comma, k->name);
		comma = ", ";
	}
}

static void put_columns(struct maker *m)
{
	for (size_t i = 0; i < m->column_count; i++) {
		const struct sl_column *c = m->columns[i];
		const struct sl_type *t = type_of(m, c->type);

		if (!t)
			continue;
		sl_buf_puts(m->out, "    ");
		sl_cql_name(m->out, c->name);
		sl_buf_puts(m->out, " ");
		sl_type_print(t, m->out);
		sl_buf_puts(m->out, c->is_static ? " static,\n" : ",\n");
	}
}

static bool is_desc(const struct key *k)
{
	return k->type->kind == SL_TYPE_REVERSED;
}

static void put_order(struct maker *m)
{
	const char *before = " WITH CLUSTERING ORDER BY (";
	const struct key *k = m->clustering;

	while (k && !is_desc(k))
		k = k->next;
	for (k = k ? m->clustering : NULL; k; k = k->next) {
		sl_buf_printf(m->out, "%s%s %s", before, k->name,
			      is_desc(k) ? "DESC" : "ASC");
		before = k->next ? ", " : ")";
	}
	sl_buf_puts(m->out, *before == ')' ? ");\n" : ";\n");
}

static void put_all(struct maker *m)
{
	char name[SL_FACTS_DETAIL];

	sl_text_clean(name, sizeof(name), m->table, strlen(m->table));
	sl_buf_printf(m->out, "-- no schema.cql of %s: names of key columns "
		      "are not known\n", name);
	put_all_types(m);
	collect_keys(m);
	sl_buf_puts(m->out, "CREATE TABLE IF NOT EXISTS ");
	put_qualified(m, m->table);
	sl_buf_puts(m->out, " (\n");
	put_key_types(m, m->partition);
	put_key_types(m, m->clustering);
	put_columns(m);
	sl_buf_puts(m->out, "    PRIMARY KEY ((");
	put_key_names(m, m->partition, "");
	sl_buf_puts(m->out, ")");
	put_key_names(m, m->clustering, ", ");
	sl_buf_puts(m->out, ")\n)");
	put_order(m);
}

int sl_schema_ddl_of_headers(const char *keyspace, const char *table,
			     const struct sl_header *const *h, size_t count,
			     struct sl_buf *out)
{
	struct maker m = { .keyspace = keyspace,
			   .table = table,
			   .h = h,
			   .count = count,
			   .arena = SL_ARENA_INIT(ROOM),
			   .out = out };
	int r = count ? collect(&m) : 0;

	if (count && !r)
		put_all(&m);
	if (m.arena.err == -ENOMEM)
		r = -ENOMEM;
	sl_arena_release(&m.arena);
	free(m.columns);
	return r ? r : sl_buf_error(out);
}

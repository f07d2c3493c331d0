/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CREATE TABLE and CREATE MATERIALIZED VIEW. Of the options only those
 * that change what is in the SSTables count; the rest is passed over,
 * whatever it is, so that no new option of Cassandra's can hurt.
 */
#include <string.h>

#include "sstable/schema_parse.h"

static int add_key(struct sl_parse *p, enum sl_column_kind kind,
		   unsigned position)
{
	struct sl_parse_key *k = &p->keys[p->key_count];
	int r;

	if (p->key_count == SL_SCHEMA_KEYS)
		return sl_parse_fail(p, "a longer key than can be read");
	r = sl_parse_name(p, &k->name);
	k->kind = kind;
	k->position = position;
	p->key_count += !r;
	return r;
}

/* "a, b)" or ", b)": the closing bracket is read. */
static int key_names(struct sl_parse *p, enum sl_column_kind kind)
{
	unsigned position = 0;
	int r;

	do {
		r = add_key(p, kind, position++);
	} while (!r && sl_lex_accept_punct(&p->lex, ','));
	return r ? r : sl_parse_expect(p, ')');
}

/* (a, b, c) or ((a, b), c) */
static int primary_key(struct sl_parse *p)
{
	int r = sl_parse_expect(p, '(');

	if (!r && sl_lex_accept_punct(&p->lex, '('))
		r = key_names(p, SL_COLUMN_PARTITION_KEY);
	else if (!r)
		r = add_key(p, SL_COLUMN_PARTITION_KEY, 0);
	if (r)
		return r;
	if (sl_lex_accept_punct(&p->lex, ','))
		return key_names(p, SL_COLUMN_CLUSTERING);
	return sl_parse_expect(p, ')');
}

/* Does PRIMARY KEY stand here? A column may be called key, none primary. */
static bool at_primary_key(struct sl_parse *p)
{
	struct sl_lex at = p->lex;

	if (!sl_lex_accept(&at, "primary") || !sl_lex_accept(&at, "key"))
		return false;
	p->lex = at;
	return true;
}

static int inline_key(struct sl_parse *p, const char *name)
{
	if (p->key_count)
		return sl_parse_fail(p, "a second PRIMARY KEY");
	p->keys[p->key_count++] = (struct sl_parse_key){
		name, SL_COLUMN_PARTITION_KEY, 0
	};
	return 0;
}

/* What may follow the type: static, MASKED WITH f(...), PRIMARY KEY. */
static int column_rest(struct sl_parse *p, struct sl_schema_column *c)
{
	int r = 0;

	while (!r && !sl_lex_punct(&p->lex, ',') &&
	       !sl_lex_punct(&p->lex, ')')) {
		if (p->lex.tok == SL_TOK_END || p->lex.tok == SL_TOK_BAD ||
		    sl_lex_punct(&p->lex, ';'))
			return sl_parse_fail(p, "expected ',' or ')'");
		if (sl_lex_accept(&p->lex, "static"))
			c->kind = SL_COLUMN_STATIC;
		else if (at_primary_key(p))
			r = inline_key(p, c->name);
		else
			sl_parse_skip(p);
	}
	return r;
}

static int column(struct sl_parse *p)
{
	struct sl_schema_column c = { .kind = SL_COLUMN_REGULAR };
	int r = sl_parse_name(p, &c.name);

	if (!r)
		r = sl_parse_type(p, &c.type);
	if (!r)
		r = column_rest(p, &c);
	return r ? r : sl_parse_add_column(p, &c);
}

static int element(struct sl_parse *p)
{
	if (!at_primary_key(p))
		return column(p);
	if (p->key_count)
		return sl_parse_fail(p, "a second PRIMARY KEY");
	return primary_key(p);
}

static int by_name(const void *a, const void *b)
{
	const char *const *x = a, *const *y = b;

	return strcmp(*x, *y);
}

static int check_names(struct sl_parse *p)
{
	size_t n = p->s.column_count;
	SL_CLEANUP(free) const char **names = calloc(n + 1, sizeof(*names));

	if (!names)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		names[i] = p->columns[i].name;
	qsort(names, n, sizeof(*names), by_name);
	for (size_t i = 1; i < n; i++)
		if (!strcmp(names[i - 1], names[i]))
			return sl_parse_fail(p, "a column is there twice");
	return 0;
}

/* Makes key columns of those that the PRIMARY KEY names. */
static int settle_keys(struct sl_parse *p)
{
	if (!p->key_count)
		return sl_parse_fail(p, "no PRIMARY KEY");
	for (size_t i = 0; i < p->key_count; i++) {
		const struct sl_parse_key *k = &p->keys[i];
		struct sl_schema_column *c = sl_parse_find(p, k->name, false);

		if (!c || c->kind != SL_COLUMN_REGULAR)
			return sl_parse_fail(p, c ? "an odd PRIMARY KEY" :
					     "the PRIMARY KEY names no column");
		c->kind = k->kind;
		c->position = k->position;
	}
	return check_names(p);
}

/* A static compact table orders by its hidden column, which is not listed. */
static int order_of_one(struct sl_parse *p)
{
	struct sl_schema_column *c;
	const char *name;
	bool desc;
	int r = sl_parse_name(p, &name);

	if (r)
		return r;
	desc = sl_lex_accept(&p->lex, "desc");
	if (!desc)
		sl_lex_accept(&p->lex, "asc");
	c = sl_parse_find(p, name, false);
	if (c && c->kind == SL_COLUMN_CLUSTERING)
		c->desc = desc;
	return 0;
}

static int clustering_order(struct sl_parse *p)
{
	int r = sl_parse_expect_word(p, "order");
	size_t count = 0;

	if (!r)
		r = sl_parse_expect_word(p, "by");
	if (!r)
		r = sl_parse_expect(p, '(');
	if (r)
		return r;
	do {
		if (count++ == SL_SCHEMA_KEYS)
			return sl_parse_fail(p, "an odd CLUSTERING ORDER");
		r = order_of_one(p);
	} while (!r && sl_lex_accept_punct(&p->lex, ','));
	return r ? r : sl_parse_expect(p, ')');
}

static int compact_storage(struct sl_parse *p)
{
	p->s.compact = true;
	return sl_parse_expect_word(p, "storage");
}

static int dropped_record(struct sl_parse *p)
{
	int r = sl_parse_expect_word(p, "column");

	if (!r)
		r = sl_parse_expect_word(p, "record");
	return r ? r : sl_parse_dropped(p);
}

/* "= xxxxxxxx-xxxx-..."; anything else is no id that could be used. */
static int table_id(struct sl_parse *p)
{
	size_t to = 0;

	if (!sl_lex_accept_punct(&p->lex, '=') || p->lex.tok != SL_TOK_UUID)
		return 0;
	for (size_t i = 0; i < p->lex.len; i++) {
		char c = p->lex.text[i];

		if (c != '-')
			p->s.id[to++] = c >= 'A' && c <= 'F' ?
						(char)(c | 0x20) : c;
	}
	sl_lex_next(&p->lex);
	return 0;
}

static int option(struct sl_parse *p)
{
	static const struct {
		const char *word;
		int (*parse)(struct sl_parse *p);
	} known[] = {
		{ "id", table_id },
		{ "clustering", clustering_order },
		{ "compact", compact_storage },
		{ "dropped", dropped_record },
	};

	for (size_t i = 0; i < SL_ARRAY_LEN(known); i++)
		if (sl_lex_accept(&p->lex, known[i].word))
			return known[i].parse(p);
	return 0;
}

/* True at an option, or at the end of the statement. */
static bool next_option(struct sl_parse *p)
{
	while (!sl_lex_punct(&p->lex, ';')) {
		if (p->lex.tok == SL_TOK_END || p->lex.tok == SL_TOK_BAD)
			return false;
		if (sl_lex_accept(&p->lex, "and"))
			return true;
		sl_parse_skip(p);
	}
	return false;
}

static int options(struct sl_parse *p)
{
	int r = 0;

	if (sl_lex_accept(&p->lex, "with"))
		do {
			r = option(p);
		} while (!r && next_option(p));
	if (!r && !sl_lex_punct(&p->lex, ';'))
		r = sl_parse_fail(p, "expected ';'");
	return r;
}

int sl_parse_create_table(struct sl_parse *p)
{
	int r;

	if (p->have_table)
		return 0;
	r = sl_parse_qualified(p, &p->s.keyspace, &p->s.table);
	if (!r)
		r = sl_parse_expect(p, '(');
	if (r)
		return r;
	do {
		r = element(p);
	} while (!r && sl_lex_accept_punct(&p->lex, ','));
	if (!r)
		r = sl_parse_expect(p, ')');
	if (!r)
		r = settle_keys(p);
	if (!r)
		r = options(p);
	p->have_table = !r;
	return r;
}

/*
 * Its columns' types are the base table's and are not said; a view does not
 * migrate, so that it is one is all that matters.
 */
int sl_parse_create_view(struct sl_parse *p)
{
	int r;

	if (p->have_table)
		return 0;
	r = sl_parse_qualified(p, &p->s.keyspace, &p->s.table);
	while (!r && !sl_lex_punct(&p->lex, ';')) {
		if (p->lex.tok == SL_TOK_END || p->lex.tok == SL_TOK_BAD)
			return sl_parse_fail(p, "expected ';'");
		if (!sl_lex_accept(&p->lex, "id"))
			sl_lex_next(&p->lex);
		else if (!p->s.id[0])
			r = table_id(p);
	}
	p->s.view = !r;
	p->have_table = !r;
	return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.cql, statement by statement. Until the table is known a statement
 * that is not understood is a failure: what would be compared with headers
 * is not there. Later ones only add, and are passed over.
 */
#include "sstable/schema_parse.h"

#include <string.h>

#include "sstable/type.h"

#define NORMAL_TYPE_MAX ((size_t)1 << 20)

int sl_parse_fail(struct sl_parse *p, const char *what)
{
	int n = p->lex.len > 40 ? 40 : (int)p->lex.len;

	if (p->lex.tok == SL_TOK_BAD)
		return sl_error_set(p->e, EPROTO,
				    "line %u: a quote or comment never ends",
				    p->lex.line);
	if (p->lex.tok == SL_TOK_END)
		return sl_error_set(p->e, EPROTO,
				    "line %u: %s, found the end of the file",
				    p->lex.line, what);
	return sl_error_set(p->e, EPROTO, "line %u: %s, found '%.*s'",
			    p->lex.line, what, n, p->lex.text);
}

int sl_parse_lacking(struct sl_parse *p, int e, const char *what)
{
	if (e == -ENOMEM || p->arena->err == -ENOMEM)
		return -ENOMEM;
	if (e == -E2BIG || p->arena->err)
		return sl_parse_fail(p, "too much to be read");
	return sl_parse_fail(p, what);
}

int sl_parse_expect(struct sl_parse *p, char c)
{
	char what[] = "expected 'c'";

	if (sl_lex_accept_punct(&p->lex, c))
		return 0;
	what[sizeof(what) - 3] = c;
	return sl_parse_fail(p, what);
}

int sl_parse_expect_word(struct sl_parse *p, const char *word)
{
	char what[40];

	if (sl_lex_accept(&p->lex, word))
		return 0;
	snprintf(what, sizeof(what), "expected %s", word);
	return sl_parse_fail(p, what);
}

int sl_parse_name(struct sl_parse *p, const char **ret)
{
	*ret = sl_lex_name(&p->lex, p->arena);
	return *ret ? 0 : sl_parse_lacking(p, 0, "expected a name");
}

int sl_parse_qualified(struct sl_parse *p, const char **keyspace,
		       const char **name)
{
	int r = 0;

	*keyspace = "";
	if (sl_lex_accept(&p->lex, "if")) {
		r = sl_parse_expect_word(p, "not");
		if (!r)
			r = sl_parse_expect_word(p, "exists");
	}
	if (!r)
		r = sl_parse_name(p, name);
	if (r || !sl_lex_accept_punct(&p->lex, '.'))
		return r;
	*keyspace = *name;
	return sl_parse_name(p, name);
}

int sl_parse_type(struct sl_parse *p, const char **ret)
{
	SL_CLEANUP(arena) struct sl_arena tmp = SL_ARENA_INIT(SL_TYPE_ROOM);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(NORMAL_TYPE_MAX);
	const struct sl_type *t;
	int r = sl_type_of_cql(&p->lex, &tmp, &t);

	if (!r)
		r = sl_type_print(t, &b);
	if (!r)
		*ret = sl_arena_str(p->arena, sl_buf_str(&b), b.len);
	return !r && *ret ? 0 : sl_parse_lacking(p, r, "expected a type");
}

/* How a word changes the number of open brackets. */
static int opens(const struct sl_lex *l)
{
	if (l->tok != SL_TOK_PUNCT)
		return 0;
	if (strchr("({[", *l->text))
		return 1;
	return strchr(")}]", *l->text) ? -1 : 0;
}

void sl_parse_skip(struct sl_parse *p)
{
	int open = 0;

	do {
		if (p->lex.tok == SL_TOK_END || p->lex.tok == SL_TOK_BAD)
			return;
		open += opens(&p->lex);
		sl_lex_next(&p->lex);
	} while (open > 0);
}

struct sl_schema_column *sl_parse_find(struct sl_parse *p, const char *name,
				       bool dropped)
{
	for (size_t i = 0; i < p->s.column_count; i++)
		if (p->columns[i].dropped == dropped &&
		    !strcmp(p->columns[i].name, name))
			return &p->columns[i];
	return NULL;
}

int sl_parse_add_column(struct sl_parse *p, const struct sl_schema_column *c)
{
	if (p->s.column_count == SL_SCHEMA_COLUMNS)
		return sl_parse_fail(p, "more columns than can be read");
	p->columns[p->s.column_count++] = *c;
	return 0;
}

static const struct statement {
	const char *words[4];
	int (*parse)(struct sl_parse *p);
} statements[] = {
	{ { "create", "type" }, sl_parse_create_type },
	{ { "create", "table" }, sl_parse_create_table },
	{ { "create", "columnfamily" }, sl_parse_create_table },
	{ { "create", "materialized", "view" }, sl_parse_create_view },
	{ { "create", "index" }, sl_parse_create_index },
	{ { "create", "custom", "index" }, sl_parse_create_index },
	{ { "alter", "table" }, sl_parse_alter },
};

static bool begins(struct sl_lex *l, const char *const *words)
{
	struct sl_lex at = *l;

	for (; *words; words++)
		if (!sl_lex_accept(&at, *words))
			return false;
	*l = at;
	return true;
}

static const struct statement *statement_here(struct sl_parse *p)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(statements); i++)
		if (begins(&p->lex, statements[i].words))
			return &statements[i];
	return NULL;
}

/* True at the end of the statement, false at the end of all. */
static bool skip_statement(struct sl_parse *p)
{
	while (!sl_lex_punct(&p->lex, ';')) {
		if (p->lex.tok == SL_TOK_END || p->lex.tok == SL_TOK_BAD)
			return false;
		sl_lex_next(&p->lex);
	}
	sl_lex_next(&p->lex);
	return true;
}

static int parse_statement(struct sl_parse *p)
{
	const struct statement *st = statement_here(p);
	int r = st ? st->parse(p) : 0;

	if (r && (r != -EPROTO || !p->have_table))
		return r;
	if (!skip_statement(p) && !p->have_table)
		return sl_parse_fail(p, "expected ';'");
	return 0;
}

static bool at_end(const struct sl_parse *p)
{
	return p->lex.tok == SL_TOK_END ||
	       (p->lex.tok == SL_TOK_BAD && p->have_table);
}

static int parse_all(struct sl_parse *p)
{
	int r = 0;

	while (!r && !at_end(p))
		r = parse_statement(p);
	if (!r && !p->have_table)
		r = sl_parse_fail(p, "no CREATE TABLE");
	if (!r && p->lex.omitted)
		p->s.compact = true;
	return r;
}

static int start(struct sl_parse *p, struct sl_schema_box *box,
		 const char *text, size_t n)
{
	p->arena = &box->arena;
	p->columns = calloc(SL_SCHEMA_COLUMNS, sizeof(*p->columns));
	p->types = calloc(SL_SCHEMA_TYPES, sizeof(*p->types));
	sl_lex_init(&p->lex, text, n);
	return p->columns && p->types ? 0 : -ENOMEM;
}

/* Live columns first, then dropped ones, then those of unknown types. */
static unsigned rank(const struct sl_schema_column *c)
{
	return !c->dropped ? 0 : c->type[0] ? 1 : 2;
}

static void copy_columns(const struct sl_parse *p, struct sl_schema_column *to)
{
	for (unsigned r = 0; r < 3; r++)
		for (size_t i = 0; i < p->s.column_count; i++)
			if (rank(&p->columns[i]) == r)
				*to++ = p->columns[i];
}

/* Copies what was collected to where it stays. */
static int settle(struct sl_parse *p, struct sl_schema_box *box)
{
	size_t types = p->s.type_count * sizeof(*p->types);
	struct sl_schema_column *c = sl_arena_alloc(
		p->arena, p->s.column_count * sizeof(*c));
	void *t = sl_arena_alloc(p->arena, types);

	if (!c || !t)
		return sl_parse_lacking(p, 0, "too long");
	copy_columns(p, c);
	memcpy(t, p->types, types);
	box->s = p->s;
	box->s.columns = c;
	box->s.types = t;
	box->s.refs = 1;
	return 0;
}

/* Strings of a schema are of its text, but for quotes of normalised types. */
#define ARENA_MAX ((size_t)64 << 20)

int sl_schema_parse(const char *text, size_t n, struct sl_schema **ret,
		    struct sl_error *e)
{
	SL_CLEANUP(free) struct sl_parse *p = calloc(1, sizeof(*p));
	struct sl_schema_box *box = calloc(1, sizeof(*box));
	int r = -ENOMEM;

	if (p && box) {
		box->arena.max = ARENA_MAX;
		p->e = e;
		r = start(p, box, text, n);
		if (!r)
			r = parse_all(p);
		if (!r)
			r = settle(p, box);
		free(p->columns);
		free(p->types);
	}
	if (!r) {
		*ret = &box->s;
		return 0;
	}
	if (box)
		sl_arena_release(&box->arena);
	free(box);
	return r;
}

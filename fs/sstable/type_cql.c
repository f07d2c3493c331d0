/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types as schema.cql has them: NAME, NAME<TYPE, ...>, vector<TYPE, NUMBER>,
 * KEYSPACE.NAME of a user type, and classes in single quotes. A word that is
 * no type of CQL's is a user type's name.
 */
#include <string.h>

#include "sstable/schema.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

static const struct generic {
	const char *name;
	enum sl_type_kind kind;
	unsigned min, max; /* arguments */
} generics[] = {
	{ "list", SL_TYPE_LIST, 1, 1 },
	{ "set", SL_TYPE_SET, 1, 1 },
	{ "map", SL_TYPE_MAP, 2, 2 },
	{ "tuple", SL_TYPE_TUPLE, 1, 0x7fffffffu },
	{ "frozen", SL_TYPE_FROZEN, 1, 1 },
	{ "vector", SL_TYPE_VECTOR, 1, 1 },
};

static int read_type(struct sl_lex *l, struct sl_arena *a, unsigned depth,
		     struct sl_type **ret);

static int lacking(const struct sl_arena *a)
{
	return a->err ? a->err : -EPROTO;
}

static int read_dimension(struct sl_lex *l, struct sl_type *t)
{
	if (!sl_lex_accept_punct(l, ',') || l->tok != SL_TOK_NUMBER ||
	    l->len > 9)
		return -EPROTO;
	for (size_t i = 0; i < l->len; i++) {
		if (l->text[i] < '0' || l->text[i] > '9')
			return -EPROTO;
		t->dimension = t->dimension * 10 + (unsigned)(l->text[i] - '0');
	}
	sl_lex_next(l);
	return 0;
}

static int read_arguments(struct sl_lex *l, struct sl_arena *a,
			  const struct generic *g, unsigned depth,
			  struct sl_type *t)
{
	struct sl_type **tail = &t->first;
	unsigned count = 0;
	bool more = true;
	int e = 0;

	t->kind = g->kind;
	for (; more && count < g->max; count++) {
		e = read_type(l, a, depth + 1, tail);
		if (e)
			return e;
		tail = &(*tail)->next;
		more = count + 1 < g->max && sl_lex_accept_punct(l, ',');
	}
	if (count < g->min)
		return -EPROTO;
	if (g->kind == SL_TYPE_VECTOR)
		e = read_dimension(l, t);
	if (!e && !sl_lex_accept_punct(l, '>'))
		e = -EPROTO;
	return e;
}

static const struct generic *find(const struct sl_lex *l)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(generics); i++)
		if (sl_lex_word(l, generics[i].name))
			return &generics[i];
	return NULL;
}

/* A type of CQL's own or a user's; the latter perhaps with its keyspace. */
static int read_named(struct sl_lex *l, struct sl_arena *a, struct sl_type *t)
{
	bool word = l->tok == SL_TOK_WORD;
	const char *name = sl_lex_name(l, a);

	if (!name)
		return lacking(a);
	if (sl_lex_accept_punct(l, '.')) {
		word = false;
		name = sl_lex_name(l, a);
		if (!name)
			return lacking(a);
	}
	t->text = word ? sl_type_native(name) : NULL;
	t->kind = t->text ? SL_TYPE_NATIVE : SL_TYPE_USER;
	if (!t->text)
		t->text = name;
	return 0;
}

static int read_class(struct sl_lex *l, struct sl_arena *a,
		      struct sl_type **ret)
{
	const struct sl_type *t;
	int e = sl_type_of_class(l->text, l->len, a, &t);

	if (e)
		return e;
	*ret = sl_arena_alloc(a, sizeof(**ret));
	if (!*ret)
		return lacking(a);
	**ret = *t;
	sl_lex_next(l);
	return 0;
}

static int read_type(struct sl_lex *l, struct sl_arena *a, unsigned depth,
		     struct sl_type **ret)
{
	const struct generic *g = find(l);
	struct sl_lex behind = *l;
	struct sl_type *t;

	if (depth == SL_TYPE_DEPTH)
		return -E2BIG;
	if (l->tok == SL_TOK_STRING)
		return read_class(l, a, ret);
	t = sl_arena_alloc(a, sizeof(*t));
	if (!t)
		return lacking(a);
	*ret = t;
	sl_lex_next(&behind);
	if (!g || !sl_lex_accept_punct(&behind, '<'))
		return read_named(l, a, t);
	*l = behind;
	return read_arguments(l, a, g, depth, t);
}

int sl_type_of_cql(struct sl_lex *l, struct sl_arena *a,
		   const struct sl_type **ret)
{
	struct sl_type *t = NULL;
	int e = read_type(l, a, 0, &t);

	if (!e)
		*ret = t;
	return e;
}

int sl_type_cql(const char *marshal, struct sl_buf *out)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_type *t;
	int e = sl_type_of_class(marshal, strlen(marshal), &a, &t);

	if (e)
		return e == -E2BIG ? -EPROTO : e;
	return sl_type_print(t, out);
}

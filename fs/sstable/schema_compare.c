/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A header against schema.cql: key types, clustering types and order, then
 * each column that the SSTable has seen. Healthy data must pass:
 *
 * - A header lists only columns written in that SSTable; so what is missing
 *   says nothing.
 * - Types are compared as trees, without "frozen" where nothing else is
 *   possible: writers of different versions differ there. One that was made
 *   wider since is none of another kind.
 * - A dropped column stays in old headers, with its last type or an earlier
 *   one, and may live again with another: DROPPED_COLUMN unless it agrees
 *   with the live one.
 * - COMPACT STORAGE: schema.cql shows neither the hidden clustering column of
 *   a static table nor that its columns are static, nor the column "value" of
 *   bytes or of nothing.
 */
#include <string.h>

#include "error.h"
#include "sstable/schema_columns.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

/* After so many findings about one header nobody reads on. */
#define FOUND_MAX 256
#define TYPE_SHOWN 48

struct compare {
	const struct sl_schema *s;
	const struct sl_header *h;
	sl_schema_found_fn *found;
	void *arg;
	unsigned count;
	const struct sl_schema_column **by_name; /* sorted */
};

static void SL_PRINTF(3, 4)
tell(struct compare *c, enum sl_rule rule, const char *fmt, ...)
{
	char text[SL_FACTS_DETAIL], clean[SL_FACTS_DETAIL];
	va_list ap;

	if (c->count++ >= FOUND_MAX)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	sl_text_clean(clean, sizeof(clean), text, strlen(text));
	c->found(c->arg, rule, clean);
}

static int by_name(const void *a, const void *b)
{
	const struct sl_schema_column *const *x = a, *const *y = b;
	int d = strcmp((*x)->name, (*y)->name);

	return d ? d : (*x)->dropped - (*y)->dropped;
}

static int sort_columns(struct compare *c)
{
	size_t n = c->s->column_count;

	c->by_name = calloc(n + 1, sizeof(const void *));
	if (!c->by_name)
		return -ENOMEM;
	for (size_t i = 0; i < n; i++)
		c->by_name[i] = &c->s->columns[i];
	qsort(c->by_name, n, sizeof(const void *), by_name);
	return 0;
}

static const struct sl_schema_column *find(const struct compare *c,
					   const char *name, bool dropped)
{
	const struct sl_schema_column key = { .name = name,
					      .dropped = dropped };
	const struct sl_schema_column *k = &key, **hit;

	hit = bsearch(&k, c->by_name, c->s->column_count, sizeof(const void *),
		      by_name);
	return hit ? *hit : NULL;
}

/* What is there for people to see of a type. */
static void show(const struct sl_type *t, char out[TYPE_SHOWN])
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);

	if (sl_type_print(t, &b))
		snprintf(out, TYPE_SHOWN, "(very long)");
	else
		sl_text_clean(out, TYPE_SHOWN, sl_buf_str(&b), b.len);
}

/* A type in the header; -E2BIG: it cannot be said. */
static int header_type(struct compare *c, const char *text, const char *what,
		       struct sl_arena *a, const struct sl_type **ret)
{
	int r = sl_type_of_class(text, strlen(text), a, ret);

	if (r == -EPROTO)
		tell(c, SL_RULE_SCHEMA_MISMATCH,
		     "%s has a type in Statistics.db that makes no sense: "
		     "'%.60s'", what, text);
	return r;
}

static int schema_type(const struct sl_schema_column *col, struct sl_arena *a,
		       const struct sl_type **ret)
{
	struct sl_lex l;

	sl_lex_init(&l, col->type, strlen(col->type));
	return sl_type_of_cql(&l, a, ret);
}

/* -EPROTO from a type that was printed by us: it cannot be compared. */
static int softened(int r)
{
	return r == -ENOMEM ? r : 0;
}

static void tell_types(struct compare *c, const char *what,
		       const struct sl_type *schema,
		       const struct sl_type *header)
{
	char s[TYPE_SHOWN], h[TYPE_SHOWN];

	show(schema, s);
	show(header, h);
	tell(c, SL_RULE_SCHEMA_MISMATCH,
	     "%s is %s in schema.cql and %s in Statistics.db", what, s, h);
}

static void tell_unfrozen(struct compare *c, const char *what,
			  const struct sl_type *schema)
{
	char s[TYPE_SHOWN];

	show(schema, s);
	tell(c, SL_RULE_UNFROZEN_TYPE,
	     "%s is %s in schema.cql and not frozen in Statistics.db", what,
	     s);
}

static int compare_key_column(struct compare *c,
			      const struct sl_schema_column *col,
			      const struct sl_type *header,
			      struct sl_arena *a)
{
	const struct sl_type *schema;
	enum sl_type_match m;
	char what[100];
	int r = schema_type(col, a, &schema);

	if (r)
		return softened(r);
	snprintf(what, sizeof(what), "key column '%.60s'", col->name);
	m = sl_type_compare(header, schema, true);
	if (m == SL_TYPE_OTHER && !sl_type_widened(header, schema, true))
		tell_types(c, what, schema, header);
	else if (m == SL_TYPE_UNFROZEN)
		tell_unfrozen(c, what, schema);
	return 0;
}

static int compare_composite(struct compare *c, const struct sl_type *t,
			     unsigned count, struct sl_arena *a)
{
	const struct sl_type *arg = t->first;
	unsigned n = 0;
	int r = 0;

	if (t->kind == SL_TYPE_COMPOSITE)
		for (; arg; arg = arg->next)
			n++;
	else
		n = 1;
	if (n != count) {
		tell(c, SL_RULE_SCHEMA_MISMATCH,
		     "the partition key has %u columns in schema.cql and %u "
		     "in Statistics.db", count, n);
		return 0;
	}
	arg = t->first;
	for (unsigned i = 0; !r && arg; i++, arg = arg->next)
		r = compare_key_column(
			c, sl_schema_key(c->s, SL_COLUMN_PARTITION_KEY, i),
			arg, a);
	return r;
}

static int compare_partition_key(struct compare *c)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	unsigned count = sl_schema_count(c->s, SL_COLUMN_PARTITION_KEY);
	const struct sl_schema_column *first =
		sl_schema_key(c->s, SL_COLUMN_PARTITION_KEY, 0);
	const struct sl_type *t, *s;
	int r = header_type(c, c->h->key_type, "the partition key", &a, &t);

	if (r)
		return softened(r);
	if (count > 1)
		return compare_composite(c, t, count, &a);
	/* One column may itself be of a class that is composite. */
	if (t->kind == SL_TYPE_COMPOSITE && !schema_type(first, &a, &s) &&
	    s->kind < SL_TYPE_COMPOSITE)
		return compare_composite(c, t, count, &a);
	return compare_key_column(c, first, t, &a);
}

static int compare_clustering_column(struct compare *c, unsigned i)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_schema_column *col =
		sl_schema_key(c->s, SL_COLUMN_CLUSTERING, i);
	const struct sl_type *t;
	bool desc;
	char what[100];
	int r;

	snprintf(what, sizeof(what), "key column '%.60s'", col->name);
	r = header_type(c, c->h->clustering[i], what, &a, &t);
	if (r)
		return softened(r);
	desc = t->kind == SL_TYPE_REVERSED;
	if (desc == col->desc)
		return compare_key_column(c, col, t, &a);
	tell(c, SL_RULE_SCHEMA_MISMATCH,
	     "%s is ordered %s in schema.cql and %s in Statistics.db", what,
	     col->desc ? "DESC" : "ASC", desc ? "DESC" : "ASC");
	return 0;
}

static bool has_column(const struct sl_header *h, const char *name)
{
	for (size_t i = 0; i < h->column_count; i++)
		if (!strcmp(h->columns[i].name, name))
			return true;
	return false;
}

/* Is it one of the ways in which a compact table hides its clustering? */
static bool hidden_clustering(const struct compare *c, unsigned count)
{
	if (!c->s->compact || c->h->clusterings != 1)
		return false;
	/* A super column family: the second is the key of a nameless map. */
	return !count || has_column(c->h, "");
}

static int compare_clustering(struct compare *c)
{
	unsigned count = sl_schema_count(c->s, SL_COLUMN_CLUSTERING);
	int r = 0;

	if (c->h->clusterings != count) {
		if (!hidden_clustering(c, count))
			tell(c, SL_RULE_SCHEMA_MISMATCH,
			     "%u clustering columns in schema.cql and %zu in "
			     "Statistics.db", count, c->h->clusterings);
		return 0;
	}
	for (unsigned i = 0; !r && i < count; i++)
		r = compare_clustering_column(c, i);
	return r;
}

/* Of the types, and of static or not: how a column is what schema.cql says. */
static int match(const struct compare *c, const struct sl_schema_column *col,
		 const struct sl_column *hc, const struct sl_type *t,
		 enum sl_type_match *ret)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_type *s;
	int r = schema_type(col, &a, &s);

	*ret = SL_TYPE_SAME;
	if (r)
		return softened(r);
	*ret = sl_type_compare(t, s, false);
	if (sl_type_widened(t, s, false))
		*ret = SL_TYPE_SAME;
	if (!c->s->compact &&
	    hc->is_static != (col->kind == SL_COLUMN_STATIC))
		*ret = SL_TYPE_OTHER;
	return 0;
}

static const char *place_of(bool is_static)
{
	return is_static ? "static" : "regular";
}

/* Types or places differ: says which. */
static int tell_column(struct compare *c, const struct sl_schema_column *col,
		       const struct sl_column *hc, const struct sl_type *t,
		       bool unfrozen)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_type *s;
	char what[100];
	int r = schema_type(col, &a, &s);

	if (r)
		return softened(r);
	snprintf(what, sizeof(what), "column '%.60s'", col->name);
	if (unfrozen)
		tell_unfrozen(c, what, s);
	else if (sl_type_compare(t, s, false) == SL_TYPE_OTHER)
		tell_types(c, what, s, t);
	else
		tell(c, SL_RULE_SCHEMA_MISMATCH,
		     "%s is %s in schema.cql and %s in Statistics.db", what,
		     place_of(col->kind == SL_COLUMN_STATIC),
		     place_of(hc->is_static));
	return 0;
}

static int compare_live(struct compare *c, const struct sl_schema_column *col,
			const struct sl_column *hc, const struct sl_type *t)
{
	enum sl_type_match m;
	int r;

	if (sl_column_is_key(col)) {
		tell(c, SL_RULE_SCHEMA_MISMATCH,
		     "column '%.60s' is part of the key in schema.cql only",
		     col->name);
		return 0;
	}
	r = match(c, col, hc, t, &m);
	if (r || m == SL_TYPE_SAME)
		return r;
	if (m == SL_TYPE_OTHER && find(c, hc->name, true)) {
		tell(c, SL_RULE_DROPPED_COLUMN,
		     "column '%.60s' was dropped and added again as another",
		     hc->name);
		return 0;
	}
	return tell_column(c, col, hc, t, m == SL_TYPE_UNFROZEN);
}

/* Columns that schema.cql of a compact table does not show. */
static bool hidden_column(const struct compare *c, const char *name,
			  const struct sl_type *t)
{
	return c->s->compact && (!name[0] || !strcmp(name, "value") ||
				 (t->kind == SL_TYPE_NATIVE &&
				  !strcmp(t->text, "empty")));
}

static void tell_unknown(struct compare *c, const char *name,
			 const struct sl_type *t)
{
	char shown[TYPE_SHOWN];

	show(t, shown);
	if (find(c, name, true))
		tell(c, SL_RULE_DROPPED_COLUMN, "'%.60s' %s", name, shown);
	else if (!hidden_column(c, name, t))
		tell(c, SL_RULE_SCHEMA_MISMATCH,
		     "column '%.60s' %s is not in schema.cql", name, shown);
}

static int compare_column(struct compare *c, const struct sl_column *hc)
{
	SL_CLEANUP(arena) struct sl_arena a = SL_ARENA_INIT(SL_TYPE_ROOM);
	const struct sl_schema_column *live = find(c, hc->name, false);
	const struct sl_type *t;
	char what[100];
	int r;

	snprintf(what, sizeof(what), "column '%.60s'", hc->name);
	r = header_type(c, hc->type, what, &a, &t);
	if (r)
		return softened(r);
	if (live)
		return compare_live(c, live, hc, t);
	tell_unknown(c, hc->name, t);
	return 0;
}

int sl_schema_compare(const struct sl_schema *s, const struct sl_header *h,
		      sl_schema_found_fn *found, void *arg)
{
	struct compare c = { .s = s, .h = h, .found = found, .arg = arg };
	int r;

	if (s->view)
		return 0;
	r = sort_columns(&c);
	if (!r)
		r = compare_partition_key(&c);
	if (!r)
		r = compare_clustering(&c);
	for (size_t i = 0; !r && i < h->column_count; i++)
		r = compare_column(&c, &h->columns[i]);
	free(c.by_name);
	return r;
}

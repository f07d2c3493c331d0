/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be asked of types once they are trees: are two the same, and how
 * is one written in CQL.
 */
#include "sstable/type.h"

#include <string.h>

#include "sstable/schema_lex.h"

static const char *const natives[] = {
	"ascii", "bigint", "blob", "boolean", "counter", "date", "decimal",
	"double", "duration", "empty", "float", "inet", "int", "smallint",
	"text", "time", "timestamp", "timeuuid", "tinyint", "uuid", "varint",
};

const char *sl_type_native(const char *name)
{
	if (!strcmp(name, "varchar"))
		return "text";
	for (size_t i = 0; i < SL_ARRAY_LEN(natives); i++)
		if (!strcmp(name, natives[i]))
			return natives[i];
	return NULL;
}

const struct sl_type *sl_type_bare(const struct sl_type *t)
{
	while (t->kind == SL_TYPE_REVERSED || t->kind == SL_TYPE_FROZEN)
		t = t->first;
	return t;
}

static bool is_frozen(const struct sl_type *t)
{
	while (t->kind == SL_TYPE_REVERSED)
		t = t->first;
	return t->kind == SL_TYPE_FROZEN;
}

/* The class alone, without its package and arguments. */
static size_t class_name(const char *s, const char **ret)
{
	size_t n = strcspn(s, "(");

	*ret = s;
	for (size_t i = 0; i < n; i++)
		if (s[i] == '.')
			*ret = s + i + 1;
	return n - (size_t)(*ret - s);
}

/* DataStax moved some classes between packages. */
static bool same_class(const char *a, const char *b)
{
	const char *x, *y;
	size_t n = class_name(a, &x);

	return class_name(b, &y) == n && !strncmp(x, y, n) &&
	       !strcmp(x + n, y + n);
}

static bool same_here(const struct sl_type *a, const struct sl_type *b)
{
	bool a_class = a->kind >= SL_TYPE_COMPOSITE;
	bool b_class = b->kind >= SL_TYPE_COMPOSITE;

	if (a_class && b_class)
		return same_class(a->text, b->text);
	return a->kind == b->kind && a->dimension == b->dimension &&
	       (!a->text || (b->text && !strcmp(a->text, b->text)));
}

enum place {
	COLUMN, /* a column's own type: frozen or not makes a difference */
	WITHIN, /* of a collection or a key: is frozen, said or not */
	FROZEN, /* below a frozen type: nobody says so */
};

static bool is_collection(const struct sl_type *t)
{
	return t->kind == SL_TYPE_LIST || t->kind == SL_TYPE_SET ||
	       t->kind == SL_TYPE_MAP;
}

static enum sl_type_match compare_frozen(const struct sl_type *h,
					 const struct sl_type *s,
					 enum place place)
{
	bool h_frozen = is_frozen(h), s_frozen = is_frozen(s);
	bool user = sl_type_bare(h)->kind == SL_TYPE_USER;

	if (h_frozen == s_frozen || place == FROZEN)
		return SL_TYPE_SAME;
	if (user && s_frozen)
		return SL_TYPE_UNFROZEN;
	if (place == COLUMN && (user || is_collection(sl_type_bare(h))))
		return SL_TYPE_OTHER;
	return SL_TYPE_SAME;
}

static enum sl_type_match compare(const struct sl_type *header,
				  const struct sl_type *schema,
				  enum place place)
{
	const struct sl_type *h = sl_type_bare(header);
	const struct sl_type *s = sl_type_bare(schema);
	enum sl_type_match worst = same_here(h, s) ?
			compare_frozen(header, schema, place) : SL_TYPE_OTHER;

	/*
	 * Fields of user types are not compared: a header knows those of its
	 * day, a schema only the name.
	 */
	if (worst == SL_TYPE_OTHER || h->kind >= SL_TYPE_COMPOSITE ||
	    h->kind == SL_TYPE_USER)
		return worst;
	place = is_frozen(header) || is_frozen(schema) || place == FROZEN ||
				!is_collection(h) ? FROZEN : WITHIN;
	h = h->first;
	s = s->first;
	for (; h && s && worst != SL_TYPE_OTHER; h = h->next, s = s->next) {
		enum sl_type_match m = compare(h, s, place);

		worst = m > worst ? m : worst;
	}
	return h || s ? SL_TYPE_OTHER : worst;
}

/* AbstractType.isValueCompatibleWith(). key: values sort alike, too. */
static const struct {
	const char *was, *is;
	bool key;
} widened[] = {
	{ "ascii", "text", true },
	{ "ascii", "blob", true },
	{ "text", "blob", true },
	{ "int", "varint", false },
	{ "bigint", "varint", false },
	{ "timestamp", "varint", false },
	{ "timestamp", "bigint", false },
	{ "bigint", "timestamp", false },
	{ "timeuuid", "uuid", false },
	{ "int", "date", false },
	{ "bigint", "time", false },
};

bool sl_type_widened(const struct sl_type *header,
		     const struct sl_type *schema, bool key)
{
	const char *was = sl_type_bare(header)->text;
	const char *is = sl_type_bare(schema)->text;

	if (sl_type_bare(header)->kind != SL_TYPE_NATIVE ||
	    sl_type_bare(schema)->kind != SL_TYPE_NATIVE)
		return false;
	for (size_t i = 0; i < SL_ARRAY_LEN(widened); i++)
		if (!strcmp(was, widened[i].was) && !strcmp(is, widened[i].is))
			return widened[i].key || !key;
	return !key && !strcmp(is, "blob") && strcmp(was, "counter") != 0;
}

enum sl_type_match sl_type_compare(const struct sl_type *header,
				   const struct sl_type *schema, bool key)
{
	return compare(header, schema, key ? WITHIN : COLUMN);
}

static void print_arguments(const struct sl_type *t, const char *name,
			    struct sl_buf *out)
{
	const char *comma = "<";

	sl_buf_puts(out, name);
	for (const struct sl_type *a = t->first; a; a = a->next) {
		sl_buf_puts(out, comma);
		sl_type_print(a, out);
		comma = ", ";
	}
	if (t->kind == SL_TYPE_VECTOR)
		sl_buf_printf(out, ", %lu", t->dimension);
	sl_buf_puts(out, ">");
}

/* Single quotes cannot be within: neither reader lets them pass. */
static void print_class(const struct sl_type *t, struct sl_buf *out)
{
	sl_buf_puts(out, "'");
	sl_buf_puts(out, t->text);
	sl_buf_puts(out, "'");
}

int sl_type_print(const struct sl_type *t, struct sl_buf *out)
{
	static const char *const names[] = {
		[SL_TYPE_LIST] = "list",     [SL_TYPE_SET] = "set",
		[SL_TYPE_MAP] = "map",	     [SL_TYPE_TUPLE] = "tuple",
		[SL_TYPE_VECTOR] = "vector", [SL_TYPE_FROZEN] = "frozen",
		[SL_TYPE_CUSTOM] = NULL,
	};

	if (t->kind == SL_TYPE_NATIVE)
		return sl_buf_puts(out, t->text);
	if (t->kind == SL_TYPE_USER)
		return sl_cql_name(out, t->text);
	if (t->kind == SL_TYPE_REVERSED)
		return sl_type_print(t->first, out);
	if (names[t->kind])
		print_arguments(t, names[t->kind], out);
	else
		print_class(t, out);
	return sl_buf_error(out);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types as Statistics.db has them: classes with arguments, as TypeParser.java
 * of Cassandra reads them. "NAME", "NAME(TYPE,TYPE)", and three with a
 * grammar of their own: VectorType(TYPE , NUMBER), UserType(KEYSPACE,
 * HEXNAME,HEXFIELD:TYPE,...), and classes that are not known, whose arguments
 * are only kept.
 */
#include "sstable/type.h"

#include <stdint.h>
#include <string.h>

#include "sstable/path_names.h"

static const char package[] = "org.apache.cassandra.db.marshal.";

struct reader {
	const char *p, *end;
	struct sl_arena *arena;
	unsigned depth;
};

struct class {
	const char *name;
	enum sl_type_kind kind;
	const char *cql;
	unsigned min, max; /* arguments */
};

#define MANY 0x7fffffffu
static const struct class classes[] = {
	{ "AsciiType", SL_TYPE_NATIVE, "ascii", 0, 0 },
	{ "BooleanType", SL_TYPE_NATIVE, "boolean", 0, 0 },
	{ "ByteType", SL_TYPE_NATIVE, "tinyint", 0, 0 },
	{ "BytesType", SL_TYPE_NATIVE, "blob", 0, 0 },
	{ "CounterColumnType", SL_TYPE_NATIVE, "counter", 0, 0 },
	{ "DateType", SL_TYPE_NATIVE, "timestamp", 0, 0 },
	{ "DecimalType", SL_TYPE_NATIVE, "decimal", 0, 0 },
	{ "DoubleType", SL_TYPE_NATIVE, "double", 0, 0 },
	{ "DurationType", SL_TYPE_NATIVE, "duration", 0, 0 },
	{ "EmptyType", SL_TYPE_NATIVE, "empty", 0, 0 },
	{ "FloatType", SL_TYPE_NATIVE, "float", 0, 0 },
	{ "InetAddressType", SL_TYPE_NATIVE, "inet", 0, 0 },
	{ "Int32Type", SL_TYPE_NATIVE, "int", 0, 0 },
	{ "IntegerType", SL_TYPE_NATIVE, "varint", 0, 0 },
	{ "LongType", SL_TYPE_NATIVE, "bigint", 0, 0 },
	{ "ShortType", SL_TYPE_NATIVE, "smallint", 0, 0 },
	{ "SimpleDateType", SL_TYPE_NATIVE, "date", 0, 0 },
	{ "TimeType", SL_TYPE_NATIVE, "time", 0, 0 },
	{ "TimeUUIDType", SL_TYPE_NATIVE, "timeuuid", 0, 0 },
	{ "TimestampType", SL_TYPE_NATIVE, "timestamp", 0, 0 },
	{ "UTF8Type", SL_TYPE_NATIVE, "text", 0, 0 },
	{ "UUIDType", SL_TYPE_NATIVE, "uuid", 0, 0 },
	{ "ListType", SL_TYPE_LIST, NULL, 1, 1 },
	{ "SetType", SL_TYPE_SET, NULL, 1, 1 },
	{ "MapType", SL_TYPE_MAP, NULL, 2, 2 },
	{ "TupleType", SL_TYPE_TUPLE, NULL, 1, MANY },
	{ "FrozenType", SL_TYPE_FROZEN, NULL, 1, 1 },
	{ "ReversedType", SL_TYPE_REVERSED, NULL, 1, 1 },
	{ "CompositeType", SL_TYPE_COMPOSITE, NULL, 1, MANY },
	{ "VectorType", SL_TYPE_VECTOR, NULL, 1, 1 },
	{ "UserType", SL_TYPE_USER, NULL, 0, MANY },
};

static int read_type(struct reader *r, struct sl_type **ret);

static bool at_end_of_name(char c)
{
	return c == '(' || c == ')' || c == ',' || c == ' ' || c == ':' ||
	       c == '\t' || c == '\n' || c == '\r';
}

static void blanks(struct reader *r)
{
	while (r->p < r->end && strchr(" \t\r\n", *r->p) && *r->p)
		r->p++;
}

static bool accept(struct reader *r, char c)
{
	blanks(r);
	if (r->p == r->end || *r->p != c)
		return false;
	r->p++;
	return true;
}

/* A word: up to what may follow a name. */
static size_t word(struct reader *r, const char **ret)
{
	blanks(r);
	*ret = r->p;
	while (r->p < r->end && !at_end_of_name(*r->p))
		r->p++;
	return (size_t)(r->p - *ret);
}

static bool starts(const char *s, size_t n, const char *lit)
{
	return n >= strlen(lit) && !memcmp(s, lit, strlen(lit));
}

static const struct class *find(const char *s, size_t n)
{
	if (starts(s, n, package)) {
		s += strlen(package);
		n -= strlen(package);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(classes); i++)
		if (sl_name_equals(s, n, classes[i].name))
			return &classes[i];
	return NULL;
}

/* Of nodes that could not be had. */
static int lacking(const struct reader *r)
{
	return r->arena->err ? r->arena->err : -EPROTO;
}

static unsigned half(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
}

static bool is_hex(char c)
{
	return sl_char_lower_hex(c) || (c >= 'A' && c <= 'F');
}

/* A name written in hexadecimal digits; NULL. */
static char *hex_name(struct reader *r)
{
	const char *s;
	size_t n = word(r, &s);
	char *name;

	if (!n || n % 2 || !sl_name_all(is_hex, s, n))
		return NULL;
	name = sl_arena_str(r->arena, s, n / 2);
	for (size_t i = 0; name && i < n / 2; i++) {
		name[i] = (char)(half(s[2 * i]) << 4 | half(s[2 * i + 1]));
		if (!name[i])
			return NULL;
	}
	return name;
}

static int read_field(struct reader *r, struct sl_type **ret)
{
	char *name = hex_name(r);
	int e;

	if (!name)
		return lacking(r);
	if (!accept(r, ':'))
		return -EPROTO;
	e = read_type(r, ret);
	if (!e)
		(*ret)->field = name;
	return e;
}

/* KEYSPACE,HEXNAME of a user type. */
static int read_user(struct reader *r, struct sl_type *t)
{
	const char *keyspace;

	if (!word(r, &keyspace) || !accept(r, ','))
		return -EPROTO;
	t->text = hex_name(r);
	return t->text ? 0 : lacking(r);
}

static int read_dimension(struct reader *r, struct sl_type *t)
{
	const char *s;
	size_t n;

	if (!accept(r, ','))
		return -EPROTO;
	n = word(r, &s);
	if (!n || n > 9)
		return -EPROTO;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '9')
			return -EPROTO;
		t->dimension = t->dimension * 10 + (unsigned)(s[i] - '0');
	}
	return 0;
}

/* Arguments of 't', the opening bracket read; the closing one is left. */
static int read_arguments(struct reader *r, const struct class *c,
			  struct sl_type *t)
{
	bool user = c->kind == SL_TYPE_USER, more = true;
	struct sl_type **tail = &t->first;
	unsigned count = 0;
	int e = user ? read_user(r, t) : 0;

	if (user)
		more = accept(r, ',');
	for (; !e && more && count < c->max; count++) {
		e = user ? read_field(r, tail) : read_type(r, tail);
		if (e)
			break;
		tail = &(*tail)->next;
		more = count + 1 < c->max && accept(r, ',');
	}
	if (!e && count < c->min)
		e = -EPROTO;
	if (!e && c->kind == SL_TYPE_VECTOR)
		e = read_dimension(r, t);
	return e;
}

/* Past what is in brackets, whatever it is. */
static int skip_arguments(struct reader *r)
{
	size_t open = 0;

	blanks(r);
	if (r->p == r->end || *r->p != '(')
		return 0;
	do {
		open += *r->p == '(';
		open -= *r->p == ')';
		r->p++;
	} while (open && r->p < r->end);
	return open ? -EPROTO : 0;
}

static bool is_name_char(char c)
{
	return sl_char_word(c) || c == '.';
}

/* Leaves the usual package out, of the class and of its arguments. */
static void strip_packages(char *s)
{
	size_t len = strlen(s), to = 0;

	for (size_t i = 0; i < len; i++) {
		if (!i || !is_name_char(s[i - 1]))
			while (starts(s + i, len - i, package))
				i += strlen(package);
		s[to++] = s[i];
	}
	s[to] = '\0';
}

/* The text of a class, in the form in which two are compared. */
static char *class_text(struct reader *r, const char *from)
{
	size_t n = (size_t)(r->p - from), to = 0;
	char *s = sl_arena_alloc(r->arena, n + 1);

	if (!s)
		return NULL;
	for (size_t i = 0; i < n; i++)
		if (!strchr(" \t\r\n", from[i]))
			s[to++] = from[i];
	strip_packages(s);
	return s;
}

/* Bytes that a class's name or arguments never hold end up in no DDL. */
static bool clean(const char *s)
{
	for (; *s; s++)
		if (*s < 0x21 || *s > 0x7e || *s == '\'' || *s == '"')
			return false;
	return true;
}

/* A name that is a package alone, or has one twice, is no class's. */
static bool odd_name(const char *s, size_t n)
{
	size_t skip = strlen(package);

	return starts(s, n, package) &&
	       (n == skip || starts(s + skip, n - skip, package));
}

static int read_custom(struct reader *r, const char *from, struct sl_type *t)
{
	int e = odd_name(from, (size_t)(r->p - from)) ? -EPROTO :
							 skip_arguments(r);

	if (e)
		return e;
	t->kind = SL_TYPE_CUSTOM;
	t->first = NULL;
	t->text = class_text(r, from);
	if (!t->text)
		return lacking(r);
	return clean(t->text) ? 0 : -EPROTO;
}

static int read_known(struct reader *r, const struct class *c,
		      const char *from, struct sl_type *t)
{
	bool open = accept(r, '(');
	int e = 0;

	t->kind = c->kind;
	t->text = c->cql;
	if (open != (c->max > 0))
		return -EPROTO;
	if (!open)
		return 0;
	e = read_arguments(r, c, t);
	if (!e && !accept(r, ')'))
		e = -EPROTO;
	if (!e && c->kind == SL_TYPE_COMPOSITE) {
		t->text = class_text(r, from);
		e = !t->text ? lacking(r) : clean(t->text) ? 0 : -EPROTO;
	}
	return e;
}

static int read_type(struct reader *r, struct sl_type **ret)
{
	struct sl_type *t = sl_arena_alloc(r->arena, sizeof(*t));
	const struct class *c;
	const char *from;
	size_t n;
	int e;

	if (!t)
		return lacking(r);
	if (r->depth == SL_TYPE_DEPTH)
		return -E2BIG;
	n = word(r, &from);
	if (!n)
		return -EPROTO;
	c = find(from, n);
	r->depth++;
	e = c ? read_known(r, c, from, t) : read_custom(r, from, t);
	r->depth--;
	if (!e)
		*ret = t;
	return e;
}

int sl_type_of_class(const char *text, size_t n, struct sl_arena *a,
		     const struct sl_type **ret)
{
	struct reader r = { text, text + n, a, 0 };
	struct sl_type *t = NULL;
	int e = memchr(text, '\0', n) ? -EPROTO : read_type(&r, &t);

	if (e)
		return e;
	blanks(&r);
	if (r.p != r.end)
		return -EPROTO;
	*ret = t;
	return 0;
}

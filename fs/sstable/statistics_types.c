/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which clustering values stand in a bound without a length before them: the
 * types of a fixed length, as AbstractType.valueLengthIfFixed() has them.
 * That is fewer than one would think: ByteType, ShortType, SimpleDateType and
 * TimeType are not among them.
 */
#include <string.h>

#include "sstable/path_names.h"
#include "sstable/statistics.h"

#define MARSHAL "org.apache.cassandra.db.marshal."
#define DEPTH 8

static const struct {
	const char *name;
	unsigned length;
} fixed[] = {
	{ "BooleanType", 1 },	{ "DateType", 8 },
	{ "DoubleType", 8 },	{ "FloatType", 4 },
	{ "Int32Type", 4 },	{ "LexicalUUIDType", 16 },
	{ "LongType", 8 },	{ "TimestampType", 8 },
	{ "TimeUUIDType", 16 }, { "UUIDType", 16 },
};

/* These are as long as what they wrap. */
static const char *const wrappers[] = { "ReversedType(", "FrozenType(" };

struct text {
	const char *s;
	size_t n;
};

static void skip(struct text *t, size_t n)
{
	t->s += n;
	t->n -= n;
}

static void trim(struct text *t)
{
	while (t->n && *t->s == ' ')
		skip(t, 1);
	while (t->n && t->s[t->n - 1] == ' ')
		t->n--;
	if (sl_name_starts(t->s, t->n, MARSHAL))
		skip(t, sizeof(MARSHAL) - 1);
}

static bool unwrap(struct text *t)
{
	trim(t);
	for (size_t i = 0; i < SL_ARRAY_LEN(wrappers); i++) {
		if (!sl_name_starts(t->s, t->n, wrappers[i]) ||
		    t->s[t->n - 1] != ')')
			continue;
		skip(t, strlen(wrappers[i]));
		t->n--;
		return true;
	}
	return false;
}

static unsigned plain(struct text t)
{
	for (size_t i = 0; i < SL_ARRAY_LEN(fixed); i++)
		if (sl_name_equals(t.s, t.n, fixed[i].name))
			return fixed[i].length;
	return 0;
}

/* "FloatType , 8)": the element's length times the dimension. */
static unsigned vector(struct text t)
{
	const char *comma = memrchr(t.s, ',', t.n);
	struct text element;
	unsigned dimension = 0;

	if (!comma)
		return 0;
	element = (struct text){ t.s, (size_t)(comma - t.s) };
	trim(&element);
	for (const char *p = comma + 1; p < t.s + t.n; p++)
		if (*p >= '0' && *p <= '9' && dimension < 100000)
			dimension = dimension * 10 + (unsigned)(*p - '0');
	return plain(element) * dimension;
}

unsigned sl_stats_fixed_length(const char *type, size_t n)
{
	static const char vector_of[] = "VectorType(";
	struct text t = { type, n };

	for (unsigned i = 0; i < DEPTH && unwrap(&t); i++)
		;
	trim(&t);
	if (!sl_name_starts(t.s, t.n, vector_of))
		return plain(t);
	skip(&t, sizeof(vector_of) - 1);
	return vector(t);
}

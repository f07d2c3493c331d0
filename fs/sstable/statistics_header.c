/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HEADER component of Statistics.db (SerializationHeader.java): the
 * types of keys and the columns that occur in this SSTable. Walked twice by
 * the same functions, once to count and judge, once to copy.
 */
#include <string.h>

#include "sstable/header.h"
#include "sstable/statistics.h"

bool sl_stats_class_text(const char *s, size_t n)
{
	long depth = 0;

	for (size_t i = 0; i < n && depth >= 0; i++) {
		if (s[i] < ' ' || s[i] > '~')
			return false;
		depth += (s[i] == '(') - (s[i] == ')');
	}
	return n && !depth;
}

static const char *type(struct sl_stats_reader *r, size_t *n)
{
	const char *s = sl_bytes_text(&r->b, n);

	if (s && !sl_stats_class_text(s, *n))
		sl_stats_wrong(r, "a type that is no text");
	return s ? s : "";
}

/* Each element has two bytes at least: what cannot be there is not tried. */
static uint64_t count(struct sl_stats_reader *r)
{
	uint64_t n = sl_bytes_vint(&r->b);

	if (n > sl_bytes_left(&r->b) || n > SL_HEADER_COLUMNS)
		sl_stats_wrong(r, "more elements than there can be");
	return r->wrong || r->b.bad ? 0 : n;
}

static bool fine(const struct sl_stats_reader *r)
{
	return !r->wrong && !r->b.bad;
}

static void clusterings(struct sl_stats_reader *r, struct sl_header_maker *m)
{
	size_t n;

	r->field = "clustering types";
	for (uint64_t left = count(r); left && fine(r); left--) {
		const char *s = type(r, &n);

		sl_header_clustering(m, s, n);
	}
}

static void columns(struct sl_stats_reader *r, struct sl_header_maker *m,
		    bool is_static)
{
	r->field = is_static ? "static columns" : "regular columns";
	for (uint64_t left = count(r); left && fine(r); left--) {
		size_t n;
		const char *s = sl_bytes_text(&r->b, &n);

		sl_header_name(m, s ? s : "", n);
		s = type(r, &n);
		sl_header_column(m, is_static, s, n);
	}
}

static void key(struct sl_stats_reader *r, struct sl_header_maker *m)
{
	size_t n;
	const char *s;

	r->field = "partition key type";
	s = type(r, &n);
	sl_header_key(m, s, n);
}

static void walk(struct sl_stats_reader *r, struct sl_header_maker *m)
{
	r->field = "smallest times";
	sl_bytes_vint(&r->b); /* timestamp */
	sl_bytes_vint(&r->b); /* local deletion time */
	sl_bytes_vint(&r->b); /* time to live */
	key(r, m);
	if (fine(r))
		clusterings(r, m);
	if (fine(r))
		columns(r, m, true);
	if (fine(r))
		columns(r, m, false);
}

static int judge(struct sl_stats_reader *r)
{
	if (r->b.bad)
		sl_stats_wrong(r, "ends too early");
	else if (!r->wrong && !sl_bytes_done(&r->b))
		sl_stats_wrong(r, "bytes after the last column");
	return r->wrong ? -EPROTO : 0;
}

int sl_stats_header(struct sl_stats_reader *r)
{
	struct sl_header_maker m = { 0 };
	int e;

	walk(r, &m);
	e = judge(r);
	if (e)
		return e;
	e = sl_header_allocate(&m);
	if (e == -EMSGSIZE) {
		sl_stats_wrong(r, "more text or columns than is sensible");
		return -EPROTO;
	}
	if (e)
		return e;
	r->b.at = 0;
	walk(r, &m);
	r->facts->header = m.header;
	return 0;
}

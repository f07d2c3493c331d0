/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A serialisation header as bytes. Texts end in NUL, which none of them can
 * hold, so no length has to be believed; the maker counts before it
 * allocates.
 */
#include <string.h>

#include "sstable/facts_internal.h"
#include "sstable/header.h"

static void put_u32(struct sl_buf *out, size_t v)
{
	unsigned char b[4] = { (unsigned char)(v >> 24),
			       (unsigned char)(v >> 16),
			       (unsigned char)(v >> 8), (unsigned char)v };

	sl_buf_append(out, b, sizeof(b));
}

static void put_text(struct sl_buf *out, const char *s)
{
	sl_buf_append(out, s, strlen(s) + 1);
}

void sl_header_pack(const struct sl_header *h, struct sl_buf *out)
{
	put_text(out, h->key_type);
	put_u32(out, h->clusterings);
	put_u32(out, h->column_count);
	for (size_t i = 0; i < h->clusterings; i++)
		put_text(out, h->clustering[i]);
	for (size_t i = 0; i < h->column_count; i++) {
		sl_buf_append(out, h->columns[i].is_static ? "s" : "r", 1);
		put_text(out, h->columns[i].name);
		put_text(out, h->columns[i].type);
	}
}

/* "" and b->bad when it does not end. */
static const char *take_text(struct sl_bytes *b, size_t *ret_n)
{
	const unsigned char *p = b->data + b->at;
	const unsigned char *end = memchr(p, '\0', sl_bytes_left(b));

	*ret_n = end ? (size_t)(end - p) : 0;
	if (!end) {
		b->bad = true;
		return "";
	}
	b->at += *ret_n + 1;
	return (const char *)p;
}

static bool take_column(struct sl_bytes *b, struct sl_header_maker *m)
{
	unsigned kind = sl_bytes_u8(b);
	const char *s;
	size_t n;

	s = take_text(b, &n);
	sl_header_name(m, s, n);
	s = take_text(b, &n);
	sl_header_column(m, kind == 's', s, n);
	return (kind == 's' || kind == 'r') && !b->bad;
}

static bool walk(struct sl_bytes *b, struct sl_header_maker *m)
{
	size_t clusterings, columns, n;
	const char *s = take_text(b, &n);

	sl_header_key(m, s, n);
	clusterings = sl_bytes_u32(b);
	columns = sl_bytes_u32(b);
	if (b->bad || clusterings > SL_HEADER_COLUMNS ||
	    columns > SL_HEADER_COLUMNS)
		return false;
	for (size_t i = 0; i < clusterings && !b->bad; i++) {
		s = take_text(b, &n);
		sl_header_clustering(m, s, n);
	}
	for (size_t i = 0; i < columns; i++)
		if (!take_column(b, m))
			return false;
	return !b->bad;
}

int sl_header_unpack(struct sl_bytes *b, struct sl_header **ret)
{
	struct sl_header_maker m = { 0 };
	size_t begin = b->at;
	int r;

	if (!walk(b, &m))
		return -EPROTO;
	r = sl_header_allocate(&m);
	if (r)
		return r == -ENOMEM ? r : -EPROTO;
	b->at = begin;
	walk(b, &m); /* as before: the same bytes */
	*ret = m.header;
	return 0;
}

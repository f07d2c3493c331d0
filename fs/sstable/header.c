/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See header.h. Layout of the one allocation: the struct, pointers to the
 * clustering types, the columns, the texts. Both passes go through put(), so
 * that what was counted and what is copied cannot differ.
 */
#include "sstable/header.h"

#include <string.h>

#include "sstable/path_names.h"

struct sl_header *sl_header_ref(struct sl_header *h)
{
	if (h)
		__atomic_add_fetch(&h->refs, 1, __ATOMIC_RELAXED);
	return h;
}

void sl_header_unref(struct sl_header *h)
{
	if (h && !__atomic_sub_fetch(&h->refs, 1, __ATOMIC_ACQ_REL))
		free(h);
}

/* NULL while counting. Saturates: no sum of lengths wraps around. */
static char *room(struct sl_header_maker *m, size_t n)
{
	char *at = m->next;

	if (__builtin_add_overflow(m->text, n, &m->text))
		m->text = SIZE_MAX;
	if (at)
		m->next += n;
	return at;
}

static const char *put(struct sl_header_maker *m, const char *s, size_t n)
{
	char *at = room(m, n + 1);

	if (at) {
		memcpy(at, s, n);
		at[n] = '\0';
	}
	return at;
}

static const char *put_hex(struct sl_header_maker *m, const char *s, size_t n)
{
	static const char digit[] = "0123456789abcdef";
	char *at = room(m, 2 * n + 3), *p = at;

	if (!at)
		return NULL;
	*p++ = '0';
	*p++ = 'x';
	for (size_t i = 0; i < n; i++) {
		*p++ = digit[(unsigned char)s[i] >> 4];
		*p++ = digit[s[i] & 15];
	}
	*p = '\0';
	return at;
}

void sl_header_key(struct sl_header_maker *m, const char *type, size_t n)
{
	const char *s = put(m, type, n);

	if (m->header)
		m->header->key_type = s;
}

void sl_header_clustering(struct sl_header_maker *m, const char *type,
			  size_t n)
{
	const char *s = put(m, type, n);

	m->clusterings++;
	if (m->clustering)
		*m->clustering++ = s;
}

/*
 * Thrift's comparators leave names that are a long's or a UUID's bytes, and
 * dense tables have a column without a name.
 */
void sl_header_name(struct sl_header_maker *m, const char *name, size_t n)
{
	const char *s = !n || sl_name_text_valid(name, n) ?
				put(m, name, n) : put_hex(m, name, n);

	if (m->column)
		m->column->name = s;
}

void sl_header_column(struct sl_header_maker *m, bool is_static,
		      const char *type, size_t n)
{
	const char *s = put(m, type, n);

	m->columns++;
	if (!m->column)
		return;
	m->column->type = s;
	m->column->is_static = is_static;
	m->column++;
}

int sl_header_allocate(struct sl_header_maker *m)
{
	struct sl_header *h;

	if (m->columns > SL_HEADER_COLUMNS || m->text > SL_HEADER_TEXT ||
	    m->clusterings > SL_HEADER_COLUMNS)
		return -EMSGSIZE;
	h = calloc(1, sizeof(*h) + m->clusterings * sizeof(*m->clustering) +
			      m->columns * sizeof(*m->column) + m->text);
	if (!h)
		return -ENOMEM;
	h->refs = 1;
	h->clusterings = m->clusterings;
	h->column_count = m->columns;
	m->clustering = (const char **)(void *)(h + 1);
	m->column = (struct sl_column *)(void *)(m->clustering +
						 m->clusterings);
	m->next = (char *)(void *)(m->column + m->columns);
	h->clustering = m->clustering;
	h->columns = m->column;
	m->header = h;
	return 0;
}

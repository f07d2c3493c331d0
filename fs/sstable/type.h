/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A type as a tree, whether it was written in CQL (schema.cql) or as classes
 * (Statistics.db): so that the two can be compared and the second shown as
 * the first. Trees live in an arena.
 */
#ifndef SL_TYPE_H
#define SL_TYPE_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "sstable/arena.h"

/* Deeper types, or larger ones, are not read: -E2BIG. */
#define SL_TYPE_DEPTH 64
#define SL_TYPE_ROOM ((size_t)4 << 20)

enum sl_type_kind {
	SL_TYPE_NATIVE,
	SL_TYPE_LIST,
	SL_TYPE_SET,
	SL_TYPE_MAP,
	SL_TYPE_TUPLE,
	SL_TYPE_VECTOR,
	SL_TYPE_USER,
	SL_TYPE_FROZEN,
	SL_TYPE_REVERSED,
	SL_TYPE_COMPOSITE,
	SL_TYPE_CUSTOM, /* a class that is not known */
};

struct sl_type {
	enum sl_type_kind kind;
	/*
	 * NATIVE: its name in CQL; USER: its name, without quotes; COMPOSITE
	 * and CUSTOM: the class text, without blanks and the usual package.
	 */
	const char *text;
	const char *field;     /* within a USER type: its name; or NULL */
	unsigned long dimension; /* VECTOR */
	struct sl_type *first, *next; /* arguments, in order */
};

struct sl_lex;

/* -EPROTO: makes no sense; -E2BIG; -ENOMEM. *ret lives in 'a'. */
int sl_type_of_class(const char *text, size_t n, struct sl_arena *a,
		     const struct sl_type **ret) SL_MUST_CHECK;
/* The same for CQL at the lexer's word, which goes on behind it. */
int sl_type_of_cql(struct sl_lex *l, struct sl_arena *a,
		   const struct sl_type **ret) SL_MUST_CHECK;
/* Appends it in CQL. ReversedType is left out. */
int sl_type_print(const struct sl_type *t, struct sl_buf *out);
/* The name in CQL of a type that has no arguments; NULL: it is none. */
const char *sl_type_native(const char *name);

enum sl_type_match {
	SL_TYPE_SAME,
	SL_TYPE_UNFROZEN, /* the same, but a user type lost its "frozen" */
	SL_TYPE_OTHER,
};
/*
 * Is the type in a header that of a schema? What cannot be anything but
 * frozen may be written either way. key: the column is part of the key.
 */
enum sl_type_match sl_type_compare(const struct sl_type *header,
				   const struct sl_type *schema, bool key);
/*
 * Up to Cassandra 3.10 ALTER TABLE could change a type into one that reads the
 * values of the old, which SSTables go on naming. Was it that? Nothing is
 * wrong with them.
 */
bool sl_type_widened(const struct sl_type *header,
		     const struct sl_type *schema, bool key);
/* Without ReversedType and FrozenType around it. */
const struct sl_type *sl_type_bare(const struct sl_type *t);

#endif

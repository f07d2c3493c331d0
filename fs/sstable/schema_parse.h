/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema while it is being read; shared by schema_parse*.c only. Functions
 * return 0, -EPROTO with the error recorded by sl_parse_fail(), or another
 * -errno.
 */
#ifndef SL_SCHEMA_PARSE_H
#define SL_SCHEMA_PARSE_H

#include "error.h"
#include "sstable/arena.h"
#include "sstable/schema.h"
#include "sstable/schema_lex.h"

/* Beyond what any table has: the rest is not read, -EPROTO. */
#define SL_SCHEMA_COLUMNS 4096
#define SL_SCHEMA_KEYS 256
#define SL_SCHEMA_TYPES 1024
#define SL_SCHEMA_TYPE_LINES 65536 /* they repeat */
#define SL_SCHEMA_ALTERS 8192

/* What a schema and all its strings are freed as. */
struct sl_schema_box {
	struct sl_schema s;
	struct sl_arena arena;
};

struct sl_parse {
	struct sl_lex lex;
	struct sl_arena *arena;
	struct sl_error *e;
	struct sl_schema s;
	bool have_table;
	size_t alters, type_lines;
	struct sl_schema_column *columns; /* in the arena, for the maximum */
	const char **types;		  /* likewise */
	/* Names in the PRIMARY KEY, and what they are. */
	struct sl_parse_key {
		const char *name;
		enum sl_column_kind kind;
		unsigned position;
	} keys[SL_SCHEMA_KEYS];
	size_t key_count;
};

/* -EPROTO, and says "line N: what, found 'word'". */
int sl_parse_fail(struct sl_parse *p, const char *what);
/* Why there is no name or type: no memory, or what stands here. */
int sl_parse_lacking(struct sl_parse *p, int e, const char *what);
int sl_parse_expect(struct sl_parse *p, char c);
int sl_parse_expect_word(struct sl_parse *p, const char *word);
/* A name, in the arena. */
int sl_parse_name(struct sl_parse *p, const char **ret);
/* [IF NOT EXISTS] [KEYSPACE.]NAME; keyspace "" if none. */
int sl_parse_qualified(struct sl_parse *p, const char **keyspace,
		       const char **name);
/* A type, normalised. */
int sl_parse_type(struct sl_parse *p, const char **ret);
/* Past one word, or all that is in the bracket that opens here. */
void sl_parse_skip(struct sl_parse *p);

struct sl_schema_column *sl_parse_find(struct sl_parse *p, const char *name,
				       bool dropped);
int sl_parse_add_column(struct sl_parse *p, const struct sl_schema_column *c);
/* NAME TYPE [static] [USING TIMESTAMP N] of a dropped column. */
int sl_parse_dropped(struct sl_parse *p);

/* Statements, behind the words that tell which it is. */
int sl_parse_create_table(struct sl_parse *p); /* schema_parse_table.c */
int sl_parse_create_view(struct sl_parse *p);
int sl_parse_create_type(struct sl_parse *p);  /* schema_parse_other.c */
int sl_parse_create_index(struct sl_parse *p);
int sl_parse_alter(struct sl_parse *p);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Words of CQL, as schema.cql and types need them. A lexer is a plain value:
 * a copy of it is a place to go back to. Bytes are hostile; the text need
 * not end in NUL.
 */
#ifndef SL_SCHEMA_LEX_H
#define SL_SCHEMA_LEX_H

#include <stdbool.h>
#include <stddef.h>

#include "buf.h"
#include "sstable/arena.h"

enum sl_tok {
	SL_TOK_END,
	SL_TOK_WORD,   /* not quoted; case does not matter */
	SL_TOK_QUOTED, /* "Name"; text is what lies between the quotes */
	SL_TOK_STRING, /* 'text' likewise */
	SL_TOK_NUMBER,
	SL_TOK_UUID,
	SL_TOK_PUNCT,  /* one byte */
	SL_TOK_BAD,    /* a quote or comment that never ends; sticks */
};

struct sl_lex {
	const char *p, *end;
	unsigned line;	/* of the word, from 1 */
	bool omitted;	/* within a comment about an omitted table */
	enum sl_tok tok;
	const char *text;
	size_t len;
};

/* At the first word. */
void sl_lex_init(struct sl_lex *l, const char *p, size_t n);
void sl_lex_next(struct sl_lex *l);
/* Is this the word, not quoted? 'word' in lower case. */
bool sl_lex_word(const struct sl_lex *l, const char *word);
bool sl_lex_punct(const struct sl_lex *l, char c);
/* The same, and goes on if so. */
bool sl_lex_accept(struct sl_lex *l, const char *word);
bool sl_lex_accept_punct(struct sl_lex *l, char c);
/*
 * A name: lower case unless it is quoted; goes on. NULL: none is here, or no
 * memory (see the arena).
 */
char *sl_lex_name(struct sl_lex *l, struct sl_arena *a);

/* A name as CQL wants it: with quotes if it needs them. */
int sl_cql_name(struct sl_buf *out, const char *name);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Splits CQL into words, so that the parser never looks at bytes. Comments
 * are passed over, with one exception: Cassandra wraps the statement of a
 * table of thrift's days into a comment that begins "Warning: Table ...
 * omitted"; the statement within is read as if it stood outside.
 */
#include "sstable/schema_lex.h"

#include <string.h>
#include <strings.h>

#include "sstable/path_names.h"

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return sl_char_word(c) && !is_digit(c);
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f' ||
	       c == '\0' || c == '\v';
}

static size_t left(const struct sl_lex *l)
{
	return (size_t)(l->end - l->p);
}

static bool at(const struct sl_lex *l, const char *lit)
{
	size_t n = strlen(lit);

	return left(l) >= n && !memcmp(l->p, lit, n);
}

static void skip(struct sl_lex *l, size_t n)
{
	for (; n; n--)
		l->line += *l->p++ == '\n';
}

static void set(struct sl_lex *l, enum sl_tok tok, size_t n)
{
	l->tok = tok;
	l->text = l->p;
	l->len = n;
}

static bool word_within(const char *p, size_t n, const char *word)
{
	size_t len = strlen(word);

	return n >= len && !strncasecmp(p, word, len);
}

/* The statement within a comment of n bytes; NULL: it is a plain comment. */
static const char *omitted_statement(const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end && is_blank(*p))
		p++;
	if (!word_within(p, (size_t)(end - p), "warning:"))
		return NULL;
	for (; p < end; p++)
		if (p[-1] == '\n' &&
		    word_within(p, (size_t)(end - p), "create "))
			return p;
	return NULL;
}

static bool comment_block(struct sl_lex *l)
{
	const char *end = left(l) < 4 ? NULL :
				memmem(l->p + 2, left(l) - 2, "*/", 2);
	const char *inner;

	if (!end)
		return false;
	inner = omitted_statement(l->p + 2, (size_t)(end - l->p - 2));
	l->omitted = l->omitted || inner;
	skip(l, (size_t)((inner ? inner : end + 2) - l->p));
	return true;
}

static void comment_line(struct sl_lex *l)
{
	const char *end = memchr(l->p, '\n', left(l));

	skip(l, end ? (size_t)(end - l->p) : left(l));
}

/* False: a comment that never ends. */
static bool skip_blanks(struct sl_lex *l)
{
	while (left(l)) {
		if (is_blank(*l->p))
			skip(l, 1);
		else if (at(l, "--") || at(l, "//"))
			comment_line(l);
		else if (l->omitted && at(l, "*/"))
			skip(l, 2);
		else if (!at(l, "/*"))
			return true;
		else if (!comment_block(l))
			return false;
	}
	return true;
}

/* Sets a word in quotes; doubled quotes stay doubled. */
static void quoted(struct sl_lex *l, enum sl_tok tok)
{
	char q = *l->p;
	const char *p = memchr(l->p + 1, q, left(l) - 1);

	while (p && p + 1 < l->end && p[1] == q)
		p = memchr(p + 2, q, (size_t)(l->end - p - 2));
	if (!p) {
		set(l, SL_TOK_BAD, 0);
		return;
	}
	l->tok = tok;
	l->text = l->p + 1;
	l->len = (size_t)(p - l->text);
	skip(l, l->len + 2);
}

#define UUID_LEN 36
static bool is_hex(char c)
{
	return sl_char_lower_hex(c) || (c >= 'A' && c <= 'F');
}

static bool is_uuid(const struct sl_lex *l)
{
	static const char shape[] = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";

	if (left(l) < UUID_LEN)
		return false;
	for (size_t i = 0; i < UUID_LEN; i++)
		if (shape[i] == '-' ? l->p[i] != '-' : !is_hex(l->p[i]))
			return false;
	return left(l) == UUID_LEN || !sl_char_word(l->p[UUID_LEN]);
}

static size_t run(const struct sl_lex *l, size_t i, bool (*is)(char))
{
	while (i < left(l) && is(l->p[i]))
		i++;
	return i;
}

static size_t number_length(const struct sl_lex *l)
{
	size_t n = run(l, 0, is_digit), e;

	if (n + 1 < left(l) && l->p[n] == '.' && is_digit(l->p[n + 1]))
		n = run(l, n + 1, is_digit);
	if (n < left(l) && (l->p[n] | 0x20) == 'e') {
		e = n + 1;
		if (e < left(l) && (l->p[e] == '-' || l->p[e] == '+'))
			e++;
		if (e < left(l) && is_digit(l->p[e]))
			n = run(l, e, is_digit);
	}
	return n;
}

static void plain(struct sl_lex *l)
{
	if (is_uuid(l))
		set(l, SL_TOK_UUID, UUID_LEN);
	else if (is_digit(*l->p))
		set(l, SL_TOK_NUMBER, number_length(l));
	else if (is_letter(*l->p))
		set(l, SL_TOK_WORD, run(l, 0, sl_char_word));
	else
		set(l, SL_TOK_PUNCT, 1);
	skip(l, l->len);
}

void sl_lex_next(struct sl_lex *l)
{
	if (l->tok == SL_TOK_BAD)
		return;
	if (!skip_blanks(l))
		set(l, SL_TOK_BAD, 0);
	else if (!left(l))
		set(l, SL_TOK_END, 0);
	else if (*l->p == '"')
		quoted(l, SL_TOK_QUOTED);
	else if (*l->p == '\'')
		quoted(l, SL_TOK_STRING);
	else
		plain(l);
}

void sl_lex_init(struct sl_lex *l, const char *p, size_t n)
{
	/* Of no bytes there may be no address either. */
	if (!n)
		p = "";
	*l = (struct sl_lex){ .p = p, .end = p + n, .line = 1 };
	sl_lex_next(l);
}

bool sl_lex_word(const struct sl_lex *l, const char *word)
{
	return l->tok == SL_TOK_WORD && strlen(word) == l->len &&
	       !strncasecmp(l->text, word, l->len);
}

bool sl_lex_punct(const struct sl_lex *l, char c)
{
	return l->tok == SL_TOK_PUNCT && *l->text == c;
}

bool sl_lex_accept(struct sl_lex *l, const char *word)
{
	bool is = sl_lex_word(l, word);

	if (is)
		sl_lex_next(l);
	return is;
}

bool sl_lex_accept_punct(struct sl_lex *l, char c)
{
	bool is = sl_lex_punct(l, c);

	if (is)
		sl_lex_next(l);
	return is;
}

static void lower(char *s)
{
	for (; *s; s++)
		if (*s >= 'A' && *s <= 'Z')
			*s = (char)(*s | 0x20);
}

/* Makes one of each pair of double quotes. */
static void undouble(char *s)
{
	char *to = s;

	for (; *s; s++) {
		*to++ = *s;
		if (*s == '"')
			s++;
	}
	*to = '\0';
}

char *sl_lex_name(struct sl_lex *l, struct sl_arena *a)
{
	bool is_quoted = l->tok == SL_TOK_QUOTED;
	char *s;

	if (!is_quoted && l->tok != SL_TOK_WORD)
		return NULL;
	if (memchr(l->text, '\0', l->len))
		return NULL;
	s = sl_arena_str(a, l->text, l->len);
	if (!s)
		return NULL;
	if (is_quoted)
		undouble(s);
	else
		lower(s);
	sl_lex_next(l);
	return s;
}

/*
 * Words that CQL does not take as names, of Cassandra 3.0 to 5.0
 * (ReservedKeywords.java), and those that mean something where a type is
 * expected.
 */
static const char *const reserved[] = {
	"add", "allow", "alter", "and", "apply", "asc", "ascii", "authorize",
	"batch", "begin", "bigint", "blob", "boolean", "by", "columnfamily",
	"counter", "create", "date", "decimal", "default", "delete", "desc",
	"describe", "double", "drop", "duration", "empty", "entries",
	"execute", "float", "from", "frozen", "full", "grant", "if", "in",
	"index", "inet", "infinity", "insert", "int", "into", "is", "keyspace",
	"limit", "list", "map", "materialized", "mbean", "mbeans", "modify",
	"nan", "norecursive", "not", "null", "of", "on", "or", "order",
	"primary", "rename", "replace", "revoke", "schema", "select", "set",
	"smallint", "table", "text", "time", "timestamp", "timeuuid", "tinyint",
	"to", "token", "truncate", "tuple", "unlogged", "unset", "update",
	"use", "using", "uuid", "varchar", "varint", "vector", "view", "where",
	"with",
};

static bool needs_quotes(const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < n; i++)
		if (name[i] >= 'A' && name[i] <= 'Z')
			return true;
	return !n || !is_letter(name[0]) || name[0] == '_' ||
	       !sl_name_all(sl_char_word, name, n) ||
	       sl_name_in_list(reserved, SL_ARRAY_LEN(reserved), name, n);
}

int sl_cql_name(struct sl_buf *out, const char *name)
{
	if (!needs_quotes(name))
		return sl_buf_puts(out, name);
	sl_buf_puts(out, "\"");
	for (; *name; name++) {
		if (*name == '"')
			sl_buf_puts(out, "\"");
		sl_buf_append(out, name, 1);
	}
	return sl_buf_puts(out, "\"");
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a type, of classes or of CQL. One that is read is printed in
 * CQL, which is read as the same; it is the same as itself; and a header that
 * has it as all its types is compared and written without harm.
 */
#include "parser.h"

#include "sstable/schema.h"
#include "sstable/schema_lex.h"
#include "sstable/type.h"

static void check_tree(const struct sl_type *t)
{
	SL_CLEANUP(arena) struct sl_arena arena = SL_ARENA_INIT(SL_TYPE_ROOM);
	SL_CLEANUP(buf) struct sl_buf a = SL_BUF_INIT(FUZZ_FACTS_MAX);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(FUZZ_FACTS_MAX);
	const struct sl_type *again;
	struct sl_lex l;

	if (sl_type_print(t, &a) ||
	    sl_type_compare(t, t, false) != SL_TYPE_SAME)
		abort();
	sl_lex_init(&l, sl_buf_str(&a), a.len);
	if (sl_type_of_cql(&l, &arena, &again) || l.tok != SL_TOK_END ||
	    sl_type_print(again, &b) || a.len != b.len ||
	    memcmp(a.data, b.data, a.len))
		abort();
}

static void found(void *arg, enum sl_rule rule, const char *detail)
{
	size_t *n = arg;

	if (rule == SL_RULE_NONE || strlen(detail) >= SL_FACTS_DETAIL)
		abort();
	++*n;
}

static void check_header(const char *type)
{
	static const char schema[] =
		"CREATE TABLE ks.t (a int, b text, c frozen<u>, v map<text, "
		"frozen<u>>, PRIMARY KEY ((a, b), c));";
	const char *const clustering[] = { type };
	const struct sl_column columns[] = { { "v", type, false },
					     { type, type, true } };
	const struct sl_header h = { 1, type, clustering, 1, columns, 2 };
	const struct sl_header *const headers[] = { &h, &h };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(FUZZ_FACTS_MAX);
	struct sl_schema *s;
	size_t n = 0;

	if (sl_schema_parse(schema, sizeof(schema) - 1, &s, NULL) ||
	    sl_schema_compare(s, &h, found, &n) || n > 5 ||
	    sl_schema_ddl_of_headers("ks", "t", headers, 2, &b))
		abort();
	sl_schema_unref(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	SL_CLEANUP(arena) struct sl_arena arena = SL_ARENA_INIT(SL_TYPE_ROOM);
	SL_CLEANUP(free) char *text = malloc(size + 1);
	const struct sl_type *t;
	struct sl_lex l;

	if (!text)
		abort();
	memcpy(text, data, size);
	text[size] = '\0';
	if (!sl_type_of_class(text, size, &arena, &t))
		check_tree(t);
	sl_lex_init(&l, text, size);
	if (!sl_type_of_cql(&l, &arena, &t))
		check_tree(t);
	check_header(text);
	return 0;
}

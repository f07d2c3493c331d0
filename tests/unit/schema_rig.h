/* SPDX-License-Identifier: Apache-2.0 */
/* Schemas for tests: read, shown in a line, compared, and written again. */
#ifndef SL_SCHEMA_RIG_H
#define SL_SCHEMA_RIG_H

#include "sstable_rig.h"

#include "error.h"
#include "sstable/schema.h"

static inline struct sl_schema *parse(const char *text)
{
	struct sl_error e = { 0 };
	struct sl_schema *s = NULL;

	if (sl_schema_parse(text, strlen(text), &s, &e))
		fail_msg("%s: %s", text, e.text);
	return s;
}

static inline void cleanup_schema(struct sl_schema **s)
{
	sl_schema_unref(*s);
}
#define SCHEMA __attribute__((cleanup(cleanup_schema))) struct sl_schema

/* One line for all that a schema holds. */
static inline void show(const struct sl_schema *s, struct sl_buf *b)
{
	static const char kinds[] = { 'P', 'C', 'S', 'R' };

	sl_buf_printf(b, "%s.%s%s%s%s %s", s->keyspace, s->table,
		      s->view ? " view" : "", s->compact ? " compact" : "",
		      s->has_index ? " index" : "", s->id);
	for (size_t i = 0; i < s->type_count; i++)
		sl_buf_printf(b, "; %s", s->types[i]);
	for (size_t i = 0; i < s->column_count; i++) {
		const struct sl_schema_column *c = &s->columns[i];

		sl_buf_printf(b, "; %s %s %c%u%s%s", c->name, c->type,
			      kinds[c->kind], c->position,
			      c->desc ? " desc" : "",
			      c->dropped ? " dropped" : "");
	}
}

static inline void assert_same(const struct sl_schema *a,
			       const struct sl_schema *b)
{
	SL_CLEANUP(buf) struct sl_buf x = SL_BUF_INIT(1 << 20);
	SL_CLEANUP(buf) struct sl_buf y = SL_BUF_INIT(1 << 20);

	show(a, &x);
	show(b, &y);
	assert_string_equal(sl_buf_str(&x), sl_buf_str(&y));
}

/* The text that is kept is read as the same, dropped columns and all. */
static inline void check_text(const struct sl_schema *s)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);
	SCHEMA *again = NULL;

	assert_int_equal(sl_schema_text(s, &b), 0);
	again = parse(sl_buf_str(&b));
	assert_same(s, again);
}

/* DDL is read as a table that has the same columns. */
static inline void check_ddl(const struct sl_schema *s)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);
	SCHEMA *again = NULL;
	char why[100] = "";

	assert_int_equal(sl_schema_ddl(s, &b), 0);
	if (s->view || s->compact)
		return;
	again = parse(sl_buf_str(&b));
	if (sl_schema_differs(s, again, why, sizeof(why)))
		fail_msg("%s\n%s", why, sl_buf_str(&b));
}

#endif

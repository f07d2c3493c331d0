/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as schema.cql. Besides what holds for every parser: the text and
 * the CQL that are made of what was read are read as the same.
 */
#include "parser.h"

#include "sstable/schema.h"

static struct sl_schema *parse(const struct sl_buf *b)
{
	struct sl_schema *s = NULL;

	if (sl_schema_parse(sl_buf_str(b), b->len, &s, NULL))
		abort();
	return s;
}

static void check_text(const struct sl_schema *s)
{
	SL_CLEANUP(buf) struct sl_buf a = SL_BUF_INIT(FUZZ_FACTS_MAX);
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(FUZZ_FACTS_MAX);
	struct sl_schema *again;

	if (sl_schema_text(s, &a))
		abort();
	again = parse(&a);
	if (sl_schema_text(again, &b) || a.len != b.len ||
	    memcmp(a.data, b.data, a.len))
		abort();
	sl_schema_unref(again);
}

static void check_ddl(const struct sl_schema *s)
{
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(FUZZ_FACTS_MAX);
	struct sl_schema *again;
	char why[100];

	if (sl_schema_ddl(s, &b))
		abort();
	if (s->view || s->compact)
		return;
	again = parse(&b);
	if (sl_schema_differs(s, again, why, sizeof(why)))
		abort();
	sl_schema_unref(again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sl_schema *s;

	if (size && !sl_schema_parse((const char *)data + 1, size - 1, &s,
				     NULL)) {
		check_text(s);
		check_ddl(s);
		if (s->refs != 1)
			abort();
		sl_schema_unref(s);
	}
	return sl_fuzz_parser("schema.cql", data, size);
}

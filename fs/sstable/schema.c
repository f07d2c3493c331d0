/* SPDX-License-Identifier: Apache-2.0 */
/*
 * schema.cql going by: kept whole, read at the end. DSE's and HCD's own texts
 * have not been seen, so what is not understood is told, and compared with
 * nothing.
 */
#include "sstable/schema.h"

#include "sstable/schema_parse.h"
#include "sstable/stream.h"
#include "sstable/whole.h"

struct sl_schema *sl_schema_ref(struct sl_schema *s)
{
	if (s)
		__atomic_add_fetch(&s->refs, 1, __ATOMIC_RELAXED);
	return s;
}

void sl_schema_unref(struct sl_schema *s)
{
	struct sl_schema_box *box;

	if (!s || __atomic_sub_fetch(&s->refs, 1, __ATOMIC_ACQ_REL))
		return;
	box = sl_container_of(s, struct sl_schema_box, s);
	sl_arena_release(&box->arena);
	free(box);
}

struct state {
	struct sl_whole whole;
};

static void feed(void *state, const unsigned char *p, size_t n)
{
	struct state *s = state;

	sl_whole_feed(&s->whole, p, n);
}

static void add_found(const struct sl_schema *s, struct sl_facts *f)
{
	if (s->view)
		sl_facts_found(f, SL_RULE_VIEW, "'%s'", s->table);
	if (s->compact)
		sl_facts_found(f, SL_RULE_COMPACT_STORAGE, "'%s'", s->table);
}

static int facts(const void *state, struct sl_facts *ret)
{
	const struct state *s = state;
	struct sl_error e = { 0 };
	int r;

	if (s->whole.err)
		return s->whole.err;
	if (s->whole.overflow) {
		sl_facts_found(ret, SL_RULE_SCHEMA, "over %zu bytes",
			       SL_STREAM_TEXT);
		return 0;
	}
	r = sl_schema_parse((const char *)s->whole.data, s->whole.len,
			    &ret->u.schema.schema, &e);
	if (r == -EPROTO) {
		sl_facts_found(ret, SL_RULE_SCHEMA, "%s", e.text);
		return 0;
	}
	if (!r)
		add_found(ret->u.schema.schema, ret);
	return r;
}

static void end(void *state)
{
	struct state *s = state;

	sl_whole_release(&s->whole);
}

const struct sl_parser sl_schema_parser = {
	.state = sizeof(struct state),
	.feed = feed,
	.facts = facts,
	.end = end,
};

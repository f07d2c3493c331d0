/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every parser of a component is asked: are real files healthy, however
 * they are cut into pieces; and of damaged ones, how many are seen. Beside the
 * fixtures of lib/sstables.h.
 */
#ifndef SL_SSTABLE_RIG_H
#define SL_SSTABLE_RIG_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "../lib/sstables.h"

/* Facts with one finding at most; released. */
static inline enum sl_rule rig_rule(const struct sl_name *name,
				    const void *data, size_t size)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	sl_test_facts(name, data, size, (size_t)1 << 20, &f);
	return f.found_count ? f.found[0].rule : SL_RULE_NONE;
}

/* The same facts in one piece, in bytes, in pages, by chance. */
static inline void rig_pieces(const struct sl_name *name, const void *data,
			      size_t size)
{
	static const size_t pieces[] = { 1, 3, 4096, 0 };
	SL_CLEANUP(facts) struct sl_facts whole = { 0 };

	sl_test_facts(name, data, size, size, &whole);
	for (size_t i = 0; i < SL_ARRAY_LEN(pieces); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };

		sl_test_facts(name, data, size, pieces[i], &f);
		assert_true(sl_test_facts_equal(&whole, &f));
	}
}

static inline void rig_healthy(const struct sl_test_file *t,
			       const struct sl_facts *f)
{
	if (f->found_count)
		fail_msg("%s: %s: %s", t->path,
			 sl_rule_info(f->found[0].rule)->name,
			 f->found[0].detail);
}

/* Damage of one kind: how often it was made, and seen in the component. */
struct rig_score {
	const char *what;
	size_t made, seen;
};

static inline void rig_print(const struct rig_score *s)
{
	print_message("# %s: %zu of %zu seen\n", s->what, s->seen, s->made);
}

/* Cuts at up to 'most' places, evenly. */
static inline void rig_cuts(const struct sl_test_file *t, size_t most,
			    struct rig_score *s)
{
	size_t step = t->size / most + 1;

	for (size_t n = 0; n < t->size; n += step) {
		/* A copy, so that a read beyond it is seen by ASan. */
		SL_CLEANUP(free) unsigned char *cut = malloc(n + 1);

		assert_non_null(cut);
		memcpy(cut, t->data, n);
		s->made++;
		s->seen += rig_rule(&t->name, cut, n) != SL_RULE_NONE;
	}
}

/*
 * In whatever pieces, the bytes give this one finding (detail NULL: none).
 * The caller releases the facts.
 */
static inline void rig_row(const struct sl_name *name, const void *data,
			   size_t size, enum sl_rule rule,
			   const char *detail, struct sl_facts *ret)
{
	rig_pieces(name, data, size);
	sl_test_facts(name, data, size, 1, ret);
	assert_int_equal(ret->found_count, detail ? 1 : 0);
	if (!detail)
		return;
	assert_int_equal(ret->found[0].rule, rule);
	assert_string_equal(ret->found[0].detail, detail);
}

/* Is a damage seen in these bytes? */
typedef bool rig_seen_fn(const struct sl_test_file *t, const void *data);

/* Flips up to 'most' bits, evenly. seen NULL: any finding. */
static inline void rig_flips(const struct sl_test_file *t, size_t most,
			     rig_seen_fn *seen, struct rig_score *s)
{
	SL_CLEANUP(free) unsigned char *bad = malloc(t->size + 1);
	size_t step = t->size * 8 / most + 1;

	assert_non_null(bad);
	memcpy(bad, t->data, t->size);
	for (size_t bit = 0; bit < t->size * 8; bit += step) {
		unsigned char mask = (unsigned char)(1u << bit % 8);

		bad[bit / 8] ^= mask;
		s->made++;
		s->seen += seen ? seen(t, bad) :
				  rig_rule(&t->name, bad, t->size) !=
					  SL_RULE_NONE;
		bad[bit / 8] ^= mask;
	}
}

#endif

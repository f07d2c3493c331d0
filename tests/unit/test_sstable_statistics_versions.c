/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The fields that each version has, written out as letters and made from one
 * real file: each version reads its own, and none reads what another wrote
 * with other fields. So the table of the parser is held without files of all
 * versions at hand.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "tests/lib/sstables.h"
#include "tests/unit/statistics_rig.h"

/*
 * After what all have: t tombstones with long counts, T with int counts, then
 * (level, repaired) c clustering bounds as bytes, C as types and values,
 * (counters, rows) l commit log begin, i intervals, p pending repair, z part,
 * n nodesync and sizes, x transient, d deletions, h host id, k keys, s space.
 */
static const struct version {
	const char *name, *fields;
	bool loose;
} versions[] = {
	{ "ma-1-big-Statistics.db", "tc", false },
	{ "mb-1-big-Statistics.db", "tcl", false },
	{ "mc-1-big-Statistics.db", "tcli", false },
	{ "md-1-big-Statistics.db", "tcli", false },
	{ "me-1-big-Statistics.db", "tclih", false },
	{ "na-1-big-Statistics.db", "tclipx", true },
	{ "nb-1-big-Statistics.db", "tclipxh", false },
	{ "nc-1-big-Statistics.db", "tclipxh", true },
	{ "oa-1-big-Statistics.db", "TClipxhdks", false },
	{ "aa-1-bti-Statistics.db", "tclip", false },
	{ "ac-1-bti-Statistics.db", "tclip", false },
	{ "ad-1-bti-Statistics.db", "tcliph", false },
	{ "ab-1-bti-Statistics.db", "tClipznd", true },
	{ "ba-1-bti-Statistics.db", "tClipznd", false },
	{ "bb-1-bti-Statistics.db", "tClipzndh", false },
	{ "ca-1-bti-Statistics.db", "tClipxdh", false },
	{ "cb-1-bti-Statistics.db", "tClipxdhs", false },
	{ "cc-1-bti-Statistics.db", "tClipxdhs", false },
	{ "da-1-bti-Statistics.db", "TClipxhdks", false },
};

static bool big(const struct version *v)
{
	return !strncmp(v->name + 5, "big", 3);
}

/* STATS of the real file in pieces. */
struct pieces {
	const unsigned char *head, *bins, *level, *bounds, *rows, *log, *gaps;
	size_t head_n, bounds_n, gaps_n;
	uint32_t bin_count;
};

static void split(const struct text *stats, struct pieces *ret)
{
	const unsigned char *p = stats->p;

	ret->head = p;
	for (int i = 0; i < 2; i++)
		p += 4 + 16 * (size_t)rig_u32(p);
	p += 12 + 8 + 8 + 16 + 8;
	ret->head_n = (size_t)(p - stats->p);
	ret->bin_count = rig_u32(p + 4);
	ret->bins = p;
	p += 8 + 16 * (size_t)ret->bin_count;
	ret->level = p;
	p += 12;
	ret->bounds = p;
	for (int i = 0; i < 2; i++) {
		uint32_t n = rig_u32(p);

		for (p += 4; n; n--)
			p += 2 + (p[0] << 8 | p[1]);
	}
	ret->bounds_n = (size_t)(p - ret->bounds);
	ret->rows = p;
	ret->log = p + 17;
	ret->gaps = p + 29;
	ret->gaps_n = 4 + 24 * (size_t)rig_u32(ret->gaps);
}

/* The first with tombstones. */
static void keep(void *arg, const struct sl_test_file *f)
{
	struct text *t = arg, parts[4];
	struct pieces q;

	if (t->n || f->hidden)
		return;
	add(t, f->data, f->size);
	take_parts(t, parts);
	split(&parts[2], &q);
	if (!q.bin_count)
		t->n = 0;
}

/* A real nb file of the repository. */
static const struct text *real(void)
{
	static struct text t;

	if (!t.n)
		sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_STATISTICS, keep,
				 &t);
	assert_true(t.n > 44);
	return &t;
}

static void tombstones(struct text *t, const struct pieces *q, bool ints)
{
	add(t, q->bins, 8);
	for (uint32_t i = 0; i < q->bin_count; i++) {
		const unsigned char *bin = q->bins + 8 + 16 * (size_t)i;

		add(t, bin, 8);
		add(t, bin + (ints ? 12 : 8), ints ? 4 : 8);
	}
	add(t, q->level, 12);
}

/*
 * Types int, text and time; of the first bound an int and a text, of the
 * second an int and a null.
 */
static void typed_bounds(struct text *t)
{
	static const char *const types[] = {
		"org.apache.cassandra.db.marshal.Int32Type",
		"org.apache.cassandra.db.marshal.UTF8Type",
		"org.apache.cassandra.db.marshal.TimeType",
	};

	add_int(t, SL_ARRAY_LEN(types), 1);
	for (size_t i = 0; i < SL_ARRAY_LEN(types); i++) {
		add_int(t, strlen(types[i]), 1);
		add(t, types[i], strlen(types[i]));
	}
	add(t, "\x01\x00\x02\x00" "\0\0\0\7" "\2ab", 11);
	add(t, "\x06\x00\x02\x08" "\0\0\0\7", 8);
}

static void bounds(struct text *t, const struct pieces *q, bool typed)
{
	if (typed)
		typed_bounds(t);
	else
		add(t, q->bounds, q->bounds_n);
	add(t, q->rows, 17);
}

static void keys(struct text *t)
{
	add(t, "\1a\2bc", 5);
}

static void flag_with(struct text *t, size_t n)
{
	add_int(t, 1, 1);
	for (size_t i = 0; i < n; i++)
		add_int(t, 0xa5, 1);
}

static void field(struct text *t, const struct pieces *q, char c)
{
	switch (c) {
	case 't':
	case 'T':
		tombstones(t, q, c == 'T');
		break;
	case 'c':
	case 'C':
		bounds(t, q, c == 'C');
		break;
	case 'l':
		add(t, q->log, 12);
		break;
	case 'i':
		add(t, q->gaps, q->gaps_n);
		break;
	case 'h':
		flag_with(t, 16);
		break;
	case 'n': /* one column of at most 9 bytes */
		add(t, "\0\0\0\0\0\0\0\1" "\0\0\0\1" "\1v" "\0\0\0\x09", 18);
		break;
	case 'k':
		keys(t);
		break;
	case 's':
		add_int(t, 0x7ff8000000000000, 8); /* NaN */
		break;
	default: /* p z x d */
		add_int(t, 0, 1);
	}
}

static void build(const char *fields, struct text *stats)
{
	struct text parts[4];
	struct pieces q;

	take_parts(real(), parts);
	split(&parts[2], &q);
	stats->n = 0;
	add(stats, q.head, q.head_n);
	for (const char *c = fields; *c; c++)
		field(stats, &q, *c);
}

/* Facts of this STATS within the rest of the real file. */
static void read_as(const struct version *v, const struct text *stats,
		    struct sl_facts *ret)
{
	struct sl_name name = sl_test_name(v->name);
	struct text parts[4], t;

	take_parts(real(), parts);
	parts[2] = *stats;
	make(parts, v->name[0] != 'm', &t);
	sl_test_facts(&name, t.p, t.n, t.n, ret);
}

static bool refused(const struct version *v, const struct text *stats)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	read_as(v, stats, &f);
	if (f.found_count)
		assert_int_equal(f.found[0].rule, SL_RULE_STATISTICS);
	return f.found_count;
}

static uint64_t real_rows(void)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name = sl_test_name("nb-1-big-Statistics.db");

	sl_test_facts(&name, real()->p, real()->n, real()->n, &f);
	assert_int_equal(f.found_count, 0);
	assert_true(f.u.statistics.rows > 0);
	return f.u.statistics.rows;
}

static void each_reads_its_own(void **state)
{
	uint64_t rows = real_rows();

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		const struct version *v = &versions[i];
		struct text t;

		build(v->fields, &t);
		read_as(v, &t, &f);
		if (f.found_count)
			fail_msg("%s: %s", v->name, f.found[0].detail);
		assert_true(f.u.statistics.rows == rows);
		assert_int_equal(f.u.statistics.has_host_id,
				 strchr(v->fields, 'h') != NULL);
		if (f.u.statistics.has_host_id)
			assert_int_equal(f.u.statistics.host_id[15], 0xa5);
	}
}

/* A loose one says nothing, and does not believe what it read either. */
static void other(const struct version *reader, const struct text *t)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };

	if (!reader->loose) {
		if (!refused(reader, t))
			fail_msg("%s", reader->name);
		return;
	}
	read_as(reader, t, &f);
	assert_int_equal(f.found_count, 0);
	assert_false(f.u.statistics.has_host_id);
	assert_non_null(f.u.statistics.header);
}

static void none_reads_anothers(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		struct text t;

		build(versions[i].fields, &t);
		for (size_t k = 0; k < SL_ARRAY_LEN(versions); k++)
			if (big(&versions[i]) == big(&versions[k]) &&
			    strcmp(versions[i].fields, versions[k].fields))
				other(&versions[k], &t);
	}
}

static void exact_ends(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		struct text t;

		build(versions[i].fields, &t);
		t.n--;
		other(&versions[i], &t);
		t.n++;
		add_int(&t, 0, 1);
		other(&versions[i], &t);
	}
}

/* oa and da leave four zero bytes for each bin at the end. */
static void spare_zeros(void **state)
{
	struct text parts[4];
	struct pieces q;

	(void)state;
	take_parts(real(), parts);
	split(&parts[2], &q);
	assert_true(q.bin_count > 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(versions); i++) {
		bool may = versions[i].fields[0] == 'T';
		struct text t;

		build(versions[i].fields, &t);
		if (versions[i].loose)
			continue;
		for (uint32_t n = 0; n < q.bin_count; n++)
			add_int(&t, 0, 4);
		assert_int_equal(refused(&versions[i], &t), !may);
		t.p[t.n - 1] = 1;
		assert_true(refused(&versions[i], &t));
		t.p[t.n - 1] = 0;
		add_int(&t, 0, 4);
		assert_true(refused(&versions[i], &t));
	}
}

/* The part of a Data.db that was streamed as it is. */
static void slices(void **state)
{
	static const struct {
		uint64_t from, to;
		uint32_t chunk;
		bool sensible;
	} rows[] = {
		{ 65536, 131072, 65536, true }, { 0, 1, 4096, true },
		{ 5, 5, 65536, false },		{ 9, 5, 65536, false },
		{ 0, 5, 0, false },		{ 0, 5, 0x80000000, false },
		{ 0, UINT64_MAX, 65536, false },
	};
	const struct version bb = { "bb-1-bti-Statistics.db", "", false };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		struct text t, rest;

		build("tClip", &t);
		add_int(&t, 1, 1);
		add_int(&t, rows[i].from, 8);
		add_int(&t, rows[i].to, 8);
		add_int(&t, rows[i].chunk, 4);
		add_int(&t, 77, 8);
		add(&t, "\0\1a\0\2bc", 7);
		build("ndh", &rest);
		add(&t, rest.p + rest.n - 18 - 1 - 17, 18 + 1 + 17);
		read_as(&bb, &t, &f);
		assert_int_equal(f.found_count, 1);
		assert_int_equal(f.found[0].rule, rows[i].sensible ?
				 SL_RULE_SLICE : SL_RULE_STATISTICS);
		if (!rows[i].sensible)
			continue;
		assert_true(f.u.statistics.slice);
		assert_true(f.u.statistics.slice_start == rows[i].from);
		assert_true(f.u.statistics.slice_end == rows[i].to);
		assert_int_equal(f.u.statistics.slice_chunk, rows[i].chunk);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_reads_its_own),
		cmocka_unit_test(none_reads_anothers),
		cmocka_unit_test(exact_ends),
		cmocka_unit_test(spare_zeros),
		cmocka_unit_test(slices),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

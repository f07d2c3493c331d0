/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged Statistics.db: each bit and each length of a file with checksums;
 * what can be seen where there are none; right checksums over wrong content.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#include "tests/lib/sstables.h"
#include "tests/unit/statistics_rig.h"

static const struct sl_statistics_facts *stats(const struct sl_facts *f)
{
	return &f->u.statistics;
}

static bool found(const struct sl_facts *f, enum sl_rule rule)
{
	for (size_t i = 0; i < f->found_count; i++)
		if (f->found[i].rule == rule)
			return true;
	return false;
}

static void keep_smallest(void *arg, const struct sl_test_file *f)
{
	struct text *best = arg;

	if (f->hidden || !strstr(f->path, "/smart_home/devices-") ||
	    (best->n && best->n <= f->size))
		return;
	best->n = 0;
	add(best, f->data, f->size);
}

/* A real nb file of the repository. */
static const struct text *real(void)
{
	static struct text t;

	if (!t.n)
		sl_test_sstables(SL_TEST_ARCHIVE, SL_COMP_STATISTICS,
				 keep_smallest, &t);
	assert_true(t.n > 44);
	return &t;
}

static bool damaged(const char *file, const unsigned char *p, size_t n)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name = sl_test_name(file);

	sl_test_facts(&name, p, n, n, &f);
	if (!found(&f, SL_RULE_STATISTICS) &&
	    !found(&f, SL_RULE_EMPTY_COMPONENT))
		return false;
	/* Nothing more is said of a file that makes no sense. */
	assert_int_equal(f.found_count, 1);
	assert_null(stats(&f)->header);
	return true;
}

#define NB "nb-1-big-Statistics.db"
#define MC "mc-1-big-Statistics.db"

static void flip(struct text *t, size_t bit)
{
	t->p[bit / 8] ^= (unsigned char)(1u << bit % 8);
}

static void every_bit_is_held(void **state)
{
	struct text t = *real();

	(void)state;
	assert_false(damaged(NB, t.p, t.n));
	for (size_t bit = 0; bit < t.n * 8; bit++) {
		flip(&t, bit);
		if (!damaged(NB, t.p, t.n))
			fail_msg("bit %zu of byte %zu", bit % 8, bit / 8);
		flip(&t, bit);
	}
}

static void every_truncation_is_found(void **state)
{
	const struct text *t = real();

	(void)state;
	for (size_t n = 0; n < t->n; n++)
		assert_true(damaged(NB, t->p, n));
}

static void longer_is_found(void **state)
{
	struct text t = *real();

	(void)state;
	for (size_t extra = 1; extra < 9; extra++) {
		add_int(&t, 0, 1);
		assert_true(damaged(NB, t.p, t.n));
	}
}

struct tally {
	size_t flips, seen;
};

/* m*: no checksum, but nothing may be left over and nothing may be missing. */
static void flip_some(struct tally *t, const char *name, unsigned char *p,
		      size_t n)
{
	uint32_t seed = (uint32_t)n;

	for (int i = 0; i < 50; i++) {
		size_t bit = next(&seed) % (n * 8);
		bool seen;

		p[bit / 8] ^= (unsigned char)(1u << bit % 8);
		seen = damaged(name, p, n);
		p[bit / 8] ^= (unsigned char)(1u << bit % 8);
		if (name[0] == 'm') {
			t->flips++;
			t->seen += seen;
		} else {
			assert_true(seen);
		}
	}
}

static void damage_one(void *arg, const struct sl_test_file *f)
{
	const char *name = strrchr(f->path, '/') + 1;
	size_t step = f->size / 97 + 1;
	SL_CLEANUP(free) unsigned char *p = malloc(f->size);

	if (sl_version_judge(f->name.format, f->name.version) ==
	    SL_RULE_OLD_VERSION)
		return;
	assert_non_null(p);
	memcpy(p, f->data, f->size);
	flip_some(arg, name, p, f->size);
	for (size_t n = 0; n < f->size; n += step)
		assert_true(damaged(name, p, n));
	assert_true(damaged(name, p, f->size - 1));
}

static void fixtures_damaged_are_found(void **state)
{
	const char *dir = getenv("SL_FIXTURES");
	struct tally t = { 0 };

	(void)state;
	if (!dir || !*dir)
		skip();
	sl_test_sstables("sstables-old-formats", SL_COMP_STATISTICS,
			 damage_one, &t);
	print_message("# m*: %zu of %zu flipped bits found; the rest are "
		      "values\n", t.seen, t.flips);
	/* Most of the file are the numbers of two histograms. */
	assert_true(t.flips > 1000);
	assert_true(t.seen > t.flips / 4);
}

/* pending repair, transient, host id: what nb has after mc's last field. */
#define NB_TAIL (1 + 1 + 17)

/*
 * An mc file made of the nb file: the fields that mc has not are left out,
 * and so are the checksums.
 */
static void to_mc(struct text *ret)
{
	struct text parts[4];

	take_parts(real(), parts);
	parts[2].n -= NB_TAIL;
	make(parts, false, ret);
	assert_false(damaged(MC, ret->p, ret->n));
}

static void without_checksums(void **state)
{
	struct text t;
	size_t seen = 0;

	(void)state;
	to_mc(&t);
	for (size_t n = 0; n < t.n; n++)
		assert_true(damaged(MC, t.p, n));
	for (size_t bit = 0; bit < t.n * 8; bit++) {
		bool is;

		flip(&t, bit);
		is = damaged(MC, t.p, t.n);
		flip(&t, bit);
		seen += is;
		/* The table of contents is held to the last bit. */
		assert_true(is || bit >= 36 * 8);
	}
	print_message("# mc: %zu of %zu flipped bits change the structure\n",
		      seen, t.n * 8);
	assert_true(seen > t.n * 8 / 4);
}

/* Random payloads under right checksums: an encrypted SSTable of DSE 6.8. */
static void encrypted_is_opaque(void **state)
{
	static const struct {
		const char *name;
		bool opaque;
	} rows[] = {
		{ "ba-1-bti-Statistics.db", true },
		{ "bb-1-bti-Statistics.db", true },
		{ "cc-1-bti-Statistics.db", true },
		{ "ad-1-bti-Statistics.db", false },
		{ NB, false },
	};
	struct text parts[4], t;
	uint32_t seed = 2463534242;

	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		parts[i].n = 0;
		for (unsigned k = 0; k < 64u << i; k++)
			add_int(&parts[i], next(&seed), 4);
	}
	make(parts, true, &t);
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		struct sl_name name = sl_test_name(rows[i].name);

		sl_test_facts(&name, t.p, t.n, t.n, &f);
		assert_int_equal(stats(&f)->opaque, rows[i].opaque);
		assert_int_equal(f.found_count, !rows[i].opaque);
		assert_false(stats(&f)->partitioner_murmur3);
		/* The checksums are still in the clear. */
		flip(&t, t.n * 4);
		assert_true(damaged(rows[i].name, t.p, t.n));
		flip(&t, t.n * 4);
	}
}

/* Right checksums over content that is wrong in one place. */
static const struct wrong {
	unsigned part;
	size_t at; /* from the beginning, or from the end */
	bool from_end;
	unsigned char value;
	const char *detail;
} wrongs[] = {
	{ 0, 1, false, 200, "VALIDATION" },
	{ 0, 2, false, 7, "VALIDATION" },
	{ 1, 3, false, 9, "COMPACTION" },
	{ 1, 0, false, 0x80, "COMPACTION" },
	{ 2, 0, false, 0x80, "partition sizes" },
	{ 2, 1, false, 0x10, "partition sizes" },
	{ 2, 4, false, 0x40, "bounds" },
	{ 2, 4, false, 0x80, "negative" },
	{ 2, 12, false, 0x80, "negative" },
	{ 2, 17, true, 2, "host id" },
	{ 2, 17, true, 0, "after the last field" },
	{ 2, 18, true, 2, "transient" },
	{ 2, 4 + 7, false, 0, "bounds" },
	{ 2, 19, true, 1, "STATS" },
	{ 3, 0, false, 0xff, "HEADER" },
};

static void wrong_content_is_found(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(wrongs); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		const struct wrong *w = &wrongs[i];
		struct sl_name name = sl_test_name(NB);
		struct text parts[4], t;
		size_t at;

		take_parts(real(), parts);
		at = w->from_end ? parts[w->part].n - w->at : w->at;
		assert_int_not_equal(parts[w->part].p[at], w->value);
		parts[w->part].p[at] = w->value;
		make(parts, true, &t);
		sl_test_facts(&name, t.p, t.n, t.n, &f);
		assert_int_equal(f.found_count, 1);
		assert_int_equal(f.found[0].rule, SL_RULE_STATISTICS);
		if (!strstr(f.found[0].detail, w->detail))
			fail_msg("row %zu: %s", i, f.found[0].detail);
	}
}

/* Each component is used up by its fields, to the last byte. */
static void a_byte_more_is_found(void **state)
{
	static const char *const names[] = {
		"VALIDATION", "COMPACTION", "STATS", "HEADER",
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(names); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		struct sl_name name = sl_test_name(NB);
		struct text parts[4], t;

		take_parts(real(), parts);
		add_int(&parts[i], 0, 1);
		make(parts, true, &t);
		sl_test_facts(&name, t.p, t.n, t.n, &f);
		assert_int_equal(f.found_count, 1);
		assert_int_equal(f.found[0].rule, SL_RULE_STATISTICS);
		assert_non_null(strstr(f.found[0].detail, names[i]));
	}
}

/* What a writer may write, and what is told of it. */
static void flags_are_found(void **state)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name = sl_test_name(NB);
	struct text parts[4], t, tail = { .n = 0 };

	(void)state;
	take_parts(real(), parts);
	parts[2].n -= NB_TAIL;
	add(&tail, parts[2].p + parts[2].n, NB_TAIL);
	assert_int_equal(tail.p[0], 0);
	add_int(&parts[2], 1, 1); /* pending repair */
	add_int(&parts[2], 0, 8);
	add_int(&parts[2], 0, 8);
	add_int(&parts[2], 1, 1); /* transient */
	add(&parts[2], tail.p + 2, NB_TAIL - 2);
	make(parts, true, &t);
	sl_test_facts(&name, t.p, t.n, t.n, &f);
	assert_int_equal(f.found_count, 2);
	assert_true(found(&f, SL_RULE_PENDING_REPAIR));
	assert_true(found(&f, SL_RULE_TRANSIENT));
	assert_true(stats(&f)->pending_repair && stats(&f)->transient);
	assert_true(stats(&f)->has_host_id);
}

static void other_partitioners(void **state)
{
	static const struct {
		const char *name;
		bool murmur3, local;
	} rows[] = {
		{ "org.apache.cassandra.dht.Murmur3Partitioner", true, false },
		{ "org.apache.cassandra.dht.LocalPartitioner", false, true },
		{ "org.apache.cassandra.dht.RandomPartitioner", false, false },
		{ "org.apache.cassandra.dht.Murmur3Partitioner2", false,
		  false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		struct sl_name name = sl_test_name(NB);
		struct text parts[4], t;

		take_parts(real(), parts);
		parts[0].n = 0;
		add_int(&parts[0], strlen(rows[i].name), 2);
		add(&parts[0], rows[i].name, strlen(rows[i].name));
		add_int(&parts[0], 0x3f847ae147ae147b, 8); /* 0.01 */
		make(parts, true, &t);
		sl_test_facts(&name, t.p, t.n, t.n, &f);
		assert_int_equal(f.found_count, !rows[i].murmur3);
		assert_int_equal(found(&f, SL_RULE_PARTITIONER),
				 !rows[i].murmur3);
		assert_int_equal(stats(&f)->partitioner_murmur3,
				 rows[i].murmur3);
		assert_int_equal(stats(&f)->partitioner_local, rows[i].local);
		assert_true(stats(&f)->fp_chance == 0.01);
		if (f.found_count)
			assert_string_equal(f.found[0].detail, rows[i].name);
	}
}

static void too_large(void **state)
{
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name = sl_test_name(NB);

	(void)state;
	assert_int_equal(sl_stream_new(&name, NULL, &s), 0);
	sl_stream_zeros(s, SL_STREAM_TEXT + 1);
	assert_int_equal(sl_stream_facts(s, &f), 0);
	assert_int_equal(f.found_count, 1);
	assert_int_equal(f.found[0].rule, SL_RULE_STATISTICS);
	assert_non_null(strstr(f.found[0].detail, "more than"));
}

/* A version that nobody knows is told of its name, not of this. */
static void unknown_versions_are_left_alone(void **state)
{
	(void)state;
	assert_false(damaged("zz-1-big-Statistics.db",
			     (const unsigned char *)"x", 1));
	assert_false(damaged("dz-1-bti-Statistics.db",
			     (const unsigned char *)"x", 1));
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_bit_is_held),
		cmocka_unit_test(every_truncation_is_found),
		cmocka_unit_test(longer_is_found),
		cmocka_unit_test(fixtures_damaged_are_found),
		cmocka_unit_test(without_checksums),
		cmocka_unit_test(encrypted_is_opaque),
		cmocka_unit_test(wrong_content_is_found),
		cmocka_unit_test(a_byte_more_is_found),
		cmocka_unit_test(flags_are_found),
		cmocka_unit_test(other_partitioners),
		cmocka_unit_test(too_large),
		cmocka_unit_test(unknown_versions_are_left_alone),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

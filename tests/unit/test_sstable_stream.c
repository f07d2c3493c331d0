/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the stream does for every parser: it chooses one by the name, counts,
 * begins again, gives facts in the middle, and judges a component without a
 * byte. Also the bytes that parsers keep.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#include "sstable/whole.h"
#include "tests/lib/sstables.h"

static void empty_components(void **state)
{
	static const struct {
		const char *name;
		bool found;
	} rows[] = {
		{ "nb-1-big-Data.db", true },
		{ "nb-1-big-Index.db", true },
		{ "nb-1-big-Summary.db", true },
		{ "bb-1-bti-Partitions.db", true },
		{ "bb-1-bti-Rows.db", false },
		{ "nb-1-big-Filter.db", true },
		{ "nb-1-big-CompressionInfo.db", true },
		{ "nb-1-big-CRC.db", true },
		{ "nb-1-big-Statistics.db", true },
		{ "nb-1-big-Digest.crc32", true },
		{ "nb-1-big-TOC.txt", true },
		{ "nb-1-big-SAI+aa+GroupComplete.db", false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(facts) struct sl_facts f = { 0 };
		struct sl_name name = sl_test_name(rows[i].name);

		sl_test_facts(&name, NULL, 0, 0, &f);
		assert_int_equal(f.size, 0);
		assert_int_equal(f.found_count, rows[i].found);
		if (rows[i].found)
			assert_int_equal(f.found[0].rule,
					 SL_RULE_EMPTY_COMPONENT);
	}
}

/* The name in the facts does not point into a string that may be gone. */
static void facts_carry_the_name(void **state)
{
	SL_CLEANUP(facts) struct sl_facts f = { 0 };
	struct sl_name name =
		sl_test_name("cc-3gdv_0vos_4jbmo2l3kqtv0q1se8-bti-Rows.db");

	(void)state;
	sl_test_facts(&name, NULL, 0, 0, &f);
	assert_int_equal(f.name.component, SL_COMP_ROWS);
	assert_string_equal(f.name.version, "cc");
	assert_int_equal(f.name.format, SL_FORMAT_BTI);
	assert_null(f.name.id.p);
	assert_null(f.name.text.p);
}

static void other_files_are_only_counted(void **state)
{
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	struct sl_name name = sl_test_name("nb-1-big-SI_x.db");
	struct sl_facts f;

	(void)state;
	assert_int_equal(name.component, SL_COMP_OTHER);
	assert_int_equal(sl_stream_new(&name, NULL, &s), 0);
	sl_stream_feed(s, "abc", 3);
	sl_stream_feed(s, "", 0);
	sl_stream_zeros(s, 200000);
	assert_int_equal(sl_stream_facts(s, &f), 0);
	assert_int_equal(f.size, 200003);
	assert_int_equal(f.found_count, 0);
	sl_facts_release(&f);
	sl_stream_restart(s);
	assert_int_equal(sl_stream_size(s), 0);
}

static uint32_t digest_of(struct sl_stream *s, size_t *found)
{
	struct sl_facts f;
	uint32_t v;

	assert_int_equal(sl_stream_facts(s, &f), 0);
	v = f.u.digest;
	*found = f.found_count;
	sl_facts_release(&f);
	return v;
}

static void facts_in_the_middle_and_again(void **state)
{
	SL_CLEANUP(stream) struct sl_stream *s = NULL;
	struct sl_name name = sl_test_name("nb-1-big-Digest.crc32");
	size_t found;

	(void)state;
	assert_int_equal(sl_stream_new(&name, NULL, &s), 0);
	sl_stream_feed(s, "12", 2);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(digest_of(s, &found), 12);
		assert_int_equal(found, 0);
	}
	sl_stream_feed(s, "34", 2);
	assert_int_equal(digest_of(s, &found), 1234);
	sl_stream_restart(s);
	sl_stream_feed(s, "77", 2);
	assert_int_equal(digest_of(s, &found), 77);
	assert_int_equal(found, 0);
	/* Zero bytes are bytes: this is no number any more. */
	sl_stream_zeros(s, 1);
	digest_of(s, &found);
	assert_int_equal(found, 1);
}

static void keeps_in_any_pieces(void **state)
{
	static const size_t pieces[] = { 1, 3, 100, 4096, 70000 };
	static unsigned char text[70000];

	(void)state;
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (unsigned char)(i * 31 >> 3);
	for (size_t k = 0; k < SL_ARRAY_LEN(pieces); k++) {
		struct sl_whole w = { 0 };

		for (size_t i = 0; i < sizeof(text); i += pieces[k])
			sl_whole_feed(&w, text + i,
				      pieces[k] < sizeof(text) - i ?
					      pieces[k] : sizeof(text) - i);
		assert_int_equal(w.len, sizeof(text));
		assert_memory_equal(w.data, text, sizeof(text));
		assert_true(w.cap <= 2 * sizeof(text));
		sl_whole_release(&w);
		assert_null(w.data);
	}
}

static void keeps_no_more_than_its_limit(void **state)
{
	struct sl_whole w = { .max = 5000 };
	static const unsigned char text[5001];

	(void)state;
	sl_whole_feed(&w, text, 4999);
	sl_whole_feed(&w, text, 1);
	assert_false(w.overflow);
	assert_int_equal(w.len, 5000);
	assert_true(w.cap <= 5000);
	sl_whole_feed(&w, text, 1);
	assert_true(w.overflow);
	assert_null(w.data);
	sl_whole_feed(&w, text, 1);
	assert_int_equal(w.len, 0);
	sl_whole_release(&w);
	assert_false(w.overflow);
	sl_whole_feed(&w, text, 5001);
	assert_true(w.overflow);
	sl_whole_release(&w);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty_components),
		cmocka_unit_test(facts_carry_the_name),
		cmocka_unit_test(other_files_are_only_counted),
		cmocka_unit_test(facts_in_the_middle_and_again),
		cmocka_unit_test(keeps_in_any_pieces),
		cmocka_unit_test(keeps_no_more_than_its_limit),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

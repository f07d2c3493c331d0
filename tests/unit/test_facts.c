/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Facts as bytes: what is packed comes back, cut or changed bytes are refused
 * or at least harmless, and findings beyond the fourth are lost without harm.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "sstable/facts.h"
#include "sstable/header.h"
#include "sstable/schema.h"

static const char schema_text[] =
	"CREATE TYPE IF NOT EXISTS ks.addr (street text, no int);\n"
	"CREATE TABLE IF NOT EXISTS ks.t (\n"
	"    k int, c text, s int static, v frozen<addr>,\n"
	"    PRIMARY KEY (k, c)\n"
	") WITH ID = a0623710-e6e0-11f1-bf84-0d06878e994f\n"
	"    AND CLUSTERING ORDER BY (c DESC);\n"
	"CREATE INDEX i ON ks.t (v);\n";

static struct sl_header *header(void)
{
	static const char t[] = "org.apache.cassandra.db.marshal.Int32Type";
	struct sl_header_maker m = { 0 };

	for (int pass = 0; pass < 2; pass++) {
		sl_header_key(&m, t, strlen(t));
		sl_header_clustering(&m, t, strlen(t));
		sl_header_name(&m, "s", 1);
		sl_header_column(&m, true, t, strlen(t));
		sl_header_name(&m, "", 0);
		sl_header_column(&m, false, t, strlen(t));
		if (!pass)
			assert_int_equal(sl_header_allocate(&m), 0);
	}
	return m.header;
}

static struct sl_names *names(void)
{
	static const char text[] = "nb-1-big-Data.db\0.idx/nb-1-big-Data.db";
	struct sl_names *n = malloc(sizeof(*n) + sizeof(text));

	assert_non_null(n);
	n->refs = 1;
	n->count = 2;
	n->len = sizeof(text);
	memcpy(n->text, text, sizeof(text));
	return n;
}

static void fill_numbers(struct sl_facts *f)
{
	struct sl_statistics_facts *t = &f->u.statistics;

	switch (f->name.component) {
	case SL_COMP_DATA:
		f->u.data = (struct sl_data_facts){
			SL_DATA_CHUNKED, true, 1, UINT64_MAX, 3, 4, 5, 65536,
			SL_COMPRESSOR_ZSTD, 16384, 12,
		};
		break;
	case SL_COMP_COMPRESSION_INFO:
		f->u.compression = (struct sl_compression_facts){
			SL_COMPRESSOR_LZ4, true, 16384, 2147483647,
			1ull << 40, 7, 8, 9, NULL,
		};
		break;
	case SL_COMP_CRC:
		f->u.crc = (struct sl_crc_facts){ 65536, 3, 2, 99, NULL };
		break;
	case SL_COMP_STATISTICS:
		t->partitioner_murmur3 = t->pending_repair = t->slice = true;
		t->fp_chance = 0.01;
		t->partitions = 700;
		t->compression_ratio = -1.0;
		t->repaired_at = -5;
		t->has_host_id = t->flushed = true;
		memcpy(t->host_id, "0123456789abcdef", 16);
		break;
	case SL_COMP_INDEX:
	case SL_COMP_PARTITIONS:
		f->u.index = (struct sl_index_facts){
			700, 1, 2, 3, true, 4, 5, 6, true, 7, 8,
		};
		break;
	case SL_COMP_SUMMARY:
		f->u.summary.count = 6;
		f->u.summary.samples = 1ull << 63;
		f->u.summary.sampled = true;
		break;
	case SL_COMP_FILTER:
		f->u.filter.hashes = 7;
		f->u.filter.words = 1000;
		f->u.filter.ones = 999;
		break;
	case SL_COMP_DIGEST:
		f->u.digest = 4294967295u;
		break;
	case SL_COMP_TOC:
		f->u.toc.listed = 0x5ff;
		break;
	case SL_COMP_ROWS:
	case SL_COMP_MANIFEST:
	case SL_COMP_SCHEMA:
	case SL_COMP_OTHER:
	case SL_COMP__COUNT:
		break;
	}
}

static void make(enum sl_component c, struct sl_facts *f)
{
	memset(f, 0, sizeof(*f));
	f->name.component = c;
	f->name.sstable = c < SL_COMP__SSTABLE;
	if (f->name.sstable)
		memcpy(f->name.version, "nb", 3);
	f->size = 123456789012ull;
	f->has_crc32 = true;
	f->crc32 = 0xdeadbeef;
	fill_numbers(f);
	if (c == SL_COMP_STATISTICS)
		f->u.statistics.header = header();
	else if (c == SL_COMP_MANIFEST)
		f->u.manifest.files = names();
	else if (c == SL_COMP_SCHEMA)
		assert_int_equal(sl_schema_parse(schema_text,
						 strlen(schema_text),
						 &f->u.schema.schema, NULL),
				 0);
	sl_facts_found(f, SL_RULE_DATA_CHUNK, "chunk %d at byte %d", 17,
		       262144);
	sl_facts_found(f, SL_RULE_TOC, "%s", "");
}

static void equal_shared(const struct sl_facts *a, const struct sl_facts *b)
{
	char why[100] = "";

	if (a->name.component == SL_COMP_STATISTICS) {
		const struct sl_header *h = b->u.statistics.header;

		assert_string_equal(h->key_type, h->clustering[0]);
		assert_int_equal(h->column_count, 2);
		assert_string_equal(h->columns[0].name, "s");
		assert_true(h->columns[0].is_static);
		assert_false(h->columns[1].is_static);
	} else if (a->name.component == SL_COMP_MANIFEST) {
		assert_int_equal(b->u.manifest.files->count, 2);
		assert_memory_equal(a->u.manifest.files->text,
				    b->u.manifest.files->text,
				    a->u.manifest.files->len);
	} else if (a->name.component == SL_COMP_SCHEMA) {
		const struct sl_schema *s = b->u.schema.schema;

		assert_false(sl_schema_differs(a->u.schema.schema, s, why,
					       sizeof(why)));
		assert_string_equal(s->id, "a0623710e6e011f1bf840d06878e994f");
		assert_true(s->has_index);
		assert_int_equal(s->type_count, 1);
	}
}

static void test_round_trip(void **state)
{
	(void)state;
	for (unsigned c = 0; c < SL_COMP__COUNT; c++) {
		SL_CLEANUP(buf) struct sl_buf one = SL_BUF_INIT(1 << 20);
		SL_CLEANUP(buf) struct sl_buf two = SL_BUF_INIT(1 << 20);
		SL_CLEANUP(facts) struct sl_facts f, g;

		make(c, &f);
		assert_int_equal(sl_facts_pack(&f, &one), 0);
		assert_int_equal(sl_facts_unpack(one.data, one.len, &g), 0);
		assert_int_equal(g.size, f.size);
		assert_int_equal(g.found_count, 2);
		assert_int_equal(g.found[0].rule, SL_RULE_DATA_CHUNK);
		assert_string_equal(g.found[0].detail,
				    "chunk 17 at byte 262144");
		assert_string_equal(g.name.version, f.name.version);
		equal_shared(&f, &g);
		if (c != SL_COMP_STATISTICS && c != SL_COMP_MANIFEST &&
		    c != SL_COMP_SCHEMA)
			assert_memory_equal(&f.u, &g.u, sizeof(f.u));
		assert_int_equal(sl_facts_pack(&g, &two), 0);
		assert_int_equal(one.len, two.len);
		assert_memory_equal(one.data, two.data, one.len);
	}
}

static void try_bytes(const char *p, size_t n)
{
	SL_CLEANUP(buf) struct sl_buf again = SL_BUF_INIT(1 << 20);
	struct sl_facts f;
	char *copy = malloc(n ? n : 1); /* its end is watched */
	int r;

	assert_non_null(copy);
	memcpy(copy, p, n);
	r = sl_facts_unpack(copy, n, &f);
	free(copy);
	if (r) {
		static const struct sl_facts zero;

		assert_int_equal(r, -EPROTO);
		assert_memory_equal(&f, &zero, sizeof(f));
		return;
	}
	assert_int_equal(sl_facts_pack(&f, &again), 0);
	sl_facts_release(&f);
}

static void test_hostile(void **state)
{
	(void)state;
	for (unsigned c = 0; c < SL_COMP__COUNT; c++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1 << 20);
		SL_CLEANUP(facts) struct sl_facts f, g;

		make(c, &f);
		assert_int_equal(sl_facts_pack(&f, &b), 0);
		for (size_t n = 0; n < b.len; n++) {
			assert_int_equal(sl_facts_unpack(b.data, n, &g),
					 -EPROTO);
			try_bytes(b.data, n);
		}
		for (size_t bit = 0; bit < 8 * b.len; bit++) {
			b.data[bit / 8] ^= (char)(1 << bit % 8);
			try_bytes(b.data, b.len);
			b.data[bit / 8] ^= (char)(1 << bit % 8);
		}
		sl_buf_append(&b, "x", 1);
		assert_int_equal(sl_facts_unpack(b.data, b.len, &g), -EPROTO);
	}
}

static void test_found(void **state)
{
	struct sl_facts f = { .size = 1 };
	char longer[1000];

	(void)state;
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	sl_facts_found(&f, SL_RULE_TOC, "%s", longer);
	assert_int_equal(strlen(f.found[0].detail), SL_FACTS_DETAIL - 1);
	sl_facts_found(&f, SL_RULE_TOC, "a\033[2Jb\n");
	assert_null(strchr(f.found[1].detail, '\033'));
	assert_null(strchr(f.found[1].detail, '\n'));
	for (int i = 0; i < 10; i++)
		sl_facts_found(&f, SL_RULE_DIGEST, "%d", i);
	assert_int_equal(f.found_count, SL_FACTS_FOUND);
	assert_string_equal(f.found[3].detail, "1");
	sl_facts_release(&f);
}

static void test_references(void **state)
{
	struct sl_facts f, g;

	(void)state;
	make(SL_COMP_SCHEMA, &f);
	g = f;
	sl_facts_ref(&g);
	sl_facts_release(&f);
	assert_null(f.u.schema.schema);
	assert_string_equal(g.u.schema.schema->table, "t");
	sl_facts_release(&g);
	sl_facts_release(&g); /* twice is fine */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_found),
		cmocka_unit_test(test_references),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the listing alone tells of all nodes: a cluster of healthy nodes that
 * says nothing, each thing that may be wrong with it by itself, seals, and a
 * million objects with the memory they take.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "migration/gate.h"
#include "migration/seal.h"

#define ID_A "00112233445566778899aabbccddeeff"
#define ID_B "ffeeddccbbaa99887766554433221100"
#define A "ks/a-" ID_A "/snapshots/s"
#define B "ks/b-" ID_B "/snapshots/s"

static const char *const nodes[] = { "n1", "n2", "n3" };
static const struct sl_path_rules rules;

static const char *const healthy[] = {
	A "/manifest.json",	   A "/nb-1-big-CompressionInfo.db",
	A "/nb-1-big-Data.db",	   A "/nb-1-big-Digest.crc32",
	A "/nb-1-big-Filter.db",   A "/nb-1-big-Index.db",
	A "/nb-1-big-Statistics.db", A "/nb-1-big-Summary.db",
	A "/nb-1-big-TOC.txt",	   A "/nb-10-big-CRC.db",
	A "/nb-10-big-Data.db",	   A "/nb-10-big-Index.db",
	A "/nb-10-big-Statistics.db", A "/schema.cql",
	B "/bb-7-bti-CompressionInfo.db", B "/bb-7-bti-Data.db",
	B "/bb-7-bti-Partitions.db", B "/bb-7-bti-Rows.db",
	B "/bb-7-bti-Statistics.db", B "/manifest.json",
};

struct change {
	const char *node;
	const char *without; /* this key is not there */
	const char *with;    /* this one is, in its place or in order */
	uint64_t size;
};

static struct sl_gate *gate(const char *const *seals)
{
	struct sl_gate_config cfg = {
		.expect = nodes,
		.expect_count = SL_ARRAY_LEN(nodes),
		.seals = seals,
		.rules = &rules,
	};
	struct sl_gate *g = NULL;

	assert_int_equal(sl_gate_new(&cfg, &g), 0);
	return g;
}

static int listed(struct sl_gate *g, const char *node, const char *key,
		  uint64_t size)
{
	struct sl_object o = { .size = size, .etag = "\"e\"" };
	char path[1200];

	snprintf(path, sizeof(path), "%s/%s", node, key);
	return sl_gate_listed(g, path, &o);
}

static const struct change nothing = { .node = "" };

/* A healthy node, Rows.db without bytes, but for what is changed. */
static void list_node(struct sl_gate *g, const char *node,
		      const struct change *c)
{
	bool mine = !strcmp(c->node, node);
	const char *with = mine ? c->with : NULL;

	for (size_t i = 0; i < SL_ARRAY_LEN(healthy); i++) {
		const char *key = healthy[i];

		if (with && strcmp(with, key) <= 0) {
			assert_int_equal(listed(g, node, with, c->size), 0);
			if (!strcmp(with, key)) {
				with = NULL;
				continue;
			}
			with = NULL;
		}
		if (mine && c->without && !strncmp(key, c->without,
						   strlen(c->without)))
			continue;
		assert_int_equal(listed(g, node, key,
					strstr(key, "Rows") ? 0 : 9), 0);
	}
	if (with)
		assert_int_equal(listed(g, node, with, c->size), 0);
}

static struct sl_gate *cluster(const struct change *c)
{
	struct sl_gate *g = gate(NULL);

	for (size_t i = 0; i < SL_ARRAY_LEN(nodes); i++)
		list_node(g, nodes[i], c);
	return g;
}

static uint64_t count_of(const struct sl_gate *g, const char *rule,
			 bool closing)
{
	uint64_t sum = 0, n;
	const char *name;
	bool closes;

	for (size_t i = 0; sl_gate_counted(g, i, &name, &closes, &n); i++)
		if (closes == closing && !strcmp(name, rule))
			sum += n;
	return sum;
}

static uint64_t count_all(const struct sl_gate *g)
{
	uint64_t sum = 0, n;
	const char *name;
	bool closes;

	for (size_t i = 0; sl_gate_counted(g, i, &name, &closes, &n); i++)
		sum += n;
	return sum;
}

static void test_healthy(void **state)
{
	struct sl_gate *g = cluster(&nothing);
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_gate_finish(g, &e), 0);
	assert_int_equal(count_all(g), 0);
	sl_gate_free(g);
}

static const struct {
	struct change c;
	const char *rule, *path;
	bool closes;
} finding_rows[] = {
	{ { "n2", A "/nb-1-big-Data.db", NULL, 0 },
	  "missing-component", "n2/" A "/nb-1-big-Data.db", true },
	{ { "n2", A "/nb-1-big-Index.db", NULL, 0 },
	  "missing-component", "n2/" A "/nb-1-big-Index.db", true },
	{ { "n3", A "/nb-10-big-Statistics.db", NULL, 0 },
	  "missing-component", "n3/" A "/nb-10-big-Statistics.db",
	  true },
	{ { "n1", B "/bb-7-bti-Partitions.db", NULL, 0 },
	  "missing-component", "n1/" B "/bb-7-bti-Partitions.db",
	  true },
	{ { "n1", B "/bb-7-bti-Rows.db", NULL, 0 },
	  "missing-component", "n1/" B "/bb-7-bti-Rows.db", true },
	{ { "n1", A "/nb-10-big-CRC.db", NULL, 0 }, "no-checksums",
	  "n1/" A "/nb-10-big-CompressionInfo.db", true },
	{ { "n2", NULL, A "/nb-1-big-Index.db", 0 },
	  "empty-component", "n2/" A "/nb-1-big-Index.db", true },
	{ { "n2", A "/manifest.json", NULL, 0 }, "no-manifest",
	  "n2/" A "/manifest.json", false },
	{ { "n2", A, NULL, 0 }, "table-missing",
	  "n2/ks/a-" ID_A, true },
	{ { "n1", B, NULL, 0 }, "table-missing",
	  "n1/ks/b-" ID_B, true },
	{ { "n2", NULL, A "2/manifest.json", 3 }, "second-tag",
	  "n2/" A "2", true },
	{ { "n2", NULL, "ks/a-" ID_B "/snapshots/s/manifest.json",
	    3 }, "second-table-id",
	  "n2/ks/a-" ID_B "/snapshots/s", true },
	{ { "n2", NULL, A "/.idx/nb-1-big-Data.db", 3 },
	  "index-directory", "n2/" A "/.idx", true },
	{ { "n2", NULL, "ks/a-" ID_A "/nb-1-big-Data.db", 3 },
	  "live-file", "n2/ks/a-" ID_A, true },
	{ { "n2", NULL, "ks/a-" ID_A "/backups/nb-1-big-Data.db",
	    3 }, "backups", "n2/ks/a-" ID_A "/backups", true },
	{ { "n2", NULL, "system/x-" ID_B "/snapshots/s/manifest.json",
	    3 }, "system-keyspace",
	  "n2/system/x-" ID_B "/snapshots/s", false },
	{ { "n2", NULL, A "/nb-1-big-Data.db.tmp", 3 }, "temporary",
	  "n2/" A, true },
	{ { "n2", NULL, A "/oa-3-big-Data.db", 3 }, "new-version",
	  "n2/" A, true },
	{ { "n2", NULL, A "/jb-3-big-Data.db", 3 }, "old-version",
	  "n2/" A, true },
};

static void found_once(size_t i)
{
	struct sl_gate *g = cluster(&finding_rows[i].c);
	int want = finding_rows[i].closes ? -EBADMSG : 0;
	struct sl_gate_finding f;
	struct sl_error e = { 0 };

	if (sl_gate_finish(g, &e) != want ||
	    count_of(g, finding_rows[i].rule, finding_rows[i].closes) != 1 ||
	    count_all(g) != 1 || !sl_gate_finding(g, 0, &f))
		fail_msg("%s: %s", finding_rows[i].rule, e.text);
	assert_string_equal(f.name, finding_rows[i].rule);
	assert_string_equal(f.path, finding_rows[i].path);
	assert_non_null(strstr(f.text, finding_rows[i].path));
	assert_int_equal(f.closes, finding_rows[i].closes);
	assert_int_equal(sl_gate_against(g, finding_rows[i].c.node),
			 finding_rows[i].closes);
	assert_int_equal(sl_gate_against(g, "n9"), 0);
	sl_gate_free(g);
}

/* Each says where, what is wrong, and what to do. */
static void test_findings(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(finding_rows); i++)
		found_once(i);
}

/* Another tag on another node imports well: it is told. */
static void test_tags_of_nodes(void **state)
{
	struct sl_gate *g = gate(NULL);
	struct sl_error e = { 0 };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(nodes); i++)
		assert_int_equal(listed(g, nodes[i], i == 1 ?
					"ks/a-" ID_A "/snapshots/t/manifest"
					".json" : A "/manifest.json", 3), 0);
	assert_int_equal(sl_gate_finish(g, &e), 0);
	assert_int_equal(count_of(g, "second-tag", false), 1);
	sl_gate_free(g);
}

/* A hundred files in a wrong place are one finding. */
static void test_one_for_a_directory(void **state)
{
	struct sl_gate *g = gate(NULL);
	struct sl_error e = { 0 };

	(void)state;
	for (int i = 100; i < 200; i++) {
		char key[200];

		snprintf(key, sizeof(key), A "/.idx/nb-%d-big-Data.db", i);
		assert_int_equal(listed(g, "n1", key, 1), 0);
	}
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(count_of(g, "index-directory", true), 1);
	sl_gate_free(g);
}

static void test_disorder(void **state)
{
	struct sl_gate *g = gate(NULL);
	struct sl_error e = { 0 };

	(void)state;
	list_node(g, "n2", &nothing);
	list_node(g, "n1", &nothing);
	list_node(g, "n3", &nothing);
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(sl_gate_count(g, SL_GATE_ORDER), 1);
	assert_int_equal(count_of(g, "table-missing", true), 0);
	sl_gate_free(g);
}

/* The judge said it already: once is enough. */
static void test_said_twice(void **state)
{
	static const struct change c = { "n2", A "/nb-1-big-Index.db", NULL,
					 0 };
	const struct sl_finding f = {
		.rule = SL_RULE_MISSING_COMPONENT,
		.verdict = SL_REJECT,
		.path = "n2/" A "/nb-1-big-Index.db",
		.detail = "Index.db",
	};
	struct sl_gate *g = cluster(&c);
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_gate_found(g, &f), 0);
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(count_all(g), 1);
	assert_non_null(strstr(e.text, "1 missing-component"));
	sl_gate_free(g);
}

/* Warnings never push what closes the gate out of the list. */
static void test_many_warnings(void **state)
{
	struct sl_gate *g = gate(NULL);
	struct sl_error e = { 0 };
	struct sl_gate_finding f;
	bool seen = false;
	size_t n = 0;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		char path[64];
		struct sl_finding q = {
			.rule = SL_RULE_NO_TOC,
			.verdict = SL_WARN,
			.path = path,
			.detail = "",
		};

		snprintf(path, sizeof(path), "n1/%05d", i);
		assert_int_equal(sl_gate_found(g, &q), 0);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(nodes); i++)
		assert_int_equal(listed(g, nodes[i], i ? A "/manifest.json" :
					A "/nb-1-big-Data.db", 3), 0);
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(count_of(g, "no-toc", false), 5000);
	for (; sl_gate_finding(g, n, &f); n++)
		seen |= f.closes;
	assert_true(seen);
	assert_in_range(n, 300, 400);
	sl_gate_free(g);
}

static void make_seal(const char *without, char *dst)
{
	SL_CLEANUP(seal) struct sl_seal *s = NULL;

	assert_int_equal(sl_seal_new(&s), 0);
	for (size_t i = 0; i < SL_ARRAY_LEN(healthy); i++)
		if (!without || strcmp(without, healthy[i]))
			assert_int_equal(sl_seal_add(s, healthy[i],
				strstr(healthy[i], "Rows") ? 0 : 9, "e"), 0);
	assert_int_equal(sl_seal_end(s, dst), 0);
}

static void test_seals(void **state)
{
	char right[SL_SEAL_SIZE], wrong[SL_SEAL_SIZE];
	const char *seals[] = { right, NULL, right };
	struct sl_gate *g = gate(seals);
	struct sl_error e = { 0 };

	(void)state;
	make_seal(NULL, right);
	make_seal(A "/schema.cql", wrong);
	sl_gate_free(g);
	g = gate(seals);
	for (size_t i = 0; i < SL_ARRAY_LEN(nodes); i++)
		list_node(g, nodes[i], &nothing);
	assert_int_equal(sl_gate_finish(g, &e), 0);
	sl_gate_free(g);
	seals[2] = wrong;
	g = gate(seals);
	for (size_t i = 0; i < SL_ARRAY_LEN(nodes); i++)
		list_node(g, nodes[i], &nothing);
	assert_int_equal(sl_gate_finish(g, &e), -EBADMSG);
	assert_int_equal(sl_gate_count(g, SL_GATE_SEAL), 1);
	assert_non_null(strstr(e.text, "'n3'"));
	assert_non_null(strstr(e.text, "20 files of 171 bytes"));
	assert_non_null(strstr(e.text, "19 files of 162 bytes"));
	sl_gate_free(g);
}

static size_t in_use(void)
{
	struct mallinfo2 i = mallinfo2();

	return i.uordblks + i.hblkhd;
}

/* 8 nodes, 25 tables, 500 SSTables of 10 components: a million objects. */
static void test_million(void **state)
{
	static const char *const parts[] = {
		"CompressionInfo.db", "Data.db", "Digest.crc32", "Filter.db",
		"Index.db", "Statistics.db", "Summary.db", "TOC.txt",
		"X1.db", "X2.db",
	};
	const size_t before = in_use();
	struct sl_gate_config cfg = {
		.expect = nodes, .expect_count = 1, .rules = &rules,
	};
	struct sl_gate *g = NULL;
	struct sl_object o = { .size = 9 };
	struct sl_error e = { 0 };
	size_t objects = 0, used;

	(void)state;
	assert_int_equal(sl_gate_new(&cfg, &g), 0);
	for (int i = 0; i < 8 * 25 * 500; i++) {
		int node = i / (25 * 500), table = i / 500 % 25;

		for (size_t c = 0; c < SL_ARRAY_LEN(parts); c++) {
			char key[200];

			snprintf(key, sizeof(key), "m%d/ks/t%02d-" ID_A
				 "/snapshots/s/nb-%d-big-%s", node, table,
				 1000 + i % 500, parts[c]);
			/* One that is missing, so that it is looked at. */
			if (i == 77777 && c == 1)
				continue;
			assert_int_equal(sl_gate_listed(g, key, &o), 0);
			objects++;
		}
	}
	used = in_use() - before;
	assert_int_equal(objects, 999999);
	/* Nothing is counted where a sanitizer has its own allocator. */
	assert_true(used <= 1 << 20);
	printf("# 1,000,000 objects: %zu bytes\n", used);
	assert_int_not_equal(sl_gate_finish(g, &e), 0);
	assert_int_equal(count_of(g, "missing-component", true), 1);
	sl_gate_free(g);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_healthy),
		cmocka_unit_test(test_findings),
		cmocka_unit_test(test_tags_of_nodes),
		cmocka_unit_test(test_one_for_a_directory),
		cmocka_unit_test(test_disorder),
		cmocka_unit_test(test_said_twice),
		cmocka_unit_test(test_many_warnings),
		cmocka_unit_test(test_seals),
		cmocka_unit_test(test_million),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

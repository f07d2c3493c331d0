/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The judge on what many files say together: completeness, a second tag or
 * id, another Data.db, views, and rules between nodes.
 */
#include "judge_scene.h"

#include "sstable/header.h"
#include "sstable/schema.h"

/* --- completeness */

static void test_gate(void **state)
{
	static const struct {
		const char *gone, *line;
	} rows[] = {
		{ "Data.db", "reject missing-component " S "Data.db" },
		{ "Index.db", "reject missing-component " S "Index.db" },
		{ "Statistics.db",
		  "reject missing-component " S "Statistics.db" },
		{ "CompressionInfo.db",
		  "reject no-checksums " S "CompressionInfo.db" },
		{ "CompressionInfo.db",
		  "reject toc-missing " S "CompressionInfo.db" },
		{ "Digest.crc32", "warn no-digest " S "Digest.crc32" },
		{ "Filter.db", "warn no-filter " S "Filter.db" },
		{ "Summary.db", "warn no-summary " S "Summary.db" },
		{ "TOC.txt", "warn no-toc " S "TOC.txt" },
	};
	char path[1024];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		put_sstable(S);
		snprintf(path, sizeof(path), "%s%s", S, rows[i].gone);
		sl_judge_drop(j, path);
		assert_true(lines_have(ask(), rows[i].line));
		put(path);
		assert_int_equal(ask()->n, 0);
	}
	assert_int_equal(said.n, 0);
}

/* What TOC.txt lists, of data that is not compressed. */
static void test_gate_words(void **state)
{
	struct sl_facts data, crc, toc;

	(void)state;
	put_sstable(S);
	sl_judge_drop(j, S "CompressionInfo.db");
	toc = changed(S "TOC.txt");
	toc.u.toc.listed = 1u << SL_COMP_DATA | 1u << SL_COMP_CRC;
	assert_int_equal(put_facts(S "TOC.txt", &toc), 0);
	sl_judge_drop(j, S "Data.db");
	plain_facts(&data, &crc);
	assert_int_equal(put_facts(S "Data.db", &data), 0);
	assert_true(lines_have(ask(), "reject toc-missing " S "CRC.db"));
	assert_false(lines_have(&all, "CompressionInfo.db (Comp"));
	assert_int_equal(put_facts(S "CRC.db", &crc), 0);
	assert_int_equal(ask()->n, 0);
}

static void test_no_filter(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	sl_judge_drop(j, S "Filter.db");
	f = changed(S "Statistics.db");
	f.u.statistics.fp_chance = 1.0;
	assert_int_equal(put_facts(S "Statistics.db", &f), 0);
	assert_int_equal(ask()->n, 0);
}

static void put_manifest(const char *path, const char *text, size_t n)
{
	struct sl_names *l = malloc(sizeof(*l) + n);
	struct sl_facts f;

	assert_non_null(l);
	l->refs = 1;
	l->len = n;
	l->count = 2;
	memcpy(l->text, text, n);
	file_facts(path, &f);
	f.u.manifest.files = l;
	assert_int_equal(put_facts(path, &f), 0);
	sl_facts_release(&f);
}

static void test_manifest(void **state)
{
	static const char text[] = "nb-1-big-Data.db\0nb-7-big-Data.db\0"
				   "nb-7-big-Data.db\0.i/nb-9-big-Data.db\0"
				   "../x";

	(void)state;
	put_sstable(S);
	put_manifest(T "manifest.json", text, sizeof(text));
	assert_true(lines_have(ask(), "reject manifest-sstable " T
				      "nb-7-big-Data.db"));
	assert_true(lines_have(&all, "warn manifest " T "manifest.json"));
	assert_int_equal(all.n, 2);
	assert_int_equal(sl_judge_create(j, T ".i/nb-9-big-Data.db",
					 lines_found, &said),
			 0);
	assert_true(lines_have(ask(), "warn manifest-sstable " T
				      "nb-7-big-Data.db"));
	put_sstable(T "nb-7-big-");
	only(ask(), "warn manifest " T "manifest.json");
}

/* rsync's own directories are no index. */
static void test_manifest_rsync(void **state)
{
	static const char text[] = "nb-7-big-Data.db";

	(void)state;
	put_manifest(T "manifest.json", text, sizeof(text));
	assert_int_equal(sl_judge_create(j, T ".rsync-partial/nb-9-big-Data.db",
					 lines_found, &said), 0);
	assert_int_equal(sl_judge_create(j, T ".~tmp~/x", lines_found, &said),
			 0);
	assert_int_equal(sl_judge_create(j, T ".nb-1-big-Data.db.Ab3fGh",
					 lines_found, &said), 0);
	only(ask(), "reject manifest-sstable " T "nb-7-big-Data.db");
}

static void test_unread(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	f = changed(S "Index.db");
	f.unread = true;
	memset(&f.u, 0, sizeof(f.u));
	assert_int_equal(put_facts(S "Index.db", &f), 0);
	assert_int_equal(said.n, 0);
	only(ask(), "warn unread " S "Index.db (1000 bytes)");
	put(S "Index.db");
	/* The store's CRC32 is the digest's: the data is proven. */
	f = changed(S "Data.db");
	f.unread = true;
	memset(&f.u, 0, sizeof(f.u));
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(ask(), "warn chunk-table-unproven " S "CompressionInfo.db");
	sl_judge_drop(j, S "Data.db");
	f.crc32++;
	lines_clear(&said);
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject digest-mismatch " S "Data.db");
}

static void test_nothing(void **state)
{
	(void)state;
	only(ask(), "reject nothing  ()");
	assert_int_equal(sl_judge_create(j, "n2/system/x-" ID1 "/nb-1-big-x",
					 lines_found, &said), 0);
	only(ask(), "reject nothing n2 ()");
	put_sstable(S);
	assert_int_equal(sl_judge_all(j, "n1", lines_found, &said), 0);
	assert_int_equal(said.n, 0);
	assert_int_equal(sl_judge_all(j, "n3", lines_found, &said), 0);
	only(&said, "reject nothing n3 ()");
}

/* --- places */

static void test_second_tag(void **state)
{
	static const char other[] = "n1/ks/t-" ID1 "/snapshots/zag/nb-1-big-";

	(void)state;
	put_sstable(other);
	assert_int_equal(sl_judge_create(j, S "Data.db", lines_found, &said),
			 0);
	only(&said, "reject second-tag " S "Data.db ('zag' is there too)");
	assert_int_equal(sl_judge_facts(j, S "Data.db") != NULL, 0);
	put(S "Data.db");
	assert_true(lines_have(&said, "reject second-tag " S "Data.db"));
	assert_true(lines_have(&said, "reject same-sstable " S "Data.db"));
	/* The walk blames the smaller, whoever was first. */
	assert_true(lines_have(ask(), "reject second-tag n1/ks/t-" ID1
				      "/snapshots/tag ('zag'"));
	sl_judge_drop(j, S "Data.db");
	assert_int_equal(ask()->n, 0);
}

static void test_second_id(void **state)
{
	static const char other[] = "n2/ks/t-" ID2 "/snapshots/tag/nb-1-big-";

	(void)state;
	put_sstable(S);
	put(T "manifest.json");
	put_sstable(other);
	assert_true(lines_have(&said, "reject second-table-id n2/ks/t-" ID2
				      "/snapshots/tag/nb-1-big-Data.db (id "
				      ID1 " is there too)"));
	assert_true(lines_have(ask(), "reject second-table-id n2/ks/t-" ID2));
}

static void test_other_data(void **state)
{
	struct sl_facts f;

	(void)state;
	put_sstable(S);
	put(S "Data.db");
	assert_int_equal(said.n, 0);
	file_facts(S "Data.db", &f);
	f.crc32 = 55;
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	only(&said, "reject other-data " S "Data.db");
	assert_int_equal(sl_judge_facts(j, S "Data.db")->crc32, 1234);
	sl_judge_drop(j, S "Data.db");
	assert_int_equal(put_facts(S "Data.db", &f), 0);
	assert_int_equal(sl_judge_facts(j, S "Data.db")->crc32, 55);
}

static struct sl_schema *schema(const char *text)
{
	struct sl_schema *s = NULL;

	assert_int_equal(sl_schema_parse(text, strlen(text), &s, NULL), 0);
	return s;
}

static void put_schema(const char *path, const char *text)
{
	struct sl_facts f;

	file_facts(path, &f);
	f.u.schema.schema = schema(text);
	assert_int_equal(put_facts(path, &f), 0);
	sl_facts_release(&f);
}

#define TABLE "CREATE TABLE IF NOT EXISTS ks.t (k int PRIMARY KEY, v text) " \
	"WITH ID = a0623710-e6e0-11f1-bf84-0d06878e994f;"
#define VIEW "CREATE MATERIALIZED VIEW IF NOT EXISTS ks.t AS SELECT k, v " \
	"FROM ks.b WHERE k IS NOT NULL AND v IS NOT NULL PRIMARY KEY (v, k);"

static void test_view(void **state)
{
	(void)state;
	put(S "Data.db");
	put(S "TOC.txt");
	put_schema(T "schema.cql", VIEW);
	assert_true(lines_have(&said, "reject view " S "Data.db"));
	assert_true(lines_have(&said, "reject view " S "TOC.txt"));
	assert_true(lines_have(&said, "reject view " T "schema.cql"));
	lines_clear(&said);
	put(S "Index.db");
	only(&said, "reject view " S "Index.db");
	assert_int_equal(sl_judge_create(j, S "Summary.db", lines_found, &said),
			 0);
	only(&said, "reject view " S "Summary.db");
	sl_judge_drop(j, T "schema.cql");
	put(S "Index.db");
	assert_int_equal(said.n, 0);
}

static void test_schemas_differ(void **state)
{
	(void)state;
	put_schema(T "schema.cql", TABLE);
	put_schema("n2/ks/t-" ID1 "/snapshots/tag/schema.cql",
		   "CREATE TABLE ks.t (k int PRIMARY KEY, v text, w int) WITH "
		   "ID = a0623710-e6e0-11f1-bf84-0d06878e994f;");
	assert_int_equal(said.n, 0);
	only(ask(), "warn schemas-differ n2/ks/t-" ID1
		    "/snapshots/tag/schema.cql");
}

static void test_between_nodes(void **state)
{
	static const char n2[] = "n2/ks/t-" ID1 "/snapshots/tag/nb-1-big-";

	(void)state;
	put_sstable(S);
	put(T "manifest.json");
	put("n1/ks/u-" ID2 "/snapshots/tag/manifest.json");
	assert_int_equal(ask()->n, 0);
	put_sstable(n2);
	lines_clear(&said);
	ask();
	assert_true(lines_have(&all, "reject table-missing n2/ks/u-" ID2));
	assert_true(lines_have(&all, "warn no-manifest n2/ks/t-" ID1
				     "/snapshots/tag/manifest.json"));
	assert_true(lines_have(&all, "reject double-upload n2 (1 of its 1"));
	assert_int_equal(all.n, 3);
	/* In byte order of paths. */
	assert_true(lines_have(&all, "n2"));
	assert_non_null(strstr(all.line[0], "double-upload n2"));
	assert_non_null(strstr(all.line[2], "table-missing"));
}

static void put_of_host(const char *prefix, int host)
{
	struct sl_facts f;
	char path[1024];

	put_sstable(prefix);
	snprintf(path, sizeof(path), "%sStatistics.db", prefix);
	f = changed(path);
	f.u.statistics.has_host_id = true;
	memset(f.u.statistics.host_id, host, 16);
	f.crc32 = (uint32_t)host * 1000;
	assert_int_equal(put_facts(path, &f), 0);
}

/* Whole files are streamed as they are: two hosts in a node are healthy. */
static void test_hosts(void **state)
{
	char path[1024];

	(void)state;
	for (int i = 1; i < 9; i++) {
		snprintf(path, sizeof(path), T "nb-%d-big-", i);
		put_of_host(path, i == 3 ? 2 : 1);
	}
	assert_int_equal(ask()->n, 0);
	/* A number is given once. */
	put_of_host(T "me-5-big-", 2);
	only(ask(), "warn host-ids " T "nb-5-big-Statistics.db");
	for (size_t i = 0; i < SL_ARRAY_LEN(big); i++) {
		snprintf(path, sizeof(path), T "me-5-big-%s", big[i]);
		sl_judge_drop(j, path);
	}
	assert_int_equal(ask()->n, 0);
	/* The very file of another node, where that wrote most. */
	for (int i = 3; i < 9; i++) {
		snprintf(path, sizeof(path),
			 "n2/ks/t-" ID1 "/snapshots/tag/nb-%d-big-",
			 i == 3 ? 3 : i + 10);
		put_of_host(path, 2);
	}
	only(ask(), "warn host-ids " T "nb-3-big-Statistics.db ('n2'");
}

/* Three of eight may be so by chance; half of a node may not. */
static void test_some_the_same(void **state)
{
	char path[1024];

	(void)state;
	for (int n = 1; n <= 2; n++)
		for (int i = 1; i <= 8; i++) {
			snprintf(path, sizeof(path), "n%d/ks/t-" ID1
				 "/snapshots/tag/nb-%d-big-", n,
				 i > 3 ? i + 10 * n : i);
			put_sstable(path);
		}
	assert_int_equal(ask()->n, 0);
	put_sstable("n1/ks/t-" ID1 "/snapshots/tag/nb-24-big-");
	only(ask(), "reject double-upload n2");
}

/* What was loaded into all replicas is equal on them; a copy is it, too. */
static void test_loaded(void **state)
{
	char path[1024];
	struct sl_facts f;

	(void)state;
	for (int n = 1; n <= 2; n++) {
		snprintf(path, sizeof(path), "n%d/ks/t-" ID1
			 "/snapshots/tag/md-1-big-", n);
		put_sstable(path);
		strcat(path, "Statistics.db");
		f = changed(path);
		f.u.statistics.flushed = false;
		assert_int_equal(put_facts(path, &f), 0);
	}
	only(ask(), "warn double-upload n2 (1 of its 1");
	f = changed(path);
	f.u.statistics.flushed = true;
	assert_int_equal(put_facts(path, &f), 0);
	only(ask(), "reject double-upload n2 (1 of its 1");
}

static void put_header(const char *path, const char *column)
{
	static const char type[] = "org.apache.cassandra.db.marshal.Int32Type";
	struct sl_header_maker m = { 0 };
	struct sl_facts f;

	for (int pass = 0; pass < 2; pass++) {
		sl_header_key(&m, type, strlen(type));
		sl_header_name(&m, column, strlen(column));
		sl_header_column(&m, false, type, strlen(type));
		if (!pass)
			assert_int_equal(sl_header_allocate(&m), 0);
	}
	f = changed(path);
	f.u.statistics.header = m.header;
	assert_int_equal(put_facts(path, &f), 0);
	sl_facts_release(&f);
}

#define DROPPED "CREATE TABLE ks.t (k int PRIMARY KEY, w int, gone int) " \
	"WITH ID = a0623710-e6e0-11f1-bf84-0d06878e994f;\n" \
	"ALTER TABLE ks.t DROP gone USING TIMESTAMP 1;"

/* A contradiction is told of each SSTable, a warning once; each time. */
static void test_headers(void **state)
{
	(void)state;
	put_sstable(T "nb-1-big-");
	put_sstable(T "nb-2-big-");
	put_header(T "nb-1-big-Statistics.db", "strange");
	put_header(T "nb-2-big-Statistics.db", "strange");
	put_schema(T "schema.cql", TABLE);
	assert_true(lines_have(&said, "schema-mismatch " T "nb-1-big-Stat"));
	assert_true(lines_have(&said, "schema-mismatch " T "nb-2-big-Stat"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(ask()->n, 2);
		assert_int_equal(all.worst, SL_REJECT);
	}
	put_header(T "nb-1-big-Statistics.db", "gone");
	put_header(T "nb-2-big-Statistics.db", "gone");
	put_schema(T "schema.cql", DROPPED);
	for (int i = 0; i < 2; i++)
		only(ask(), "warn dropped-column " T "nb-1-big-Statistics.db");
}

int main(void)
{
#define TEST(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(test_gate),
		TEST(test_gate_words),
		TEST(test_no_filter),
		TEST(test_manifest),
		TEST(test_manifest_rsync),
		TEST(test_unread),
		TEST(test_nothing),
		TEST(test_second_tag),
		TEST(test_second_id),
		TEST(test_other_data),
		TEST(test_view),
		TEST(test_schemas_differ),
		TEST(test_between_nodes),
		TEST(test_hosts),
		TEST(test_some_the_same),
		TEST(test_loaded),
		TEST(test_headers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

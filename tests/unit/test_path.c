/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path rules: names taken from real data directories of Cassandra 4.0 to
 * 5.0, what dead processes and old releases leave, the temporary names of
 * rsync, and hostile names. Real trees are in test_path_trees.c.
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
#include "sstable/path.h"

#define ID "a0623710e6e011f1bf840d06878e994f"
#define KS "node1/smart_home"
#define T KS "/devices-" ID
#define S T "/snapshots"
#define M S "/migrate1"

#define UP SL_PATH_UPLOAD
#define ST SL_PATH_STRUCTURE
#define SK SL_PATH_SKIP
#define RE SL_PATH_REFUSE
#define IN SL_PATH_INVALID

struct row {
	const char *path;
	bool dir;
	enum sl_path_class cls;
	enum sl_rule why;
	const char *final_key; /* NULL: not temporary */
};

static const struct row rows[] = {
	{ "", true, SL_PATH_ROOT, SL_RULE_NONE, NULL },
	{ "node1", true, ST, SL_RULE_NONE, NULL },
	{ "10.0.0.1", true, ST, SL_RULE_NONE, NULL },
	{ "-n", true, RE, SL_RULE_BAD_NODE, NULL },
	{ ".hidden", true, RE, SL_RULE_BAD_NODE, NULL },
	{ "lost+found", true, RE, SL_RULE_BAD_NODE, NULL },
	{ "a b/ks", true, RE, SL_RULE_BAD_NODE, NULL },
	{ "a b/system/x", false, RE, SL_RULE_BAD_NODE, NULL },
	{ "stray", false, RE, SL_RULE_BAD_NODE, NULL },
	{ "node1/stray", false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ KS, true, ST, SL_RULE_NONE, NULL },
	{ "node1/lost+found", true, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ KS "/x.txt", false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ T, true, ST, SL_RULE_NONE, NULL },
	{ T, false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ KS "/devices", true, SK, SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/devices-" ID "0", true, SK, SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/-" ID, true, SK, SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/d-A0623710E6E011F1BF840D06878E994F", true, SK,
	  SL_RULE_NO_TABLE_ID, NULL },
	/* made before 2.1: the user's snapshot matters, the rest does not */
	{ KS "/devices/snapshots", true, SK, SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/devices/snapshots/f", false, SK, SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/devices/nb-1-big-Data.db", false, SK, SL_RULE_NO_TABLE_ID,
	  NULL },
	{ KS "/devices/backups/migrate1/f", false, SK, SL_RULE_NO_TABLE_ID,
	  NULL },
	{ KS "/devices/snapshots/migrate1", true, RE,
	  SL_RULE_PRE21_DIRECTORY, NULL },
	{ KS "/devices/snapshots/migrate1/f", false, RE,
	  SL_RULE_PRE21_DIRECTORY, NULL },
	{ KS "/devices/snapshots/migrate1/.idx/nb-1-big-Data.db", false, RE,
	  SL_RULE_PRE21_DIRECTORY, NULL },
	{ KS "/devices/snapshots/migrate1/.nb-1-big-Data.db.Xa3f2Q", false,
	  RE, SL_RULE_PRE21_DIRECTORY,
	  KS "/devices/snapshots/migrate1/nb-1-big-Data.db" },
	{ KS "/devices/snapshots/1795399736000/f", false, SK,
	  SL_RULE_NO_TABLE_ID, NULL },
	{ KS "/d.old/snapshots/migrate1/f", false, SK, SL_RULE_NO_TABLE_ID,
	  NULL },
	{ "node1/system/_paxos_repair_state/ballot.meta", false, SK,
	  SL_RULE_SYSTEM_KEYSPACE, NULL },
	{ "node1/system_schema/tables-" ID "/snapshots/migrate1/f", false, SK,
	  SL_RULE_SYSTEM_KEYSPACE, NULL },
	{ "node1/dse_perf", true, SK, SL_RULE_SYSTEM_KEYSPACE, NULL },
	{ "node1/systematic", true, ST, SL_RULE_NONE, NULL },
	{ "node1/cfsales", true, ST, SL_RULE_NONE, NULL },
	{ S, true, ST, SL_RULE_NONE, NULL },
	{ S, false, SK, SL_RULE_LIVE_FILE, NULL },
	{ T "/nb-1-big-Data.db", false, SK, SL_RULE_LIVE_FILE, NULL },
	{ T "/SAI+aa+PartitionToSize.db", false, SK, SL_RULE_LIVE_FILE, NULL },
	{ T "/.roomidx", true, SK, SL_RULE_INDEX_DIRECTORY, NULL },
	{ T "/.roomidx/nb-1-big-Data.db", false, SK, SL_RULE_INDEX_DIRECTORY,
	  NULL },
	{ T "/backups", true, SK, SL_RULE_BACKUPS, NULL },
	{ T "/backups/nb-1-big-Data.db", false, SK, SL_RULE_BACKUPS, NULL },
	{ T "/backups/.roomidx/nb-1-big-Data.db", false, SK, SL_RULE_BACKUPS,
	  NULL },
	{ T "/other", true, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ S "/backups", true, UP, SL_RULE_NONE, NULL },
	{ M, true, UP, SL_RULE_NONE, NULL },
	{ M, false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ M "/manifest.json", false, UP, SL_RULE_NONE, NULL },
	{ M "/schema.cql", false, UP, SL_RULE_NONE, NULL },
	{ M "/nb-1-big-Data.db", false, UP, SL_RULE_NONE, NULL },
	{ M "/nb-3h5r_05yu_03fgq2lt6uw9i44op9-big-TOC.txt", false, UP,
	  SL_RULE_NONE, NULL },
	{ M "/whatever", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/.roomidx", true, SK, SL_RULE_INDEX_DIRECTORY, NULL },
	{ M "/.roomidx/nb-1-big-Data.db", false, SK, SL_RULE_INDEX_DIRECTORY,
	  NULL },
	{ M "/.roomidx/x/y/z", false, SK, SL_RULE_INDEX_DIRECTORY, NULL },
	{ M "/sub", true, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ M "/sub/file", false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ M "/.a b/file", false, SK, SL_RULE_NOT_A_SNAPSHOT, NULL },
	{ M "/nb-1-big-SI_notes_sasi.db", false, SK, SL_RULE_INDEX_COMPONENT,
	  NULL },
	{ M "/aa-1-bti-SAI_name_GroupMeta.db", false, SK,
	  SL_RULE_INDEX_COMPONENT, NULL },
	{ M "/nb-2-big-SAI+aa+emb_ann+TermsData.db", false, SK,
	  SL_RULE_INDEX_COMPONENT, NULL },
	{ M "/nb-2-big-SAI+aa+GroupComplete.db", false, SK,
	  SL_RULE_INDEX_COMPONENT, NULL },
	{ M "/nb-2-big-SIx.db", false, UP, SL_RULE_UNKNOWN_COMPONENT, NULL },
	{ M "/SI_x.db", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/n1-2-big-SI_x.db", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/nb--big-SI_x.db", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/nb-1-bib-SI_x.db", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ S "/truncated-1795399736000-cleared", true, SK, SL_RULE_MACHINE_TAG,
	  NULL },
	{ S "/truncated-1795399736000-cleared/manifest.json", false, SK,
	  SL_RULE_MACHINE_TAG, NULL },
	{ S "/1795399736000/nb-1-big-Data.db", false, SK, SL_RULE_MACHINE_TAG,
	  NULL },
	{ S "/my.tag-1/nb-1-big-Data.db", false, UP, SL_RULE_ODD_TAG,
	  NULL },
	{ S "/my tag", true, UP, SL_RULE_ODD_TAG, NULL },
	{ S "/my.tag-1/na-1-big-Data.db", false, UP, SL_RULE_PRERELEASE,
	  NULL },
	{ S "/my.tag-1/oa-1-big-Data.db", false, RE, SL_RULE_NEW_VERSION,
	  NULL },
	{ S "/my.tag-1/.idx/x", false, SK, SL_RULE_INDEX_DIRECTORY, NULL },

	/* versions */
	{ M "/ma-1-big-Data.db", false, UP, SL_RULE_NONE, NULL },
	{ M "/aa-1-bti-Partitions.db", false, UP, SL_RULE_NONE, NULL },
	{ M "/cc-3gdv_0vos_4jbmo2l3kqtv0q1se8-bti-Rows.db", false, UP,
	  SL_RULE_NONE, NULL },
	{ M "/nc-1-big-Data.db", false, UP, SL_RULE_PRERELEASE, NULL },
	{ M "/ab-1-bti-Data.db", false, UP, SL_RULE_PRERELEASE, NULL },
	{ M "/.ab-1-bti-Data.db.Xa3f2Q", false, UP, SL_RULE_PRERELEASE,
	  M "/ab-1-bti-Data.db" },
	{ M "/oa-1-big-TOC.txt", false, RE, SL_RULE_NEW_VERSION, NULL },
	{ M "/.~tmp~/oa-1-big-TOC.txt", false, RE, SL_RULE_NEW_VERSION,
	  M "/oa-1-big-TOC.txt" },
	{ M "/da-1-bti-Data.db", false, RE, SL_RULE_NEW_VERSION, NULL },
	{ M "/nd-1-big-Data.db", false, RE, SL_RULE_NEW_VERSION, NULL },
	{ M "/lb-1-big-Digest.adler32", false, RE, SL_RULE_OLD_VERSION,
	  NULL },
	{ M "/ks-cf-ka-1-Data.db", false, RE, SL_RULE_OLD_VERSION, NULL },
	{ M "/ks-cf.idx-jb-12-Digest.sha1", false, RE, SL_RULE_OLD_VERSION,
	  NULL },
	{ M "/Standard1-h-1-Filter.db", false, RE, SL_RULE_OLD_VERSION,
	  NULL },
	{ M "/.ks-cf-ka-1-Data.db.Xa3f2Q", false, RE, SL_RULE_OLD_VERSION,
	  M "/ks-cf-ka-1-Data.db" },
	{ M "/ks-cf-la-1-Data.db", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/a-b-c-1-notes.txt", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/oa-1-big-SI_x.db", false, SK, SL_RULE_INDEX_COMPONENT, NULL },

	/* what does not belong to a whole snapshot */
	{ M "/me-1-big-Scylla.db", false, RE, SL_RULE_SCYLLA, NULL },
	{ M "/me-3h5r_05yu_03fgq2lt6uw9i44op9-big-Scylla.db", false, RE,
	  SL_RULE_SCYLLA, NULL },
	{ M "/me-1-big-XScylla.db", false, UP, SL_RULE_UNKNOWN_COMPONENT,
	  NULL },
	{ M "/nb-1-big-Data.db.tmp", false, RE, SL_RULE_TEMPORARY, NULL },
	{ M "/nb-1-big-Statistics.db."
	  "a0623710-e6e0-11f1-bf84-0d06878e994f.tmp", false, RE,
	  SL_RULE_TEMPORARY, NULL },
	{ M "/tmp-la-1-big-Data.db", false, RE, SL_RULE_TEMPORARY, NULL },
	{ M "/tmplink-la-1-big-Data.db", false, RE, SL_RULE_TEMPORARY,
	  NULL },
	{ M "/ks-cf-tmp-ka-1-Data.db", false, RE, SL_RULE_TEMPORARY, NULL },
	{ M "/ks-cf-tmplink-ka-1-Data.db", false, RE, SL_RULE_TEMPORARY,
	  NULL },
	{ M "/my-tmp-notes.txt", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ T "/nb-1-big-Data.db.tmp", false, SK, SL_RULE_LIVE_FILE, NULL },
	{ M "/nb_txn_compaction_a0623710-e6e0-11f1-bf84-0d06878e994f.log",
	  false, RE, SL_RULE_TRANSACTION_LOG, NULL },
	{ M "/bti-cc_txn_flush_a0623710-e6e0-11f1-bf84-0d06878e994f.log",
	  false, RE, SL_RULE_TRANSACTION_LOG, NULL },
	{ M "/txn_anticompaction_after_repair_"
	  "a0623710-e6e0-11f1-bf84-0d06878e994f.log", false, RE,
	  SL_RULE_TRANSACTION_LOG, NULL },
	{ T "/nb_txn_compaction_a0623710-e6e0-11f1-bf84-0d06878e994f.log",
	  false, SK, SL_RULE_LIVE_FILE, NULL },
	{ M "/nb_txn_compaction.log", false, UP, SL_RULE_UNKNOWN_FILE,
	  NULL },
	{ M "/txn__a0623710-e6e0-11f1-bf84-0d06878e994f.log", false, UP,
	  SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/nb-1-big-SI_x.txt", false, UP, SL_RULE_UNKNOWN_COMPONENT,
	  NULL },
	{ M "/nb_txn_a0623710-e6e0-11f1-bf84-0d06878e994f.log", false, UP,
	  SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/nb_txn__X_a0623710-e6e0-11f1-bf84-0d06878e994f.log", false, UP,
	  SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/ephemeral.snapshot", false, SK, SL_RULE_EPHEMERAL_MARKER,
	  NULL },
	{ M "/nb-1-big-Digest.adler32", false, UP, SL_RULE_UNKNOWN_COMPONENT,
	  NULL },
	{ S "/my.tag-1", true, UP, SL_RULE_ODD_TAG, NULL },

	/* rsync */
	{ M "/.nb-1-big-Data.db.Xa3f2Q", false, UP, SL_RULE_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.nb-1-big-SI_x.db.Xa3f2Q", false, SK, SL_RULE_INDEX_COMPONENT,
	  M "/nb-1-big-SI_x.db" },
	{ M "/..x.Xa3f2Q", false, UP, SL_RULE_UNKNOWN_FILE, M "/.x" },
	{ M "/.nb-1-big-Data.db.Xa3f2", false, UP, SL_RULE_UNKNOWN_FILE,
	  NULL },
	{ M "/.nb-1-big-Data.db.Xa3f_Q", false, UP, SL_RULE_UNKNOWN_FILE,
	  NULL },
	{ M "/..Xa3f2Q", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/...Xa3f2Q", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/....Xa3f2Q", false, UP, SL_RULE_UNKNOWN_FILE, NULL },
	{ M "/.~tmp~", true, UP, SL_RULE_NONE, M },
	{ M "/.~tmp~/nb-1-big-Data.db", false, UP, SL_RULE_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.rsync-partial/schema.cql", false, UP, SL_RULE_NONE,
	  M "/schema.cql" },
	{ M "/.rsync-partial", true, UP, SL_RULE_NONE, M },
	{ M "/.~tmp~/.nb-1-big-Data.db.Xa3f2Q", false, UP, SL_RULE_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.roomidx/.nb-1-big-Data.db.Xa3f2Q", false, SK,
	  SL_RULE_INDEX_DIRECTORY, M "/.roomidx/nb-1-big-Data.db" },
	{ T "/.~tmp~/nb-1-big-Data.db", false, SK, SL_RULE_LIVE_FILE,
	  T "/nb-1-big-Data.db" },
	{ ".stray.Xa3f2Q", false, RE, SL_RULE_BAD_NODE, "stray" },
	{ ".~tmp~", true, ST, SL_RULE_NONE, "" },

	/* hostile */
	{ "/node1", true, IN, SL_RULE_BAD_NAME, NULL },
	{ "node1/", true, IN, SL_RULE_BAD_NAME, NULL },
	{ "node1//x", false, IN, SL_RULE_BAD_NAME, NULL },
	{ "node1/../x", false, IN, SL_RULE_BAD_NAME, NULL },
	{ "./x", false, IN, SL_RULE_BAD_NAME, NULL },
	{ M "/a\nb", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/a\x7f", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\xc0\xaf", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\xed\xa0\x80", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\xf5\x80\x80\x80", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\xe2\x82", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\x80", false, RE, SL_RULE_BAD_NAME, NULL },
	{ M "/\xe2\x82\xac \xf0\x9f\x98\x80", false, UP,
	  SL_RULE_UNKNOWN_FILE, NULL },
};

static void test_rows(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		const struct row *w = &rows[i];
		struct sl_path p;

		sl_path_judge(NULL, w->path, w->dir, &p);
		if (p.cls != w->cls || p.why != w->why)
			fail_msg("'%s': class %d reason %s", w->path,
				 (int)p.cls, sl_rule_info(p.why)->name);
		if (p.temporary != (w->final_key != NULL))
			fail_msg("'%s': temporary %d", w->path, p.temporary);
		assert_string_equal(p.final_key,
				    w->final_key ? w->final_key : "");
	}
}

static void part_is(struct sl_path_part p, const char *want)
{
	if (!want) {
		assert_null(p.p);
		return;
	}
	assert_non_null(p.p);
	assert_int_equal(p.n, strlen(want));
	assert_memory_equal(p.p, want, p.n);
}

static void test_parts(void **state)
{
	struct sl_path p;

	(void)state;
	sl_path_judge(NULL, M "/.~tmp~/.nb-1-big-Data.db.Xa3f2Q", false, &p);
	part_is(p.node, "node1");
	part_is(p.keyspace, "smart_home");
	part_is(p.table, "devices-" ID);
	part_is(p.table_name, "devices");
	part_is(p.table_id, ID);
	part_is(p.tag, "migrate1");
	part_is(p.index, NULL);
	part_is(p.file, "nb-1-big-Data.db");
	sl_path_judge(NULL, M "/.roomidx/nb-1-big-Data.db", false, &p);
	part_is(p.index, ".roomidx");
	part_is(p.file, "nb-1-big-Data.db");
	sl_path_judge(NULL, M "/.roomidx/a/b/.c.Xa3f2Q", false, &p);
	part_is(p.file, "c");
	sl_path_judge(NULL, KS, true, &p);
	part_is(p.keyspace, "smart_home");
	part_is(p.table, NULL);
	part_is(p.file, NULL);
	sl_path_judge(NULL, "node1/stray", false, &p);
	part_is(p.node, "node1");
	part_is(p.keyspace, NULL);
	part_is(p.file, "stray");
}

static void test_tag_glob(void **state)
{
	static const struct {
		const char *glob, *tag;
		enum sl_rule why;
	} t[] = {
		{ "migrate*", "migrate1", SL_RULE_NONE },
		{ "migrate1", "migrate1", SL_RULE_NONE },
		{ "migrate1", "migrate12", SL_RULE_OTHER_TAG },
		{ "migrate?", "other", SL_RULE_OTHER_TAG },
		{ "*", "1795399736000", SL_RULE_NONE },
		{ "dropped-*", "dropped-1-x", SL_RULE_NONE },
		{ "x", "dropped-1-x", SL_RULE_OTHER_TAG },
		{ NULL, "dropped-1-x", SL_RULE_MACHINE_TAG },
		{ NULL, "migrate1", SL_RULE_NONE },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct sl_path_rules r = { .tag_glob = t[i].glob };
		struct sl_path p;
		char path[256];

		snprintf(path, sizeof(path), S "/%s/schema.cql", t[i].tag);
		sl_path_judge(&r, path, false, &p);
		assert_int_equal(p.why, t[i].why);
		assert_int_equal(p.cls, t[i].why ? SK : UP);
	}
}

static void test_machine_tags(void **state)
{
	static const struct {
		const char *tag;
		bool machine;
	} t[] = {
		{ "dropped-1795399736000-gone_table", true },
		{ "truncated-1795399736000-cleared", true },
		{ "pre-scrub-1795399736000", true },
		{ "upgrade-3.11-4.0", true },
		{ "1795399736000-upgrade-3.11.4-4.0", true },
		{ "1795399736000-compact-users", true },
		{ "1795399736000", true },
		{ "a0623710-e6e0-11f1-bf84-0d06878e994f", true },
		{ "179539973600", false },
		{ "17953997360000", false },
		{ "1795399736000-mine", false },
		{ "a0623710-e6e0-11f1-bf84-0d06878e994", false },
		{ "a0623710ee6e0-11f1-bf84-0d06878e994f", false },
		{ "droppedx", false },
		{ "migrate1", false },
		{ "2026-11-23", false },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++)
		if (sl_tag_is_machine_made(t[i].tag, strlen(t[i].tag)) !=
		    t[i].machine)
			fail_msg("%s", t[i].tag);
}

static void test_node_names(void **state)
{
	char name[65];

	(void)state;
	memset(name, 'a', sizeof(name));
	assert_true(sl_node_name_valid(name, 63));
	assert_false(sl_node_name_valid(name, 64));
	assert_false(sl_node_name_valid(name, 0));
	assert_true(sl_node_name_valid("a.B_c-9", 7));
	assert_false(sl_node_name_valid("_a", 2));
	assert_false(sl_node_name_valid("a/b", 3));
}

/* Up to 1024 bytes of the key that goes up, whatever the name on the way. */
static void test_long(void **state)
{
	char path[2048];
	struct sl_path p;
	size_t base = strlen(M "/");

	(void)state;
	memset(path, 'x', sizeof(path));
	memcpy(path, M "/", base);
	path[1024] = '\0';
	sl_path_judge(NULL, path, false, &p);
	assert_int_equal(p.cls, UP);
	path[1024] = 'x';
	path[1025] = '\0';
	sl_path_judge(NULL, path, false, &p);
	assert_int_equal(p.cls, RE);
	assert_int_equal(p.why, SL_RULE_BAD_NAME);
	path[base] = '.';
	memcpy(path + 1025, ".abcdef", 8);
	sl_path_judge(NULL, path, false, &p);
	assert_int_equal(p.cls, UP);
	assert_true(p.temporary);
	assert_int_equal(strlen(p.final_key), 1024);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rows),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_tag_glob),
		cmocka_unit_test(test_machine_tags),
		cmocka_unit_test(test_node_names),
		cmocka_unit_test(test_long),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

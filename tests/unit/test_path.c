/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Path rules: names taken from real data directories of Cassandra 4.0 to
 * 5.0, the temporary names of rsync, and hostile names. With $SL_FIXTURES
 * (a folder of *.tar.xz) every path of those archives is judged too and
 * compared with rules written down a second time, by regular expressions.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <regex.h>
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
	enum sl_path_reason why;
	const char *final_key; /* NULL: not temporary */
};

static const struct row rows[] = {
	{ "", true, SL_PATH_ROOT, SL_WHY_NONE, NULL },
	{ "node1", true, ST, SL_WHY_NONE, NULL },
	{ "10.0.0.1", true, ST, SL_WHY_NONE, NULL },
	{ "-n", true, RE, SL_WHY_BAD_NODE, NULL },
	{ ".hidden", true, RE, SL_WHY_BAD_NODE, NULL },
	{ "lost+found", true, RE, SL_WHY_BAD_NODE, NULL },
	{ "a b/ks", true, RE, SL_WHY_BAD_NODE, NULL },
	{ "a b/system/x", false, RE, SL_WHY_BAD_NODE, NULL },
	{ "stray", false, RE, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ "node1/stray", false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ KS, true, ST, SL_WHY_NONE, NULL },
	{ "node1/lost+found", true, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ KS "/x.txt", false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ T, true, ST, SL_WHY_NONE, NULL },
	{ T, false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ KS "/devices", true, SK, SL_WHY_NO_TABLE_ID, NULL },
	{ KS "/devices-" ID "0", true, SK, SL_WHY_NO_TABLE_ID, NULL },
	{ KS "/-" ID, true, SK, SL_WHY_NO_TABLE_ID, NULL },
	{ KS "/d-A0623710E6E011F1BF840D06878E994F", true, SK,
	  SL_WHY_NO_TABLE_ID, NULL },
	{ KS "/devices/snapshots/migrate1/f", false, SK, SL_WHY_NO_TABLE_ID,
	  NULL },
	{ "node1/system/_paxos_repair_state/ballot.meta", false, SK,
	  SL_WHY_SYSTEM_KEYSPACE, NULL },
	{ "node1/system_schema/tables-" ID "/snapshots/migrate1/f", false, SK,
	  SL_WHY_SYSTEM_KEYSPACE, NULL },
	{ "node1/dse_perf", true, SK, SL_WHY_SYSTEM_KEYSPACE, NULL },
	{ "node1/systematic", true, ST, SL_WHY_NONE, NULL },
	{ "node1/cfsales", true, ST, SL_WHY_NONE, NULL },
	{ S, true, ST, SL_WHY_NONE, NULL },
	{ S, false, SK, SL_WHY_LIVE_FILE, NULL },
	{ T "/nb-1-big-Data.db", false, SK, SL_WHY_LIVE_FILE, NULL },
	{ T "/SAI+aa+PartitionToSize.db", false, SK, SL_WHY_LIVE_FILE, NULL },
	{ T "/.roomidx", true, SK, SL_WHY_INDEX_DIRECTORY, NULL },
	{ T "/.roomidx/nb-1-big-Data.db", false, SK, SL_WHY_INDEX_DIRECTORY,
	  NULL },
	{ T "/backups", true, SK, SL_WHY_BACKUPS, NULL },
	{ T "/backups/nb-1-big-Data.db", false, SK, SL_WHY_BACKUPS, NULL },
	{ T "/backups/.roomidx/nb-1-big-Data.db", false, SK, SL_WHY_BACKUPS,
	  NULL },
	{ T "/other", true, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ S "/backups", true, UP, SL_WHY_NONE, NULL },
	{ M, true, UP, SL_WHY_NONE, NULL },
	{ M, false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ M "/manifest.json", false, UP, SL_WHY_NONE, NULL },
	{ M "/schema.cql", false, UP, SL_WHY_NONE, NULL },
	{ M "/nb-1-big-Data.db", false, UP, SL_WHY_NONE, NULL },
	{ M "/nb-3h5r_05yu_03fgq2lt6uw9i44op9-big-TOC.txt", false, UP,
	  SL_WHY_NONE, NULL },
	{ M "/whatever", false, UP, SL_WHY_NONE, NULL },
	{ M "/.roomidx", true, SK, SL_WHY_INDEX_DIRECTORY, NULL },
	{ M "/.roomidx/nb-1-big-Data.db", false, SK, SL_WHY_INDEX_DIRECTORY,
	  NULL },
	{ M "/.roomidx/x/y/z", false, SK, SL_WHY_INDEX_DIRECTORY, NULL },
	{ M "/sub", true, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ M "/sub/file", false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ M "/.a b/file", false, SK, SL_WHY_NOT_A_SNAPSHOT, NULL },
	{ M "/nb-1-big-SI_notes_sasi.db", false, SK, SL_WHY_SAI_COMPONENT,
	  NULL },
	{ M "/aa-1-bti-SAI_name_GroupMeta.db", false, SK,
	  SL_WHY_SAI_COMPONENT, NULL },
	{ M "/nb-2-big-SAI+aa+emb_ann+TermsData.db", false, SK,
	  SL_WHY_SAI_COMPONENT, NULL },
	{ M "/nb-2-big-SAI+aa+GroupComplete.db", false, SK,
	  SL_WHY_SAI_COMPONENT, NULL },
	{ M "/nb-2-big-SIx.db", false, UP, SL_WHY_NONE, NULL },
	{ M "/SI_x.db", false, UP, SL_WHY_NONE, NULL },
	{ M "/n1-2-big-SI_x.db", false, UP, SL_WHY_NONE, NULL },
	{ M "/nb--big-SI_x.db", false, UP, SL_WHY_NONE, NULL },
	{ M "/nb-1-bib-SI_x.db", false, UP, SL_WHY_NONE, NULL },
	{ S "/truncated-1795399736000-cleared", true, SK, SL_WHY_MACHINE_TAG,
	  NULL },
	{ S "/truncated-1795399736000-cleared/manifest.json", false, SK,
	  SL_WHY_MACHINE_TAG, NULL },
	{ S "/1795399736000/nb-1-big-Data.db", false, SK, SL_WHY_MACHINE_TAG,
	  NULL },
	{ S "/my.tag-1/nb-1-big-Data.db", false, UP, SL_WHY_NONE, NULL },

	/* rsync */
	{ M "/.nb-1-big-Data.db.Xa3f2Q", false, UP, SL_WHY_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.nb-1-big-SI_x.db.Xa3f2Q", false, SK, SL_WHY_SAI_COMPONENT,
	  M "/nb-1-big-SI_x.db" },
	{ M "/..x.Xa3f2Q", false, UP, SL_WHY_NONE, M "/.x" },
	{ M "/.nb-1-big-Data.db.Xa3f2", false, UP, SL_WHY_NONE, NULL },
	{ M "/.nb-1-big-Data.db.Xa3f_Q", false, UP, SL_WHY_NONE, NULL },
	{ M "/..Xa3f2Q", false, UP, SL_WHY_NONE, NULL },
	{ M "/...Xa3f2Q", false, UP, SL_WHY_NONE, NULL },
	{ M "/....Xa3f2Q", false, UP, SL_WHY_NONE, NULL },
	{ M "/.~tmp~", true, UP, SL_WHY_NONE, M },
	{ M "/.~tmp~/nb-1-big-Data.db", false, UP, SL_WHY_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.rsync-partial/schema.cql", false, UP, SL_WHY_NONE,
	  M "/schema.cql" },
	{ M "/.rsync-partial", true, UP, SL_WHY_NONE, M },
	{ M "/.~tmp~/.nb-1-big-Data.db.Xa3f2Q", false, UP, SL_WHY_NONE,
	  M "/nb-1-big-Data.db" },
	{ M "/.roomidx/.nb-1-big-Data.db.Xa3f2Q", false, SK,
	  SL_WHY_INDEX_DIRECTORY, M "/.roomidx/nb-1-big-Data.db" },
	{ T "/.~tmp~/nb-1-big-Data.db", false, SK, SL_WHY_LIVE_FILE,
	  T "/nb-1-big-Data.db" },
	{ ".stray.Xa3f2Q", false, RE, SL_WHY_NOT_A_SNAPSHOT, "stray" },
	{ ".~tmp~", true, ST, SL_WHY_NONE, "" },

	/* hostile */
	{ "/node1", true, IN, SL_WHY_BAD_NAME, NULL },
	{ "node1/", true, IN, SL_WHY_BAD_NAME, NULL },
	{ "node1//x", false, IN, SL_WHY_BAD_NAME, NULL },
	{ "node1/../x", false, IN, SL_WHY_BAD_NAME, NULL },
	{ "./x", false, IN, SL_WHY_BAD_NAME, NULL },
	{ M "/a\nb", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/a\x7f", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\xc0\xaf", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\xed\xa0\x80", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\xf5\x80\x80\x80", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\xe2\x82", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\x80", false, RE, SL_WHY_BAD_NAME, NULL },
	{ M "/\xe2\x82\xac \xf0\x9f\x98\x80", false, UP, SL_WHY_NONE, NULL },
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
				 (int)p.cls, sl_path_reason_name(p.why));
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
		enum sl_path_reason why;
	} t[] = {
		{ "migrate*", "migrate1", SL_WHY_NONE },
		{ "migrate1", "migrate1", SL_WHY_NONE },
		{ "migrate1", "migrate12", SL_WHY_OTHER_TAG },
		{ "migrate?", "other", SL_WHY_OTHER_TAG },
		{ "*", "1795399736000", SL_WHY_NONE },
		{ "dropped-*", "dropped-1-x", SL_WHY_NONE },
		{ "x", "dropped-1-x", SL_WHY_OTHER_TAG },
		{ NULL, "dropped-1-x", SL_WHY_MACHINE_TAG },
		{ NULL, "migrate1", SL_WHY_NONE },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		struct sl_path_rules r = { t[i].glob };
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
	assert_int_equal(p.why, SL_WHY_BAD_NAME);
	path[base] = '.';
	memcpy(path + 1025, ".abcdef", 8);
	sl_path_judge(NULL, path, false, &p);
	assert_int_equal(p.cls, UP);
	assert_true(p.temporary);
	assert_int_equal(strlen(p.final_key), 1024);
}

static void test_reasons(void **state)
{
	(void)state;
	for (int i = 0; i < SL_WHY__COUNT; i++) {
		assert_true(strlen(sl_path_reason_name(i)) > 0);
		assert_true(strlen(sl_path_reason_text(i)) > 0);
		for (int k = 0; k < i; k++)
			assert_string_not_equal(sl_path_reason_name(i),
						sl_path_reason_name(k));
	}
	assert_string_equal(sl_path_reason_name(SL_WHY_SYSTEM_KEYSPACE),
			    "system-keyspace");
}

/* The rules again, in another notation; the first that matches decides. */
static const struct {
	const char *re; /* files only */
	enum sl_path_class cls;
	enum sl_path_reason why;
} again[] = {
	{ "^[^/]+$", RE, SL_WHY_NOT_A_SNAPSHOT },
	{ "^[^/]+/system(_[a-z]+)?/.*", SK, SL_WHY_SYSTEM_KEYSPACE },
	{ "^[^/]+/[^/]+(/[^/]+)?$", SK, SL_WHY_NOT_A_SNAPSHOT },
	{ "^[^/]+/[^/]*[^A-Za-z0-9_/][^/]*/", SK, SL_WHY_NOT_A_SNAPSHOT },
	{ "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/[^/]+$", SK,
	  SL_WHY_LIVE_FILE },
	{ "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/backups/", SK,
	  SL_WHY_BACKUPS },
	{ "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/[.][a-zA-Z0-9_-]+/", SK,
	  SL_WHY_INDEX_DIRECTORY },
	{ "/snapshots/((dropped|truncated)-[^/]+|[0-9]{13})/", SK,
	  SL_WHY_MACHINE_TAG },
	{ "^[^/]+/[^/]+/[^/]+-[0-9a-f]{32}/snapshots/[^/]+/[.][^/.]+/", SK,
	  SL_WHY_INDEX_DIRECTORY },
	{ "-[0-9a-f]{32}/snapshots/[^/]+/[a-z]+-[0-9a-z_]+-(big|bti)-S(AI|I_)",
	  SK, SL_WHY_SAI_COMPONENT },
	{ "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/snapshots/[^/]+/[^/]+$", UP,
	  SL_WHY_NONE },
	{ "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/", SK,
	  SL_WHY_NOT_A_SNAPSHOT },
	{ "", SK, SL_WHY_NO_TABLE_ID },
};
static regex_t again_re[SL_ARRAY_LEN(again)];

static void compare(const char *path)
{
	struct sl_path p;

	sl_path_judge(NULL, path, false, &p);
	for (size_t i = 0; i < SL_ARRAY_LEN(again); i++) {
		if (regexec(&again_re[i], path, 0, NULL, 0))
			continue;
		if (p.cls != again[i].cls || p.why != again[i].why)
			fail_msg("%s: %s, should be %s", path,
				 sl_path_reason_name(p.why),
				 sl_path_reason_name(again[i].why));
		return;
	}
}

static void test_fixtures(void **state)
{
	const char *dir = getenv("SL_FIXTURES");
	char cmd[1024], line[2048];
	size_t files = 0;
	FILE *f;

	(void)state;
	if (!dir)
		skip();
	for (size_t i = 0; i < SL_ARRAY_LEN(again); i++)
		assert_int_equal(regcomp(&again_re[i], again[i].re,
					 REG_EXTENDED | REG_NOSUB), 0);
	snprintf(cmd, sizeof(cmd),
		 "for a in '%s'/*.tar.xz; do tar tf \"$a\"; done", dir);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *s = strncmp(line, "./", 2) ? line : line + 2;

		s[strcspn(s, "\n")] = '\0';
		if (!*s || s[strlen(s) - 1] == '/')
			continue;
		compare(s);
		files++;
	}
	assert_int_equal(pclose(f), 0);
	assert_true(files > 1000);
	for (size_t i = 0; i < SL_ARRAY_LEN(again); i++)
		regfree(&again_re[i]);
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
		cmocka_unit_test(test_reasons),
		cmocka_unit_test(test_fixtures),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

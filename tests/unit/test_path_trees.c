/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The paths of real trees. Each is judged and compared with rules written down
 * a second time, by regular expressions. tests/data always; with $SL_FIXTURES
 * (a folder of *.tar.xz and an inventory.tsv of what is in them) all of those
 * too, and every SSTable of the inventory by the place that it has there.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "sstable/path.h"

#define UP SL_PATH_UPLOAD
#define SK SL_PATH_SKIP
#define RE SL_PATH_REFUSE

#define TABLE "^[^/]+/[^/]+/[a-zA-Z0-9_]+-[0-9a-f]{32}/"
#define TAG TABLE "snapshots/[^/]+/"
#define SSTABLE "-([0-9]+|[0-9a-z]{4}_[0-9a-z]{4}_[0-9a-z]{18})-"
#define KNOWN "(Data|Index|Summary|Partitions|Rows|Filter|CompressionInfo|" \
	"CRC|Statistics)\\.db|Digest\\.crc32|TOC\\.txt"

/* Files only; the first that matches decides. */
static const struct {
	const char *re;
	enum sl_path_class cls;
	enum sl_rule why;
} again[] = {
	{ "^[^/]+$", RE, SL_RULE_BAD_NODE },
	{ "^[^/]+/system(_[a-z]+)?/.*", SK, SL_RULE_SYSTEM_KEYSPACE },
	{ "^[^/]+/[^/]+(/[^/]+)?$", SK, SL_RULE_NOT_A_SNAPSHOT },
	{ "^[^/]+/[^/]*[^A-Za-z0-9_/][^/]*/", SK, SL_RULE_NOT_A_SNAPSHOT },
	{ TABLE "[^/]+$", SK, SL_RULE_LIVE_FILE },
	{ TABLE "backups/", SK, SL_RULE_BACKUPS },
	{ TABLE "[.][a-zA-Z0-9_-]+/", SK, SL_RULE_INDEX_DIRECTORY },
	{ "/snapshots/((dropped|truncated)-[^/]+|[0-9]{13})/", SK,
	  SL_RULE_MACHINE_TAG },
	{ TAG "[.][^/.]+/", SK, SL_RULE_INDEX_DIRECTORY },
	{ TAG "[a-z]+" SSTABLE "(big|bti)-S(AI|I_)", SK,
	  SL_RULE_INDEX_COMPONENT },
	{ TAG "(na|nc)" SSTABLE "big-(" KNOWN ")$", UP, SL_RULE_PRERELEASE },
	{ TABLE "snapshots/[A-Za-z0-9_-]+/((m[a-e]|nb)" SSTABLE "big|"
	  "(a[acd]|b[ab]|c[abc])" SSTABLE "bti)-(" KNOWN ")$", UP,
	  SL_RULE_NONE },
	{ TABLE "snapshots/my\\.tag-1/", UP, SL_RULE_ODD_TAG },
	{ TAG "(manifest\\.json|schema\\.cql)$", UP, SL_RULE_NONE },
	{ TAG "(oa" SSTABLE "big|da" SSTABLE "bti)-(" KNOWN ")$", RE,
	  SL_RULE_NEW_VERSION },
	{ TAG "[^/]+$", UP, SL_RULE_UNKNOWN_FILE },
	{ TABLE, SK, SL_RULE_NOT_A_SNAPSHOT },
	{ "", SK, SL_RULE_NO_TABLE_ID },
};
static regex_t again_re[SL_ARRAY_LEN(again)];

static int compile(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(again); i++)
		if (regcomp(&again_re[i], again[i].re, REG_EXTENDED |
			    REG_NOSUB))
			return -1;
	return 0;
}

static int forget(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(again); i++)
		regfree(&again_re[i]);
	return 0;
}

static void compare(const char *path)
{
	struct sl_policy policy;
	struct sl_path_rules same = { .policy = &policy };
	struct sl_path p, q;
	size_t i = 0;

	sl_policy_init(&policy);
	sl_path_judge(NULL, path, false, &p);
	sl_path_judge(&same, path, false, &q);
	if (p.cls != q.cls || p.why != q.why)
		fail_msg("%s: a policy that changes nothing changes it", path);
	while (regexec(&again_re[i], path, 0, NULL, 0))
		i++;
	if (p.cls != again[i].cls || p.why != again[i].why)
		fail_msg("%s: class %d %s, should be %d %s", path, p.cls,
			 sl_rule_info(p.why)->name, again[i].cls,
			 sl_rule_info(again[i].why)->name);
}

/* Every file of the archive to 'each'. */
static size_t each_file(const char *archive,
			void (*each)(const char *path, void *arg), void *arg)
{
	char cmd[1200], line[2048];
	size_t files = 0;
	FILE *f;

	snprintf(cmd, sizeof(cmd), "for a in %s; do tar tf \"$a\"; done",
		 archive);
	f = popen(cmd, "r");
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		char *s = strncmp(line, "./", 2) ? line : line + 2;

		s[strcspn(s, "\n")] = '\0';
		if (!*s || s[strlen(s) - 1] == '/')
			continue;
		each(s, arg);
		files++;
	}
	assert_int_equal(pclose(f), 0);
	return files;
}

static void compare_each(const char *path, void *arg)
{
	(void)arg;
	compare(path);
}

static void test_data(void **state)
{
	(void)state;
	assert_true(each_file("tests/data/*.tar.xz", compare_each, NULL) >
		    1000);
}

static void test_fixtures(void **state)
{
	const char *dir = getenv("SL_FIXTURES");
	char archives[1100];

	(void)state;
	if (!dir)
		skip();
	snprintf(archives, sizeof(archives), "'%s'/*.tar.xz", dir);
	assert_true(each_file(archives, compare_each, NULL) > 5000);
}

/* SSTables of an archive that go up or would, but for their version. */
static void count_sstables(const char *path, void *arg)
{
	size_t *n = arg;
	struct sl_path p;

	sl_path_judge(NULL, path, false, &p);
	if (p.file.n > 8 && !memcmp(p.file.p + p.file.n - 8, "-Data.db", 8) &&
	    (p.cls == UP || p.cls == RE))
		++*n;
}

struct line {
	char archive[64], place[16], keyspace[64], table[64], id[40], tag[64],
		index[64], version[8], name[64], format[8];
};

/* What README.md says of the places, versions and tags in the inventory. */
static enum sl_rule expected(const struct line *l)
{
	if (!strncmp(l->tag, "dropped-", 8) ||
	    !strncmp(l->tag, "truncated-", 10) ||
	    strspn(l->tag, "0123456789") == 13)
		return SL_RULE_MACHINE_TAG;
	if (strcmp(l->index, "-") != 0)
		return SL_RULE_INDEX_DIRECTORY;
	if (!strcmp(l->version, "oa") || !strcmp(l->version, "da"))
		return SL_RULE_NEW_VERSION;
	return strcmp(l->tag, "my.tag-1") ? SL_RULE_NONE : SL_RULE_ODD_TAG;
}

/* True: counts as an SSTable that count_sstables() sees. */
static bool check_line(const struct line *l)
{
	enum sl_rule want = expected(l);
	bool index = strcmp(l->index, "-") != 0;
	struct sl_path p;
	char path[512];

	snprintf(path, sizeof(path), "%s/%s/%s-%s/snapshots/%s/%s%s%s%s-%s-%s-"
		 "Data.db", l->place, l->keyspace, l->table, l->id, l->tag,
		 index ? "." : "", index ? l->index : "", index ? "/" : "",
		 l->version, l->name, l->format);
	compare(path);
	sl_path_judge(NULL, path, false, &p);
	if (p.why != want)
		fail_msg("%s: %s, should be %s", path,
			 sl_rule_info(p.why)->name, sl_rule_info(want)->name);
	return p.cls == UP || p.cls == RE;
}

static bool read_line(FILE *f, struct line *l, bool *ret_sstable)
{
	char text[1024];

	if (!fgets(text, sizeof(text), f))
		return false;
	memset(l, 0, sizeof(*l));
	*ret_sstable = sscanf(text, "%63[^\t]\t%15[^\t]\t%63[^\t]\t%63[^\t]\t"
			      "%39[^\t]\t%63[^\t]\t%63[^\t]\t%7[^\t]\t"
			      "%63[^\t]\t%7[^\t]", l->archive, l->place,
			      l->keyspace, l->table, l->id, l->tag, l->index,
			      l->version, l->name, l->format) == 10 &&
		strlen(l->version) == 2 && l->version[0] != '-';
	return true;
}

static void test_fixtures_inventory(void **state)
{
	const char *dir = getenv("SL_FIXTURES");
	size_t listed = 0, counted = 0;
	char path[1100], last[64] = "";
	struct line l;
	bool sstable;
	FILE *f;

	(void)state;
	if (!dir)
		skip();
	snprintf(path, sizeof(path), "%s/inventory.tsv", dir);
	f = fopen(path, "r");
	assert_non_null(f);
	assert_true(read_line(f, &l, &sstable)); /* the head */
	while (read_line(f, &l, &sstable)) {
		if (strcmp(last, l.archive) != 0) {
			snprintf(path, sizeof(path), "'%s/%s.tar.xz'", dir,
				 l.archive);
			each_file(path, count_sstables, &counted);
		}
		memcpy(last, l.archive, sizeof(last));
		listed += sstable && check_line(&l);
	}
	fclose(f);
	assert_true(listed > 100);
	assert_int_equal(listed, counted);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_data),
		cmocka_unit_test(test_fixtures),
		cmocka_unit_test(test_fixtures_inventory),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, compile, forget);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a policy makes of paths: the class follows from the verdict, and what is
 * let in is judged on by the rules behind it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
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
#define SK SL_PATH_SKIP
#define RE SL_PATH_REFUSE

/* One rule changed; the path, its class and reason. */
static const struct {
	enum sl_rule rule;
	enum sl_judgement verdict;
	const char *path;
	enum sl_path_class cls;
	enum sl_rule why;
} changed[] = {
	{ SL_RULE_UNKNOWN_FILE, SL_REJECT, M "/x", RE, SL_RULE_UNKNOWN_FILE },
	{ SL_RULE_UNKNOWN_FILE, SL_SKIP, M "/x", SK, SL_RULE_UNKNOWN_FILE },
	{ SL_RULE_UNKNOWN_FILE, SL_ACCEPT, M "/x", UP, SL_RULE_NONE },
	{ SL_RULE_UNKNOWN_FILE, SL_SKIP, M "/.x.Xa3f2Q", SK,
	  SL_RULE_UNKNOWN_FILE },
	{ SL_RULE_ODD_TAG, SL_REJECT, S "/a.b/nb-1-big-Data.db", RE,
	  SL_RULE_ODD_TAG },
	{ SL_RULE_ODD_TAG, SL_ACCEPT, S "/a.b/nb-1-big-Data.db", UP,
	  SL_RULE_NONE },
	{ SL_RULE_ODD_TAG, SL_ACCEPT, S "/a.b/na-1-big-Data.db", UP,
	  SL_RULE_PRERELEASE },
	{ SL_RULE_NEW_VERSION, SL_WARN, M "/oa-1-big-Data.db", UP,
	  SL_RULE_NEW_VERSION },
	{ SL_RULE_TEMPORARY, SL_SKIP, M "/a.tmp", SK, SL_RULE_TEMPORARY },
	{ SL_RULE_TEMPORARY, SL_ACCEPT, M "/a.tmp", UP,
	  SL_RULE_UNKNOWN_FILE },
	{ SL_RULE_SYSTEM_KEYSPACE, SL_ACCEPT,
	  "n/system/a-" ID "/snapshots/t/nb-1-big-Data.db", UP,
	  SL_RULE_NONE },
	{ SL_RULE_SYSTEM_KEYSPACE, SL_WARN,
	  "n/system/a-" ID "/snapshots/t/nb-1-big-Data.db", UP,
	  SL_RULE_SYSTEM_KEYSPACE },
	{ SL_RULE_SYSTEM_KEYSPACE, SL_REJECT, "n/system/x", RE,
	  SL_RULE_SYSTEM_KEYSPACE },
	{ SL_RULE_MACHINE_TAG, SL_WARN,
	  S "/1795399736000/nb-1-big-Data.db", UP, SL_RULE_MACHINE_TAG },
	{ SL_RULE_PRE21_DIRECTORY, SL_SKIP, KS "/a/snapshots/t/f", SK,
	  SL_RULE_PRE21_DIRECTORY },
	{ SL_RULE_LIVE_FILE, SL_REJECT, T "/nb-1-big-Data.db", RE,
	  SL_RULE_LIVE_FILE },
	{ SL_RULE_INDEX_COMPONENT, SL_ACCEPT, M "/nb-1-big-SI_x.db", UP,
	  SL_RULE_UNKNOWN_COMPONENT },
};

static void test_policy(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(changed); i++) {
		struct sl_policy policy;
		struct sl_path_rules r = { .policy = &policy };
		struct sl_path p;

		sl_policy_init(&policy);
		policy.verdict[changed[i].rule] = changed[i].verdict;
		sl_path_judge(&r, changed[i].path, false, &p);
		if (p.cls != changed[i].cls || p.why != changed[i].why)
			fail_msg("row %zu '%s': class %d reason %s", i,
				 changed[i].path, (int)p.cls,
				 sl_rule_info(p.why)->name);
	}
}

static void test_directories(void **state)
{
	struct sl_policy policy;
	struct sl_path_rules r = { .policy = &policy };
	struct sl_path p;

	(void)state;
	sl_policy_init(&policy);
	policy.verdict[SL_RULE_SYSTEM_KEYSPACE] = SL_ACCEPT;
	policy.verdict[SL_RULE_BACKUPS] = SL_REJECT;
	sl_path_judge(&r, "node1/system", true, &p);
	assert_int_equal(p.cls, SL_PATH_STRUCTURE);
	sl_path_judge(&r, T "/backups", true, &p);
	assert_int_equal(p.cls, RE);
	assert_int_equal(p.why, SL_RULE_BACKUPS);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_policy),
		cmocka_unit_test(test_directories),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

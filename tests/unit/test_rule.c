/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of rules: whole, names that are unlike each other and fit for a
 * policy, texts that read as sentences; and the policies that change it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "cleanup.h"
#include "sstable/rule.h"

static bool kebab(const char *s)
{
	return *s && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-")] ==
		'\0' && *s != '-' && s[strlen(s) - 1] != '-';
}

static void check_clause(const struct sl_rule_info *r, const char *s)
{
	size_t n = strlen(s);

	if (!n)
		return;
	/* Names of SSTables and of files may begin with a capital. */
	if (s[n - 1] == '.' || s[n - 1] == ' ' || strstr(s, "  ") ||
	    strchr(s, '\n') || n > 300)
		fail_msg("%s: '%s'", r->name, s);
}

static void test_table(void **state)
{
	(void)state;
	for (unsigned i = 0; i < SL_RULE__COUNT; i++) {
		const struct sl_rule_info *r = sl_rule_info(i);

		assert_non_null(r->name);
		if (!kebab(r->name))
			fail_msg("rule %u: name '%s'", i, r->name);
		assert_true(r->sentence && *r->sentence);
		assert_non_null(r->cure);
		check_clause(r, r->sentence);
		check_clause(r, r->cure);
		if (i && r->verdict == SL_ACCEPT)
			fail_msg("%s finds nothing", r->name);
		if (r->verdict == SL_SKIP && r->when != SL_WHEN_NAME)
			fail_msg("%s skips what has come", r->name);
		if (r->verdict == SL_REJECT && !*r->cure)
			fail_msg("%s has no cure", r->name);
		for (unsigned k = 0; k < i; k++)
			assert_string_not_equal(r->name,
						sl_rule_info(k)->name);
	}
	assert_string_equal(sl_rule_info(SL_RULE__COUNT)->name, "unknown");
}

static void test_find(void **state)
{
	(void)state;
	for (unsigned i = 1; i < SL_RULE__COUNT; i++) {
		const char *s = sl_rule_info(i)->name;

		assert_int_equal(sl_rule_find(s, strlen(s)), i);
		assert_int_not_equal(sl_rule_find(s, strlen(s) - 1), i);
	}
	assert_int_equal(sl_rule_find("none", 4), SL_RULE_NONE);
	assert_int_equal(sl_rule_find("", 0), SL_RULE_NONE);
}

/* The names and verdicts that a user's policy may rely upon. */
static const struct {
	enum sl_rule rule;
	const char *name;
	enum sl_judgement verdict;
	enum sl_when when;
} fixed[] = {
	{ SL_RULE_SYSTEM_KEYSPACE, "system-keyspace", SL_SKIP,
	  SL_WHEN_NAME },
	{ SL_RULE_INDEX_COMPONENT, "index-component", SL_SKIP,
	  SL_WHEN_NAME },
	{ SL_RULE_ODD_TAG, "odd-tag", SL_WARN, SL_WHEN_NAME },
	{ SL_RULE_EMPTY_COMPONENT, "empty-component", SL_REJECT,
	  SL_WHEN_ALONE },
	{ SL_RULE_SUMMARY, "summary", SL_REJECT, SL_WHEN_ALONE },
	{ SL_RULE_FILTER, "filter", SL_REJECT, SL_WHEN_ALONE },
	{ SL_RULE_SLICE, "slice", SL_WARN, SL_WHEN_ALONE },
	{ SL_RULE_DIGEST_MISMATCH, "digest-mismatch", SL_REJECT,
	  SL_WHEN_SET },
	{ SL_RULE_BOTH_CHECKSUMS, "both-checksums", SL_REJECT, SL_WHEN_SET },
	{ SL_RULE_DROPPED_COLUMN, "dropped-column", SL_WARN, SL_WHEN_SET },
	{ SL_RULE_DOUBLE_UPLOAD, "double-upload", SL_REJECT, SL_WHEN_SET },
	{ SL_RULE_MISSING_COMPONENT, "missing-component", SL_REJECT,
	  SL_WHEN_GATE },
	{ SL_RULE_NO_FILTER, "no-filter", SL_WARN, SL_WHEN_GATE },
	{ SL_RULE_MANIFEST_SSTABLE, "manifest-sstable", SL_REJECT,
	  SL_WHEN_GATE },
	{ SL_RULE_UNREAD, "unread", SL_WARN, SL_WHEN_GATE },
};

static void test_fixed(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(fixed); i++) {
		const struct sl_rule_info *r = sl_rule_info(fixed[i].rule);

		assert_string_equal(r->name, fixed[i].name);
		assert_int_equal(r->verdict, fixed[i].verdict);
		assert_int_equal(r->when, fixed[i].when);
	}
}

static void test_text(void **state)
{
	static const struct {
		enum sl_rule rule;
		const char *detail, *want;
	} t[] = {
		{ SL_RULE_BACKUPS, "", "an incremental backup, and only "
		  "snapshots are imported" },
		{ SL_RULE_BACKUPS, NULL, "an incremental backup, and only "
		  "snapshots are imported" },
		{ SL_RULE_OTHER_TAG, "tag 'x'", "a snapshot that -o tag= does "
		  "not name (tag 'x')" },
		{ SL_RULE_MANIFEST, "", "manifest.json cannot be read, so it "
		  "cannot be told whether all SSTables of the snapshot are "
		  "there; copy it again" },
		{ SL_RULE_BOTH_CHECKSUMS, "100% sure", "the SSTable has "
		  "CompressionInfo.db and CRC.db, so it cannot be told whether "
		  "it is compressed (100% sure); remove the one that the "
		  "snapshot does not have" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(4096);
		struct sl_finding f = {
			.rule = t[i].rule,
			.path = "",
			.detail = t[i].detail,
		};

		assert_int_equal(sl_finding_text(&f, &b), 0);
		assert_string_equal(sl_buf_str(&b), t[i].want);
	}
}

static void test_verdicts(void **state)
{
	struct sl_policy p;

	(void)state;
	sl_policy_init(&p);
	for (unsigned i = 0; i < SL_RULE__COUNT; i++) {
		assert_int_equal(sl_policy_verdict(NULL, i),
				 sl_rule_info(i)->verdict);
		assert_int_equal(sl_policy_verdict(&p, i),
				 sl_rule_info(i)->verdict);
	}
	p.verdict[SL_RULE_TOC] = SL_REJECT;
	assert_int_equal(sl_policy_verdict(&p, SL_RULE_TOC), SL_REJECT);
	assert_string_equal(sl_verdict_name(SL_ACCEPT), "accept");
	assert_string_equal(sl_verdict_name(SL_SKIP), "skip");
	assert_string_equal(sl_verdict_name(SL_WARN), "warn");
	assert_string_equal(sl_verdict_name(SL_REJECT), "reject");
}

static int parse(struct sl_policy *p, const char *text, size_t n,
		 struct sl_error *e)
{
	sl_policy_init(p);
	memset(e, 0, sizeof(*e));
	return sl_policy_parse(p, "F", text, n, e);
}

static void test_parse(void **state)
{
	static const char text[] =
		"# a comment\n"
		"\n"
		"crc-table warn\n"
		"  both-checksums\twarn \t# why\r\n"
		"unknown-file reject#at once\n"
		"index-component skip\n"
		"no-filter accept"; /* without an end */
	struct sl_policy p, table;
	struct sl_error e;

	(void)state;
	sl_policy_init(&table);
	assert_int_equal(parse(&p, text, strlen(text), &e), 0);
	assert_int_equal(p.verdict[SL_RULE_CRC_TABLE], SL_WARN);
	assert_int_equal(p.verdict[SL_RULE_BOTH_CHECKSUMS], SL_WARN);
	assert_int_equal(p.verdict[SL_RULE_UNKNOWN_FILE], SL_REJECT);
	assert_int_equal(p.verdict[SL_RULE_NO_FILTER], SL_ACCEPT);
	for (unsigned i = 0; i < SL_RULE__COUNT; i++)
		if (i != SL_RULE_CRC_TABLE && i != SL_RULE_BOTH_CHECKSUMS &&
		    i != SL_RULE_UNKNOWN_FILE && i != SL_RULE_NO_FILTER)
			assert_int_equal(p.verdict[i], table.verdict[i]);
	assert_int_equal(parse(&p, "", 0, &e), 0);
	assert_memory_equal(&p, &table, sizeof(p));
}

/* What is added to "F, line N: ". */
static const struct {
	const char *text, *want;
} bad[] = {
	{ "crc-table", "F, line 1: 'crc-table' has no verdict: " },
	{ "crc-table #warn", "F, line 1: 'crc-table' has no verdict: " },
	{ "\n\nctc-table warn", "F, line 3: 'ctc-table' is no rule; " },
	{ "# x\nnone warn\n", "F, line 2: 'none' is no rule; " },
	{ "CRC-TABLE warn", "F, line 1: 'CRC-TABLE' is no rule; " },
	{ "crc-table warning", "F, line 1: 'warning' is no verdict: " },
	{ "crc-table Warn", "F, line 1: 'Warn' is no verdict: " },
	{ "crc-table=warn", "F, line 1: 'crc-table=warn' is no rule; " },
	{ "crc-table warn reject", "F, line 1: 'reject' is one word too " },
	{ "crc-table warn\ncrc-table warn\n",
	  "F, line 2: 'crc-table' was given a verdict above" },
	{ "crc-table skip", "F, line 1: 'crc-table' can only have: accept, "
	  "warn, reject" },
	{ "no-filter skip", "F, line 1: 'no-filter' can only have: accept, "
	  "warn, reject" },
	{ "live-file accept", "F, line 1: 'live-file' can only have: skip, "
	  "reject" },
	{ "backups warn", "F, line 1: 'backups' can only have: skip, reject" },
	{ "bad-name skip", "F, line 1: 'bad-name' can only have: reject" },
	{ "\x1b[31m warn", "F, line 1: '?[31m' is no rule; " },
};

static void test_parse_errors(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++) {
		struct sl_policy p, table;
		char text[128];
		struct sl_error e;

		snprintf(text, sizeof(text), "%s\n", bad[i].text);
		sl_policy_init(&table);
		assert_int_equal(parse(&p, text, strlen(text), &e), -EINVAL);
		if (strncmp(e.text, bad[i].want, strlen(bad[i].want)) != 0)
			fail_msg("row %zu: %s", i, e.text);
		/* Also of lines before the wrong one. */
		assert_memory_equal(&p, &table, sizeof(p));
	}
}

static void test_parse_hostile(void **state)
{
	static const char zero[] = "crc-table\0 warn\n";
	static char line[70000];
	struct sl_policy p;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse(&p, zero, sizeof(zero) - 1, &e), -EINVAL);
	memset(line, 'a', sizeof(line));
	assert_int_equal(parse(&p, line, sizeof(line), &e), -EINVAL);
	memset(line, '\n', sizeof(line));
	assert_int_equal(parse(&p, line, sizeof(line), &e), 0);
	memset(line, ' ', sizeof(line));
	assert_int_equal(parse(&p, line, sizeof(line), &e), 0);
	assert_int_equal(sl_policy_parse(&p, "F", "x", 1, NULL), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_table),
		cmocka_unit_test(test_find),
		cmocka_unit_test(test_fixed),
		cmocka_unit_test(test_text),
		cmocka_unit_test(test_verdicts),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_parse_errors),
		cmocka_unit_test(test_parse_hostile),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

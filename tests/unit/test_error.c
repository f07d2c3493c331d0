/* SPDX-License-Identifier: Apache-2.0 */
/* What error.c and text.c let through, row by row: errors, UTF-8, secrets. */
#undef NDEBUG
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "error.h"

static void test_set(void **state)
{
	struct sl_error e = { .http_status = 403 };

	(void)state;
	strcpy(e.code, "AccessDenied");
	assert_int_equal(sl_error_set(&e, EACCES, "cannot put '%s'", "a/b"),
			 -EACCES);
	assert_int_equal(e.errnum, EACCES);
	assert_string_equal(e.text, "cannot put 'a/b'");
	assert_int_equal(e.http_status, 403);
	assert_string_equal(e.code, "AccessDenied");
	/* The old text as an argument of the new one. */
	assert_int_equal(sl_error_set(&e, EIO, "again: %s", e.text), -EIO);
	assert_string_equal(e.text, "again: cannot put 'a/b'");
	sl_error_prefix(&e, "node %d", 7);
	assert_string_equal(e.text, "node 7: again: cannot put 'a/b'");
	assert_int_equal(e.errnum, EIO);
	sl_error_clear(&e);
	assert_int_equal(e.errnum, 0);
	assert_int_equal(e.http_status, 0);
	assert_string_equal(e.text, "");
	assert_string_equal(e.code, "");
}

static void test_null(void **state)
{
	(void)state;
	assert_int_equal(sl_error_set(NULL, ENOENT, "x"), -ENOENT);
	sl_error_prefix(NULL, "x");
	sl_error_clear(NULL);
}

static void test_long(void **state)
{
	char big[2000];
	struct sl_error e = { 0 };

	(void)state;
	memset(big, 'a', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(sl_error_set(&e, EIO, "%s", big), -EIO);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	sl_error_prefix(&e, "%s", big);
	assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
	sl_error_prefix(&e, "front");
	assert_memory_equal(e.text, "front: aaa", 10);
}

static void test_one_line(void **state)
{
	struct sl_error e = { 0 };

	(void)state;
	assert_int_equal(sl_error_set(&e, EIO, "a\nb\x1b[2J AstraCS:secret"),
			 -EIO);
	assert_string_equal(e.text, "a?b?[2J AstraCS:******");
}

static void test_names(void **state)
{
	(void)state;
	assert_string_equal(sl_errno_name(EBADMSG), "EBADMSG");
	assert_string_equal(sl_errno_name(ENOENT), "ENOENT");
	assert_string_equal(sl_errno_name(EKEYEXPIRED), "EKEYEXPIRED");
	assert_string_equal(sl_errno_name(0), "E?");
	assert_string_equal(sl_errno_name(99999), "E?");
	assert_string_equal(sl_errno_name(-5), "E?");
}

static const struct {
	const char *in;
	size_t n;
	const char *out;
} clean_rows[] = {
	{ "plain", 5, "plain" },
	{ "", 0, "" },
	{ "a\0b", 3, "a?b" },
	{ "tab\tnl\n", 7, "tab?nl?" },
	{ "\x7f", 1, "?" },
	{ "\x1b[31m", 5, "?[31m" },
	{ "caf\xc3\xa9", 5, "caf\xc3\xa9" },
	{ "\xe2\x82\xac", 3, "\xe2\x82\xac" },
	{ "\xf0\x9f\x98\x80", 4, "\xf0\x9f\x98\x80" },
	{ "\xc2\x9b", 2, "?" },		      /* C1 CSI */
	{ "\xe2\x80\xae", 3, "?" },	      /* right-to-left override */
	{ "\xef\xbb\xbf", 3, "?" },	      /* byte order mark */
	{ "\xc3", 1, "?" },		      /* cut */
	{ "\xc3(", 2, "?(" },		      /* bad continuation */
	{ "\xc0\xaf", 2, "??" },	      /* overlong */
	{ "\xe0\x80\xaf", 3, "???" },	      /* overlong */
	{ "\xed\xa0\x80", 3, "???" },	      /* surrogate */
	{ "\xf4\x90\x80\x80", 4, "????" },    /* past the last point */
	{ "\xff\xfe", 2, "??" },
	{ "\x80", 1, "?" },
};

static void test_clean(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(clean_rows); i++) {
		char out[64];

		sl_text_clean(out, sizeof(out), clean_rows[i].in,
			      clean_rows[i].n);
		assert_string_equal(out, clean_rows[i].out);
	}
}

static void test_clean_cut(void **state)
{
	char out[5];

	(void)state;
	sl_text_clean(out, sizeof(out), "abcdefg", 7);
	assert_string_equal(out, "abcd");
	/* A sequence that does not fit is left out whole. */
	sl_text_clean(out, sizeof(out), "abc\xc3\xa9", 5);
	assert_string_equal(out, "abc");
	sl_text_clean(out, 1, "abc", 3);
	assert_string_equal(out, "");
}

static const struct {
	const char *in, *out;
} redact_rows[] = {
	{ "nothing here", "nothing here" },
	{ "", "" },
	{ "AstraCS:abc:def x", "AstraCS:******* x" },
	{ "token 'AstraCS:abc'", "token 'AstraCS:***'" },
	{ "?sv=1&sig=a%2Bb&x=1", "?sv=1&sig=*****&x=1" },
	{ "config=1 design=2", "config=1 design=2" },
	{ "X-Amz-Signature=00ff&y", "X-Amz-Signature=****&y" },
	{ "x-amz-security-token: abc def", "x-amz-security-token: *** def" },
	{ "Authorization: Bearer abc", "Authorization: **********" },
	{ "authorization: Bearer abc\nHost: x",
	  "authorization: **********\nHost: x" },
	{ "{\"access_token\": \"abc\", \"b\":1}",
	  "{\"access_token\": \"***\", \"b\":1}" },
	{ "{\"private_key\":\"-BEGIN\\nab\\\"c\"}",
	  "{\"private_key\":\"*************\"}" },
	{ "{\\\"sessionToken\\\":\\\"abc\\\"}",
	  "{\\\"sessionToken\\\":\\\"***\\\"}" },
	{ "<SessionToken>abc</SessionToken>",
	  "<SessionToken>***</SessionToken>" },
	{ "secretAccessKey=abc", "secretAccessKey=***" },
	{ "X-Amz-Signature%3Dabc", "X-Amz-Signature%3D***" },
	{ "the sessionToken is missing", "the sessionToken is missing" },
	{ "AstraCS:a sig=b AstraCS:c", "AstraCS:* sig=* AstraCS:*" },
	{ "access_token", "access_token" },
	{ "access_token=\"abc", "access_token=\"***" },
};

static void test_redact(void **state)
{
	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(redact_rows); i++) {
		char s[256];

		strcpy(s, redact_rows[i].in);
		sl_text_redact(s);
		assert_string_equal(s, redact_rows[i].out);
		sl_text_redact(s);
		assert_string_equal(s, redact_rows[i].out);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_clean),
		cmocka_unit_test(test_clean_cut),
		cmocka_unit_test(test_redact),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

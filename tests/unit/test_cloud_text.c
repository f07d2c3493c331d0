/* SPDX-License-Identifier: Apache-2.0 */
/* What the cloud dialects write and read: escapes, base64, checksums. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/text.h"
#include "backends/cloud/xml.h"

static void base64(void **state)
{
	/* RFC 4648, section 10; then what is none */
	static const struct {
		const char *text, *b64;
	} good[] = {
		{ "", "" },	    { "f", "Zg==" },
		{ "fo", "Zm8=" },   { "foo", "Zm9v" },
		{ "foob", "Zm9vYg==" }, { "fooba", "Zm9vYmE=" },
		{ "foobar", "Zm9vYmFy" },
	};
	static const char *const bad[] = { "Z", "Zg=", "Zg", "Zg===", "====",
					   "Z===", "Zg==Zg==", "Z g=", "Zm9-",
					   "Zm9v\n", "=Zg=" };
	char b64[SL_BASE64_SIZE(6)], back[8];

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(good); i++) {
		size_t n = strlen(good[i].text);

		sl_cloud_base64(b64, good[i].text, n);
		assert_string_equal(b64, good[i].b64);
		assert_int_equal(sl_cloud_unbase64(b64, back, n), n);
		assert_memory_equal(back, good[i].text, n);
		if (n)
			assert_int_equal(sl_cloud_unbase64(b64, back, n - 1),
					 -EPROTO);
	}
	for (size_t i = 0; i < SL_ARRAY_LEN(bad); i++)
		assert_int_equal(sl_cloud_unbase64(bad[i], back, sizeof(back)),
				 -EPROTO);
}

static void checksums(void **state)
{
	const uint64_t crc64 = UINT64_C(0xae8b14860a799888);
	uint64_t back = 0;
	uint32_t crc;
	char text[16];

	(void)state;
	sl_cloud_le64(text, crc64);
	assert_string_equal(text, "iJh5CoYUi64=");
	assert_true(sl_cloud_unle64(text, &back));
	assert_true(back == crc64);
	assert_false(sl_cloud_unle64("y/Q5Jg==", &back));
	assert_false(sl_cloud_unbe32("iJh5CoYUi64=", &crc));
	assert_false(sl_cloud_unbe32("y/Q5", &crc));
}

static void escapes(void **state)
{
	static const struct {
		const char *plain, *keeping, *escaped;
	} rows[] = {
		{ "", "", "" },
		{ "aZ09-._~", "aZ09-._~", "aZ09-._~" },
		{ "a/b", "a/b", "a%2Fb" },
		{ " +%?#&=", "%20%2B%25%3F%23%26%3D",
		  "%20%2B%25%3F%23%26%3D" },
		{ "\xc3\xa9\x7f", "%C3%A9%7F", "%C3%A9%7F" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf a = SL_BUF_INIT(100);
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(100);
		char back[100];

		assert_int_equal(sl_cloud_escape(&a, rows[i].plain, true), 0);
		assert_string_equal(sl_buf_str(&a), rows[i].keeping);
		assert_int_equal(sl_cloud_escape(&b, rows[i].plain, false), 0);
		assert_string_equal(sl_buf_str(&b), rows[i].escaped);
		snprintf(back, sizeof(back), "%s", rows[i].escaped);
		assert_true(sl_cloud_unescape(back, true));
		assert_string_equal(back, rows[i].plain);
	}
}

static void unescapes(void **state)
{
	static const struct {
		const char *text;
		bool plus, good;
		const char *want;
	} rows[] = {
		{ "a+b", true, true, "a b" },  { "a+b", false, true, "a+b" },
		{ "%2f%2F", false, true, "//" }, { "%", false, false, NULL },
		{ "%4", false, false, NULL },  { "%4g", false, false, NULL },
		{ "%00", false, false, NULL }, { "%%41", false, false, NULL },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		char s[16];

		snprintf(s, sizeof(s), "%s", rows[i].text);
		assert_int_equal(sl_cloud_unescape(s, rows[i].plus),
				 rows[i].good);
		if (rows[i].good)
			assert_string_equal(s, rows[i].want);
	}
}

static void times(void **state)
{
	(void)state;
	assert_true(sl_cloud_time("1970-01-01T00:00:01.500Z") == 1500);
	assert_true(sl_cloud_time("yesterday") == 0);
	assert_true(sl_cloud_http_time("Thu, 01 Jan 1970 00:00:02 GMT") ==
		    2000);
	assert_true(sl_cloud_http_time("1970-01-01T00:00:01Z") == 0);
}

static int element(void *arg, const char *path, const char *text)
{
	return sl_buf_printf(arg, "%s=%s;", path, text);
}

static int attribute(void *arg, const char *path, const char *name,
		     const char *value)
{
	if (strcmp(value, "bad") == 0)
		return -ECANCELED;
	return sl_buf_printf(arg, "%s@%s=%s;", path, name, value);
}

static void attributes(void **state)
{
	static const struct sl_xml_handlers h = { .element = element,
						  .attribute = attribute };
	static const struct {
		const char *xml;
		int err;
		const char *want;
	} rows[] = {
		{ "<A x='1'><N Encoded='true' b='&lt;'>k</N></A>", 0,
		  "A@x=1;A/N@Encoded=true;A/N@b=<;A/N=k;A=;" },
		{ "<A><N c='bad'>k</N></A>", -ECANCELED, "" },
		{ "<A><N c=bad>k</N></A>", -EPROTO, "" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(1000);

		assert_int_equal(sl_xml_parse(rows[i].xml, strlen(rows[i].xml),
					      &h, &b), rows[i].err);
		assert_string_equal(sl_buf_str(&b), rows[i].want);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(base64),    cmocka_unit_test(checksums),
		cmocka_unit_test(escapes),   cmocka_unit_test(unescapes),
		cmocka_unit_test(times),     cmocka_unit_test(attributes),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The bounded XML reader, checksum encodings and URL decoding. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "backends/cloud/xml.h"
#include "backends/s3/internal.h"

static int gather(void *arg, const char *path, const char *text)
{
	return sl_buf_printf(arg, "%s=%s;", path, text);
}

static int refuse(void *arg, const char *path, const char *text)
{
	(void)arg;
	(void)text;
	return strcmp(path, "A/B") == 0 ? -ECANCELED : 0;
}

static void documents(void **state)
{
	static const struct {
		const char *xml, *want;
		int err;
	} rows[] = {
		{ "<A><B>1</B><B>&lt;&amp;</B></A>", "A/B=1;A/B=<&;A=;", 0 },
		{ " \n <?xml version=\"1.0\"?><A x='1'/>", "A=;", 0 },
		{ "<A xmlns='u'><B>\xc3\xa9</B></A>", "A/B=\xc3\xa9;A=;", 0 },
		{ "", "", -ENODATA },
		{ "  \n ", "", -ENODATA },
		{ "<A><B></A>", "", -EPROTO },
		{ "<html>", "", -EPROTO },
		{ "not xml", "", -EPROTO },
		{ "<!DOCTYPE A [<!ENTITY e 'x'>]><A>&e;</A>", "", -EPROTO },
		{ "<A><A><A><A><A><A><A><A><A></A></A></A></A></A></A></A>"
		  "</A></A>", "", -EPROTO },
	};
	static const struct sl_xml_handlers h = { .element = gather };

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(10000);

		assert_int_equal(sl_xml_parse(rows[i].xml, strlen(rows[i].xml),
					      &h, &b), rows[i].err);
		if (!rows[i].err)
			assert_string_equal(sl_buf_str(&b), rows[i].want);
	}
}

static void long_text_is_refused(void **state)
{
	static const struct sl_xml_handlers h = { .element = gather };
	SL_CLEANUP(buf) struct sl_buf b = SL_BUF_INIT(100000);
	SL_CLEANUP(buf) struct sl_buf x = SL_BUF_INIT(100000);

	(void)state;
	sl_buf_puts(&x, "<A>");
	for (int i = 0; i < SL_XML_MAX_TEXT + 1; i++)
		sl_buf_puts(&x, "x");
	sl_buf_puts(&x, "</A>");
	assert_int_equal(sl_xml_parse(x.data, x.len, &h, &b), -EPROTO);
}

static void callback_ends_it(void **state)
{
	static const struct sl_xml_handlers h = { .element = refuse };
	static const char xml[] = "<A><B/><B/></A>";

	(void)state;
	assert_int_equal(sl_xml_parse(xml, strlen(xml), &h, NULL), -ECANCELED);
}

static void checksums(void **state)
{
	char text[16];
	uint32_t crc = 0;

	(void)state;
	sl_cloud_be32(text, 0xcbf43926);
	assert_string_equal(text, "y/Q5Jg==");
	assert_true(sl_cloud_unbe32(text, &crc));
	assert_int_equal(crc, 0xcbf43926);
	assert_false(sl_cloud_unbe32("", &crc));
	assert_false(sl_cloud_unbe32("y/Q5Jg==-3", &crc));
	assert_false(sl_cloud_unbe32("y/Q5J===", &crc));
	assert_false(sl_cloud_unbe32("!!!!!!==", &crc));
}

static void multipart_etag(void **state)
{
	/* MD5 of MD5("a") and MD5("b") as bytes. */
	struct sl_part p[2] = {
		{ .number = 1, .etag = "\"0cc175b9c0f1b6a831c399e269772661\"" },
		{ .number = 2, .etag = "\"92eb5ffee6ae2fec3ad71c777531578f\"" },
	};
	char etag[64];

	(void)state;
	assert_int_equal(sl_s3_multipart_etag(p, 2, etag, sizeof(etag)), 0);
	assert_string_equal(etag, "\"96e024ba2074fe77e8e965ba43a704be-2\"");
	strcpy(p[1].etag, "\"opaque\"");
	assert_int_equal(sl_s3_multipart_etag(p, 2, etag, sizeof(etag)),
			 -EINVAL);
}

static void small_readers(void **state)
{
	char a[] = "a%2Fb+c%C3%A9", bad[] = "a%2", nul[] = "a%00";
	uint64_t n;

	(void)state;
	assert_true(sl_cloud_unescape(a, true));
	assert_string_equal(a, "a/b c\xc3\xa9");
	assert_false(sl_cloud_unescape(bad, true));
	assert_false(sl_cloud_unescape(nul, true));
	assert_int_equal(sl_cloud_number("18446744073709551615", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(sl_cloud_number("18446744073709551616", &n), -EPROTO);
	assert_int_equal(sl_cloud_number("-1", &n), -EPROTO);
	assert_int_equal(sl_cloud_number("", &n), -EPROTO);
	assert_true(sl_s3_region_valid("eu-west-1"));
	assert_false(sl_s3_region_valid("evil.example.com/"));
	assert_false(sl_s3_region_valid(""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(documents),
		cmocka_unit_test(long_text_is_refused),
		cmocka_unit_test(callback_ends_it),
		cmocka_unit_test(checksums),
		cmocka_unit_test(multipart_etag),
		cmocka_unit_test(small_readers),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

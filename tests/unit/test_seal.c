/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Seals: a vector that sha256sum made, what may differ and what may not, and
 * the strict reading of one.
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
#include "migration/seal.h"

#define KS "ks/t-00112233445566778899aabbccddeeff/snapshots/s/"

struct object {
	const char *key;
	uint64_t size;
	const char *etag;
};

/* printf '%s\0%s\0%s\n' KEY SIZE ETAG ... | sha256sum */
static const struct object vector[] = {
	{ KS "manifest.json", 31, "\"0123456789abcdef0123456789abcdef\"" },
	{ KS "nb-1-big-Data.db", 20000,
	  "\"abcdefabcdefabcdefabcdefabcdefab-3\"" },
	{ KS "nb-1-big-Rows.db", 0, "" },
};
static const char vector_seal[] =
	"v1:3:20031:403a0dcb21171fe80c9482b873c81263"
	"1833b02f775153af6423c2c0fc8cf519";
static const char empty_seal[] = "v1:0:0:e3b0c44298fc1c149afbf4c8996fb92427ae"
				 "41e4649b934ca495991b7852b855";

static void seal(const struct object *o, size_t n, char *ret)
{
	SL_CLEANUP(seal) struct sl_seal *s = NULL;

	assert_int_equal(sl_seal_new(&s), 0);
	for (size_t i = 0; i < n; i++)
		assert_int_equal(sl_seal_add(s, o[i].key, o[i].size,
					     o[i].etag), 0);
	assert_int_equal(sl_seal_end(s, ret), 0);
}

static void test_vector(void **state)
{
	char text[SL_SEAL_SIZE];

	(void)state;
	seal(vector, SL_ARRAY_LEN(vector), text);
	assert_string_equal(text, vector_seal);
	seal(NULL, 0, text);
	assert_string_equal(text, empty_seal);
}

/* Only the quotes of an ETag are no difference. */
static void test_differences(void **state)
{
	static const struct {
		struct object o;
		bool same;
	} t[] = {
		{ { KS "a", 5, "\"e\"" }, true },
		{ { KS "a", 5, "e" }, true },
		{ { KS "b", 5, "\"e\"" }, false },
		{ { KS "a", 6, "\"e\"" }, false },
		{ { KS "a", 5, "\"f\"" }, false },
		{ { KS "a", 5, "" }, false },
	};
	char first[SL_SEAL_SIZE], text[SL_SEAL_SIZE];

	(void)state;
	seal(&t[0].o, 1, first);
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++) {
		seal(&t[i].o, 1, text);
		assert_int_equal(!strcmp(first, text), t[i].same);
	}
}

static void test_order(void **state)
{
	SL_CLEANUP(seal) struct sl_seal *s = NULL;
	char big[2000];

	(void)state;
	assert_int_equal(sl_seal_new(&s), 0);
	assert_int_equal(sl_seal_add(s, "", 1, ""), -EINVAL);
	assert_int_equal(sl_seal_add(s, "b", 1, ""), 0);
	assert_int_equal(sl_seal_add(s, "b", 1, ""), -EINVAL);
	assert_int_equal(sl_seal_add(s, "a", 1, ""), -EINVAL);
	assert_int_equal(sl_seal_add(s, "\xff", 1, ""), 0);
	assert_int_equal(sl_seal_add(s, "\xff\xff", UINT64_MAX, ""), -EINVAL);
	memset(big, '\xff', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	assert_int_equal(sl_seal_add(s, big, 1, ""), -EINVAL);
}

static void test_parse(void **state)
{
#define HEX "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	static const struct {
		const char *text;
		int err;
	} t[] = {
		{ "v1:0:0:" HEX, 0 },
		{ "v1:18446744073709551615:7:" HEX, 0 },
		{ "v1:18446744073709551616:7:" HEX, -EINVAL },
		{ "v2:1:7:" HEX, -EINVAL },
		{ "v1:01:7:" HEX, -EINVAL },
		{ "v1::7:" HEX, -EINVAL },
		{ "v1:1:7", -EINVAL },
		{ "v1:1:7:", -EINVAL },
		{ "v1:1:-7:" HEX, -EINVAL },
		{ "v1:1:7:" HEX "0", -EINVAL },
		{ "v1:1:7:E3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495"
		  "991b7852b855", -EINVAL },
		{ "", -EINVAL },
	};
	struct sl_seal_parts p;

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(t); i++)
		assert_int_equal(sl_seal_parse(t[i].text, &p), t[i].err);
	assert_int_equal(sl_seal_parse(vector_seal, &p), 0);
	assert_int_equal(p.files, 3);
	assert_int_equal(p.bytes, 20031);
	assert_string_equal(p.hex, strrchr(vector_seal, ':') + 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vector),
		cmocka_unit_test(test_differences),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_parse),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

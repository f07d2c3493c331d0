/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the bucket is looked for: the endpoint options, the variables that
 * stand in for them in a rehearsal, and what is never believed.
 */
#include "options_rig.h"

static void test_endpoint_variable(void **state)
{
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1", 1),
			 0);
	assert_int_equal(parse_o(&o, &e, "memory=32"), 0);
	assert_null(o.s3_endpoint);
	sl_options_release(&o);
	assert_int_equal(parse_o(&o, &e, "api_url=http://127.0.0.1:2"), 0);
	assert_string_equal(o.s3_endpoint, "http://127.0.0.1:1");
	sl_options_release(&o);
	assert_int_equal(unsetenv("AWS_ENDPOINT_URL"), 0);
}

static void test_emulator_variable(void **state)
{
	static const struct {
		const char *variable, *words, *want;
	} rows[] = {
		{ "127.0.0.1:9", "memory=32", NULL },
		{ "127.0.0.1:9", "api_url=http://127.0.0.1:2",
		  "http://127.0.0.1:9" },
		{ "https://h:9", "api_url=http://127.0.0.1:2", "https://h:9" },
		{ "127.0.0.1:9", "api_url=http://127.0.0.1:2,"
		  "gcs_endpoint=http://127.0.0.1:3", "http://127.0.0.1:3" },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_options o;
		struct sl_error e;

		assert_int_equal(setenv("STORAGE_EMULATOR_HOST",
					rows[i].variable, 1), 0);
		assert_int_equal(parse_o(&o, &e, rows[i].words), 0);
		if (rows[i].want)
			assert_string_equal(o.gcs_endpoint, rows[i].want);
		else
			assert_null(o.gcs_endpoint);
		assert_null(o.s3_endpoint);
		sl_options_release(&o);
	}
	assert_int_equal(unsetenv("STORAGE_EMULATOR_HOST"), 0);
}

static void test_endpoint_of_url(void **state)
{
	struct sl_options o;
	struct sl_error e;

	(void)state;
	assert_int_equal(parse_o(&o, &e, "s3_endpoint=https://a,"
				 "gcs_endpoint=https://b"), 0);
	assert_string_equal(sl_options_endpoint(&o, "s3://x/"), "https://a");
	assert_string_equal(sl_options_endpoint(&o, "gs://x/"), "https://b");
	assert_null(sl_options_endpoint(&o, "file:///x/"));
	sl_options_release(&o);
}

/* The real service is not believed when it names a place without TLS. */
static void test_store_without_tls(void **state)
{
	static const struct {
		const char *words, *url;
		int want;
	} rows[] = {
		{ "", "https://a.example.com/b/c/", 0 },
		{ "", "s3://b/c/", 0 },
		{ "", "http://127.0.0.1:1/a/b/c/", -EINVAL },
		{ "api_url=http://127.0.0.1:2", "http://127.0.0.1:1/a/b/c/",
		  0 },
	};

	(void)state;
	for (size_t i = 0; i < SL_ARRAY_LEN(rows); i++) {
		struct sl_options o;
		struct sl_error e = { 0 };

		assert_int_equal(parse_o(&o, &e, rows[i].words), 0);
		assert_int_equal(sl_options_check_store(&o, rows[i].url, &e),
				 rows[i].want);
		sl_options_release(&o);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_endpoint_variable),
		cmocka_unit_test(test_emulator_variable),
		cmocka_unit_test(test_endpoint_of_url),
		cmocka_unit_test(test_store_without_tls),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
